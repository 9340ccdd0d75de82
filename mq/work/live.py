"""A worker that a person watches: one line of numbers, and each error once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from mq.cli.bottom_line import BottomLine
from mq.cli.diagnostics import Diagnostics
from store.model.letter_groups import normalise_error

# Seconds: shorter work shows no line, and the line follows at this pace.
_APPEARS_AFTER = 1.0
REDRAWN_EVERY = 1.0
_LEAST_PAUSE = 0.1


class LiveWork:
    """Shows what a worker has done, and tells the errors that it has not told before."""

    def __init__(self, source: str, clock: Callable[[], float] = monotonic) -> None:
        self._source = source
        self._clock = clock
        self._began = clock()
        self._next = self._began + _APPEARS_AFTER
        self._line = BottomLine()
        self._errors: set[str] = set()

    def update(self, done: int, failed: int, running: int) -> None:
        """Show the numbers, once the work takes over a second."""
        now = self._clock()
        if now < self._next:
            return
        self._next = now + _LEAST_PAUSE
        seconds = now - self._began
        parts = [
            f"work {self._source}",
            f"{done:,} done",
            f"{failed:,} failed",
            f"{running:,} running",
            f"{(done + failed) / seconds:,.1f}/s",
        ]
        self._line.show("  ".join(parts))

    def is_new(self, error: str) -> bool:
        """Return whether no error like this was told: one that differs in more than numbers."""
        kind = normalise_error(error)
        is_new = kind not in self._errors
        self._errors.add(kind)
        return is_new

    def close(self) -> None:
        """Give the line back."""
        self._line.close()


@contextmanager
def live_work(source: str, diagnostics: Diagnostics) -> Iterator[LiveWork | None]:
    """Show the work in the block where a person watches stderr, else None."""
    if diagnostics.quiet or not diagnostics.is_terminal or os.environ.get("TERM") == "dumb":
        yield None
        return
    live = LiveWork(source)
    try:
        yield live
    finally:
        live.close()
