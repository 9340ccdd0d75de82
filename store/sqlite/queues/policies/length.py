"""Length limits: how far a queue is over, and what would be delivered next (RabbitMQ: maxlength).

What counts is what waits: leased and delayed messages stand aside. Nothing is counted for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from store.model.addresses import OFFSET_BITS
from store.model.errors import QueueFull
from store.sqlite import leases
from store.sqlite.file.database import Snapshot
from store.sqlite.leases.rows import Progress, Slot
from store.sqlite.queues.catalog import Queue
from store.sqlite.queues.order import fifo, tenants
from store.sqlite.queues.policies import expiry

Place = tuple[int, Slot]


def are_set(queue: Queue) -> bool:
    """Whether the queue has a length limit."""
    return queue.config.max_length is not None or queue.config.max_bytes is not None


def check(tx: Snapshot, queue: Queue, sizes: Sequence[int]) -> None:
    """Raise `QueueFull` where new messages would go over the limit of a queue that rejects."""
    if not are_set(queue) or queue.config.overflow != "reject" or not sizes:
        return
    if excess(tx, queue, len(sizes), sum(sizes)) != (0, 0):
        raise QueueFull(
            f"queue {queue.name} is full: {_limit(queue)}",
            hint=f"receive from it, or mq queue alter {queue.name} --overflow drop-head",
        )


def _limit(queue: Queue) -> str:
    config = queue.config
    told = [] if config.max_length is None else [f"at most {config.max_length} messages wait"]
    if config.max_bytes is not None:
        told.append(f"at most {config.max_bytes} bytes wait")
    return ", ".join(told)


def excess(tx: Snapshot, queue: Queue, added: int = 0, added_bytes: int = 0) -> tuple[int, int]:
    """By how many messages and bytes a queue is over its limits, with what is to be added."""
    config = queue.config
    messages = added + sum(lane.records for lane in queue.lanes.values())
    size = added_bytes + sum(lane.bytes for lane in queue.lanes.values())
    if not _is_over(messages, config.max_length) and not _is_over(size, config.max_bytes):
        return 0, 0
    gone = expiry.unswept(tx, queue)
    messages -= sum(leases.rows.held_and_waiting(tx, queue.reader)) + _held_back(tx, queue)
    messages -= gone["ready"] + gone["blocked"]
    if _is_over(size, config.max_bytes):
        # Only past the limit is what stands aside added up: it is mostly the lesser part.
        size -= _bytes_aside(tx, queue) + _bytes_held_back(tx, queue) + gone["waiting_bytes"]
    over = 0 if config.max_length is None else max(0, messages - config.max_length)
    return over, 0 if config.max_bytes is None else max(0, size - config.max_bytes)


def _held_back(tx: Snapshot, queue: Queue) -> int:
    """The messages that only a FIFO queue's delay holds back; elsewhere they have lease rows."""
    lane, young = queue.first_lane, fifo.first_young(tx, queue)
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
            "select ifnull(sum(ifnull(length(r.key), 0) + ifnull(length(r.headers), 0)"
            " + ifnull(length(r.value), 0)), 0) from mq_leases l join mq_records r"
            " on r.id = l.record where l.reader = :reader and l.priority = :level"
            " and l.due > :now",
            {"reader": queue.reader.id, "level": level, "now": tx.now},
        )
        for level in queue.reader.levels
    )


def _bytes_held_back(tx: Snapshot, queue: Queue) -> int:
    slot, young = leases.rows.slots(tx, queue.reader)[0], fifo.first_young(tx, queue)
    if young == slot.end:
        return 0
    size: int = tx.value(
        "select ifnull(sum(ifnull(length(r.key), 0) + ifnull(length(r.headers), 0)"
        " + ifnull(length(r.value), 0)), 0) from mq_records r"
        " left join mq_leases l on l.id = :leases + (r.id - :records)"
        " where r.id >= :young and r.id < :end and l.id is null",
        {
            "leases": slot.lease_id(0),
            "records": slot.record_id(0),
            "young": young,
            "end": slot.end,
        },
    )
    return size


def next_out(tx: Snapshot, queue: Queue, limit: int) -> list[Place]:
    """The messages that would be delivered next: of the highest priority, oldest first."""
    slots = {slot.partition: slot for slot in leases.rows.slots(tx, queue.reader)}
    if queue.config.fifo:
        return _oldest(tx, queue, next(iter(slots.values())), limit)
    found: list[Place] = []
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
        found += [(record, slots[record >> OFFSET_BITS]) for (record,) in due]
        for slot in slots.values():
            if slot.number == level << 1 and len(found) < limit and not queue.config.fair:
                found += _undelivered(tx, slot, limit - len(found))
    if queue.config.fair:
        undelivered = tenants.oldest(tx, queue.reader, limit - len(found))
        found += [(record, slots[record >> OFFSET_BITS]) for record in undelivered]
    return found


def _undelivered(tx: Snapshot, slot: Progress, limit: int) -> list[Place]:
    rows = tx.rows(
        "select id from mq_records where id >= :first and id < :end order by id limit :limit",
        {
            "first": slot.record_id(slot.cursor),
            "end": slot.end,
            "limit": limit,
        },
    )
    return [(record, slot) for (record,) in rows]


def _oldest(tx: Snapshot, queue: Queue, slot: Slot, limit: int) -> list[Place]:
    rows = tx.rows(
        "select r.id from mq_records r left join mq_leases l"
        " on l.id = :leases + (r.id - :records) where r.id >= :records and r.id < :end"
        " and case when l.id is null then r.id < :young else l.due <= :now end"
        " order by r.id limit :limit",
        {
            "leases": slot.lease_id(0),
            "records": slot.record_id(0),
            "young": fifo.first_young(tx, queue),
            "end": slot.end,
            "now": tx.now,
            "limit": limit,
        },
    )
    return [(record, slot) for (record,) in rows]
