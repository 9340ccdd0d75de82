"""A server of RabbitMQ as a broker; the calls that it lacks are refused by its base."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Event
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING

from store import rabbitmq
from store.engine.broker import Broker
from store.engine.features import Feature, lacking
from store.engine.places import Place
from store.model.errors import secondary_to
from store.model.messages import MessageId, NewMessage
from store.model.topics import NewRecord, RecordId, Seconds, in_seconds
from store.rabbitmq.operations import PACE, ServerOperations

if TYPE_CHECKING:
    from store.engine.batches import NamedProducer
    from store.model.exchanges import Placed

_UNTIL = 0.05
_OPTIONS = ("management", "stream", "verify")


class RabbitMQ(ServerOperations, Broker):
    """An open place on a server; the connection is made by the first call that needs it.

    It may be used by one thread at a time.
    """

    @classmethod
    def open(cls, place: Place, timeout: float, tell: Callable[[str], None]) -> RabbitMQ:
        """Open a place, whose password is asked for at once; `tell` is called with warnings."""
        place.check_options(*_OPTIONS)
        if place.option("verify", "yes") == "no":
            tell(f"{place.name}: the server's certificate is not verified")
        password = place.password()
        if password is None and place.user in {None, "guest"}:
            password = "guest"
        return cls(place, password, timeout, tell)

    @property
    def location(self) -> str:
        """The place as people name it."""
        return self._place.name

    @property
    def pace(self) -> float:
        """The least seconds between two looks: figures of the server are as old."""
        return PACE

    def monotonic(self) -> int:
        """Return milliseconds by a clock that is never set."""
        return round(monotonic() * 1000)

    def producer(self, name: str) -> rabbitmq.producers.StreamProducer:
        """Begin a named producer of topics; another one of its name is not fenced."""
        return rabbitmq.producers.StreamProducer(self, self._stream_port, name)

    @contextmanager
    def batch(self, producer: NamedProducer | None = None, first: int = 0) -> Iterator[_Batch]:
        """Open a block whose messages are confirmed by the time it ends, each by itself."""
        yield _Batch(self) if producer is None else _NumberedBatch(self, producer, first)

    def changed(self) -> int:
        """Return a number that differs once a new look may show something new."""
        return int(monotonic() / PACE)

    def wait(self, since: int, timeout: Seconds, until: Callable[[], bool] | None = None) -> bool:
        """Wait up to `timeout` seconds until a new look may show something new."""
        deadline = monotonic() + in_seconds(timeout)
        while self.changed() == since:
            left = deadline - monotonic()
            if left <= 0 or (until is not None and until()):
                return False
            Event().wait(min(left, _UNTIL))
        return True

    def close(self) -> None:
        """Close the connection: what was received and not settled returns to its queue."""
        self._connection.close()
        self._close_management()
        self._close_stream_port()

    def __enter__(self) -> RabbitMQ:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with secondary_to(error):
            self.close()


class _Batch:
    """Messages of one block; each call returns once its own are confirmed."""

    def __init__(self, server: RabbitMQ) -> None:
        self._server = server

    def produce(self, topic: str, records: Sequence[NewRecord]) -> list[RecordId]:
        """Append records to a topic."""
        return self._server.produce_many(topic, records)

    def send(self, queue: str, messages: Sequence[NewMessage]) -> list[MessageId]:
        """Send messages to a queue."""
        return self._server.send_many(queue, messages)

    def publish(self, exchange: str, messages: Sequence[NewMessage]) -> list[list[Placed]]:
        """Publish messages through an exchange."""
        return self._server.publish_many(exchange, messages)


class _NumberedBatch(_Batch):
    """Records of a named producer; a queue has no numbers, and refuses them."""

    def __init__(self, server: RabbitMQ, producer: NamedProducer, first: int) -> None:
        super().__init__(server)
        self._producer = producer
        self._first = first

    def produce(self, topic: str, records: Sequence[NewRecord]) -> list[RecordId]:
        """Append the records that are not stored yet to a topic."""
        return self._producer.produce_many(topic, records, self._first)

    def send(self, queue: str, messages: Sequence[NewMessage]) -> list[MessageId]:
        """Refuse it: a queue stores what is sent twice twice."""
        raise lacking(self._server, Feature.DEDUP)

    def publish(self, exchange: str, messages: Sequence[NewMessage]) -> list[list[Placed]]:
        """Refuse it, as `send`."""
        raise lacking(self._server, Feature.DEDUP)
