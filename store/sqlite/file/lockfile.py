"""The lock beside a store: one writer or checkpoint at a time, among all threads and processes.

SQLite has its own write lock, but its busy handler starves some writers and delays Ctrl-C, and
before 3.51.3 a checkpoint that meets a commit can lose it. So every write transaction and every
checkpoint of mq happens under this flock, on a file of its own: locking the database file itself
would drop SQLite's locks.

The file also names the last confirmed commit, which shows whether a log was lost or damaged. And it
keeps some room on the disk, for calls that free room when there is none left.
"""

from __future__ import annotations

import errno
import fcntl
import os
import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from struct import Struct
from time import time_ns
from typing import TYPE_CHECKING
from zlib import crc32

from store import sqlite
from store.model.errors import MqError, from_system

if TYPE_CHECKING:
    from store.sqlite.file.futex import SharedPage
    from store.sqlite.file.lock_waiting import Slice

# The file begins with the holder's pid as text; then come a letter for the state, and the mark.
# The last byte after the pid is set by a process that waits for the lock.
_PID_WIDTH, _WAITS_AT, _STATE_AT, _MARK_AT = 12, 11, 15, 16
WAITS = b"w"
_STORE, _FILE = Struct("<4s16sqQQ"), Struct("<Qqq")
_COMMIT, _CHECK = Struct("<QqQq"), Struct("<I")
_COMMIT_AT = _STORE.size + _FILE.size
_MARK_WIDTH = _COMMIT_AT + _COMMIT.size + _CHECK.size
_MAGIC = b"mqc1"
# Further on are times of commits: of the first one in each second, by the second.
_TIMES_AT, _SECONDS = 512, 512
# In between, a number that commits change for those who wait, and whether any do; see `bell`.
RUNG_AT, LISTENS_AT, LISTENS = 256, 260, b"\1"
_TIME = Struct("<Qq")
# Nothing behind them is read: the reserve, which only takes up room on the disk. Letters after the
# pid say that all of it is there, when readers were waited for, and how often in vain.
RESERVE_AT = 12_288
HAS_RESERVE_AT, WAITED_AT, IN_VAIN_AT = 12, 13, 14
HAS_RESERVE = b"+"

IN_USE, CLOSING, CLOSED, REPLACING = b"o", b"c", b"w", b"r"
_NO_STORE = bytes(16)
# The inode of a file, when its content was changed, and when anything of it was, in nanoseconds.
Version = tuple[int, int, int]
Look = Callable[[], Version]
# The time that a file gets may be that of the last tick of the system's clock, in nanoseconds.
_TICK = 20_000_000


class Mark:
    """The lock file's note of the newest commit: its number, and its wall time in milliseconds.

    `row` names the row of the store that has the number too, and `noted` is when this was written,
    by the system's clock in nanoseconds. `looked` is when the store's file was last looked at, and
    `file` and `modified` its inode and time then.
    """

    __slots__ = (
        "at", "boot", "commits", "copy", "file", "is_original", "looked", "modified", "noted",
        "row", "state", "uuid",
    )  # fmt: skip

    def __init__(self, state: bytes, mark: bytes, inode: int) -> None:
        self.state = state
        _, self.uuid, self.copy, self.boot, lock = _STORE.unpack_from(mark)
        self.file, self.modified, self.looked = _FILE.unpack_from(mark, _STORE.size)
        commit: tuple[int, ...] = _COMMIT.unpack_from(mark, _COMMIT_AT)
        self.commits, self.at, self.row, self.noted = commit
        # A copy of the lock file names the place of the store, not the files beside the copy.
        self.is_original: bool = lock == inode

    def is_of(self, uuid: bytes, copy: int) -> bool:
        """Return whether it is about that store, and not about another copy of it."""
        return bool(self.uuid == uuid and self.copy == copy)

    def agrees(self, number: int, file: Version) -> bool:
        """Return whether a store has this commit, and its file was not touched since."""
        inode, _, touched = file
        is_untouched = inode == self.file and touched <= self.noted
        return self.commits <= number and (self.state != IN_USE or is_untouched)

    def explains(self, file: Version) -> bool:
        """Return whether the file has the inode, and a time of change, that mq left it with.

        A commit may be followed by a checkpoint, and the file is not looked at after each.
        """
        inode, modified, _ = file
        is_later = self.looked - _TICK <= modified <= self.noted
        return bool(inode == self.file and (modified == self.modified or is_later))

    def is_closed_as(self, file: Version) -> bool:
        """Return whether the store was closed in order, with the file as it is now."""
        return self.state == CLOSED and (self.file, self.modified) == file[:2]


