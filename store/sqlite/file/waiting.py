"""Waits for commits of others: by the caller, or by a thread that reports them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from math import inf
from time import monotonic, sleep

from store.model.errors import MqError
from store.sqlite.file.database import Database

# Seconds between two looks at the store for commits that ring no bell.
_SLOW_LOOK = 1.0
# Seconds between two ends of waits, on a store where commits never pause: they grow while the
# commits are those of others' messages.
_LEAST_BETWEEN, _MOST_BETWEEN = 0.001, 0.025
# Seconds between two calls of `until`, or without a bell between two looks: they grow.
_FIRST_PAUSE, _LONGEST_PAUSE, _LONGEST_MUTE_PAUSE = 0.001, 0.5, 0.025
_GROWTH = 1.5


class _LastWake:
    """When a wait of this store ended last, by the monotonic clock."""

    def __init__(self) -> None:
        self.at = 0.0


def wait_for_commit(
    database: Database,
    since: int,
    deadline: float,
    until: Callable[[], bool] | None = None,
    fruitless: int = 0,
) -> bool:
    """Return True once `database.changed()` differs from `since`, False at the deadline.

    The deadline is a reading of `time.monotonic()`; it is also over when `until` returns True,
    which is called after each signal and at growing intervals of up to half a second. The more
    waits of the caller have ended for nothing, `fruitless`, the longer it leaves commits unseen.
    """
    bell, last = database.bell, database.states[_LastWake]
    least = min(_LEAST_BETWEEN * _GROWTH ** min(fruitless, 100), _MOST_BETWEEN)
    _spread(last.at + least, deadline)
    pause = _FIRST_PAUSE
    longest = _LONGEST_MUTE_PAUSE if bell.is_mute else _LONGEST_PAUSE
    looks = 0.0
    while True:
        now = monotonic()
        if now >= looks:
            seen = bell.listen()
            if database.changed() != since:
                last.at = now
                return True
            looks = now + _SLOW_LOOK
        if now >= deadline or (until is not None and until()):
            return False
        left = min(deadline, looks) - now
        if until is not None or bell.is_mute:
            left, pause = min(left, pause), min(pause * _GROWTH, longest)
        if bell.wait(seen, left):
            looks = 0.0


def _spread(earliest: float, deadline: float) -> None:
    # A waiter of a busy store would otherwise look as often as others commit.
    pause = min(earliest, deadline) - monotonic()
    if pause > 0:
        sleep(pause)


class CommitWatcher:
    """One thread that calls a function soon after commits of other threads and processes.

    It serves a program with many waiters, such as one of asyncio, whose function is
    `partial(loop.call_soon_threadsafe, wake_all)`. Several commits may be one call, at most one in
    a thousandth of a second; each commit after the watcher was made is followed by a call. When
    the store can't be read any more, there is a last call, and the thread ends.
    """

    def __init__(self, database: Database, call: Callable[[], object]) -> None:
        self._database = database
        self._call = call
        self._is_closed = False
        self._watches = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mq commits", daemon=True)
        self._thread.start()
        self._watches.wait()

    def close(self) -> None:
        """End the thread; no call begins after it."""
        self._is_closed = True
        self._database.bell.ring()
        if self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        try:
            with suppress(MqError):
                self._watch()
        finally:
            self._watches.set()
            if not self._is_closed:
                self._call()

    def _watch(self) -> None:
        since = self._database.changed()
        self._watches.set()
        while not self._is_closed:
            if wait_for_commit(self._database, since, inf, self._is_over):
                since = self._database.changed()
                self._call()

    def _is_over(self) -> bool:
        return self._is_closed
