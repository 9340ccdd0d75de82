"""Records that differ from their checksums: their usable parts, and the known ones.

A damaged record is never given out. The reader that meets one notes it, so that stalls and the
doctor can report it without reading the whole store.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from store.model.encoding import DISTANT_FUTURE
from store.sqlite.file.database import Snapshot, WriteTransaction

CHECKSUM = "its checksum does not match"
_PRUNED_AT_ONCE = 20


class Usable(NamedTuple):
    """The usable parts of a damaged record, `None` or 0 for a part that no record can have."""

    timestamp: int
    message_group: str | None
    key: bytes | None
    headers: str | None
    value: bytes | None
    expires: int | None


def usable(
    timestamp: Any, message_group: Any, key: Any, headers: Any, value: Any, expires: Any
) -> Usable:
    """Return the usable parts of columns in which damage may have left anything."""
    return Usable(
        timestamp if isinstance(timestamp, int) and 0 <= timestamp < DISTANT_FUTURE else 0,
        as_text(message_group),
        key if isinstance(key, bytes) else None,
        _json_object(as_text(headers)),
        value if isinstance(value, bytes) else None,
        expires if isinstance(expires, int) else None,
    )


def as_text(stored: bytes | None) -> str | None:
    """Return text that was read as a blob; `None` also where it is not UTF-8."""
    try:
        return None if stored is None else stored.decode()
    except UnicodeDecodeError:
        return None


def _json_object(text: str | None) -> str | None:
    try:
        return text if isinstance(json.loads(text or "null"), dict) else None
    except (ValueError, RecursionError):
        return None


def note(tx: WriteTransaction, record: int) -> None:
    """Note that a record is damaged, for stalls and the doctor; forget some that are gone."""
    tx.execute(
        "insert or ignore into mq_damages (record, noticed, told) values (:record, :wall, 0)",
        {"record": record, "wall": tx.wall},
    )
    tx.execute(
        "delete from mq_damages where record in (select record from mq_damages order by record"
        " limit :step) and not exists (select 1 from mq_records where id = record)",
        {"step": _PRUNED_AT_ONCE},
    )


def tell(tx: WriteTransaction, record: int) -> bool:
    """Note that a caller gets the error of a damaged record; return False if one got it before."""
    note(tx, record)
    return bool(
        tx.execute(
            "update mq_damages set told = 1 where record = :record and told = 0", {"record": record}
        )
    )


def is_noted(tx: Snapshot, record: int) -> bool:
    """Return whether a reader has found this record damaged."""
    return bool(
        tx.value(
            "select exists (select 1 from mq_damages where record = :record)", {"record": record}
        )
    )
