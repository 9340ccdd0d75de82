"""Changing a queue's settings, with what follows for the messages that are in it."""

from __future__ import annotations

from typing import Any

from store.db import Write
from store.delivery import heads, leases, queues
from store.delivery.queues import Queue


def alter(tx: Write, name: str, settings: dict[str, Any]) -> Queue:
    """Change the given settings of a queue and keep the rest; messages stay."""
    before = queues.find(tx, name).config
    queue = queues.alter(tx, name, settings)
    if queue.config.fifo and queue.config.delay != before.delay:
        heads.redelay(tx, queue, leases.slots(tx, queue.reader)[0])
    return queue
