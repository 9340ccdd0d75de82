"""A line at the foot of the terminal of stderr; everything else scrolls above it."""

from __future__ import annotations

import os
import sys

# Save and restore the cursor, as every terminal since the VT100 does.
_SAVE, _RESTORE = "\x1b7", "\x1b8"
_LEAST_ROWS = 4


class BottomLine:
    """Keeps the last row of the terminal for one line, by a scrolling region above it.

    So commands that share the terminal can write at any time without tearing it.
    """

    def __init__(self) -> None:
        self._size = os.terminal_size((0, 0))
        self._text = ""

    def show(self, text: str) -> None:
        """Show this text, cut to the width; a changed size of the terminal is noticed."""
        size = _terminal_size()
        if size.lines < _LEAST_ROWS or (text == self._text and size == self._size):
            return
        begin = "" if size == self._size else _begin(size)
        self._size, self._text = size, text
        shown = text[: size.columns - 1]
        _write(f"{begin}{_SAVE}\x1b[{size.lines};1H\x1b[2K{shown}{_RESTORE}")

    def close(self) -> None:
        """Give the row back."""
        if self._size.lines:
            _write(f"{_SAVE}\x1b[r\x1b[{self._size.lines};1H\x1b[2K{_RESTORE}")
            self._size = os.terminal_size((0, 0))


def _begin(size: os.terminal_size) -> str:
    # A cursor in the last row would stay there: the empty line moves it up with what is shown.
    return f"\n{_SAVE}\x1b[1;{size.lines - 1}r{_RESTORE}\x1b[1A"


def _terminal_size() -> os.terminal_size:
    try:
        return os.get_terminal_size(sys.stderr.fileno())
    except (OSError, ValueError):
        return os.terminal_size((0, 0))


def _write(text: str) -> None:
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        # The terminal is gone; the work goes on.
        return
