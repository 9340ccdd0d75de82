"""Rates over the last minute, and trends over the last ten."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from store.sqlite.file.database import Snapshot
from store.sqlite.log.samples import BUCKET, BUCKETS, Counter

WINDOW = 60_000


@dataclass(frozen=True, slots=True)
class Movement:
    """By how much counters rose, and in how many seconds."""

    amount: int = 0
    seconds: float = BUCKET / 1000

    @property
    def rate(self) -> float:
        """The amount per second."""
        return self.amount / self.seconds


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

    def movement(self, ids: Iterable[tuple[int, int]]) -> Movement:
        """Return how much counters, with their present values, rose in all within the minute."""
        moved = [(present - self._first[id][1], self._first[id][0]) for id, present in ids
                 if id in self._first]  # fmt: skip
        since = min((at for _, at in moved), default=self._now)
        # The latest sample stands for a whole bucket.
        seconds = max(self._now - since, BUCKET) / 1000
        return Movement(sum(max(0, amount) for amount, _ in moved), seconds)

    def rate(self, id: int, present: int) -> float:
        """Return how much the counter, which is at `present`, rose per second; never negative."""
        if id not in self._first:
            return 0.0
        at, before = self._first[id]
        return max(0, present - before) * 1000 / max(self._now - at, BUCKET)


def growth(arrived: Movement, left: Movement) -> float:
    """Return by how much a backlog changed per second."""
    return (arrived.amount - left.amount) / max(arrived.seconds, left.seconds)


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
