"""Records that differ from their checksums: their usable parts, and the known ones.

A damaged record is never given out. The reader that meets one notes it, so that stalls and the
doctor can report it without reading the whole store.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from store import model
from store.model.encoding import DISTANT_FUTURE
from store.model.errors import Damaged, Hint
from store.model.topics import DamagedRecord, RecordId, Remains
from store.sqlite.file.database import Snapshot, WriteTransaction
from store.sqlite.log.checksum import is_intact

if TYPE_CHECKING:
    from store.sqlite.log.topics import Partition, Topic

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
        _json_document(as_text(headers)),
        value if isinstance(value, bytes) else None,
        expires if isinstance(expires, int) else None,
    )


def as_text(stored: bytes | None) -> str | None:
    """Return text that was read as a blob; `None` also where it is not UTF-8."""
    try:
        return None if stored is None else stored.decode()
    except UnicodeDecodeError:
        return None


def _json_document(text: str | None) -> str | None:
    """Return the document of headers and properties; `None` for a text that is none."""
    try:
        parts = json.loads(text or "null")
    except (ValueError, RecursionError):
        return None
    is_both = (
        isinstance(parts, list) and len(parts) == 2 and all(isinstance(p, dict) for p in parts)
    )
    return text if isinstance(parts, dict) or is_both else None


def marked(id: RecordId, timestamp: Any, key: Any, headers: Any, value: Any) -> DamagedRecord:
    """Return a damaged record as readers get it that want it marked."""
    found = usable(timestamp, None, key, headers, value, None)
    remains = Remains(found.key, found.headers, found.value)
    return DamagedRecord.found(id, found.timestamp, remains)


def error(topic: Topic, partition: Partition, offset: int) -> Damaged:
    """Return the error of a damaged record for a reader that gets nothing else."""
    place = f"{topic.name}/{partition.number}"
    return Damaged(
        f"record {place}@{offset} is damaged: {CHECKSUM}",
        hint=Hint(
            "read on after it: {}; find all: {}",
            model.looks.Consume(place, start=offset + 1),
            model.looks.Verify(),
        ),
        addresses=(f"{place}@{offset}",),
    )


class StoredRecord(NamedTuple):
    """A record as it is stored; only the usable parts of a damaged one."""

    timestamp: int
    message_group: str | None
    key: bytes | None
    headers: str | None
    value: bytes | None
    is_damaged: bool

    @property
    def size(self) -> int:
        """Bytes of key, headers and value."""
        return len(self.key or b"") + len(self.headers or "") + len(self.value or b"")


def as_found(tx: Snapshot, record: int) -> StoredRecord | None:
    """Return one record by its id, whole or damaged; `None` when it is gone."""
    row = tx.row(
        "select timestamp, cast(message_group as blob), key, cast(headers as blob), value, checksum"
        " from mq_records where id = :id",
        {"id": record},
    )
    if row is None:
        return None
    timestamp, group, key, headers, value, stored = row
    parts = usable(timestamp, group, key, headers, value, None)
    is_whole = is_intact(record, timestamp, group, key, headers, value, stored)
    return StoredRecord(*parts[:5], is_damaged=not is_whole)


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
