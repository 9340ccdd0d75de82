"""A Kafka cluster as a broker; the calls that it lacks are refused by its base."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Event
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING

from store.engine.broker import Broker
from store.engine.features import Feature, lacking
from store.engine.places import Place
from store.kafka.dead_letters import ClusterDeadLetters
from store.kafka.operations import PACE, ClusterOperations
from store.model.errors import BadInput, secondary_to
from store.model.topics import NewRecord, RecordId, Seconds, in_seconds

if TYPE_CHECKING:
    from store.engine.batches import NamedProducer
    from store.model.exchanges import Placed
    from store.model.messages import MessageId, NewMessage

# Seconds between two looks for new records.
_TICK = 0.2
_UNTIL = 0.05
_OPTIONS = ("sasl", "verify")


class Kafka(ClusterOperations, ClusterDeadLetters, Broker):
    """An open cluster; a connection is made by the first call that needs one.

    It may be used by one thread at a time.
    """

    @classmethod
    def open(cls, place: Place, timeout: float, tell: Callable[[str], None]) -> Kafka:
        """Open a place, whose password is asked for at once; `tell` is called with warnings."""
        place.check_options(*_OPTIONS)
        if place.path:
            raise BadInput(f"{place.name} has a path, which means nothing to kafka")
        if place.option("verify", "yes") == "no":
            tell(f"{place.name}: the server's certificate is not verified")
        return cls(place, place.password(), timeout, tell)

    @property
    def location(self) -> str:
        """The place as people name it."""
        return self._place.name

    @property
    def pace(self) -> float:
        """The least seconds between two looks of the dashboard."""
        return PACE

    def monotonic(self) -> int:
        """Return milliseconds by a clock that is never set."""
        return round(monotonic() * 1000)

    @contextmanager
    def batch(self, producer: NamedProducer | None = None, first: int = 0) -> Iterator[_Batch]:
        """Open a block whose records are confirmed by the time it ends, each by itself."""
        yield _Batch(self)

    def changed(self) -> int:
        """Return a number that differs once a new look may show something new."""
        return int(monotonic() / _TICK)

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
        """Close the connections; confirmed records stay."""
        self._close_shares()
        self._close_dead_letters()
        self._close_groups()
        self._clients.close()

    def __enter__(self) -> Kafka:
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
    """Records of one block; each call returns once its own are confirmed."""

    def __init__(self, cluster: Kafka) -> None:
        self._cluster = cluster

    def produce(self, topic: str, records: Sequence[NewRecord]) -> list[RecordId]:
        """Append records to a topic."""
        return self._cluster.produce_many(topic, records)

    def send(self, queue: str, messages: Sequence[NewMessage]) -> list[MessageId]:
        """Refuse: there are no queues."""
        raise lacking(self._cluster, Feature.QUEUES)

    def publish(self, exchange: str, messages: Sequence[NewMessage]) -> list[list[Placed]]:
        """Refuse: there are no exchanges."""
        raise lacking(self._cluster, Feature.EXCHANGES)
