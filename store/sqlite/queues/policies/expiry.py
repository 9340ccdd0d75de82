"""Expiry: messages whose time to live, or whose queue's retention, is over.

They leave with the next write. Until then they are not delivered and no view shows them; leased
ones are left alone. In a record, `expires` 0 says that it had to stay: its time is over, and it had
nowhere to go.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from store import sqlite
from store.model.encoding import milliseconds
from store.sqlite import layout, leases, queues
from store.sqlite.file import timekeeping
from store.sqlite.file.database import Snapshot, WriteTransaction
from store.sqlite.leases.readers import ReaderPolicy
from store.sqlite.leases.rows import Slot
from store.sqlite.queues.catalog import Queue

if TYPE_CHECKING:
    from store.sqlite.leases.messages import StoredMessage
    from store.sqlite.leases.receive import Receiver
    from store.sqlite.queues.policies import Sending

STAYS = 0


class TimeToLive(ReaderPolicy):
    """Messages that expire before their queue's retention is over."""

    __slots__ = ()

    def encode(self, tx: WriteTransaction, queue: Queue, sending: Sending) -> None:
        """Let messages expire after their own time to live, or the queue's.

        RabbitMQ: the smaller of the two counts.
        """
        own, asked = queue.config.ttl, sending.options.lifetimes
        expires: list[int | None] = []
        for ttl in asked or [None] * len(sending.messages):
            times = [] if own is None else [own]
            if ttl is not None:
                times.append(milliseconds(ttl, "ttl"))
            expires.append(tx.wall + min(times) if times else None)
        sending.batch = sending.batch._replace(expires=expires)


TIME_TO_LIVE = TimeToLive()


def until(tx: Snapshot, queue: Queue, began: int) -> int:
    """Return when a message expires that moves to a queue now, and is kept since `began`."""
    # A message's own time to live does not count any more (RabbitMQ: it is removed).
    kept, ttl = began + queue.config.retention, queue.config.ttl
    return kept if ttl is None else min(kept, tx.wall + ttl)


def take_out(receive: Receiver, message: StoredMessage) -> bool:
    """Remove or postpone a message that is over; return whether it was.

    No hook of a policy: each queue has a retention, and a share has none.
    """
    tx, reader = receive.tx, receive.reader
    assert reader.retention is not None
    until = tx.wall - message.age(tx) + reader.retention
    if message.expires is not None:
        until = min(until, message.expires)
    if until > tx.wall or not is_over(tx, until):
        return False
    if not leases.move.expire(tx, reader, message):
        receive.postpone(message)
    return True


def is_over(tx: Snapshot, expires: int | None) -> bool:
    """Return whether a message with this expiry may not be delivered any more."""
    return expires is not None and expires <= tx.wall and timekeeping.is_right(tx)


def due(tx: Snapshot, limit: int) -> list[int]:
    """Return the expired records that no writer has moved yet, longest over first."""
    if not timekeeping.is_right(tx):
        return []
    rows = tx.rows(
        "select id from mq_records where expires > 0 and expires <= :wall"
        " order by expires, id limit :limit",
        {"wall": tx.wall, "limit": limit},
    )
    return [row[0] for row in rows]


def seconds_until_next(tx: Snapshot) -> float | None:
    """Return the time until the next message of the store expires; `None` when none will."""
    expires = tx.value(
        "select min(expires) from mq_records where expires > :wall", {"wall": tx.wall}
    )
    return None if expires is None else (expires - tx.wall) / 1000


