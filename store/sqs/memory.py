"""The depths that this process saw in the last ten minutes: the service keeps none for a look."""

from __future__ import annotations

from collections.abc import Iterable
from time import monotonic

from store.model.queues import QueueStatus
from store.model.stalls import BUCKET_SECONDS, Flow

_BUCKETS = 60
# Buckets over which growth is measured: counts of the service may be a minute old.
_MINUTE = 6


class SeenDepths:
    """The depth of each queue at the last look in each ten seconds."""

    def __init__(self) -> None:
        self._buckets: dict[int, dict[str, int]] = {}

    def take(self, queues: Iterable[QueueStatus]) -> None:
        """Keep the depths of a look, and forget those of ten minutes ago."""
        now = self._now()
        self._buckets[now] = {queue.name: queue.messages for queue in queues}
        for bucket in [one for one in self._buckets if one <= now - _BUCKETS]:
            del self._buckets[bucket]

    def growth(self) -> dict[str, float]:
        """Return by how many messages a second queues grew over the last minute, where known."""
        now = self._now()
        seen = sorted(one for one in self._buckets if one > now - _MINUTE)
        if len(seen) < 2:
            return {}
        first, last = self._buckets[seen[0]], self._buckets[seen[-1]]
        seconds = (seen[-1] - seen[0]) * BUCKET_SECONDS
        return {name: (last[name] - first[name]) / seconds for name in last if name in first}

    def flow(self, name: str) -> Flow | None:
        """Return the depths of a queue; what came and what left can't be told from them."""
        now = self._now()
        depths = tuple(
            self._buckets.get(bucket, {}).get(name) for bucket in range(now - _BUCKETS + 1, now + 1)
        )
        if all(depth is None for depth in depths):
            return None
        unknown = (None,) * _BUCKETS
        return Flow(reader=None, arrived=unknown, left=unknown, backlog=depths)

    def _now(self) -> int:
        return int(monotonic()) // BUCKET_SECONDS
