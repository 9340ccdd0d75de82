"""FIFO message groups: one row for each group that has messages, due when its head is.

A receive looks at due heads only, so a blocked group of any length costs nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from store.sqlite import layout, leases, log
from store.sqlite.file.database import Row, Snapshot, WriteTransaction
from store.sqlite.file.timekeeping import age_of, moments
from store.sqlite.leases.messages import (
    RECORD_COLUMNS,
    WITH_LEASES,
    MessageRow,
    StoredMessage,
    with_lease,
)
from store.sqlite.leases.rows import Slot

if TYPE_CHECKING:
    from store.sqlite.leases.readers import Reader
    from store.sqlite.leases.receive import Receiver
    from store.sqlite.leases.rows import Lease
    from store.sqlite.queues.catalog import Queue


class Head(NamedTuple):
    """A message group's first message and when it may be delivered."""

    id: int
    message_group: str
    due: int
    first: int


def pick(receive: Receiver) -> None:
    """Lease group by group, those in front first: what of each may be delivered, in order."""
    slot = receive.slots[0]
    for head in due(receive.tx, receive.reader, receive.wanted):
        if receive.wanted <= 0 or receive.took_enough:
            return
        _pick_group(receive, slot, head)


def _pick_group(receive: Receiver, slot: leases.rows.SlotProgress, head: Head) -> None:
    # Walk the group in order, deliver what is visible, stop at the first in flight (SQS).
    ready: list[StoredMessage] = []
    for message in _walk(receive, slot, head):
        if not receive.take_out(message):
            ready.append(message)
        if (
            len(ready) == receive.wanted
            or receive.took_enough
            or _is_in_flight(receive.tx, message)
        ):
            break
    receive.hold(ready, head.due)
    if ready:
        receive.advance(slot, ready[-1].sequence + 1)
    refresh(receive.tx, receive.reader, slot, head.message_group, served=True)


def _walk(receive: Receiver, slot: Slot, head: Head) -> Iterator[StoredMessage]:
    first = head.first
    while page := _group(receive, slot, head.message_group, first):
        for message in page:
            if _is_in_flight(receive.tx, message) or _is_delayed(receive, message, head):
                return
            yield message
        first = page[-1].record + 1


def _group(receive: Receiver, slot: Slot, message_group: str, first: int) -> list[StoredMessage]:
    rows = receive.tx.rows(
        f"{WITH_LEASES} where r.message_group = :message_group and r.id >= :first"
        " and r.id < :end order by r.id limit :limit",
        {
            **slot.base_ids,
            "message_group": message_group,
            "first": first,
            "end": slot.end,
            "limit": receive.wanted,
        },
    )
    return [with_lease(row, slot) for row in rows]


def _is_in_flight(tx: Snapshot, message: StoredMessage) -> bool:
    return message.lease is not None and message.lease.due > tx.now


def _is_delayed(receive: Receiver, message: StoredMessage, head: Head) -> bool:
    # The head's own time stands in its row, which is due.
    delay = receive.reader.delay
    if not delay or message.lease is not None or message.record == head.first:
        return False
    return message.age(receive.tx) < delay


def added(
    tx: WriteTransaction, reader: Reader, records: Sequence[int],
    message_groups: Sequence[str | None], *, delayed: bool,
) -> None:  # fmt: skip
    """Count new messages of their groups; one becomes the head of an empty group."""
    due = tx.now + reader.delay
    for group, record in zip(message_groups, records, strict=True):
        tx.cursor.execute(_ADD, (reader.id, group, due, record))


_ADD = (
    "insert into mq_heads (reader, message_group, due, first, messages) values (?, ?, ?, ?, 1)"
    " on conflict (reader, message_group) do update set messages = messages + 1"
)


def changed(
    tx: WriteTransaction, reader: Reader, message: MessageRow, before: Lease | None, after: Lease
) -> None:
    """Bring the group of a message up to date after a change of its lease."""
    # Damage may have made a message's group unreadable; then it is in none.
    if message.message_group is not None:
        refresh(tx, reader, message.slot, message.message_group)


def removed(tx: WriteTransaction, reader: Reader, messages: Sequence[MessageRow]) -> None:
    """Bring the groups of messages up to date after those have left."""
    for group, gone in Counter(m.message_group for m in messages).items():
        if group is not None:
            refresh(tx, reader, messages[0].slot, group, removed=gone)


