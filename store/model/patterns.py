"""Regular expressions that a person typed: no search takes longer than `PATIENCE`.

Python's engine tries every way to share a text among repetitions: `(a+)+$` on forty letters would
take years. A signal can stop it, for which it looks once in 4,096 steps, of which each may go over
the whole text: often enough in a short text. A long one is searched in a process of its own, which
the kernel ends.
"""

from __future__ import annotations

import os
import re
import signal
import threading
from time import monotonic
from types import FrameType

from store.model.errors import BadInput

PATIENCE = 2.0
# 4,096 steps over so many characters take less than a second. A process takes a millisecond or two.
_SHORT = 1 << 14
_FOUND, _NOT_FOUND, _NO_MEMORY = 0, 1, 2
# Without groups two repetitions try at most the cube of so few characters: milliseconds.
_NAME = 255
_REPETITIONS = "*+?{"


class TooSlow(BadInput):
    """The search for a pattern takes too long."""


class Pattern:
    """A regular expression; raises `BadInput` when the text is none."""

    def __init__(self, text: str) -> None:
        self.text = text
        try:
            self._compiled = re.compile(text)
        except (re.error, RecursionError, OverflowError) as error:
            raise BadInput(f"{text!r} is not a regular expression: {error}") from None
        self._is_plain = "(" not in text and sum(map(text.count, _REPETITIONS)) <= 2

    def is_in(self, text: str, place: str) -> bool:
        """Return whether it matches anywhere in a text; raises `TooSlow`, which names the text's
        place.
        """
        if self._is_plain and len(text) <= _NAME:
            return self._compiled.search(text) is not None
        is_watched = threading.current_thread() is threading.main_thread()
        try:
            if is_watched and len(text) <= _SHORT:
                return _watch.search(self._compiled, text)
            return _search_apart(self._compiled, text)
        except TimeoutError:
            raise TooSlow(
                f"the pattern {self.text!r} takes longer than {PATIENCE:g} s for {place}",
                hint="a repetition inside or beside another, as in (a+)+ or .*.*, tries every way"
                " to share the text: leave one out",
            ) from None


class _Watch:
    """An alarm that rings while a search runs, and is set anew only once it has rung.

    Setting it for each search would take longer than most searches.
    """

    def __init__(self) -> None:
        self._began: float | None = None
        self._is_set = False

    def search(self, pattern: re.Pattern[str], text: str) -> bool:
        """Return whether the pattern matches; `TimeoutError` after `PATIENCE`."""
        try:
            self._began = monotonic()
            if not self._is_set:
                signal.signal(signal.SIGALRM, self._ring)
                self._set(PATIENCE)
            return pattern.search(text) is not None
        finally:
            self._began = None

    def _set(self, seconds: float) -> None:
        self._is_set = True
        signal.setitimer(signal.ITIMER_REAL, seconds)

    def _ring(self, _number: int, _frame: FrameType | None) -> None:
        self._is_set = False
        if self._began is None:
            return
        left = self._began + PATIENCE - monotonic()
        if left <= 0:
            raise TimeoutError
        self._set(left)


_watch = _Watch()


def _search_apart(pattern: re.Pattern[str], text: str) -> bool:
    """Search in a process of its own, which an alarm ends without its cooperation."""
    process = os.fork()
    if process == 0:
        _search_and_end(pattern, text)
    try:
        status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    except BaseException:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        raise
    if status == -signal.SIGALRM:
        raise TimeoutError
    if status not in {_FOUND, _NOT_FOUND}:
        raise MemoryError
    return status == _FOUND


def _search_and_end(pattern: re.Pattern[str], text: str) -> None:
    status = _NO_MEMORY
    try:
        # The caller that waits for the answer decides about a Ctrl-C.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, PATIENCE)
        status = _NOT_FOUND if pattern.search(text) is None else _FOUND
    finally:
        os._exit(status)
