"""Waiting for messages and commits: one thread watches the file for all tasks of a store."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from math import inf
from time import monotonic
from typing import TYPE_CHECKING

from store.model.errors import MqError
from store.sqlite.file.waiting import CommitWatcher

if TYPE_CHECKING:
    from store.aio.threads import StoreThreads
    from store.api.store import Store

# Seconds between two calls of a caller's `until`.
_LOOK = 0.02
# Seconds before a reader that was called in vain is called again: doubled each time, up to a limit.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.01, 1.0


class WaitingRoom:
    """The tasks that wait for something to receive, by queue or share, and those for any commit.

    After a commit one read transaction looks for all of them. The first task in line of each name
    that has something is called; once it has received, it calls the next one.
    """

    def __init__(
        self, store: Store, loop: asyncio.AbstractEventLoop, threads: StoreThreads
    ) -> None:
        self._store = store
        self._loop = loop
        self._threads = threads
        self._lines: dict[str, deque[asyncio.Future[bool]]] = {}
        self._listeners: set[asyncio.Future[bool]] = set()
        # By name: how long it rests, and until when.
        self._rests: dict[str, tuple[float, float]] = {}
        self._look: asyncio.Task[None] | None = None
        self._looks_again = False
        self._timer: asyncio.TimerHandle | None = None
        self._watcher: CommitWatcher | None = None
        self._is_closed = False
        self.commits = 0

    async def wait(self, name: str, deadline: float, until: Callable[[], bool] | None) -> bool:
        """Wait until there may be something to receive, or the deadline, or `until()`.

        Return whether a look said so. The deadline is a reading of `time.monotonic()`.
        """
        future = self._loop.create_future()
        line = self._lines.setdefault(name, deque())
        line.append(future)
        is_over = False
        try:
            self.watch()
            self._begin_look()
            await _done(future, deadline, until)
            is_over = True
        finally:
            line.remove(future)
            if not line:
                del self._lines[name]
            elif future.done() and not is_over:
                # It was called and cancelled at the same time.
                self._call(name, future.result())
        return future.done() and future.result()

    async def wait_for_commit(self, deadline: float, until: Callable[[], bool] | None) -> None:
        """Wait for any commit, or the deadline, or `until()`."""
        future = self._loop.create_future()
        self._listeners.add(future)
        try:
            self.watch()
            await _done(future, deadline, until)
        finally:
            self._listeners.discard(future)

    def call_next(self, name: str) -> None:
        """Let the next task that waits for a name look: there may be more."""
        self._rests.pop(name, None)
        self._call(name, False)

    def note_in_vain(self, name: str) -> None:
        """Let a name rest for a moment: a look found it ready, and a receive got nothing."""
        pause, _ = self._rests.get(name, (_FIRST_PAUSE / 2, 0.0))
        pause = min(pause * 2, _LONGEST_PAUSE)
        self._rests[name] = pause, monotonic() + pause

    def watch(self) -> None:
        """Notice commits from now on."""
        if self._watcher is None and not self._is_closed:
            self._watcher = CommitWatcher(self._store._database, self._notice)

    def close(self) -> None:
        """Wake all tasks; those that wait for messages find the store closed."""
        self._is_closed = True
        if self._watcher is not None:
            self._watcher.close()
        if self._timer is not None:
            self._timer.cancel()
        for line in list(self._lines.values()):
            for future in line:
                _resolve(future)
        self._ring()

    def _notice(self) -> None:
        """Ring, from the thread that watches the file."""
        with suppress(RuntimeError):  # the loop was closed
            self._loop.call_soon_threadsafe(self._ring)

    def _ring(self) -> None:
        self.commits += 1
        for future in self._listeners:
            _resolve(future)
        self._begin_look()

    def _begin_look(self) -> None:
        if self._look is not None:
            self._looks_again = True
        elif self._lines and not self._is_closed:
            self._look = self._loop.create_task(self._see())

    async def _see(self) -> None:
        try:
            # Calls that come in the same turn of the loop are answered by one look.
            await asyncio.sleep(0)
            self._looks_again = False
            names = list(self._lines)
            due = await self._threads.read(partial(self._store.due, names))
        except MqError:
            # Each task gets the error from its own call.
            due = dict.fromkeys(names, 0.0)
        finally:
            self._look = None
        soonest, now = inf, monotonic()
        for name, seconds in due.items():
            rest = self._rests.get(name, (0.0, now))[1] - now
            if seconds is not None and seconds <= 0 and rest <= 0:
                self._call(name, True)
            elif seconds is not None:
                soonest = min(soonest, max(seconds, rest))
        if self._looks_again:
            self._begin_look()
        if soonest < inf:
            self._set_timer(soonest)

    def _call(self, name: str, by_look: bool) -> None:
        for future in self._lines.get(name, ()):
            if not future.done():
                future.set_result(by_look)
                return

    def _set_timer(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, self._begin_look)


async def _done(
    future: asyncio.Future[bool], deadline: float, until: Callable[[], bool] | None
) -> None:
    """Wait for the future, the deadline or `until()`."""
    while not future.done() and not (until is not None and until()):
        left = deadline - monotonic()
        if left <= 0:
            return
        pause = left if until is None else min(left, _LOOK)
        await asyncio.wait([future], timeout=None if pause == inf else pause)


def _resolve(future: asyncio.Future[bool]) -> None:
    if not future.done():
        future.set_result(False)
