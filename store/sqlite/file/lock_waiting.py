"""Waits for the lock of a store that end by a timeout or Ctrl-C, as the kernel's own do not.

The kernel keeps those that wait in order, wakes the next one when the lock is released or its
holder dies, and takes a stopped process out of the line. So a thread waits inside `flock`, and the
caller for the thread. When the caller gives up, the thread stays in the line with the descriptor,
until the next wait of this process takes its place over.
"""

from __future__ import annotations

import fcntl
import os
from _thread import allocate_lock, start_new_thread
from collections.abc import Callable
from contextlib import suppress
from threading import TIMEOUT_MAX
from time import monotonic

from store.model.errors import Busy, Hint
from store.sqlite.file.lockfile import WriteLock, pause

# Seconds between two calls of `until`.
_CALL = 0.02


def wait(lock: WriteLock, timeout: float, until: Callable[[], bool] | None) -> None:
    """Take the lock within `timeout` seconds, or raise `Busy` naming the holder's pid.

    The wait ends early when `until`, which is called often, returns True.
    """
    deadline = monotonic() + timeout
    attempt = _resumed(lock) or _Attempt(lock.descriptor, lock.inode)
    try:
        while not attempt.is_done(deadline - monotonic(), until):
            if monotonic() >= deadline or (until is not None and until()):
                raise _busy(lock, timeout)
        while not lock.try_acquire():
            # The thread could not wait.
            if monotonic() >= deadline or (until is not None and until()):
                raise _busy(lock, timeout)
            pause()
    except BaseException:
        if attempt.give_up():
            lock.reopen()
        else:
            lock.release()
        raise


def _busy(lock: WriteLock, timeout: float) -> Busy:
    holder = lock.holder()
    return Busy(
        f"the store is busy: held by pid {holder} for the last {timeout:g} s",
        hint=Hint(f"look at it with: ps -p {holder}; wait longer with {{timeout}}"),
    )


class _Attempt:
    """A thread that waits inside `flock`, for a caller that may give up."""

    def __init__(self, descriptor: int, inode: int) -> None:
        self.descriptor = descriptor
        self.inode = inode
        self._has_begun = self._runs = self._is_over = False
        self._is_wanted = True
        self._state = allocate_lock()
        self._done = allocate_lock()
        self._done.acquire()

    def is_done(self, seconds: float, until: Callable[[], bool] | None) -> bool:
        """Wait for the thread, not beyond the next call of `until`; return whether it is over."""
        if not self._has_begun:
            self._has_begun = True
            try:
                start_new_thread(self._run, ())
            except RuntimeError:
                # The system has no more threads, or the interpreter is ending.
                self._is_over = True
                return True
        longest = TIMEOUT_MAX if until is None else _CALL
        return self._done.acquire(timeout=max(0.0, min(seconds, longest)))

    def give_up(self) -> bool:
        """Leave the descriptor to the thread; return False when that is over already."""
        with self._state:
            if not self._has_begun or self._is_over:
                return False
            self._is_wanted = False
            _given_up.append(self)
        return True

    def resume(self) -> bool:
        """Want the lock again; return whether the thread still waits for it."""
        with self._state:
            if self._is_wanted or self._is_over or not self._runs:
                return False
            self._is_wanted = True
            _given_up.remove(self)
            return True

    def _run(self) -> None:
        self._runs = True
        with suppress(OSError):
            fcntl.flock(self.descriptor, fcntl.LOCK_EX)
        with self._state:
            self._is_over = True
            if self._is_wanted:
                self._done.release()
                return
            with suppress(ValueError):
                _given_up.remove(self)
            os.close(self.descriptor)


_given_up: list[_Attempt] = []


def _resumed(lock: WriteLock) -> _Attempt | None:
    for attempt in list(_given_up):
        if attempt.inode == lock.inode and attempt.resume():
            lock.adopt(attempt.descriptor)
            return attempt
    return None


def _close_inherited() -> None:
    # A child of fork shares the flock that the parent's thread may get.
    for attempt in _given_up:
        os.close(attempt.descriptor)
    _given_up.clear()


os.register_at_fork(after_in_child=_close_inherited)
