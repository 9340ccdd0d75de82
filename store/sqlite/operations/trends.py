"""Rates over the last minute, and trends over the last ten."""

from __future__ import annotations

from collections.abc import Iterable

from store.sqlite.file.database import Snapshot
from store.sqlite.log.samples import BUCKET, BUCKETS, Counter

WINDOW = 60_000


class Rates:
    """The movement per second in the last minute, for all counters of one sort, or some of them."""

    def __init__(self, tx: Snapshot, counter: Counter, ids: Iterable[int] | None = None) -> None:
        some = "" if ids is None else "and subject_id in (select value from json_each(:ids))"
        self._now = tx.now
        self.since = tx.now - WINDOW
        # With min() SQLite takes the other columns from the row that has the minimum.
        self._first: dict[int, tuple[int, int]] = {
            id: (at, before)
            for id, at, before in tx.rows(
                "select subject_id, min(at), counter from mq_samples"
                f" where subject = :counter {some} and at > :since group by subject_id",
                {"counter": counter, "since": self.since, "ids": f"{list(ids or ())}"},
            )
        }

    def rate(self, id: int, present: int) -> float:
        """Return how much the counter, which is at `present`, rose per second; never negative."""
        if id not in self._first:
            return 0.0
        at, before = self._first[id]
        # The latest sample stands for a whole bucket.
        return max(0, present - before) * 1000 / max(self._now - at, BUCKET)


class Trends:
    """The movement in each of the last 60 times ten seconds, of all or some counters of a sort."""

    def __init__(self, tx: Snapshot, counter: Counter, ids: Iterable[int] | None = None) -> None:
        some = "" if ids is None else "and subject_id in (select value from json_each(:ids))"
        self._last = tx.now // BUCKET
        self._samples: dict[int, list[tuple[int, int]]] = {}
        for id, at, before in tx.rows(
            f"select subject_id, at, counter from mq_samples where subject = :counter {some}"
            " and at >= :since order by at",
            {
                "counter": counter,
                "since": (self._last - BUCKETS + 1) * BUCKET,
                "ids": f"{list(ids or ())}",
            },
        ):
            self._samples.setdefault(id, []).append((at // BUCKET, before))

    def trend(self, id: int, present: int) -> tuple[int, ...]:
        """Return the amounts, oldest first; empty where nothing moved."""
        samples = self._samples.get(id)
        if samples is None:
            return ()
        moved = [0] * BUCKETS
        after = present
        for bucket, before in reversed(samples):
            moved[bucket - self._last - 1] = max(0, after - before)
            after = before
        return tuple(moved)