def take_back(
    tx: WriteTransaction, reader: Reader, message: MessageRow, lease: Lease, before: Lease
) -> None:
    """Undo a delivery: the group gets the turn back that came to nothing."""
    due = before.due
    if before.deliveries:
        leases.rows.update(tx, reader, [lease], [before])
    else:
        leases.rows.remove(tx, reader, [lease])
        due = max(due, _first_due(tx, reader, message.record))
    assert message.message_group is not None
    unserve(tx, reader, message.message_group, message.record, due)


def _first_due(tx: Snapshot, reader: Reader, record: int) -> int:
    """Return when the queue's own delay, which may be another one now, lets a message go."""
    if not reader.delay:
        return 0
    age: int = tx.value(
        f"select {age_of('r')} from mq_records r where r.id = :record",
        {"record": record, **moments(tx)},
    )
    return tx.now + reader.delay - age if age < reader.delay else 0


def taken_back(tx: WriteTransaction, reader: Reader, slots: Iterable[Slot]) -> None:
    """Leave cursors: heads tell what comes next."""


def next_due(tx: Snapshot, reader: Reader) -> int | None:
    """Return when the next head becomes due."""
    found: int | None = tx.value(
        "select min(due) from mq_heads where reader = :reader and due > :now",
        {"reader": reader.id, "now": tx.now},
    )
    return found


def due(tx: Snapshot, reader: Reader, limit: int) -> list[Head]:
    """Return groups whose head may be delivered now, in the order in which they are served."""
    rows = tx.rows(
        "select id, message_group, due, first from mq_heads where reader = :reader and due <= :now"
        " order by due, id limit :limit",
        {"reader": reader.id, "now": tx.now, "limit": limit},
    )
    return [Head(*row) for row in rows]


_FIRST = (
    "select h.id, h.due, h.first, h.messages, r.id, l.due, {age} from mq_heads h"
    " left join mq_records r on r.id = (select id from mq_records"
    " where message_group = h.message_group and id >= h.first and id < :end order by id limit 1)"
    " left join mq_leases l on l.id = r.id + :to_lease"
    " where h.reader = :reader and h.message_group = :message_group"
)
_FIRST_AT_ONCE, _FIRST_AGED = _FIRST.format(age=0), _FIRST.format(age=age_of("r"))
_TO_BACK = (
    "insert or replace into mq_heads (reader, message_group, due, first, messages)"
    " values (?, ?, ?, ?, ?)"
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
    where = {
        "reader": reader.id,
        "message_group": message_group,
        "end": slot.end,
        "to_lease": slot.to_lease,
    }
    if reader.delay:
        head = tx.row(_FIRST_AGED, {**where, **moments(tx)})
    else:
        head = tx.row(_FIRST_AT_ONCE, where)
    if head is None:
        return
    id, old_due, old_first, messages, first, lease_due, age = head
    execute = tx.cursor.execute
    if first is None:
        execute("delete from mq_heads where id = ?", (id,))
        return
    # Damage may have moved a message to another group, which did not count it.
    left = max(messages - removed, 1)
    if lease_due is not None:
        due = lease_due
    else:
        # A head that stays the same, and was never leased, keeps the group's turn.
        due = old_due if first == old_first else tx.now + max(0, reader.delay - age)
    if served or (due, first) != (old_due, old_first):
        execute(_TO_BACK, (reader.id, message_group, due, first, left))
    elif left != messages:
        execute("update mq_heads set messages = ? where id = ?", (left, id))


def next_sql(reader: Reader, slot: Slot, generation: int) -> tuple[str, tuple[int, ...]]:
    """Return the query for the head that is served next, if its message was never delivered."""
    return _NEXT, (slot.to_lease, reader.id, generation)


_NEXT = (
    f"select {RECORD_COLUMNS}, r.message_group = h.message_group"
    " and not exists (select 1 from mq_leases l where l.id = r.id + ?), h.due, h.messages"
    " from mq_heads h left join mq_records r on r.id = h.first where h.reader = ?"
    " and (select generation from mq_store) = ? and h.due <= ?"
    " order by h.due, h.id limit ?"
)


def leased(tx: WriteTransaction, reader: Reader, slot: Slot, row: Row, due: int) -> None:
    """Let the group of a message that was leased wait behind its equals."""
    tx.cursor.execute(_TO_BACK, (reader.id, row[1].decode(), due, row[0], row[-1]))


def finished(
    tx: WriteTransaction, reader: Reader, slot: Slot, record: int, message_group: str | None
) -> None:
    """Let the next message of the group of one that is done come to stand in front."""
    if message_group is not None:
        refresh(tx, reader, slot, message_group, removed=1)


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
