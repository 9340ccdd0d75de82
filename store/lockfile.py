"""The lock beside a store: one writer or checkpoint at a time, among all threads and processes.

SQLite has its own write lock, but its busy handler starves some writers and delays Ctrl-C, and
before 3.51.3 a checkpoint that meets a commit can lose it. So every write transaction and every
checkpoint of mq happens under this flock, on a file of its own: locking the database file itself
would drop SQLite's locks.
"""

from __future__ import annotations

import errno
import fcntl
import os
import weakref
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep

from store.errors import Busy, MqError, from_system

# Half of it costs 32 waiting processes half of their throughput in looking, on two cores; twice as
# much lets some of them starve.
_LONGEST_PAUSE = 0.004
_PID_WIDTH = 12
# One byte after the pid.
_STATE_AT = _PID_WIDTH
_CLOSING, _OPEN = b"c", b"o"


class WriteLock:
    """One descriptor on the lock file. Two of them exclude each other, also within a process."""

    __slots__ = ("__weakref__", "_descriptor", "_path", "_pid")

    def __init__(self, store_path: Path) -> None:
        self._path = lock_path(store_path)
        self._descriptor = -1
        self._descriptor = _open(self._path)
        self._pid = b"%-*d" % (_PID_WIDTH, os.getpid())
        _open_locks.add(self)

    def acquire(self, timeout: float) -> None:
        """Take the lock within `timeout` seconds, else raise `Busy` naming the holder's pid."""
        if not self.try_acquire():
            self._wait(monotonic() + timeout, timeout)
        # Only when it changes: a dirty lock file would have to be written with each synced commit.
        if os.pread(self._descriptor, _PID_WIDTH, 0) != self._pid:
            self._note(self._pid, 0)

    def begin_closing(self) -> None:
        """Say, while the lock is held, that its holder closes the store and so may not clean up."""
        self._note(_CLOSING, _STATE_AT)

    def end_closing(self) -> None:
        """Say that the close is over."""
        self._note(_OPEN, _STATE_AT)

    def is_closing(self) -> bool:
        """Whether the holder said that it closes the store, or died doing so."""
        return os.pread(self._descriptor, 1, _STATE_AT) == _CLOSING

    def release(self) -> None:
        """Let the next one in."""
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """Give the descriptor back, and with it the lock."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    # A store that is forgotten without a close leaves no descriptor behind.
    __del__ = close

    def holder(self) -> str:
        """The pid that took the lock last, as text; empty when none ever did."""
        return os.pread(self._descriptor, _PID_WIDTH, 0).decode("ascii", "replace").strip()

    def try_acquire(self) -> bool:
        """Take the lock if it is free; whether it was."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _note(self, text: bytes, place: int) -> None:
        # Nothing depends on it, so a disk that is full or fails is no reason to fail.
        with suppress(OSError):
            os.pwrite(self._descriptor, text, place)

    def _wait(self, deadline: float, timeout: float) -> None:
        while monotonic() < deadline:
            pause()
            if self.try_acquire():
                return
        holder = self.holder()
        raise Busy(
            f"the store is busy: held by pid {holder} for the last {timeout:g} s",
            hint=f"look at it with: ps -p {holder}; wait longer with --timeout",
        )


def pause() -> None:
    """Wait a little before looking again, for as long as chance says."""
    # Few processes ever have to wait, so few load this.
    from random import random

    sleep(random() * _LONGEST_PAUSE)


def lock_path(store_path: Path) -> Path:
    """The lock file that belongs to a store."""
    return store_path.with_name(store_path.name + "-lock")


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise MqError(f"the lock file {path} is a symbolic link", hint="remove it") from error
        raise from_system(error, f"the lock file {path} can't be opened") from error


_open_locks: weakref.WeakSet[WriteLock] = weakref.WeakSet()


def _close_inherited() -> None:
    # A child of fork shares the parent's flock: kept open, it would hold the lock after the
    # parent's death.
    for lock in list(_open_locks):
        lock.close()


os.register_at_fork(after_in_child=_close_inherited)
