"""The ids of messages, and the origins of moved ones."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from store import model
from store.sqlite import leases
from store.sqlite.file.database import Snapshot, WriteTransaction
from store.sqlite.file.transactions import array

if TYPE_CHECKING:
    from store.model.dead_letters import Dead, Hop, Reason

_HIGH_MASK = 0xFFFF_FFFF_FFFF_0000
_LOW_BITS = 62
LAST_DIGITS = [f"{byte:02x}" for byte in range(0x100)]
"""The end of the id of a message that was never moved, by the last byte of its record."""


class Origin(NamedTuple):
    """The identity that a message keeps when it moves."""

    message_id: bytes
    sent: int
    source: str | None = None
    reason: "Reason | None" = None
    at: int | None = None
    deliveries: int = 0
    error: str | None = None
    hops: "tuple[Hop, ...]" = ()
    priority: int = 0
    is_sound: bool = True
    """Whether all of it could be read; unreadable parts are left out."""

    def dead(self) -> "Dead | None":
        """Return the dead letter's envelope, if it is one."""
        if self.reason is None or self.source is None or self.at is None:
            return None
        return model.dead_letters.Dead(
            self.source, self.reason, self.at, self.deliveries, self.error, self.hops, self.priority
        )


def message_id(tx: Snapshot, record: int) -> bytes:
    """Return the id of a message that was never moved: UUID-shaped, from the store's and the
    record's.
    """
    return _id(tx.database.uuid, record)


def _id(store: bytes, record: int) -> bytes:
    high = int.from_bytes(store[:8], "big") & _HIGH_MASK | 0x8000 | record >> _LOW_BITS
    low = 0b10 << _LOW_BITS | record & (1 << _LOW_BITS) - 1
    return (high << 64 | low).to_bytes(16, "big")


def own_id(tx: Snapshot, record: int) -> str:
    """Return the `message_id` of a message that was never moved, as text."""
    return first_digits(tx.database.uuid, record >> 8) + LAST_DIGITS[record & 0xFF]


def own_ids(tx: Snapshot, records: Sequence[int]) -> list[str]:
    """Return `own_id` of each."""
    store = tx.database.uuid
    if not isinstance(records, range):
        return [first_digits(store, record >> 8) + LAST_DIGITS[record & 0xFF] for record in records]
    ids: list[str] = []
    for block in range(records.start >> 8, (records.stop + 0xFF) >> 8):
        digits, first = first_digits(store, block), block << 8
        last = LAST_DIGITS[max(records.start - first, 0) : records.stop - first]
        ids += [digits + each for each in last]
    return ids


@lru_cache
def first_digits(store: bytes, record: int) -> str:
    """Return the rest of such an id, as text, by the other bytes: 256 records share it."""
    return format_id(_id(store, record << 8))[:-2]


def format_id(id: bytes) -> str:
    """Return a message id as text."""
    digits = id.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def get(tx: Snapshot, record: int, timestamp: int, priority: int) -> Origin:
    """Return the origin of a message; for one that never moved, itself."""
    return moved(tx, [record]).get(record) or unmoved(tx, record, timestamp, priority)


def unmoved(tx: Snapshot, record: int, timestamp: int, priority: int) -> Origin:
    """Return the origin of a message that never moved."""
    return Origin(message_id(tx, record), timestamp, priority=priority)


def moved(tx: Snapshot, records: Sequence[int]) -> dict[int, Origin]:
    """Return the origins, by record, of those messages that were moved."""
    if not records:
        return {}
    rows = tx.rows(
        "select record, message_id, sent, cast(source as blob), cast(reason as blob), at,"
        " deliveries, cast(error as blob), cast(hops as blob), priority from mq_origins"
        " where record in (select value from json_each(:records))",
        {"records": array(records)},
    )
    return {row[0]: leases.stored_origins.from_row(tx, row) for row in rows}


def put(tx: WriteTransaction, records: Sequence[int], origins: Sequence[Origin]) -> None:
    """Note the origins of messages that were just stored."""
    tx.many(
        "insert into mq_origins (record, message_id, sent, source, reason, at, deliveries, error,"
        " hops, priority) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (record, *one[:7], hops_to_json(one.hops), one.priority)
            for record, one in zip(records, origins, strict=True)
        ],
    )


def remove(tx: WriteTransaction, records: Sequence[int]) -> None:
    """Forget the origins of messages that leave their queue."""
    tx.many("delete from mq_origins where record = ?", [(record,) for record in records])


def forget(tx: WriteTransaction, which: str, parameters: Mapping[str, object]) -> None:
    """Forget the origins of records that leave the log by a condition on `record`."""
    tx.execute(f"delete from mq_origins where {which}", parameters)


def with_hop(
    hops: "tuple[Hop, ...]", source: str, reason: "Reason", at: int, ttl: int | None = None
) -> "tuple[Hop, ...]":
    """Return the history with one death more: newest first, by queue and reason (x-death)."""
    same = [hop for hop in hops if (hop.source, hop.reason) == (source, reason)]
    others = tuple(hop for hop in hops if (hop.source, hop.reason) != (source, reason))
    first = same[0] if same else model.dead_letters.Hop(source, reason, 0, at, ttl)
    return (model.dead_letters.Hop(source, reason, first.count + 1, first.at, first.ttl), *others)


def hops_to_lists(hops: "tuple[Hop, ...]") -> list[list[Any]]:
    """Return a history as lists, in the order of their fields."""
    return [[hop.source, hop.reason, hop.count, hop.at, hop.ttl] for hop in hops]


def hops_from_lists(lists: Sequence[Sequence[Any]]) -> "tuple[Hop, ...]":
    """Return a history from such lists."""
    return tuple(model.dead_letters.Hop(*hop) for hop in lists)


def hops_to_json(hops: "tuple[Hop, ...]") -> str:
    """Return a history as it is stored."""
    import json

    return json.dumps(hops_to_lists(hops))


def hops_from_json(text: str) -> "tuple[Hop, ...]":
    """Return a stored history."""
    import json

    return hops_from_lists(json.loads(text))
