"""Publishing with confirms: what is confirmed is stored, the rest is refused or unknown."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic
from typing import NamedTuple

import amqp

from store.model.errors import MqError, OutcomeUnknown, StoreFull, Unavailable
from store.model.text import counted
from store.rabbitmq.connection import Connection
from store.rabbitmq.errors import ConnectionLost

_PURPOSE = "publish"
# Confirms are read in between, so that neither side waits for the other.
_UNREAD = 256


class PublishOutcome(NamedTuple):
    """Which messages, by their number, were confirmed, refused, or returned as unroutable."""

    confirmed: set[int]
    refused: set[int]
    returned: set[int]


class Publisher:
    """The publishing channel of a connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._channel: amqp.Channel | None = None
        self._last = 0
        self._open: dict[int, int] = {}
        self._by_id: dict[str, int] = {}
        self._result = PublishOutcome(set(), set(), set())

    def publish(
        self, exchange: str, messages: Sequence[tuple[str, amqp.Message]]
    ) -> PublishOutcome:
        """Send messages, each with its routing key, and wait for the confirm of each.

        Raises `OutcomeUnknown` when the connection ends before the confirms, and `StoreFull` while
        the server takes none because of an alarm.
        """
        subject = f"exchange {exchange}"
        with self._connection.channel(_PURPOSE, subject) as channel:
            self._begin(channel)
        if self._connection.blocked:
            raise StoreFull(f"{self._connection.place.name}: {self._connection.blocked}")
        try:
            self._send(exchange, messages, subject)
            self._wait(subject)
        except (ConnectionLost, Unavailable) as error:
            raise self._unknown(error, len(messages)) from error
        return self._result

    def _begin(self, channel: amqp.Channel) -> None:
        self._open, self._by_id = {}, {}
        self._result = PublishOutcome(set(), set(), set())
        if channel is self._channel:
            return
        channel.confirm_select()
        channel.events["basic_ack"].add(self._acked)
        channel.events["basic_nack"].add(self._nacked)
        channel.events["basic_return"].add(self._came_back)
        self._channel, self._last = channel, 0

    def _send(
        self, exchange: str, messages: Sequence[tuple[str, amqp.Message]], subject: str
    ) -> None:
        for number, (key, message) in enumerate(messages):
            self._last += 1
            self._open[self._last] = number
            self._by_id[message.properties["message_id"]] = number
            with self._connection.channel(_PURPOSE, subject) as channel:
                channel.basic_publish(message, exchange, key, mandatory=True)
            while number % _UNREAD == _UNREAD - 1 and self._connection.read(0, subject):
                pass

    def _wait(self, subject: str) -> None:
        deadline = monotonic() + self._connection.timeout
        while self._open:
            if not self._connection.read(min(1.0, deadline - monotonic()), subject):
                self._connection.beat()
            elif self._channel is not None and not self._channel.is_open:
                raise MqError(f"{subject}: its channel was closed")
            if monotonic() > deadline:
                reason = self._connection.blocked or "no confirm in time"
                raise Unavailable(f"{self._connection.place.name}: {reason}")

    def _acked(self, tag: int, multiple: bool) -> None:
        self._result.confirmed.update(self._settled(tag, multiple) - self._result.returned)

    def _nacked(self, tag: int, multiple: bool) -> None:
        self._result.refused.update(self._settled(tag, multiple))

    def _settled(self, tag: int, multiple: bool) -> set[int]:
        tags = [one for one in self._open if one <= tag] if multiple else [tag]
        return {self._open.pop(one) for one in tags if one in self._open}

    def _came_back(
        self, error: Exception, exchange: str, routing_key: str, message: amqp.Message
    ) -> None:
        number = self._by_id.get(message.properties.get("message_id", ""))
        if number is not None:
            self._result.returned.add(number)

    def _unknown(self, error: MqError, total: int) -> OutcomeUnknown:
        confirmed = len(self._result.confirmed)
        return OutcomeUnknown(
            f"{error.message}; {confirmed:,} of {counted(total, 'message')} confirmed,"
            " the others may be stored or not",
            hint="send those again, if storing them twice does no harm",
        )
