"""The line of threads and processes that wait for the lock of a store.

The one at the front alone is woken when the lock is released; those behind it sleep until it has
the lock. The front is a lock of its own, on a byte of the lock file, which the kernel frees when a
process dies. The holder may take the lock again for a short slice of time: that is faster than a
change of processes for each call, and keeps SQLite's pages valid. Then it goes to the end of the
line. Where the machine has no futex, waiters look again and again.
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable
from contextlib import suppress
from struct import Struct
from time import monotonic

from store.model.errors import Busy, Hint
from store.sqlite.file import futex, waits
from store.sqlite.file.lockfile import WriteLock, pause
from store.sqlite.file.waits import FREE_AT, LINE_AT, QUEUES_AT, RUNG_AT

# Seconds for which a holder may take the lock again though others wait for it.
_SLICE = 0.001
# The kernel wakes no process when a holder is killed, so the front looks after so many seconds. The
# others do in case the front is killed too, long apart, since each look costs them their place.
_FRONT_LOOK, _LINE_LOOK = 0.02, 2.0
# Seconds between two calls of `until`, which a signal calls too.
_CALL = 0.1
# `struct flock` of Linux on 64 bits: type, whence, start, length, pid.
_BYTE_LOCK = Struct("hhqqi4x")
_FRONT_BYTE = 1 << 30


class LockQueue:
    """The place in the line of one descriptor of the lock file."""

    __slots__ = ("_descriptor", "_page", "_slice_end", "_woke_front")

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._page = futex.open_page(descriptor)
        self._slice_end = 0.0
        # Whether the front was woken when it was last called: it may be at its try.
        self._woke_front = False

    def wait(self, lock: WriteLock, timeout: float, until: Callable[[], bool] | None) -> None:
        """Take the lock in turn within `timeout` seconds, or raise `Busy` naming the holder's pid.

        The wait ends early when `until`, which is called often, returns True.
        """
        deadline = monotonic() + timeout
        try:
            if self._wait(lock.try_acquire, deadline, until):
                return
        except BaseException:
            # Ctrl-C may come when the lock has just been taken.
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
            raise
        holder = lock.holder()
        raise Busy(
            f"the store is busy: held by pid {holder} for the last {timeout:g} s",
            hint=Hint(f"look at it with: ps -p {holder}; wait longer with {{timeout}}"),
        )

    def _wait(
        self,
        try_acquire: Callable[[], bool],
        deadline: float,
        until: Callable[[], bool] | None,
    ) -> bool:
        if self._page is None:
            return _poll(try_acquire, deadline, until)
        try:
            return self._line_up(self._page, try_acquire, deadline, until)
        finally:
            self._leave_front(self._page)

    def _line_up(
        self,
        page: futex.SharedPage,
        try_acquire: Callable[[], bool],
        deadline: float,
        until: Callable[[], bool] | None,
    ) -> bool:
        is_front = has_slept = False
        while True:
            place, longest = LINE_AT, _LINE_LOOK
            seen = waits.number(self._descriptor, LINE_AT)
            is_front = is_front or self._take_front()
            if is_front:
                place, longest = FREE_AT, _FRONT_LOOK
                seen = waits.number(self._descriptor, FREE_AT)
            waits.announce(self._descriptor, QUEUES_AT)
            if (is_front or has_slept) and try_acquire():
                self._slice_end = monotonic() + _SLICE
                return True
            left = deadline - monotonic()
            if left <= 0 or (until is not None and until()):
                return False
            page.wait(place, seen, min(left, longest if until is None else min(longest, _CALL)))
            has_slept = True

    def released(self, flags: bytes, *, has_commit: bool) -> bool:
        """Wake processes after the release of the lock, as the flags in the lock file say.

        Return whether the next acquisition has to go to the end of the line.
        """
        if self._page is None:
            return False
        listens, queues = waits.read_flags(flags)
        if listens and has_commit:
            waits.ring(self._descriptor)
            self._page.wake(RUNG_AT, futex.ALL)
        return queues and self._wake_front(self._page)

    def _wake_front(self, page: futex.SharedPage) -> bool:
        waits.free(self._descriptor)
        is_awake = page.wake(FREE_AT, 1)
        if not is_awake and not self._woke_front:
            # It had the time to fall asleep again: it is stopped, or was killed.
            is_awake = self._wake_next(page)
            if is_awake:
                waits.announce(self._descriptor, QUEUES_AT)
        else:
            self._woke_front = is_awake
        return is_awake and monotonic() >= self._slice_end

    def _take_front(self) -> bool:
        try:
            self._set_front(fcntl.F_WRLCK)
        except BlockingIOError:
            return False
        except OSError:
            # On a file system without such locks each waiter is its own front.
            return True
        return True

    def _leave_front(self, page: futex.SharedPage) -> None:
        with suppress(OSError):
            self._set_front(fcntl.F_UNLCK)
        self._woke_front = self._wake_next(page)

    def _wake_next(self, page: futex.SharedPage) -> bool:
        waits.pass_on(self._descriptor)
        return page.wake(LINE_AT, 1)

    def _set_front(self, kind: int) -> None:
        fcntl.fcntl(
            self._descriptor, fcntl.F_OFD_SETLK, _BYTE_LOCK.pack(kind, 0, _FRONT_BYTE, 1, 0)
        )


def _poll(
    try_acquire: Callable[[], bool], deadline: float, until: Callable[[], bool] | None
) -> bool:
    while monotonic() < deadline and not (until is not None and until()):
        pause()
        if try_acquire():
            return True
    return False
