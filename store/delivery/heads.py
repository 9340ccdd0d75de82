"""FIFO message groups: one row for each group that has messages, due when its head is.

A receive looks at due heads only, so a blocked group of any length costs nothing.
"""

from typing import NamedTuple

from store import log
from store.db import Row, Snapshot, Write
from store.delivery.leases import Slot
from store.delivery.queues import Queue
from store.delivery.readers import Reader


class Head(NamedTuple):
    """A message group's first message and when it may be delivered."""

    id: int
    message_group: str
    due: int
    first: int


def due(tx: Snapshot, reader: Reader, limit: int) -> list[Head]:
    """Groups whose head may be delivered now, in the order in which they are served."""
    rows = tx.rows(
        "select id, message_group, due, first from mq_heads where reader = :reader and due <= :now"
        " order by due, id limit :limit",
        {"reader": reader.id, "now": tx.now, "limit": limit},
    )
    return [Head(*row) for row in rows]


def add(tx: Write, reader: Reader, message_group: str, record: int, timestamp: int) -> None:
    """Count a new message of a group; it becomes the head of an empty one."""
    tx.execute(
        "insert into mq_heads (reader, message_group, due, first, messages)"
        " values (:reader, :message_group, :due, :record, 1)"
        " on conflict (reader, message_group) do update set messages = messages + 1",
        {
            "reader": reader.id,
            "message_group": message_group,
            "due": _undelivered_due(tx, reader, timestamp),
            "record": record,
        },
    )


def refresh(
    tx: Write,
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
    record, timestamp, lease_due = first
    due = _due(tx, reader, old, record, timestamp, lease_due)
    tx.execute(
        "insert into mq_heads (id, reader, message_group, due, first, messages)"
        " values (:id, :reader, :message_group, :due, :record, :messages)",
        {
            "id": None if served or (due, record) != (old[1], old[2]) else old[0],
            "reader": reader.id,
            "message_group": message_group,
            "due": due,
            "record": record,
            # Damage may have given a message another group, which did not count it.
            "messages": max(old[3] - removed, 1),
        },
    )


def _due(
    tx: Write, reader: Reader, old: Row, record: int, timestamp: int, lease_due: int | None
) -> int:
    if lease_due is not None:
        return lease_due
    # A head that stays the same, and was never leased, keeps the group's turn.
    return int(old[1]) if record == old[2] else _undelivered_due(tx, reader, timestamp)


def _first_of(
    tx: Snapshot, slot: Slot, message_group: str, first: int
) -> tuple[int, int, int | None] | None:
    row = tx.row(
        "select r.id, r.timestamp, l.due from mq_records r"
        " left join mq_leases l on l.id = :leases + (r.id - :records)"
        " where r.message_group = :message_group and r.id >= :first and r.id < :end"
        " order by r.id limit 1",
        {
            "leases": slot.lease_id(0),
            "records": slot.record_id(0),
            "message_group": message_group,
            "first": first,
            "end": slot.end,
        },
    )
    return None if row is None else (row[0], row[1], row[2])


def _undelivered_due(tx: Snapshot, reader: Reader, timestamp: int) -> int:
    # Never longer than the delay, whatever time was given and wherever the wall clock jumped.
    left = timestamp + reader.delay - tx.wall
    return tx.now + min(max(left, 0), reader.delay)


def first_young(tx: Snapshot, queue: Queue) -> int:
    """The first record that a FIFO queue's own delay still holds back; the end if none is.

    Times never fall as sequences rise, so from there on all are held back.
    """
    lane, found = queue.first_lane, None
    if queue.config.fifo and queue.config.delay:
        found = log.read.offset_for_time(tx, lane, tx.wall - queue.config.delay + 1)
    return lane.base + (lane.next if found is None else found)


def redelay(tx: Write, reader: Reader, slot: Slot) -> None:
    """Apply a changed queue delay to the heads that wait (SQS: on FIFO it is retroactive)."""
    tx.execute(
        "update mq_heads set due = :now + min(:delay, max(0, (select r.timestamp"
        " from mq_records r where r.id = first) + :delay - :wall)) where reader = :reader"
        " and not exists (select 1 from mq_leases l where l.id = :leases + (first - :records))",
        {
            "leases": slot.lease_id(0),
            "records": slot.record_id(0),
            "now": tx.now,
            "wall": tx.wall,
            "delay": reader.delay,
            "reader": reader.id,
        },
    )
