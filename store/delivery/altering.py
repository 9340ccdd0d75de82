"""Changing a queue's settings, with what follows for the messages that are in it."""

from __future__ import annotations

from typing import Any

from store import delivery
from store.db import Write
from store.delivery import expiry, heads, leases, loading, move, queues
from store.delivery.queues import Queue


def alter(tx: Write, name: str, settings: dict[str, Any]) -> Queue:
    """Change the given settings of a queue and keep the rest; messages stay."""
    before = queues.find(tx, name).config
    queue = queues.alter(tx, name, settings)
    if queue.config.fifo and queue.config.delay != before.delay:
        heads.redelay(tx, queue.reader, leases.slots(tx, queue.reader)[0])
    if queue.config.dlq != before.dlq:
        _try_again(tx, queue)
        _try_damaged(tx, queue)
    # A lower limit applies to what is there (RabbitMQ); what one pass leaves, later writers take.
    move.keep_within_limits(tx, queue.reader)
    return queues.find(tx, name)


def _try_again(tx: Write, queue: Queue) -> None:
    """What expired and had nowhere to go may have a place now."""
    for lane in queue.lanes.values():
        tx.execute(
            "update mq_records set expires = :wall where expires = :stays"
            " and id >= :first and id < :end",
            {
                "wall": tx.wall,
                "stays": expiry.STAYS,
                "first": lane.base,
                "end": lane.base + lane.next,
            },
        )


def _try_damaged(tx: Write, queue: Queue) -> None:
    """What was set aside as damaged may have a place now."""
    for slot in leases.slots(tx, queue.reader):
        for (record,) in tx.rows(
            "select record from mq_damages where record >= :first and record < :end",
            {"first": slot.record_id(0), "end": slot.end},
        ):
            message = loading.load(tx, slot, record)
            if message is not None:
                delivery.settle.release(tx, queue.reader, message)
