"""The effects of chaos on a call: refuse it, delay, reorder and duplicate its messages.

It goes by the seed and the number of the call, which the file keeps. Without chaos nothing here is
called.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING

from store import model
from store.model import chaos
from store.model.encoding import RecordColumns
from store.model.errors import BadInput, Damaged, Hint, Throttled
from store.sqlite import leases, queues
from store.sqlite.file.database import WriteTransaction
from store.sqlite.leases import origins
from store.sqlite.leases.messages import StoredMessage
from store.sqlite.leases.readers import ReaderPolicy
from store.sqlite.leases.rows import SlotProgress
from store.sqlite.queues import enqueue
from store.sqlite.queues.catalog import Queue
from store.sqlite.queues.policies import Receiving, Sending

if TYPE_CHECKING:
    from store.model.messages import Message

# Microseconds for which a throttled queue lets a burst go on.
_BURST = 1_000_000


class ChaosPolicy(ReaderPolicy):
    """A queue that misbehaves as its setting says."""

    __slots__ = ()

    def before_send(self, tx: WriteTransaction, queue: Queue, sending: Sending) -> None:
        """Delay new messages beyond their send."""
        sending.batch = Disturbance(tx, queue).delay(sending.batch)

    def before_receive(self, tx: WriteTransaction, queue: Queue, receiving: Receiving) -> None:
        """Change the order of the next messages."""
        receiving.disturbance = Disturbance(tx, queue)
        receiving.disturbance.reorder()

    def after_receive(
        self, tx: WriteTransaction, receiving: Receiving, messages: Sequence[Message]
    ) -> None:
        """Keep a copy of some of the messages."""
        assert receiving.disturbance is not None
        receiving.disturbance.duplicate(messages)


class Disturbance:
    """The chaos of one call; raises `Throttled` when it comes too soon."""

    def __init__(self, tx: WriteTransaction, queue: Queue) -> None:
        assert queue.config.chaos is not None
        self._tx = tx
        self._queue = queue
        self._chaos = _parse(queue.name, queue.config.chaos)
        self._refuse_when_busy()
        call = tx.value(
            "update mq_queues set chaos_calls = chaos_calls + 1 where channel = :id"
            " returning chaos_calls",
            {"id": queue.id},
        )
        self._random = Random(f"{self._chaos.seed} {call}")

    def _refuse_when_busy(self) -> None:
        # The time at which all calls so far would be done at the allowed rate (GCRA).
        if self._chaos.throttle is None:
            return
        now = self._tx.now * 1_000
        done: int = self._tx.value(
            "select max(busy_until, :now) from mq_queues where channel = :id",
            {"now": now, "id": self._queue.id},
        )
        done += 1_000_000 // self._chaos.throttle
        if done > now + _BURST:
            raise Throttled(
                f"queue {self._queue.name} is throttled to {self._chaos.throttle} calls a second",
                hint=Hint(
                    "it is under chaos; {} ends it",
                    model.actions.alter("queue", self._queue.name, chaos=None),
                ),
            )
        self._tx.execute(
            "update mq_queues set busy_until = :done where channel = :id",
            {"done": done, "id": self._queue.id},
        )

    def delay(self, batch: RecordColumns) -> RecordColumns:
        """Delay new messages beyond their send."""
        if not self._chaos.delay:
            return batch
        delays, most = batch.delays or [0] * len(batch.values), self._chaos.delay + 1
        return batch._replace(delays=[each + self._random.randrange(most) for each in delays])

    def reorder(self) -> None:
        """Change the order of the next messages, a window at a time."""
        if self._chaos.reorder < 2:
            return
        for slot in leases.rows.slots(self._tx, self._queue.reader):
            if not slot.delayed:
                self._stir(slot)

    def _stir(self, slot: SlotProgress) -> None:
        if self._tx.value(
            "select exists(select 1 from mq_leases where reader = :reader and priority = :level"
            " and due <= :window)",
            {"reader": self._queue.reader.id, "level": slot.level, "window": self._chaos.reorder},
        ):
            return
        ids = [
            id
            for (id,) in self._tx.rows(
                "select id from mq_records where id >= :first and id < :end"
                " order by id limit :window",
                {
                    "first": slot.record_id(slot.cursor),
                    "end": slot.end,
                    "window": self._chaos.reorder,
                },
            )
        ]
        # Due so long ago that only their order matters.
        places = self._random.sample(range(1, len(ids) + 1), len(ids))
        leases.rows.insert(
            self._tx,
            self._queue.reader,
            [
                leases.rows.waiting(slot, id - slot.record_id(0), place)
                for id, place in zip(ids, places, strict=True)
            ],
        )
        if ids:
            leases.rows.move_cursor(self._tx, slot, ids[-1] - slot.record_id(0) + 1)

    def duplicate(self, delivered: Sequence[Message]) -> None:
        """Keep a copy of some delivered messages: another receive gets the same message."""
        doubled = [one for one in delivered if self._random.random() < self._chaos.duplicate]
        # One that was acknowledged with its receive has left.
        doubled = [one for one in doubled if one.receipt is not None]
        if doubled:
            # Its counters have changed since.
            self._queue = queues.catalog.find(self._tx, self._queue.name)
        for message in doubled:
            self._copy(queues.view.find_message(self._tx, self._queue, message.sequence))

    def _copy(self, message: StoredMessage) -> None:
        origin = origins.get(self._tx, message.record, message.timestamp, message.slot.level)
        copy = enqueue.drafts(
            [message.content],
            message_groups=[message.message_group],
            levels=[message.slot.level],
            expires=[message.expires],
        )
        records = enqueue.enqueue(self._tx, self._queue, copy)
        origins.put(self._tx, records, [origin])


def _parse(queue: str, stored: str) -> chaos.Chaos:
    try:
        return chaos.parse(stored)
    except BadInput as error:
        raise Damaged(
            f"queue {queue} is damaged: its chaos is {error.message}",
            hint=Hint("{}", model.actions.alter("queue", queue, chaos=None)),
        ) from error
