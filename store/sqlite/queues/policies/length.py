"""Length limits: how far a queue is over, and the next deliveries (RabbitMQ: maxlength).

Waiting messages count: leased and delayed ones do not. Nothing is counted for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from store import model
from store.model.errors import Hint, QueueFull
from store.sqlite import layout, leases, queues
from store.sqlite.file.database import Snapshot, WriteTransaction
from store.sqlite.leases.readers import ReaderPolicy
from store.sqlite.leases.rows import Slot, SlotProgress
from store.sqlite.queues.catalog import Queue
from store.sqlite.queues.policies import Receiving, Sending, expiry

if TYPE_CHECKING:
    from store.sqlite.leases.messages import StoredMessage
    from store.sqlite.leases.readers import Reader

StoredAt = tuple[int, Slot]


class RejectOverflow(ReaderPolicy):
    """A queue that refuses messages over its limits."""

    __slots__ = ()

    def before_send(self, tx: WriteTransaction, queue: Queue, sending: Sending) -> None:
        """Raise `QueueFull` where the messages would go over the limits."""
        check(tx, queue, sending.batch.sizes)


class ShedOverflow(ReaderPolicy):
    """A queue that removes messages over its limits: the next deliveries, or the last arrivals."""

    __slots__ = ()

    def after_enqueue(self, tx: WriteTransaction, reader: Reader, added: Sequence[int]) -> None:
        """Remove what is over the limits."""
        shed(tx, queues.catalog.find(tx, reader.name), added)

    def before_receive(self, tx: WriteTransaction, queue: Queue, receiving: Receiving) -> None:
        """Remove what is over the limits since leases or delays ended."""
        shed(tx, queue, ())


def are_set(queue: Queue) -> bool:
    """Return whether the queue has a length limit."""
    return queue.config.max_length is not None or queue.config.max_bytes is not None


def check(tx: Snapshot, queue: Queue, sizes: Sequence[int]) -> None:
    """Raise `QueueFull` where new messages would go over the limit of a queue that rejects."""
    if not are_set(queue) or queue.config.overflow != "reject" or not sizes:
        return
    if excess(tx, queue, len(sizes), sum(sizes)) != (0, 0):
        raise QueueFull(
            f"queue {queue.name} is full: {_limit(queue)}",
            hint=Hint(
                "receive from it, or {}",
                model.actions.alter("queue", queue.name, overflow="drop-head"),
            ),
        )


def _limit(queue: Queue) -> str:
    config = queue.config
    told = [] if config.max_length is None else [f"at most {config.max_length} messages wait"]
    if config.max_bytes is not None:
        told.append(f"at most {config.max_bytes} bytes wait")
    return ", ".join(told)


def excess(tx: Snapshot, queue: Queue, added: int = 0, added_bytes: int = 0) -> tuple[int, int]:
    """Return by how many messages and bytes a queue is over its limits, including the added
    ones.
    """
    config = queue.config
    messages = added + sum(lane.records for lane in queue.lanes.values())
    size = added_bytes + sum(lane.bytes for lane in queue.lanes.values())
    if not _is_over(messages, config.max_length) and not _is_over(size, config.max_bytes):
        return 0, 0
    gone = expiry.unswept(tx, queue)
    messages -= sum(leases.counts.held_and_waiting(tx, queue.reader)) + _held_back(tx, queue)
    messages -= gone["ready"] + gone["blocked"]
    if _is_over(size, config.max_bytes):
        # Only past the limit are leased and delayed ones added up: they are mostly the lesser part.
        size -= _bytes_aside(tx, queue) + _bytes_held_back(tx, queue) + gone["waiting_bytes"]
    over = 0 if config.max_length is None else max(0, messages - config.max_length)
    return over, 0 if config.max_bytes is None else max(0, size - config.max_bytes)


def _held_back(tx: Snapshot, queue: Queue) -> int:
    """Return the messages that only a FIFO queue's delay holds back; elsewhere they have lease
    rows.
    """
    lane, young = queue.first_lane, queues.order.fifo.first_young(tx, queue)
    end = lane.base + lane.next
    if young == end:
        return 0
    oldest: int = tx.value("select min(id) from mq_records where id >= :base", {"base": lane.base})
    # There may be many before it or many behind it: the fewer are counted.
    if young - oldest < end - young:
        behind = lane.records - _count(tx, "mq_records", oldest, young)
    else:
        behind = _count(tx, "mq_records", young, end)
    slot = leases.rows.slots(tx, queue.reader)[0]
    first, last = (slot.lease_id(record - lane.base) for record in (young, end))
    return behind - _count(tx, "mq_leases", first, last)


def _count(tx: Snapshot, table: Literal["mq_records", "mq_leases"], first: int, end: int) -> int:
    count: int = tx.value(
        f"select count(*) from {table} where id >= :first and id < :end",
        {"first": first, "end": end},
    )
    return count


def _is_over(number: int, limit: int | None) -> bool:
    return limit is not None and number > limit


def _bytes_aside(tx: Snapshot, queue: Queue) -> int:
    return sum(
        tx.value(
            f"select ifnull(sum({layout.SIZE_OF_R}), 0) from mq_leases l join mq_records r"
            " on r.id = l.record where l.reader = :reader and l.priority = :level"
            " and l.due > :now",
            {"reader": queue.reader.id, "level": level, "now": tx.now},
        )
        for level in queue.reader.levels
    )


def _bytes_held_back(tx: Snapshot, queue: Queue) -> int:
    slot, young = leases.rows.slots(tx, queue.reader)[0], queues.order.fifo.first_young(tx, queue)
    if young == slot.end:
        return 0
    size: int = tx.value(
        f"select ifnull(sum({layout.SIZE_OF_R}), 0) from mq_records r"
        f" left join mq_leases l on {layout.LEASE_OF_RECORD}"
        " where r.id >= :young and r.id < :end and l.id is null",
        {
            **slot.base_ids,
            "young": young,
            "end": slot.end,
        },
    )
    return size


def next_out(tx: Snapshot, queue: Queue, limit: int) -> list[StoredAt]:
    """Return the next deliveries: of the highest priority, oldest first."""
    slots = {slot.partition: slot for slot in leases.rows.slots(tx, queue.reader)}
    if queue.config.fifo:
        return _oldest(tx, queue, next(iter(slots.values())), limit)
    found: list[StoredAt] = []
    for level in queue.reader.levels:
        due = tx.rows(
            "select record from mq_leases where reader = :reader and priority = :level"
            " and due <= :now order by due, id limit :limit",
            {
                "reader": queue.reader.id,
                "level": level,
                "now": tx.now,
                "limit": limit - len(found),
            },
        )
        found += [(record, slots[layout.owner(record)]) for (record,) in due]
        for slot in slots.values():
            if slot.number == level << 1 and len(found) < limit and not queue.config.fair:
                found += _undelivered(tx, slot, limit - len(found))
    if queue.config.fair:
        undelivered = queues.order.tenants.oldest(tx, queue.reader, limit - len(found))
        found += [(record, slots[layout.owner(record)]) for record in undelivered]
    return found


def _undelivered(tx: Snapshot, slot: SlotProgress, limit: int) -> list[StoredAt]:
    rows = tx.rows(
        "select id from mq_records where id >= :first and id < :end order by id limit :limit",
        {
            "first": slot.record_id(slot.cursor),
            "end": slot.end,
            "limit": limit,
        },
    )
    return [(record, slot) for (record,) in rows]


def _oldest(tx: Snapshot, queue: Queue, slot: Slot, limit: int) -> list[StoredAt]:
    rows = tx.rows(
        "select r.id from mq_records r left join mq_leases l"
        f" on {layout.LEASE_OF_RECORD} where r.id >= :records and r.id < :end"
        " and case when l.id is null then r.id < :young else l.due <= :now end"
        " order by r.id limit :limit",
        {
            **slot.base_ids,
            "young": queues.order.fifo.first_young(tx, queue),
            "end": slot.end,
            "now": tx.now,
            "limit": limit,
        },
    )
    return [(record, slot) for (record,) in rows]


# Messages that one pass removes from a queue far over its limits, beside as many as came.
_MOST_OVERFLOWING = 1_000
_LARGEST_PAGE = 100


def shed(tx: WriteTransaction, queue: Queue, added: Sequence[int]) -> None:
    """Remove messages over the limits, reason `overflow`.

    With drop-head those are the next deliveries; with dead-letter the last of the added ones. A
    queue that rejects may be over: its messages are never removed.
    """
    if queue.config.overflow == "dead-letter":
        _refuse_last(tx, queue, added)
        return
    messages, size = excess(tx, queue)
    tried: list[StoredAt] = []
    left, page_size = _MOST_OVERFLOWING + len(added), 1
    while left > 0 and (messages > 0 or size > 0):
        page = next_out(tx, queue, min(max(messages, page_size), _LARGEST_PAGE))
        if page == tried:
            return
        for place in page:
            if messages > 0 or size > 0:
                less, smaller = _drop_head(tx, queue, *place)
                messages, size = messages - less, size - smaller
        # How many messages the excess bytes mean shows only as they go.
        tried, left, page_size = page, left - len(page), 4 * page_size


def _drop_head(tx: WriteTransaction, queue: Queue, record: int, slot: Slot) -> tuple[int, int]:
    """Remove the next message; return how many messages and bytes fewer now wait."""
    message = leases.messages.load(tx, slot, record)
    if message is None:
        return 0, 0
    if expiry.is_over(tx, message.expires):
        # It did not count, so it makes no room.
        leases.move.expire(tx, queue.reader, message)
        return 0, 0
    leases.attempts.note_lapsed(tx, message.lease)
    return (
        (1, message.size)
        if leases.move.dead_letter(tx, queue.reader, message, "overflow")
        else (0, 0)
    )


def _refuse_last(tx: WriteTransaction, queue: Queue, added: Sequence[int]) -> None:
    slots = {slot.partition: slot for slot in leases.rows.slots(tx, queue.reader)}
    young = queues.order.fifo.first_young(tx, queue)

    def load(record: int) -> StoredMessage | None:
        message = leases.messages.load(tx, slots[layout.owner(record)], record)
        # A message over the limit on arrival takes no room, and goes by itself.
        return None if message and expiry.is_over(tx, message.expires) else message

    def is_delayed(record: int) -> bool:
        slot = slots[layout.owner(record)]
        return slot.delayed or (queue.config.fifo and record >= young)

    # New messages count even while they are delayed, as in a queue that rejects.
    sizes = [message.size for message in map(load, filter(is_delayed, added)) if message]
    messages, size = excess(tx, queue, len(sizes), sum(sizes))
    refused = []
    for record in reversed(added):
        if messages <= 0 and size <= 0:
            break
        message = load(record)
        if message is not None:
            refused.append(message)
            messages, size = messages - 1, size - message.size
    for message in reversed(refused):
        leases.move.dead_letter(tx, queue.reader, message, "overflow")