def unswept(tx: Snapshot, queue: Queue) -> Counter[str]:
    """Return by state how many messages have expired and are still there.

    Those that have to stay are blocked instead. `bytes` are those of the ones that will go,
    `waiting_bytes` of those among them that count as waiting.
    """
    found: Counter[str] = Counter()
    if not _any_unswept(tx):
        return found
    # A sender needs no view.
    for slot in leases.rows.slots(tx, queue.reader):
        for state, stays, count, size in tx.rows(
            "with in_flight as (select r.message_group, min(r.id) as first from mq_leases l"
            " join mq_records r on r.id = l.record where :fifo and l.reader = :reader"
            f" and l.priority = 0 and {sqlite.leases.abandoned.IN_FLIGHT} group by 1)"
            f" select case when {sqlite.leases.abandoned.IN_FLIGHT} then 'delayed'"
            f" when l.id is null and :fifo and {timekeeping.age_of('r')} < :delay then 'delayed'"
            " when f.first < r.id then 'blocked' else 'ready' end, r.expires = 0, count(*),"
            f" sum({layout.SIZE_OF_R}) from mq_records r"
            f" left join mq_leases l on {layout.LEASE_OF_RECORD}"
            " left join in_flight f on f.message_group = r.message_group"
            " where r.expires <= :wall and r.id >= :records and r.id < :end"
            f" and not {sqlite.leases.abandoned.HELD} group by 1, 2",
            {
                **sqlite.leases.abandoned.parameters(tx, queue.reader),
                "fifo": int(queue.config.fifo),
                "delay": queue.config.delay,
                "reader": queue.reader.id,
                **timekeeping.moments(tx),
                **slot.base_ids,
                "end": slot.end,
            },
        ):
            found[state] += count
            found["blocked"] -= count if stays else 0
            found["bytes"] += 0 if stays else size
            found["waiting_bytes"] += 0 if stays or state == "delayed" else size
    return found


def _any_unswept(tx: Snapshot) -> bool:
    return timekeeping.is_right(tx) and bool(
        tx.value(
            "select exists(select 1 from mq_records where expires <= :wall)", {"wall": tx.wall}
        )
    )


# The most that move in one pass, so that no write takes long.
MOST_MOVED = 20
# Some of the first may be leased: the most that are looked at.
_LOOKED_AT = 100


# Milliseconds for which an open store does not look again in passing when it found nothing.
_PAUSE = 10


class _Sweeps:
    """The wall time at which this open store last saw that nothing has expired."""

    last = 0


def is_due(tx: WriteTransaction) -> bool:
    """Return whether it is time to look again; messages expired meanwhile are not delivered."""
    return not 0 <= tx.wall - tx.database.states[_Sweeps].last < _PAUSE


def left(tx: WriteTransaction) -> int:
    """Return for how many milliseconds this open store need not look again."""
    return max(0, tx.database.states[_Sweeps].last + _PAUSE - tx.wall)


def sweep(tx: WriteTransaction) -> int:
    """Remove up to `MOST_MOVED` expired messages from their queues; return how many.

    After its time to live a message goes to the DLQ, reason `expired`; past its retention it is
    dropped.
    """
    places: dict[int, tuple[Queue, Slot] | None] = {}
    moved = 0
    overdue = due(tx, _LOOKED_AT)
    tx.database.states[_Sweeps].last = -_PAUSE if overdue else tx.wall
    for record in overdue:
        lane = layout.owner(record)
        if lane not in places:
            places[lane] = _place(tx, lane)
        place = places[lane]
        if place is not None and moved < MOST_MOVED:
            moved += _expire(tx, *place, record)
    return moved


def _place(tx: Snapshot, lane: int) -> tuple[Queue, Slot] | None:
    name = tx.value(
        "select c.name from mq_partitions p join mq_channels c on c.id = p.channel"
        " where p.id = :lane and c.kind = 'queue'",
        {"lane": lane},
    )
    if name is None:
        return None
    queue = queues.catalog.find(tx, name)
    slots = leases.rows.slots(tx, queue.reader)
    return queue, next(slot for slot in slots if slot.partition == lane)


def _expire(tx: WriteTransaction, queue: Queue, slot: Slot, record: int) -> bool:
    message = leases.messages.load(tx, slot, record)
    if message is None or message.is_held(tx):
        return False
    return leases.move.expire(tx, queue.reader, message)
