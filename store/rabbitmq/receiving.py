"""Receiving: deliveries that are held by this connection, and settled over it.

Without a wait messages are fetched, so that an empty queue is known to be empty. A reader that
stays, as `mq work`, consumes with a prefetch, so that the server knows it.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from time import monotonic
from typing import NamedTuple
from uuid import uuid4

import amqp
from amqp import spec

from store.model.errors import LeaseLost, MqError
from store.model.messages import Message
from store.rabbitmq.connection import Connection, connection_name
from store.rabbitmq.errors import ConnectionLost
from store.rabbitmq.messages import DeliveryTag, decoded

MOST_PREFETCHED = 2000
_FETCHING = "fetch"
# Seconds between two looks at a queue, and at whether a wait shall end.
_LOOK = 0.1
_UNTIL = 0.05
_MOST_REMEMBERED = 10_000


class _Held(NamedTuple):
    purpose: str
    channel: amqp.Channel
    tag: int
    queue: str
    attached: bool


class Wanted(NamedTuple):
    """A wish for messages: how many at most, and how many a consumer is pushed.

    With `attached` the reader stays until the connection ends.
    """

    queue: str
    most: int
    prefetch: int
    attached: bool


class Fetched(NamedTuple):
    """A fetched message, its receipt, and the message as AMQP has it."""

    receipt: str
    message: Message
    raw: amqp.Message


class _Consumer:
    """The consumer of one queue: what the server pushed waits in `ready`."""

    def __init__(self, purpose: str, prefetch: int) -> None:
        self.purpose = purpose
        self.prefetch = prefetch
        self.ready: deque[amqp.Message] = deque()
        self.cancelled = False


class Deliveries:
    """The deliveries of one connection, by receipt."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._prefix = uuid4().hex[:12]
        self._number = 0
        self._held: dict[str, _Held] = {}
        self._settled: OrderedDict[str, None] = OrderedDict()
        self._consumers: dict[str, _Consumer] = {}
        self._returning: dict[str, float] = {}

    def fetch(self, wanted: Wanted, wait: float, until: Callable[[], bool]) -> list[Message]:
        """Fetch messages, looking again until one is there or `wait` is over."""
        deadline = monotonic() + wait
        while True:
            messages = [message for message, _ in self._fetched(wanted)]
            if messages or monotonic() >= deadline or until():
                return messages
            self._pause(min(_LOOK, deadline - monotonic()))

    def fetch_all(self, queue: str, most: int) -> list[Fetched]:
        """Fetch up to `most` messages that are there, as they are."""
        return [
            Fetched(message.receipt or "", message, raw)
            for message, raw in self._fetched(Wanted(queue, most, most, False))
        ]

    def consume(self, wanted: Wanted, wait: float, until: Callable[[], bool]) -> list[Message]:
        """Take messages of a consumer that stays until the connection ends, or `leave`."""
        queue = wanted.queue
        consumer = self._consumer(queue, wanted.prefetch)
        deadline = monotonic() + wait
        while not consumer.ready and not until():
            self._return_due()
            if consumer.cancelled:
                raise MqError(f"the server ended the consumer of queue {queue}: is it deleted?")
            if (left := deadline - monotonic()) <= 0:
                break
            if not self._connection.read(min(_UNTIL, left)):
                self._connection.beat()
        while self._connection.read(0):
            continue
        number = min(wanted.most, len(consumer.ready))
        taken = [consumer.ready.popleft() for _ in range(number)]
        return [self._hold(consumer.purpose, wanted, one) for one in taken]

    def forget(self) -> None:
        """Forget what was held over a connection that ended: the messages are back."""
        self._held.clear()
        self._consumers.clear()
        self._returning.clear()

    def is_held(self, receipt: str) -> bool:
        """Return whether a receipt is one of this object's, and its reader stays."""
        held = self._held.get(receipt)
        return held is not None and held.attached

    def knows(self, receipt: str) -> bool:
        """Return whether a receipt was given out by this object."""
        return receipt.startswith(self._prefix)

    def ack(self, receipts: Sequence[str]) -> None:
        """Acknowledge deliveries; repeating it is no error. The good ones of several are settled.

        Raises `LeaseLost` for those whose channel is gone, as their messages returned.
        """
        self._settle(receipts, lambda channel, tag: channel.basic_ack(tag), repeatable=True)

    def settle(self, receipts: Sequence[str], *, requeue: bool) -> None:
        """Return deliveries to their queue, or refuse them for good; see `ack`."""
        self._settle(receipts, lambda channel, tag: channel.basic_reject(tag, requeue=requeue))

    def return_later(self, receipts: Sequence[str], seconds: float) -> None:
        """Hold deliveries for so long, and return them then."""
        due = monotonic() + seconds
        self._returning |= dict.fromkeys(receipts, due)

    def keep(self) -> None:
        """Keep the connection alive, and with it what is held; return what is due."""
        self._return_due()
        while self._connection.read(0):
            continue
        self._connection.beat()

    def leave(self, queue: str) -> None:
        """End the consumer of a queue, and return what it was pushed."""
        consumer = self._consumers.pop(queue, None)
        if consumer is None:
            return
        with self._connection.channel(consumer.purpose, f"queue {queue}") as channel:
            channel.basic_cancel(queue)
            for message in consumer.ready:
                channel.basic_reject(message.delivery_tag, requeue=True)

    def _fetched(self, wanted: Wanted) -> list[tuple[Message, amqp.Message]]:
        """Fetch what is there; the requests are sent together, as each has a way of its own."""
        queue, most = wanted.queue, wanted.most
        subject = f"queue {queue}"
        messages: list[tuple[Message, amqp.Message]] = []
        with self._connection.channel(_FETCHING, subject) as channel:
            while len(messages) < most:
                ready = channel.queue_declare(queue, passive=True).message_count
                number = min(most - len(messages), ready)
                if not number:
                    break
                found = list(self._gets(channel, queue, number))
                messages += [(self._hold(_FETCHING, wanted, one), one) for one in found]
                if len(found) < number:
                    break
        return messages

    def _gets(self, channel: amqp.Channel, queue: str, number: int) -> Iterator[amqp.Message]:
        for _ in range(number):
            channel.send_method(spec.Basic.Get, "Bsb", (0, queue, False))
        for _ in range(number):
            answer = channel.wait([spec.Basic.GetOk, spec.Basic.GetEmpty], returns_tuple=True)
            if len(answer) > 1:
                yield channel._on_get_ok(*answer)

    def _consumer(self, queue: str, most: int) -> _Consumer:
        consumer = self._consumers.get(queue)
        if consumer is not None:
            return consumer
        consumer = _Consumer(f"consume {queue}", min(most, MOST_PREFETCHED))
        with self._connection.channel(consumer.purpose, f"queue {queue}") as channel:
            channel.basic_qos(0, consumer.prefetch, False)
            channel.basic_consume(
                queue,
                consumer_tag=queue,
                callback=consumer.ready.append,
                on_cancel=lambda _: setattr(consumer, "cancelled", True),
            )
        self._consumers[queue] = consumer
        return consumer

    def _hold(self, purpose: str, wanted: Wanted, message: amqp.Message) -> Message:
        self._number += 1
        receipt = f"{self._prefix}-{self._number}"
        tag = message.delivery_tag
        self._held[receipt] = _Held(purpose, message.channel, tag, wanted.queue, wanted.attached)
        return decoded(wanted.queue, message, DeliveryTag(receipt, connection_name()))

    def _settle(
        self, receipts: Sequence[str], settle: Callable[[amqp.Channel, int], object],
        *, repeatable: bool = False,
    ) -> None:  # fmt: skip
        failures: dict[str, MqError] = {}
        for receipt in receipts:
            held = self._held.pop(receipt, None)
            self._returning.pop(receipt, None)
            if held is None:
                if not (repeatable and receipt in self._settled):
                    failures[receipt] = LeaseLost(f"{receipt} is settled, or its connection ended")
            elif not self._is_settled(held, settle):
                failures[receipt] = LeaseLost(f"{receipt}: its connection ended, it is back")
            else:
                self._remember(receipt)
        if failures:
            error = next(iter(failures.values()))
            error.failures = failures
            raise error

    def _is_settled(self, held: _Held, settle: Callable[[amqp.Channel, int], object]) -> bool:
        """Settle a delivery, unless its channel is gone, and with it the delivery."""
        if not held.channel.is_open:
            return False
        try:
            with self._connection.channel(held.purpose, f"queue {held.queue}") as channel:
                settle(channel, held.tag)
        except ConnectionLost:
            return False
        return True

    def _remember(self, receipt: str) -> None:
        self._settled[receipt] = None
        if len(self._settled) > _MOST_REMEMBERED:
            self._settled.popitem(last=False)

    def _return_due(self) -> None:
        now = monotonic()
        due = [receipt for receipt, time in self._returning.items() if time <= now]
        if due:
            self.settle(due, requeue=True)

    def _pause(self, seconds: float) -> None:
        if not self._connection.read(max(seconds, 0.0)):
            self._connection.beat()
