"""A Kafka cluster as a broker; the calls that it lacks are refused by its base."""

from __future__ import annotations

from collections.abc import Callable

from store.engine.places import Place
from store.engine.serving import ServedBroker
from store.kafka.dead_letters import ClusterDeadLetters
from store.kafka.operations import PACE, ClusterOperations
from store.model.errors import BadInput

_OPTIONS = ("sasl", "verify")


class Kafka(ClusterOperations, ClusterDeadLetters, ServedBroker):
    """An open cluster; a connection is made by the first call that needs one.

    It may be used by one thread at a time.
    """

    PACE = PACE
    # New records are looked for as often.
    TICK = 0.2

    @classmethod
    def open(cls, place: Place, timeout: float, tell: Callable[[str], None]) -> Kafka:
        """Open a place, whose password is asked for at once; `tell` is called with warnings."""
        place.check_options(*_OPTIONS)
        if place.path:
            raise BadInput(f"{place.name} has a path, which means nothing to kafka")
        if place.option("verify", "yes") == "no":
            tell(f"{place.name}: the server's certificate is not verified")
        return cls(place, place.password(), timeout, tell)

    def close(self) -> None:
        """Close the connections; confirmed records stay."""
        self._close_shares()
        self._close_dead_letters()
        self._close_groups()
        self._clients.close()