class WriteLock:
    """One descriptor on the lock file. Two of them exclude each other, also within a process."""

    __slots__ = (
        "__weakref__", "_begin", "_descriptor", "_has_commit", "_head", "_page", "_path", "_pid",
        "_second", "_written", "has_long_log", "has_reserve", "inode", "last", "lends", "slice",
        "was_last",
    )  # fmt: skip

    def __init__(self, store_path: Path) -> None:
        self._path = lock_path(store_path)
        self._descriptor = -1
        self._page: SharedPage | None = None
        # While others wait: how long the lock may be taken again and again.
        self.slice: Slice | None = None
        self.reopen()
        self._pid = b"%-*d" % (_PID_WIDTH, os.getpid())
        self._head = b""
        self._begin = b""
        self._written: bytes | None = None
        self.last, self._second = 0, -1
        # Whether the mark, with its number in `last`, was the one that was written with this lock,
        # and whether the whole reserve was there, when the lock was taken.
        self.was_last = self.has_reserve = False
        # Whether there was a commit since the lock was taken.
        self._has_commit = False
        # Whether the connection beside this lock has used the reserve, and is set up for that.
        self.lends = False
        # Whether it is set up for a log that readers keep from beginning anew.
        self.has_long_log = False
        _open_locks.add(self)

    def acquire(self, timeout: float, until: Callable[[], bool] | None = None) -> None:
        """Take the lock within `timeout` seconds, or raise `Busy` naming the holder's pid.

        The wait ends early when `until`, which is called often, returns True.
        """
        if not self.try_acquire():
            self.wait(timeout, until)

    def try_acquire(self) -> bool:
        """Take the lock if it is free; return whether it was."""
        if self.slice is not None and self.slice.is_used_up():
            self.slice = None
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        try:
            self._head = os.pread(self._descriptor, _MARK_AT + _MARK_WIDTH, 0)
        except OSError:
            # No promise depends on it, so a disk that fails is no reason to fail.
            self._head = b""
        self.has_reserve = self._head[HAS_RESERVE_AT:WAITED_AT] == HAS_RESERVE
        self.was_last = self._head[_STATE_AT:] == self._written
        # Only when it changes: most commits are of the process that made the last one.
        if self._head[:_PID_WIDTH] != self._pid:
            is_wanted = self._head[_WAITS_AT:_PID_WIDTH] == WAITS
            self.slice = sqlite.file.lock_waiting.Slice() if is_wanted else None
            self._put(self._pid, 0)
        return True

    def release(self) -> None:
        """Release the lock, and after a commit ring for processes that wait for one."""
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        if self._has_commit:
            self._has_commit = False
            try:
                listens = os.pread(self._descriptor, 1, LISTENS_AT) == LISTENS
            except OSError:
                listens = False
            if listens:
                self._page = sqlite.file.bell.ring(self._descriptor, self._page)

    def reopen(self) -> None:
        """Leave the descriptor to the thread that waits with it, and open another one."""
        self._descriptor = -1
        self._descriptor = _open(self._path, os.O_RDWR | os.O_CREAT)
        self.inode = os.fstat(self._descriptor).st_ino

    def adopt(self, descriptor: int) -> None:
        """Use another descriptor of the same file, with which a thread waits."""
        os.close(self._descriptor)
        self._descriptor = descriptor

    def close(self) -> None:
        """Close the descriptor, and release the lock with it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    # A store that is forgotten without a close leaves no descriptor behind.
    __del__ = close

    @property
    def descriptor(self) -> int:
        """The descriptor of the lock file."""
        return self._descriptor

    def set_letter(self, place: int, letter: bytes) -> None:
        """Write one of the letters after the pid, while the lock is held."""
        self._put(letter, place)

    def letter(self, place: int) -> bytes:
        """Return a letter after the pid, as it was when the lock was taken; 0 if never set."""
        return self._head[place : place + 1] or b"\0"

    def holder(self) -> str:
        """Return the pid that took the lock last, as text; empty if there was none."""
        return _read(self._descriptor, _WAITS_AT, 0).decode("ascii", "replace").strip()

    def announce(self) -> None:
        """Have the holder know that this process waits for the lock."""
        self._put(WAITS, _WAITS_AT)

    def state(self) -> bytes:
        """Return whether the store is in use, or the last holder of the lock was closing it."""
        return _read(self._descriptor, 1, _STATE_AT)

    def begin_closing(self, file: Version) -> None:
        """Note that the store is being closed, while the lock is held.

        A mark of another file that was closed under this name says nothing of this one.
        """
        noted = self.mark()
        if noted is not None and noted.state == CLOSED and not noted.is_closed_as(file):
            self._head = b""
            self._put(bytes(_MARK_WIDTH), _MARK_AT)
        self.set_state(CLOSING)

    def set_state(self, state: bytes) -> None:
        """Note, while the lock is held, the present operation on the store."""
        self._put(state, _STATE_AT)

    def mark_of(self, uuid: bytes, copy: int, boot_id: str) -> bytes:
        """Return the beginning of a mark of that store, which this copy of the lock file got in
        this boot.
        """
        return _STORE.pack(_MAGIC, uuid, copy, boot_number(boot_id), self.inode)

    def last_commit(self, store: bytes) -> int | None:
        """Return the number in a mark that begins so, as of when the lock was taken."""
        mark = self._head[_MARK_AT:]
        if not (mark.startswith(store) and _is_sound(mark)):
            return None
        number: int = _COMMIT.unpack_from(mark, _COMMIT_AT)[0]
        return number

    def mark(self) -> Mark | None:
        """Return the whole mark, as of when the lock was taken."""
        return _mark(self._head, self.inode)

    def note(self, store: bytes, commits: int, at: int, row: int, look: Look) -> None:
        """Note the newest commit; `look` is called about once a second."""
        if at // 1000 != self._second:
            self._begin = IN_USE + store + _file(look())
            self._note_time(commits, at)
        noted = self._begin + _COMMIT.pack(commits, at, row, time_ns())
        noted += _CHECK.pack(crc32(noted[1:]))
        try:
            os.pwrite(self._descriptor, noted, _STATE_AT)
        except OSError:
            # No promise depends on it, so a disk that is full or fails is no reason to fail.
            self._second = -1
        self._written, self.last = noted, commits
        self._has_commit = True

    def note_file(self, state: bytes, file: Version) -> None:
        """Note the present state of the file, if a commit is noted."""
        self._put(state, _STATE_AT)
        noted = self.mark()
        if noted is not None:
            store = self._head[_MARK_AT : _MARK_AT + _STORE.size]
            commit = _COMMIT.pack(noted.commits, noted.at, noted.row, time_ns())
            mark = store + _file(file) + commit
            self._put(state + mark + _CHECK.pack(crc32(mark)), _STATE_AT)

    def note_replacing(self, inode: int, copy: int) -> None:
        """Note the file, with its number as a copy, that is about to get the store's name."""
        mark = self.mark_of(_NO_STORE, copy, "") + _file((inode, 0, 0)) + _COMMIT.pack(0, 0, 0, 0)
        self._put(REPLACING + mark + _CHECK.pack(crc32(mark)), _STATE_AT)

    def forget(self) -> None:
        """Remove the mark: another store gets the name."""
        self._put(bytes(1 + _MARK_WIDTH), _STATE_AT)

    def _note_time(self, commits: int, at: int) -> None:
        self._second = at // 1000
        place = _TIMES_AT + self._second % _SECONDS * _TIME.size
        known = _read(self._descriptor, _TIME.size, place)
        if len(known) < _TIME.size or _TIME.unpack(known)[1] // 1000 != self._second:
            self._put(_TIME.pack(commits, at), place)

    def _put(self, content: bytes, place: int) -> None:
        # No promise depends on it, so a disk that is full or fails is no reason to fail.
        with suppress(OSError):
            os.pwrite(self._descriptor, content, place)

    def wait(self, timeout: float, until: Callable[[], bool] | None = None) -> None:
        """Wait in line for a lock that was not free, as `acquire` does."""
        sqlite.file.lock_waiting.wait(self, timeout, until)


