"""Delays: a new message may not be delivered before its time (SQS: DelaySeconds).

A message of a standard queue has a delay of its own, or its queue's, and waits in a lane for
delayed messages with a lease row. A FIFO queue delays all its messages alike, so that its heads
know when they are due.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from store import model
from store.model.encoding import milliseconds
from store.model.errors import BadInput, Hint
from store.sqlite.leases.readers import ReaderPolicy

if TYPE_CHECKING:
    from store.sqlite.file.database import WriteTransaction
    from store.sqlite.queues.catalog import Queue
    from store.sqlite.queues.policies import Sending


class Delay(ReaderPolicy):
    """Messages that wait for a time of their own."""

    __slots__ = ()

    def encode(self, tx: WriteTransaction, queue: Queue, sending: Sending) -> None:
        """Let messages wait for their own delay, or the queue's."""
        own, asked = queue.config.delay, sending.options.delays
        if asked is None:
            delays = [own] * len(sending.messages)
        else:
            # A FIFO queue's own makes no lease rows: its heads know when they are due.
            own = 0 if queue.config.fifo else own
            delays = [own if each is None else milliseconds(each, "delay") for each in asked]
        if not queue.config.fifo:
            sending.batch = sending.batch._replace(delays=delays)
        elif any(delays):
            raise BadInput(
                f"{queue.name} is a FIFO queue: a message has no delay of its own",
                hint=Hint(
                    "delay the whole queue: {}",
                    model.actions.alter("queue", queue.name, delay=model.actions.Blank("D")),
                ),
            )


DELAY = Delay()
