"""Batches: up to ten entries with ids, each with a result of its own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from mq.serve.sqs.errors import SqsError

Entry = dict[str, Any]
Failures = dict[str, SqsError]

MOST_ENTRIES = 10
MOST_BYTES = 1 << 20
_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")


def check(entries: Sequence[Entry], operation: str) -> None:
    """Raise `SqsError` for a batch that is refused as a whole: by its size, or by its ids."""
    if not entries:
        raise SqsError(
            "EmptyBatchRequest",
            f"There should be at least one {operation}RequestEntry in the request.",
        )
    if len(entries) > MOST_ENTRIES:
        raise SqsError(
            "TooManyEntriesInBatchRequest",
            f"Maximum number of entries per request are {MOST_ENTRIES}. "
            f"You have sent {len(entries)}.",
        )
    seen: set[str] = set()
    for entry in entries:
        if not _ID.fullmatch(entry["Id"]):
            raise SqsError(
                "InvalidBatchEntryId",
                "A batch entry id can only contain alphanumeric characters, hyphens and "
                "underscores. It can be at most 80 letters long.",
            )
        if entry["Id"] in seen:
            raise SqsError("BatchEntryIdsNotDistinct", f"Id {entry['Id']} repeated.")
        seen.add(entry["Id"])


def result(successful: Sequence[Entry], failures: Failures) -> dict[str, Any]:
    """Return the answer to a batch; without failures the list of them is left out."""
    answer: dict[str, Any] = {}
    if successful:
        answer["Successful"] = list(successful)
    if failures:
        answer["Failed"] = [
            {
                "Id": id,
                "SenderFault": error.is_of_sender,
                "Code": error.code,
                "Message": error.message,
            }
            for id, error in failures.items()
        ]
    return answer
