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
from time import monotonic, sleep

from store.model.errors import Busy, Hint
from store.sqlite.file.lockfile import WriteLock

# Seconds between two calls of `until`, and between two announcements: one may be overwritten.
_CALL, _ANNOUNCEMENT = 0.02, 0.1
# Seconds for which a holder takes the lock again and again while others wait. Then it gives them so
# many seconds to take it. If none does, because the processors have other work, it goes on, and
# gives them twice as many the next time; some times later it thinks them dead.
_SLICE, _SLICES = 0.004, 10
_GRACE, _LONGEST_GRACE = 0.0002, 0.02
# Seconds between two looks where no other wait is to be had.
_LONGEST_PAUSE = 0.004


class Slice:
    """The time of a holder that comes back for the lock while others wait for it."""

    def __init__(self) -> None:
        self._end = monotonic() + _SLICE
        self._left = _SLICES
        self._grace = _GRACE

    def is_used_up(self) -> bool:
        """Let others go first at the end of the time; return whether none has come for long."""
        if monotonic() < self._end:
            return False
        sleep(self._grace)
        self._grace = min(self._grace * 2, _LONGEST_GRACE)
        self._left -= 1
        self._end = monotonic() + _SLICE
        return not self._left


def wait(lock: WriteLock, timeout: float, until: Callable[[], bool] | None) -> None:
    """Take the lock within `timeout` seconds, or raise `Busy` naming the holder's pid.

    The wait ends early when `until`, which is called often, returns True.
    """
    deadline = monotonic() + timeout
    waiter = _resumed(lock) or _idle_waiter()
    try:
        waiter.begin(lock)
        lock.slice = None
        lock.announce()
        while not (waiter.is_done(deadline - monotonic(), until) and lock.try_acquire()):
            if monotonic() >= deadline or (until is not None and until()):
                raise _busy(lock, timeout)
            lock.announce()
    except BaseException:
        if waiter.give_up():
            lock.reopen()
        else:
            lock.release()
        raise
    _idle.append(waiter)


def poll(lock: WriteLock, timeout: float) -> None:
    """Take the lock within `timeout` seconds, or raise `Busy`, and leave nothing in the line.

    A process that ends must not have the lock once more, for nothing, when another one closes.
    """
    deadline = monotonic() + timeout
    while not lock.try_acquire():
        if monotonic() >= deadline:
            raise _busy(lock, timeout)
        pause()


def pause() -> None:
    """Wait for a short random time before the next look."""
    # Few processes ever have to wait, so few load this.
    from random import random

    sleep(random() * _LONGEST_PAUSE)


def _busy(lock: WriteLock, timeout: float) -> Busy:
    holder = lock.holder()
    return Busy(
        f"the store is busy: held by pid {holder} for the last {timeout:g} s",
        hint=Hint(f"look at it with: ps -p {holder}; wait longer with {{timeout}}"),
    )


class _Waiter:
    """A thread that waits inside `flock`, for one caller after another; each may give up."""

    def __init__(self) -> None:
        self.descriptor = self.inode = -1
        self._has_thread = self._has_begun = self._runs = self._is_over = False
        self._is_wanted = True
        self._state = allocate_lock()
        self._go = allocate_lock()
        self._done = allocate_lock()
        self._go.acquire()
        self._done.acquire()

    def begin(self, lock: WriteLock) -> None:
        """Let the thread wait for the lock, if it does not yet."""
        if self._has_begun:
            return
        self.descriptor, self.inode = lock.descriptor, lock.inode
        self._is_over = False
        if not self._has_thread:
            try:
                start_new_thread(self._run, ())
            except RuntimeError:
                # The system has no more threads, or the interpreter is ending.
                return
            self._has_thread = True
        self._has_begun = True
        self._go.release()

    def is_done(self, seconds: float, until: Callable[[], bool] | None) -> bool:
        """Wait for the thread, not beyond the next call of `until`; return whether it is over.

        Without a thread it is over after a short pause.
        """
        if not self._has_begun:
            pause()
            return True
        longest = _ANNOUNCEMENT if until is None else _CALL
        if not self._done.acquire(timeout=max(0.0, min(seconds, longest))):
            return False
        self._has_begun = False
        return True

    def give_up(self) -> bool:
        """Leave the descriptor to the thread; return False when it does not wait any more."""
        with self._state:
            if self._has_begun and not self._is_over:
                self._is_wanted = False
                _given_up.append(self)
                return True
        self._has_begun = False
        self._done.acquire(blocking=False)
        _idle.append(self)
        return False

    def resume(self) -> bool:
        """Want the lock again; return whether the thread still waits for it."""
        with self._state:
            if self._is_wanted or not self._runs:
                return False
            self._is_wanted = True
            _given_up.remove(self)
            return True

    def _run(self) -> None:
        while True:
            self._go.acquire()
            self._runs = True
            with suppress(OSError):
                fcntl.flock(self.descriptor, fcntl.LOCK_EX)
            with self._state:
                self._runs, self._is_over = False, True
                if self._is_wanted:
                    self._done.release()
                    continue
                _given_up.remove(self)
                os.close(self.descriptor)
                self._has_begun, self._is_wanted = False, True
            _idle.append(self)


_idle: list[_Waiter] = []
_given_up: list[_Waiter] = []


def _idle_waiter() -> _Waiter:
    try:
        return _idle.pop()
    except IndexError:
        return _Waiter()


def _resumed(lock: WriteLock) -> _Waiter | None:
    for waiter in list(_given_up):
        if waiter.inode == lock.inode and waiter.resume():
            lock.adopt(waiter.descriptor)
            return waiter
    return None


def _close_inherited() -> None:
    # A child of fork shares the flock that the parent's thread may get.
    for waiter in _given_up:
        os.close(waiter.descriptor)
    _given_up.clear()
    _idle.clear()


os.register_at_fork(after_in_child=_close_inherited)
