"""FIFO message groups: one row for each group that has messages, due when its head is.

A receive looks at due heads only, so a blocked group of any length costs nothing.
"""

from typing import NamedTuple

from store.sqlite import layout, log
from store.sqlite.file.database import Row, Snapshot, WriteTransaction
from store.sqlite.file.timekeeping import age_of, moments
from store.sqlite.leases.readers import Reader
from store.sqlite.leases.rows import Slot
from store.sqlite.queues.catalog import Queue


class Head(NamedTuple):
    """A message group's first message and when it may be delivered."""

    id: int
    message_group: str
    due: int
    first: int


def due(tx: Snapshot, reader: Reader, limit: int) -> list[Head]:
    """Return groups whose head may be delivered now, in the order in which they are served."""
    rows = tx.rows(
        "select id, message_group, due, first from mq_heads where reader = :reader and due <= :now"
        " order by due, id limit :limit",
        {"reader": reader.id, "now": tx.now, "limit": limit},
    )
    return [Head(*row) for row in rows]


def add(tx: WriteTransaction, reader: Reader, message_group: str, record: int) -> None:
    """Count a new message of a group; it becomes the head of an empty one."""
    tx.execute(
        "insert into mq_heads (reader, message_group, due, first, messages)"
        " values (:reader, :message_group, :due, :record, 1)"
        " on conflict (reader, message_group) do update set messages = messages + 1",
        {
            "reader": reader.id,
            "message_group": message_group,
            "due": tx.now + reader.delay,
            "record": record,
        },
    )


def refresh(
    tx: WriteTransaction,
    reader: Reader,
    slot: Slot,
    message_group: str,
    *,
    removed: int = 0,
    served: bool = False,
) -> None:
    """Bring a group's head up to date after any change to its messages; `removed` have left.

    A group that was served, or becomes due at another time, goes behind its equals: they take
    turns.
    """
    old = tx.row(
        "select id, due, first, messages from mq_heads"
        " where reader = :reader and message_group = :message_group",
        {"reader": reader.id, "message_group": message_group},
    )
    if old is None:
        return
    first = _first_of(tx, slot, message_group, old[2])
    tx.execute("delete from mq_heads where id = :id", {"id": old[0]})
    if first is None:
        return
    record, age, lease_due = first
    due = _due(tx, reader, old, record, age, lease_due)
    tx.execute(
        "insert into mq_heads (id, reader, message_group, due, first, messages)"
        " values (:id, :reader, :message_group, :due, :record, :messages)",
        {
            "id": None if served or (due, record) != (old[1], old[2]) else old[0],
            "reader": reader.id,
            "message_group": message_group,
            "due": due,
            "record": record,
            # Damage may have moved a message to another group, which did not count it.
            "messages": max(old[3] - removed, 1),
        },
    )


def forget(tx: WriteTransaction, reader: Reader) -> None:
    """Remove all groups of a queue whose messages go."""
    tx.execute("delete from mq_heads where reader = :reader", {"reader": reader.id})


def unserve(tx: WriteTransaction, reader: Reader, message_group: str, first: int, due: int) -> None:
    """Give a group back the turn that came to nothing, if this record is its first.

    It was due then, and goes in front of its equals.
    """
    tx.execute(
        "update mq_heads set due = :due, id = (select min(id) - 1 from mq_heads)"
        " where reader = :reader and message_group = :message_group and first = :first",
        {"due": due, "reader": reader.id, "message_group": message_group, "first": first},
    )


def _due(
    tx: WriteTransaction, reader: Reader, old: Row, record: int, age: int, lease_due: int | None
) -> int:
    if lease_due is not None:
        return lease_due
    # A head that stays the same, and was never leased, keeps the group's turn.
    return int(old[1]) if record == old[2] else tx.now + max(0, reader.delay - age)


def _first_of(
    tx: Snapshot, slot: Slot, message_group: str, first: int
) -> tuple[int, int, int | None] | None:
    row = tx.row(
        f"select r.id, {age_of('r')}, l.due from mq_records r"
        f" left join mq_leases l on {layout.LEASE_OF_RECORD}"
        " where r.message_group = :message_group and r.id >= :first and r.id < :end"
        " order by r.id limit 1",
        {
            **slot.base_ids,
            "message_group": message_group,
            "first": first,
            "end": slot.end,
            **moments(tx),
        },
    )
    return None if row is None else (row[0], row[1], row[2])


def first_young(tx: Snapshot, queue: Queue) -> int:
    """Return the first record that a FIFO queue's own delay still holds back; the end if none is.

    Store time never falls as sequences rise, so from there on all are held back.
    """
    lane, found = queue.first_lane, None
    if queue.config.fifo and queue.config.delay:
        found = log.read.offset_younger(tx, lane, queue.config.delay)
    return lane.base + (lane.next if found is None else found)


def redelay(tx: WriteTransaction, reader: Reader, slot: Slot) -> None:
    """Apply a changed queue delay to the heads that wait (SQS: on FIFO it is retroactive)."""
    tx.execute(
        f"update mq_heads set due = :now + max(0, :delay - (select {age_of('r')}"
        " from mq_records r where r.id = first)) where reader = :reader"
        f" and not exists (select 1 from mq_leases l where {layout.LEASE_OF_FIRST})",
        {
            **slot.base_ids,
            "delay": reader.delay,
            "reader": reader.id,
            **moments(tx),
        },
    )
