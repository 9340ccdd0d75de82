"""The order of the rows of a table: taken once, and kept until a person sorts anew.

Nothing that moves by itself moves a row. A row whose class changes stays where it is; a new row
goes to the end of its class.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any, Protocol, TypeVar

_MOST_FORGOTTEN = 1_000


class Ranked(Protocol):
    """A row with a key and a rank, whose first item is its class."""

    @property
    def key(self) -> str:
        """The key by which the row is known from look to look."""

    @property
    def rank(self) -> tuple[Any, ...]:
        """The values to sort by: the class first; empty for rows that come in their order."""


Row = TypeVar("Row", bound=Ranked)


class FrozenOrder:
    """Arranges rows by the ranks that they had when the order was taken."""

    def __init__(self) -> None:
        self._places: dict[str, tuple[Any, ...]] = {}
        self._rank_of: Callable[[Any], tuple[Any, ...]] = _own_rank
        self.is_stale = False

    def sort_anew(self, rank_of: Callable[[Any], tuple[Any, ...]] | None = None) -> None:
        """Take the order again at the next rows, by this rank or by their own."""
        self._rank_of = rank_of or _own_rank
        self._places = {}

    def arrange(self, rows: Iterable[Row]) -> Sequence[Row]:
        """Return the rows in their order; notes whether they would now be sorted otherwise."""
        ranked = [(self._rank_of(row), row) for row in rows]
        if not all(rank for rank, _ in ranked):
            return [row for _, row in ranked]
        is_first = not self._places
        for number, (rank, row) in enumerate(ranked):
            if row.key not in self._places:
                place = (rank[0], 0, rank) if is_first else (rank[0], 1, self._newest + number)
                self._places[row.key] = place
        if len(self._places) > 2 * len(ranked) + _MOST_FORGOTTEN:
            self._places = {row.key: self._places[row.key] for _, row in ranked}
        ranked.sort(key=lambda each: self._places[each[1].key])
        self.is_stale = any(one[0] > two[0] for one, two in pairwise(ranked))
        return [row for _, row in ranked]

    @property
    def _newest(self) -> int:
        return len(self._places)


def _own_rank(row: Ranked) -> tuple[Any, ...]:
    return row.rank
