"""The thresholds of stalls, and data shared by their searches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from store.sqlite import operations
from store.sqlite.file.database import Snapshot
from store.sqlite.log.samples import Counter

if TYPE_CHECKING:
    from store.model.stalls import Cause
    from store.sqlite.operations.trends import Rates


class Terms:
    """The thresholds in milliseconds, and the rates, which are read at their first use."""

    def __init__(self, tx: Snapshot, over: float, idle_after: float) -> None:
        self._tx = tx
        self.over = round(over * 1000)
        self.idle_after = round(idle_after * 1000)
        self._rates: dict[Counter, Rates] = {}

    def threshold(self, cause: Cause) -> int:
        """Return the milliseconds without movement that count as a stall."""
        return self.idle_after if cause == "unassigned" else self.over

    def arriving(self, counter: Counter, id: int, present: int) -> float:
        """Return the arrivals per second."""
        if counter not in self._rates:
            self._rates[counter] = operations.trends.Rates(self._tx, counter)
        return self._rates[counter].rate(id, present)
