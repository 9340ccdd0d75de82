"""Passing records or messages through a command: its outputs and our place commit together."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import takewhile
from types import TracebackType
from typing import Generic, Protocol, TypeVar

from mq.cli.diagnostics import Diagnostics
from mq.cli.interrupts import Interrupts
from mq.read.group import GroupReading
from mq.read.lease_length import require_lease
from mq.work.filter import Filter, FilterFailed
from store.api.consumer import Consumer
from store.api.store import Store
from store.api.transaction import Transaction
from store.crash import crash_point
from store.model.errors import BadInput, Damaged, MqError
from store.model.messages import Message, NewMessage
from store.model.topics import Record

Item = TypeVar("Item", Record, Message)

_LONGEST_WAIT = 60.0


class Source(Protocol[Item]):
    """What a pipe reads; it needs a sign of life every `patience` seconds."""

    patience: float

    def batches(self) -> Iterator[list[Item]]:
        """What is there to be passed on, a batch at a time."""

    def begin(self, items: Sequence[Item]) -> None:
        """Say that these are given to the command."""

    def settle(self, tx: Transaction, items: Sequence[Item]) -> None:
        """Say, together with the outputs, that these are done with."""

    def keep(self) -> None:
        """Give a sign of life."""

    def give_back(self, items: Sequence[Item], error: str) -> None:
        """Say that these could not be passed on."""

    def way_past(self, item: Item) -> str:
        """The command that passes over something that can't be passed on."""


class TopicSource:
    """A topic, read as a member of a group."""

    def __init__(
        self, reading: GroupReading, consumer: Consumer, session_timeout: float,
        interrupts: Interrupts,
    ) -> None:  # fmt: skip
        self._reading = reading
        self._consumer = consumer
        self._interrupts = interrupts
        self.patience = session_timeout / 3

    def batches(self) -> Iterator[list[Record]]:
        """Records that the group has not committed yet."""
        batches = self._reading.batches()
        while True:
            with self._interrupts.allowed():
                batch = next(batches, None)
            if batch is None:
                return
            yield batch

    def begin(self, items: Sequence[Record]) -> None:
        """Nothing: to a group only a commit counts."""

    def settle(self, tx: Transaction, items: Sequence[Record]) -> None:
        """Commit the group's offsets."""
        offsets = {(record.topic, record.partition): record.offset + 1 for record in items}
        tx.commit(self._consumer.group, offsets, self._consumer)

    def keep(self) -> None:
        """Stay in the group; raises `Fenced` when it has dropped us."""
        self._reading.heartbeat()

    def give_back(self, items: Sequence[Record], error: str) -> None:
        """Nothing: what is not committed is read again."""

    def way_past(self, item: Record) -> str:
        """The group skips the record."""
        return f"mq group skip {self._consumer.group} {item.address}"


class QueueSource:
    """A queue, whose messages are leased; what is left in hand is given back at the end.

    With `once` it ends when none is ready, or after as many as were there when it was made.
    """

    def __init__(
        self,
        store: Store,
        queue: str,
        batch: int,
        interrupts: Interrupts,
        diagnostics: Diagnostics,
        *,
        once: bool,
    ) -> None:
        status = store.queue(queue)
        require_lease(queue, status.config)
        self._store = store
        self._diagnostics = diagnostics
        self._queue = queue
        self._batch = batch
        # Leased ones too: their holder may be dead.
        self._left: float = status.messages if once else math.inf
        self._wait = 0.0 if once else _LONGEST_WAIT
        self._lease = status.config.lease / 1000
        self._interrupts = interrupts
        self._not_begun: list[str] = []
        self._begun: list[str] = []
        self.patience = max(self._lease / 3, 0.1)

    def batches(self) -> Iterator[list[Message]]:
        """Messages as they become ready."""
        while self._left > 0:
            most = int(min(self._batch, self._left))
            messages = self._receive(most)
            self._not_begun, self._begun = _receipts(messages), []
            self._left -= len(messages)
            if self._interrupts.has_come():
                raise KeyboardInterrupt
            if messages:
                yield messages
            elif not self._wait:
                return

    def _receive(self, most: int) -> list[Message]:
        try:
            return self._store.receive(
                self._queue, most, self._wait, attached=True, until=self._interrupts.has_come
            )
        except Damaged as damage:
            # With nothing left to pass on it is what this run ends with.
            if not self._wait or not damage.addresses:
                raise
            self._diagnostics.warning(damage.message)
            return []

    def begin(self, items: Sequence[Message]) -> None:
        """From here on their deliveries count, whatever comes of them."""
        begun = set(_receipts(items))
        self._begun += [one for one in self._not_begun if one in begun]
        self._not_begun = [one for one in self._not_begun if one not in begun]

    def settle(self, tx: Transaction, items: Sequence[Message]) -> None:
        """Acknowledge the messages; raises `LeaseLost` when somebody else has leased one."""
        tx.ack(_receipts(items))

    def keep(self) -> None:
        """Extend the leases; what is lost all the same is told by the ack."""
        with suppress(MqError):
            self._store.extend([*self._begun, *self._not_begun], self._lease)

    def give_back(self, items: Sequence[Message], error: str) -> None:
        """Note the failed attempt with each message."""
        self.begin(items)
        with suppress(MqError):
            self._store.nack(_receipts(items), error=error)

    def way_past(self, item: Message) -> str:
        """Somebody takes the message and refuses it for good."""
        return f"mq receive {self._queue} and mq nack --reject its receipt"

    def __enter__(self) -> QueueSource:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._not_begun:
            with suppress(MqError):
                self._store.unreceive(self._not_begun)
        if error is not None and self._begun:
            with suppress(MqError):
                self._store.nack(self._begun, 0)


