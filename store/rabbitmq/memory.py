"""The depths and rates that this process saw in the last ten minutes: the server keeps none."""

from __future__ import annotations

from collections.abc import Iterable
from time import monotonic

from store.model.stalls import BUCKET_SECONDS, Flow
from store.rabbitmq.figures import WatchedQueue

_BUCKETS = 60


class Memory:
    """One sample for each queue and ten seconds, of the last look in them."""

    def __init__(self) -> None:
        self._buckets: dict[int, dict[str, WatchedQueue]] = {}

    def take(self, queues: Iterable[WatchedQueue]) -> None:
        """Keep the figures of a look, and forget those of ten minutes ago."""
        now = self._now()
        self._buckets[now] = {queue.name: queue for queue in queues}
        for bucket in [one for one in self._buckets if one <= now - _BUCKETS]:
            del self._buckets[bucket]

    def flow(self, name: str) -> Flow | None:
        """Return the last ten minutes of a queue, as far as this process saw them."""
        now = self._now()
        seen = [
            self._buckets.get(bucket, {}).get(name) for bucket in range(now - _BUCKETS + 1, now + 1)
        ]
        if not any(seen):
            return None
        return Flow(
            reader=None,
            arrived=tuple(_moved(one and one.incoming) for one in seen),
            left=tuple(_moved(one and one.outgoing) for one in seen),
            backlog=tuple(None if one is None else one.depth for one in seen),
        )

    def _now(self) -> int:
        return int(monotonic()) // BUCKET_SECONDS


def _moved(rate: float | None) -> int | None:
    return None if rate is None else round(rate * BUCKET_SECONDS)
