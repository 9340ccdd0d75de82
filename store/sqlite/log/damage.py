"""Records that differ from their checksums: what of them can be handled, and which are known.

A damaged record is never given out. Who comes upon one writes it down, so that stalls and the
doctor can tell of it without reading the whole store.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from store.model.encoding import DISTANT_FUTURE
from store.sqlite.file.database import Snapshot, Write

CHECKSUM = "its checksum does not match"
_PRUNED_AT_ONCE = 20


class Usable(NamedTuple):
    """The parts of a damaged record, `None` or 0 where a part is nothing that a record can have."""

    timestamp: int
    message_group: str | None
    key: bytes | None
    headers: str | None
    value: bytes | None
    expires: int | None


def usable(
    timestamp: Any, message_group: Any, key: Any, headers: Any, value: Any, expires: Any
) -> Usable:
    """What can be handled of columns in which damage may have left anything."""
    return Usable(
        timestamp if isinstance(timestamp, int) and 0 <= timestamp < DISTANT_FUTURE else 0,
        as_text(message_group),
        key if isinstance(key, bytes) else None,
        _json_object(as_text(headers)),
        value if isinstance(value, bytes) else None,
        expires if isinstance(expires, int) else None,
    )


def as_text(stored: bytes | None) -> str | None:
    """Text that was read as a blob; `None` also where it is not UTF-8."""
    try:
        return None if stored is None else stored.decode()
    except UnicodeDecodeError:
        return None


def _json_object(text: str | None) -> str | None:
    try:
        return text if isinstance(json.loads(text or "null"), dict) else None
    except (ValueError, RecursionError):
        return None


def note(tx: Write, record: int) -> None:
    """Write down that a record is damaged, for stalls and the doctor; forget some that are gone."""
    tx.execute(
        "insert or ignore into mq_damages (record, noticed, told) values (:record, :wall, 0)",
        {"record": record, "wall": tx.wall},
    )
    tx.execute(
        "delete from mq_damages where record in (select record from mq_damages order by record"
        " limit :step) and not exists (select 1 from mq_records where id = record)",
        {"step": _PRUNED_AT_ONCE},
    )


def tell(tx: Write, record: int) -> bool:
    """Write down that a caller is told of a damaged record; False when one was told before."""
    note(tx, record)
    return bool(
        tx.execute(
            "update mq_damages set told = 1 where record = :record and told = 0", {"record": record}
        )
    )


def is_noted(tx: Snapshot, record: int) -> bool:
    """Whether a reader has come upon this record and found it damaged."""
    return bool(
        tx.value(
            "select exists (select 1 from mq_damages where record = :record)", {"record": record}
        )
    )
