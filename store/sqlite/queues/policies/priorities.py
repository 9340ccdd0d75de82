"""Priorities: messages of a higher level are delivered before others (RabbitMQ: x-max-priority).

Each level has a lane of its own, made with its first message. The standard order of delivery goes
by levels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from store.model.errors import BadInput
from store.sqlite.leases.readers import ReaderPolicy

if TYPE_CHECKING:
    from store.model.queues import QueueConfig
    from store.sqlite.file.database import WriteTransaction
    from store.sqlite.queues.catalog import Queue
    from store.sqlite.queues.policies import Sending


class Priorities(ReaderPolicy):
    """Messages with levels, of which a queue has so many."""

    __slots__ = ()

    def encode(self, tx: WriteTransaction, queue: Queue, sending: Sending) -> None:
        """Put messages into the level that they ask for, at most the queue's highest."""
        asked = sending.options.priorities or ()
        for priority in asked:
            if not isinstance(priority, int) or priority < 0:
                raise BadInput(f"a priority must be a number from 0 on, not {priority!r}")
        levels = [level(queue.config, priority) for priority in asked]
        sending.batch = sending.batch._replace(levels=levels)


PRIORITIES = Priorities()


def level(config: QueueConfig, priority: int) -> int:
    """Return the level of a message with this priority."""
    return min(priority, config.priorities - 1)
