"""Turns of the threads of one process at the write lock: first come, first served.

A thread that finds the turn free takes it without this module. `Database.turn` is a lock that its
holder may take again, as that alone says to whom it belongs when Ctrl-C comes between two steps.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING

from store.model.errors import Busy, Hint

if TYPE_CHECKING:
    from store.sqlite.file.database import Database
    from store.sqlite.file.lockfile import WriteLock

# Seconds between two calls of `until`.
_LOOK = 0.02


class Waiter:
    """A thread that waits for its turn, or for another thread to do its work."""

    __slots__ = ("_signal",)

    def __init__(self) -> None:
        self._signal = threading.Lock()
        self._signal.acquire()

    def wake(self) -> None:
        """Let the thread look again."""
        with suppress(RuntimeError):  # it was woken already
            self._signal.release()

    def wait(self, timeout: float) -> None:
        """Wait until the next `wake`, or for so many seconds."""
        self._signal.acquire(timeout=max(0.0, min(timeout, threading.TIMEOUT_MAX)))


def wait(database: Database, timeout: float, until: Callable[[], bool] | None = None) -> float:
    """Take this thread's turn within `timeout` seconds, or raise `Busy`; return the seconds left.

    The wait ends early when `until`, which is called often, returns True.
    """
    if database.leader == threading.get_ident():
        database.turn.acquire()
        return timeout
    began = monotonic()
    if not take(database, Waiter(), timeout, until):
        raise busy(timeout)
    return max(0.0, round(timeout - (monotonic() - began), 1))


def take(
    database: Database,
    waiter: Waiter,
    timeout: float,
    until: Callable[[], bool] | None = None,
    done: Callable[[], bool] | None = None,
) -> bool:
    """Wait for the turn, and return whether this thread has it.

    The wait ends without it after `timeout` seconds, when `until`, which is called often, returns
    True, or when `done` does after `waiter` was woken.
    """
    deadline = monotonic() + timeout
    database.queue.append(waiter)
    try:
        while not (done is not None and done()):
            if _is_first(database, waiter) and database.turn.acquire(False):
                database.queue.popleft()
                return True
            left = deadline - monotonic()
            if left <= 0 or (until is not None and until()):
                break
            waiter.wait(left if until is None else min(left, _LOOK))
    except BaseException:
        _forget(database, waiter)
        leave(database)
        raise
    if _forget(database, waiter):
        call_next(database)
    return False


def leave(database: Database, lock: WriteLock | None = None) -> None:
    """Give the turn up, and the lock of the file, if this thread has them."""
    if lock is not None:
        lock.release()
    with suppress(RuntimeError):  # another thread has it
        database.turn.release()
    call_next(database)


def call_next(database: Database) -> None:
    """Wake the thread whose turn comes next."""
    with suppress(IndexError):
        database.queue[0].wake()


def busy(timeout: float) -> Busy:
    """Return the error of a thread whose turn did not come."""
    return Busy(
        f"the store is busy: other threads of this process wrote for the last {timeout:g} s",
        hint=Hint("wait longer with {timeout}"),
    )


def _is_first(database: Database, waiter: Waiter) -> bool:
    try:
        return database.queue[0] is waiter
    except IndexError:
        return False


def _forget(database: Database, waiter: Waiter) -> bool:
    """Take a thread out of the row; return False where a batch has done so."""
    try:
        database.queue.remove(waiter)
    except ValueError:
        return False
    return True
