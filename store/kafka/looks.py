"""The last ten minutes of topics and groups as this process saw them: servers keep no rates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from time import monotonic
from typing import NamedTuple

from store.model.stalls import BUCKET_SECONDS, Flow

_BUCKETS = 60
_MINUTE = 60.0
Offsets = Mapping[str, Mapping[int, int]]
"""An offset for each partition of each topic."""


class OffsetsLook(NamedTuple):
    """The ends of partitions, and the positions of each group in them, at one moment."""

    at: float
    ends: Offsets
    read: Mapping[str, Offsets]

    def end(self, topic: str, partition: int | None = None) -> int | None:
        """Return the end of a partition, or the sum of all; `None` where it was not there."""
        return _total(self.ends.get(topic, {}), partition)

    def position(self, group: str, topic: str, partition: int | None = None) -> int | None:
        """Return the position of a group in the same way."""
        return _total(self.read.get(group, {}).get(topic, {}), partition)


class Looks:
    """The last look of each ten seconds."""

    def __init__(self) -> None:
        self._looks: dict[int, OffsetsLook] = {}

    def take(self, look: OffsetsLook) -> None:
        """Keep a look, and forget those of ten minutes ago."""
        bucket = int(look.at) // BUCKET_SECONDS
        self._looks[bucket] = look
        for old in [one for one in self._looks if one < bucket - _BUCKETS]:
            del self._looks[old]

    def rate(self, value: Callable[[OffsetsLook], int | None]) -> float | None:
        """Return by how much a value grew per second over the last minute at most."""
        if not self._looks:
            return None
        last = self._looks[max(self._looks)]
        first = min(one for one in self._looks.values() if one.at >= last.at - _MINUTE)
        before, after = value(first), value(last)
        if before is None or after is None or last.at <= first.at:
            return None
        return (after - before) / (last.at - first.at)

    def flow(self, topic: str, partition: int | None, reader: str | None) -> Flow | None:
        """Return the last ten minutes of a topic as a group sees it, as far as they were seen."""
        now = int(monotonic()) // BUCKET_SECONDS
        looks = [self._looks.get(bucket) for bucket in range(now - _BUCKETS, now + 1)]
        ends = [None if look is None else look.end(topic, partition) for look in looks]
        read = [
            None if look is None or reader is None else look.position(reader, topic, partition)
            for look in looks
        ]
        if not any(end is not None for end in ends):
            return None
        backlog = tuple(
            None if end is None or at is None else max(0, end - at)
            for end, at in zip(ends[1:], read[1:], strict=True)
        )
        return Flow(reader, _differences(ends), _differences(read), backlog)


def _total(offsets: Mapping[int, int], partition: int | None) -> int | None:
    if partition is not None:
        return offsets.get(partition)
    return sum(offsets.values()) if offsets else None


def _differences(values: Sequence[int | None]) -> tuple[int | None, ...]:
    return tuple(
        None if before is None or after is None else max(0, after - before)
        for before, after in pairwise(values)
    )
