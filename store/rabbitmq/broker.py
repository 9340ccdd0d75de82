"""A server of RabbitMQ as a broker; the calls that it lacks are refused by its base."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from store import rabbitmq
from store.engine.features import Feature, lacking
from store.engine.places import Place
from store.engine.serving import ServedBatch, ServedBroker
from store.model.messages import MessageId, NewMessage
from store.model.topics import NewRecord, RecordId
from store.rabbitmq.operations import PACE, ServerOperations

if TYPE_CHECKING:
    from store.engine.batches import NamedProducer
    from store.model.exchanges import Placed

_OPTIONS = ("management", "stream", "verify")


class RabbitMQ(ServerOperations, ServedBroker):
    """An open place on a server; the connection is made by the first call that needs it.

    It may be used by one thread at a time.
    """

    # Figures of the server are as old.
    PACE = PACE
    TICK = PACE

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

    def producer(self, name: str) -> rabbitmq.producers.StreamProducer:
        """Begin a named producer of topics; another one of its name is not fenced."""
        return rabbitmq.producers.StreamProducer(self, self._stream_port, name)

    @contextmanager
    def batch(self, producer: NamedProducer | None = None, first: int = 0) -> Iterator[ServedBatch]:
        """Open a block whose messages are confirmed by the time it ends, each by itself."""
        yield ServedBatch(self) if producer is None else _NumberedBatch(self, producer, first)

    def close(self) -> None:
        """Close the connection: what was received and not settled returns to its queue."""
        self._connection.close()
        self._close_management()
        self._close_stream_port()


class _NumberedBatch(ServedBatch):
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
