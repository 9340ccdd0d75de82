"""The base of each group of calls: the connection, the management API and the features."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from time import time
from typing import TYPE_CHECKING, Any

from store import rabbitmq
from store.engine.features import Features, version_of
from store.engine.places import Place
from store.model.errors import NotFound
from store.rabbitmq.connection import Connection
from store.rabbitmq.features import features as features_at
from store.rabbitmq.publishing import Publisher

if TYPE_CHECKING:
    from store.rabbitmq.management import Management

CONTROL = "control"
NO_MANAGEMENT = "none"


class Server:
    """A server of RabbitMQ, of which every group of calls has a part."""

    def __init__(
        self, place: Place, password: str | None, timeout: float, tell: Callable[[str], None]
    ) -> None:
        self._place = place
        self._tell = tell
        self._connection = Connection(place, password, timeout)
        self._login = password, timeout
        self._publisher = Publisher(self._connection)
        self._features: Features | None = None

    @property
    def features(self) -> Features:
        """The features at the version of this server."""
        if self._features is None:
            self._features = features_at(self._connection.version)
        return self._features

    @cached_property
    def _receiver(self) -> rabbitmq.receiving.Deliveries:
        return rabbitmq.receiving.Deliveries(self._connection)

    @cached_property
    def _management(self) -> Management:
        return rabbitmq.management.Management(self._place, *self._login)

    @property
    def _has_management(self) -> bool:
        """Whether the place has a management API, by its own word."""
        return self._place.option("management", "") != NO_MANAGEMENT

    def _close_management(self) -> None:
        if "_management" in self.__dict__:
            self._management.close()

    def wall(self) -> int:
        """Return this machine's wall clock in Unix milliseconds; that of the server is unknown."""
        return round(time() * 1000)

    @property
    def _version(self) -> tuple[int, ...]:
        return version_of(self.features.version)

    def _ready(self, queue: str) -> int:
        """Return how many messages of a queue are ready, as of now; raises `NotFound`."""
        with self._connection.channel(CONTROL, f"queue {queue}") as channel:
            ready: int = channel.queue_declare(queue, passive=True).message_count
        return ready

    def _is_queue(self, name: str) -> bool:
        # A vhost that does not exist is no queue that does not.
        self._connection.open()
        with suppress(NotFound):
            self._ready(name)
            return True
        return False

    def _listed(self, what: str, columns: str) -> list[dict[str, Any]]:
        """Return the queues or exchanges of the vhost with some of their fields."""
        found: list[dict[str, Any]] = self._management.get(
            f"{what}/{{vhost}}", f"the list of {what}", columns=columns
        )
        return found
