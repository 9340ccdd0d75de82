"""The parts of a broker that are the same for every server: looks in time, batches, messages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Event
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, ClassVar, Protocol, Self

from store.engine.broker import Broker
from store.model.errors import secondary_to
from store.model.messages import Message
from store.model.topics import Seconds, in_seconds

if TYPE_CHECKING:
    from store.engine.batches import NamedProducer
    from store.engine.places import Place
    from store.model.exchanges import Placed
    from store.model.messages import MessageId, NewMessage
    from store.model.topics import NewRecord, RecordId

_UNTIL = 0.05


class ServedBroker(Broker, Protocol):
    """A broker on a server, which tells of no commit: a new look is worth it after a while.

    `PACE` is the least seconds between two looks, and `TICK` those of a wait for news.
    """

    PACE: ClassVar[float]
    TICK: ClassVar[float]
    _place: Place

    @property
    def location(self) -> str:
        """The place as people name it."""
        return self._place.name

    @property
    def pace(self) -> float:
        """The least seconds between two looks."""
        return self.PACE

    def monotonic(self) -> int:
        """Return milliseconds by a clock that is never set."""
        return round(monotonic() * 1000)

    @contextmanager
    def batch(self, producer: NamedProducer | None = None, first: int = 0) -> Iterator[ServedBatch]:
        """Open a block whose messages are confirmed by the time it ends, each by itself."""
        yield ServedBatch(self)

    def changed(self) -> int:
        """Return a number that differs once a new look may show something new."""
        return int(monotonic() / self.TICK)

    def wait(self, since: int, timeout: Seconds, until: Callable[[], bool] | None = None) -> bool:
        """Wait up to `timeout` seconds until a new look may show something new."""
        deadline = monotonic() + in_seconds(timeout)
        while self.changed() == since:
            left = deadline - monotonic()
            if left <= 0 or (until is not None and until()):
                return False
            Event().wait(min(left, _UNTIL))
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with secondary_to(error):
            self.close()


class ServedBatch:
    """Messages and records of one block; each call returns once its own are confirmed."""

    def __init__(self, server: Broker) -> None:
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


class ServedMessage(Message):
    """A message of a server, which numbers none: its address is its queue and its id."""

    @property
    def address(self) -> str:
        """`queue id`."""
        return f"{self.queue} {self.id}"
