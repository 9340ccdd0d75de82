"""The progress of long work, as one line on the terminal of stderr, drawn over itself."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from time import monotonic

from mq.cli.diagnostics import SilentProgress
from store.model.text import describe_duration, describe_size, printable

APPEARS_AFTER = 1.0
_REDRAWN_EVERY = 0.1
_CELLS = 20


class ProgressLine(SilentProgress):
    """Shows count, percent, rate and the time left once the work takes over a second.

    It is drawn when work is counted, ten times a second at most, and never by another thread.
    """

    is_shown = True

    def __init__(
        self, label: str, total: int | None = None, *, in_bytes: bool = False,
        clock: Callable[[], float] = monotonic,
    ) -> None:  # fmt: skip
        self._label = printable(label)
        self._total = total
        self._in_bytes = in_bytes
        self._part: Callable[[], float] | None = None
        self._remaining: Callable[[], int] | None = None
        self._clock = clock
        self._began = clock()
        self._drawn_at = self._began + APPEARS_AFTER - _REDRAWN_EVERY
        self._done = 0
        self._width = 0

    def advance(self, count: int) -> None:
        """Count so much more work."""
        self._done += count
        self._draw()

    def at(self, done: int, total: int) -> None:
        """Set the count and the total."""
        if done == 0:
            # Work before the first count says nothing about the rate.
            self._began = self._clock()
        self._done, self._total = done, total
        self._draw()

    def measure(self, part: Callable[[], float]) -> None:
        """Measure progress by this function, between 0 and 1, and not by the count."""
        self._part = part

    def expect(self, remaining: Callable[[], int]) -> None:
        """Call this for the remaining number whenever the line is shown."""
        self._remaining = remaining

    def hide(self) -> None:
        """Hide the line, so that another one can be written."""
        self._write("\r" + " " * self._width + "\r" if self._width else "")
        self._width = 0

    def _draw(self) -> None:
        now = self._clock()
        if now - self._drawn_at < _REDRAWN_EVERY:
            return
        self._drawn_at = now
        line = self._line(now - self._began)[: _columns() - 1]
        self._write("\r" + line + " " * (self._width - len(line)))
        self._width = len(line)

    def _line(self, seconds: float) -> str:
        if self._remaining is not None:
            self._total = self._done + max(0, self._remaining())
        size = describe_size if self._in_bytes else "{:,}".format
        rate = self._done / seconds if seconds > 0 else 0.0
        count, rate_text = size(self._done), f"{size(int(rate))}/s"
        part = self._part_done()
        if part is None:
            return "  ".join([self._label, count, rate_text])
        filled = int(part * _CELLS)
        shown = ["[" + "#" * filled + "." * (_CELLS - filled) + "]", f"{int(part * 100)} %"]
        if self._part is None and self._total is not None:
            count = f"{count} of {size(self._total)}"
        left = [] if part <= 0 else [f"{describe_duration(seconds * (1 - part) / part)} left"]
        return "  ".join([self._label, *shown, count, rate_text, *left])

    def _part_done(self) -> float | None:
        if self._part is not None:
            part = self._part()
        elif self._total:
            part = self._done / self._total
        else:
            return None
        return min(max(part, 0.0), 1.0)

    def _write(self, text: str) -> None:
        try:
            sys.stderr.write(text)
            sys.stderr.flush()
        except OSError:
            # The terminal is gone; the work goes on.
            return


def _columns() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except (OSError, ValueError):
        return 80
