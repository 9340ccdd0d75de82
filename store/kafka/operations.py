"""The operator's questions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from store.kafka.shares import ClusterShares
from store.kafka.topology import ClusterTopologies
from store.model.errors import NotFound

if TYPE_CHECKING:
    from store.model.addresses import Kind
    from store.model.maintenance import PlaceStatus

# Seconds between two looks of the dashboard.
PACE = 2.0


class ClusterOperations(ClusterShares, ClusterTopologies):
    """Status, and the names of things."""

    def now(self) -> int:
        """Return this machine's wall clock in milliseconds."""
        return self.wall()

    def status(self) -> PlaceStatus:
        """Return the version of the cluster, and what it holds; records are counted by offsets."""
        from store.model.maintenance import PlaceStatus

        counts = self._topic_partitions()
        bounds = self._bounds([(name, p) for name, number in counts.items() for p in range(number)])
        return PlaceStatus(
            location=self._place.url,
            engine=self.features.engine,
            version=self.features.version,
            topics=len(counts),
            queues=None,
            shares=None,
            groups=None,
            exchanges=None,
            records=sum(end - start for start, end in bounds.values()),
        )

    def kind(self, name: str, *wanted: Kind) -> str | None:
        """Return `topic` for the name of one; raises `NotFound` where one is wanted."""
        if self._count_partitions(name):
            return "topic"
        if self._is_share(name):
            return "share"
        if wanted:
            raise NotFound(f"topic {name} does not exist", hint=f"mq topic create {name}")
        return None