def read_mark(store_path: Path) -> Mark | None:
    """Return the lock file's mark of a store's newest commit, or `None`."""
    try:
        descriptor = _open(lock_path(store_path), os.O_RDONLY)
    except MqError:
        return None
    try:
        inode = os.fstat(descriptor).st_ino
        # A writer may be in the middle of the next one.
        marks = (_mark(_read(descriptor, _MARK_AT + _MARK_WIDTH, 0), inode) for _ in range(3))
        return next(filter(None, marks), None)
    finally:
        os.close(descriptor)


def read_times(store_path: Path) -> list[tuple[int, int]]:
    """Return numbers of commits with their wall times in milliseconds: the first one of each
    second.

    They go back over the last 512 seconds with commits, or less.
    """
    try:
        descriptor = _open(lock_path(store_path), os.O_RDONLY)
    except MqError:
        return []
    try:
        times = _read(descriptor, _SECONDS * _TIME.size, _TIMES_AT)
    finally:
        os.close(descriptor)
    whole = len(times) // _TIME.size * _TIME.size
    return [(commits, at) for commits, at in _TIME.iter_unpack(times[:whole]) if commits]


def _read(descriptor: int, size: int, place: int) -> bytes:
    # No promise depends on it, so a disk that fails is no reason to fail.
    try:
        return os.pread(descriptor, size, place)
    except OSError:
        return b""


def _file(file: Version) -> bytes:
    return _FILE.pack(*file[:2], time_ns())


def boot_number(boot_id: str) -> int:
    """Return the number that stands in a mark for the id of a boot."""
    return crc32(boot_id.encode())


def lock_path(store_path: Path) -> Path:
    """Return the path of a store's lock file."""
    return store_path.with_name(store_path.name + "-lock")


def _mark(head: bytes, inode: int) -> Mark | None:
    mark = head[_MARK_AT:]
    return Mark(head[_STATE_AT:_MARK_AT], mark, inode) if _is_sound(mark) else None


def _is_sound(mark: bytes) -> bool:
    return (
        len(mark) == _MARK_WIDTH
        and mark.startswith(_MAGIC)
        and _CHECK.unpack_from(mark, _MARK_WIDTH - _CHECK.size)[0] == crc32(mark[: -_CHECK.size])
    )


def _open(path: Path, flags: int) -> int:
    try:
        return os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
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
