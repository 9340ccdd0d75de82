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
        delays = [None if each is None else milliseconds(each, "delay") for each in asked or ()]
        if not queue.config.fifo:
            waits = [own if each is None else each for each in delays]
            sending.batch = sending.batch._replace(delays=waits or [own] * len(sending.messages))
        elif any(delays):
            raise BadInput(
                f"{queue.name} is a FIFO queue: a message has no delay of its own",
                hint=Hint(
                    "delay the whole queue: {}",
                    model.actions.alter("queue", queue.name, delay=model.actions.Blank("D")),
                ),
            )


DELAY = Delay()
