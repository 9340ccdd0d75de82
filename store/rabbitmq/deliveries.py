"""Sending to queues, and receiving from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from threading import Event
from time import monotonic
from typing import TYPE_CHECKING

import amqp

from store import rabbitmq
from store.engine.features import Feature, lacking
from store.model.encoding import given_list
from store.model.errors import BadInput, Conflict, MqError, QueueFull, Unreachable
from store.model.messages import Message, MessageId, NewMessage
from store.model.text import counted
from store.model.topics import Headers, Seconds, Timestamp, in_seconds
from store.rabbitmq.base import Server
from store.rabbitmq.errors import missing
from store.rabbitmq.messages import encoded

if TYPE_CHECKING:
    from store.rabbitmq.receiving import Wanted

_LONGEST_PAUSE = 30.0
_UNTIL = 0.05
# Seconds within which the active consumer of a queue is sent what is there.
_TURN = 0.5


class ServerDeliveries(Server):
    """Messages sent, received and settled."""

    def send(
        self,
        queue: str,
        value: bytes | str | None,
        *,
        key: bytes | str | None = None,
        headers: Headers | None = None,
        timestamp: Timestamp | None = None,
        delay: Seconds | None = None,
        message_group: str | None = None,
        dedup_id: str | None = None,
        priority: int = 0,
        ttl: Seconds | None = None,
    ) -> MessageId:
        """Send one message; it is on the disks of a majority when the call returns."""
        message = NewMessage(
            value, key, headers, timestamp, delay, message_group, dedup_id, priority, ttl
        )
        return self.send_many(queue, [message])[0]

    def send_many(
        self, queue: str, messages: Iterable[NewMessage | bytes | str]
    ) -> list[MessageId]:
        """Send messages, each confirmed by itself: an error leaves the confirmed ones stored.

        Raises `NotFound` without the queue, and `QueueFull` where it refuses any.
        """
        given = [
            one if isinstance(one, NewMessage) else NewMessage(one)
            for one in given_list(messages, "messages")
        ]
        ready = [one for _, one in encoded(given, self.features, self.wall())]
        result = self._publisher.publish("", [(queue, one) for one in ready])
        if result.returned:
            raise missing(f"queue {queue}")
        if result.refused:
            self._raise_full(f"queue {queue}", len(result.refused), len(ready))
        return [MessageId(queue, id_of(one), None) for one in ready]

    def receive(
        self,
        queue: str,
        max_messages: int = 1,
        wait: Seconds | None = None,
        lease: Seconds | None = None,
        *,
        holder: str | None = None,
        attached: bool = False,
        prefetch: int | None = None,
        auto_ack: bool = False,
        until: Callable[[], bool] | None = None,
    ) -> list[Message]:
        """Receive up to `max_messages` messages, held until they are settled or this is closed.

        With `attached` a consumer stays on the queue, which is pushed as many. With `auto_ack` they
        are acknowledged before the call returns.
        """
        if lease is not None:
            raise lacking(self, Feature.LEASE)
        if max_messages < 1:
            raise BadInput(f"at least 1 message can be received, not {max_messages}")
        seconds, ends = in_seconds(wait or 0.0), until or _never
        wanted = rabbitmq.receiving.Wanted(queue, max_messages, prefetch or max_messages, attached)
        if attached and seconds and not auto_ack:
            return self._consume(wanted, seconds, ends)
        messages = self._fetch(wanted, seconds, ends)
        return self._acknowledged(messages) if auto_ack else messages

    @cached_property
    def _consumed_alone(self) -> set[str]:
        """The queues with a single active consumer, from which nothing can be fetched."""
        return set()

    def _fetch(self, wanted: Wanted, seconds: float, ends: Callable[[], bool]) -> list[Message]:
        if wanted.queue not in self._consumed_alone:
            try:
                return self._receiver.fetch(wanted, seconds, ends)
            except Conflict:
                self._consumed_alone.add(wanted.queue)
        # Whether it is this consumer's turn shows only by what comes.
        return self._receiver.consume(wanted, max(seconds, _TURN), ends)

    def _acknowledged(self, messages: Sequence[Message]) -> list[Message]:
        self._receiver.ack([message.receipt for message in messages if message.receipt])
        return [
            message._replace(state="acknowledged", receipt=None, lease_expires=None, holder=None)
            for message in messages
        ]

    def leave(self, queue: str, holder: str | None = None) -> None:
        """End the consumer of a queue: where one is active at a time, the next takes over."""
        self._receiver.leave(queue)

    def ack(self, receipts: Sequence[str]) -> None:
        """Acknowledge messages that this object received; repeating it is no error."""
        self._check_receipts(receipts)
        self._receiver.ack(receipts)

    def nack(
        self, receipts: Sequence[str], delay: Seconds | None = None, error: str | None = None
    ) -> None:
        """Give messages back; a reader that stays may hold them for `delay` seconds first."""
        self._check_receipts(receipts)
        seconds = in_seconds(delay or 0.0)
        if not seconds:
            self._receiver.settle(receipts, requeue=True)
            return
        if not all(map(self._receiver.is_held, receipts)):
            raise lacking(self, Feature.RETURN_LATER)
        self._receiver.return_later(receipts, seconds)

    def reject(self, receipts: Sequence[str], error: str | None = None) -> None:
        """Refuse messages for good: they go to the DLQ, or are dropped; the error is not kept."""
        self._check_receipts(receipts)
        self._receiver.settle(receipts, requeue=False)

    def extend(self, receipts: Sequence[str], duration: Seconds) -> None:
        """Keep the connection alive for a reader that stays: what it holds lasts as long."""
        self._check_receipts(receipts)
        if not all(map(self._receiver.is_held, receipts)):
            raise lacking(self, Feature.LEASE)
        self._receiver.keep()

    def unreceive(self, receipts: Sequence[str]) -> None:
        """Give messages back that were not begun; the server counts the delivery all the same."""
        self._check_receipts(receipts)
        self._receiver.settle(receipts, requeue=True)

    def _consume(self, wanted: Wanted, seconds: float, ends: Callable[[], bool]) -> list[Message]:
        """Consume for a reader that stays: it outlives the end of a connection."""
        try:
            return self._receiver.consume(wanted, seconds, ends)
        except Unreachable as error:
            self._reconnect(error, ends)
            return []

    def _reconnect(self, error: MqError, ends: Callable[[], bool]) -> None:
        """Connect again, at longer and longer intervals, until it works or `ends` is true."""
        self._tell(f"{error.message}; connecting again")
        self._connection.close()
        self._receiver.forget()
        pause = 1.0
        from random import random

        while not ends():
            self._pause(pause * (0.5 + random() / 2), ends)
            try:
                self._tell(f"connected again, to version {self._connection.version}")
                return
            except Unreachable:
                pause = min(pause * 2, _LONGEST_PAUSE)

    def _pause(self, seconds: float, ends: Callable[[], bool]) -> None:
        deadline = monotonic() + seconds
        while (left := deadline - monotonic()) > 0 and not ends():
            Event().wait(min(left, _UNTIL))

    def _check_receipts(self, receipts: Sequence[str]) -> None:
        if not all(map(self._receiver.knows, receipts)):
            raise lacking(self, Feature.RECEIPTS)

    def _raise_full(self, subject: str, refused: int, total: int) -> None:
        raise QueueFull(
            f"{subject} refused {refused:,} of {counted(total, 'message')}: a limit is reached",
            hint="the others are stored; read some, or raise max_length",
        )


def id_of(message: amqp.Message) -> str:
    """Return the id of a message that was sent."""
    return str(message.properties["message_id"])


def _never() -> bool:
    return False
