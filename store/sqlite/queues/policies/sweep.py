"""Whoever writes takes along a few messages whose time is over, whichever queue they are in."""

from __future__ import annotations

from store.model.addresses import OFFSET_BITS
from store.sqlite import leases, queues
from store.sqlite.file.database import Snapshot, Write
from store.sqlite.leases import move
from store.sqlite.leases.rows import Slot
from store.sqlite.queues.catalog import Queue
from store.sqlite.queues.policies import expiry

# At most so many move in one pass, so that no write takes long.
MOST_MOVED = 20
# Some of the first are in somebody's hands: so many are looked at.
_LOOKED_AT = 100


# How long an open store does not look again in passing when it found nothing, in milliseconds.
_PAUSE = 10


def is_due(tx: Write) -> bool:
    """Whether it is time to look again; nobody is given what has expired meanwhile."""
    return not 0 <= tx.wall - tx.database.swept < _PAUSE


def sweep(tx: Write) -> int:
    """Take up to `MOST_MOVED` expired messages out of their queues; how many.

    What its time to live ended goes to the DLQ, reason `expired`; what was kept for its retention
    is dropped.
    """
    places: dict[int, tuple[Queue, Slot] | None] = {}
    moved = 0
    overdue = expiry.due(tx, _LOOKED_AT)
    tx.database.swept = -_PAUSE if overdue else tx.wall
    for record in overdue:
        lane = record >> OFFSET_BITS
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


def _expire(tx: Write, queue: Queue, slot: Slot, record: int) -> bool:
    message = leases.messages.load(tx, slot, record)
    if message is None or message.is_held(tx):
        return False
    return move.expire(tx, queue.reader, message)