class Sink:
    """The topic or queue that the output lines go to; they have no key."""

    def __init__(self, store: Store, name: str) -> None:
        self._name = name
        self._is_queue = store.kind(name, "topic", "queue") == "queue"
        problem = _problem_of_queue(store, name) if self._is_queue else _problem(store, name)
        if problem is not None:
            raise BadInput(
                f"{name} {problem}, and a line of output has none",
                hint="choose another destination",
            )

    def write(self, tx: Transaction, lines: Sequence[bytes]) -> None:
        """Store output lines."""
        if self._is_queue:
            tx.send_many(self._name, [NewMessage(line) for line in lines])
        else:
            tx.produce_many(self._name, lines)


class Pipe(Generic[Item]):
    """Passes batches from a source through a filter to a sink; counts what it took and stored."""

    def __init__(self, store: Store, source: Source[Item], filter: Filter, sink: Sink) -> None:
        self.taken = 0
        self.stored = 0
        self._store = store
        self._source: Source[Item] = source
        self._filter = filter
        self._sink = sink

    def run(self) -> None:
        """Go on until the source ends. Raises `FilterFailed`; that batch is then not stored."""
        for batch in self._source.batches():
            lines = list(takewhile(_is_a_line, batch))
            if lines:
                self._pass_on(lines)
            if len(lines) < len(batch):
                raise self._no_line(batch[len(lines)])

    def _pass_on(self, items: Sequence[Item]) -> None:
        crash_point("pipe.polled")
        outputs = self._filtered(items)
        crash_point("pipe.ran")
        # Nothing in here waits for anybody, so the transaction needs no deadline.
        with self._store.transaction(timeout=math.inf) as tx:
            self._sink.write(tx, outputs)
            self._source.settle(tx, items)
        self.taken += len(items)
        self.stored += len(outputs)

    def _filtered(self, items: Sequence[Item]) -> list[bytes]:
        values = [item.value or b"" for item in items]
        self._source.begin(items)
        try:
            return self._filter.run(values, self._source.patience, self._source.keep)
        except FilterFailed as error:
            self._source.give_back(items, error.message)
            raise

    def _no_line(self, item: Item) -> BadInput:
        error = BadInput(
            f"the value of {item.address} has a newline in it, and the command reads lines",
            hint="store such values as JSON, where a newline is \\n; to pass over this one:"
            f" {self._source.way_past(item)}",
        )
        self._source.give_back([item], error.message)
        return error


def _is_a_line(item: Record | Message) -> bool:
    return b"\n" not in (item.value or b"")


def _receipts(messages: Sequence[Message]) -> list[str]:
    return [message.receipt for message in messages if message.receipt is not None]


def _problem_of_queue(store: Store, name: str) -> str | None:
    return "is FIFO: its messages need a message group" if store.queue_config(name).fifo else None


def _problem(store: Store, name: str) -> str | None:
    compacted = "compact" in store.topic(name).config.cleanup
    return "is compacted: its records need a key" if compacted else None
