"""Finding the system's error behind one of SQLite's.

SQLite has the same code for a failed write by a quota, a limit of file sizes and a failing disk,
and for a file it could not open by permissions and by too many open files; and Python has no way to
the system's number. So the failed operation is tried beside the store.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from store import model, sqlite
from store.model.errors import (
    NO_ROOM,
    Damaged,
    Hint,
    MqError,
    StoreFull,
    from_system,
    is_of_machine,
)
from store.model.text import describe_size

# More than the blocks that a quota or a file system may have left when it refused a page.
_TRIAL_BYTES = 64 << 10
_PIECE = 1 << 20
# SQLite opens a store, its log, the index of that and a copy, and closes all if one is refused.
_FILES_AT_ONCE = 4
# Errors behind which a write may have failed for lack of room.
_WRITES = {
    sqlite3.SQLITE_IOERR_WRITE,
    sqlite3.SQLITE_IOERR_TRUNCATE,
    sqlite3.SQLITE_IOERR_SHMSIZE,
    sqlite3.SQLITE_IOERR_SHMMAP,
}


def error_behind(error: sqlite3.Error, path: Path) -> MqError:
    """Return the meaning of SQLITE_CORRUPT, SQLITE_FULL, SQLITE_IOERR or a refused open of a
    store.
    """
    match error.sqlite_errorcode & 0xFF:
        case sqlite3.SQLITE_CORRUPT:
            return _behind_damage(error, path)
        case sqlite3.SQLITE_FULL:
            return _behind_fullness(path)
        case sqlite3.SQLITE_IOERR:
            return _behind_io_error(error, path)
    return _behind_refused_open(error, path)


def _behind_damage(error: sqlite3.Error, path: Path) -> MqError:
    # SQLite also calls a page damaged that its disk can't read.
    if (place := _first_unreadable(path)) is not None:
        return _device_error(path, f"on a read, at byte {place}")
    damage = sqlite.damage.suspicion.damage_behind(error, path)
    return damage or Damaged(f"{path} is damaged: {error}", sqlite.damage.suspicion.way_out(path))


@lru_cache(maxsize=1)
def _first_unreadable(path: Path) -> int | None:
    """Return where the file is unreadable, by SQLite's own descriptor: closing another drops locks.

    It reads the whole file, so once per process; `None` also where the descriptor can't be found.
    """
    descriptor = own_descriptor(path)
    place = 0
    try:
        while descriptor is not None and (piece := os.pread(descriptor, _PIECE, place)):
            place += len(piece)
    except OSError as error:
        return place if error.errno == errno.EIO else None
    return None


def own_descriptor(path: Path) -> int | None:
    """Return the descriptor by which this process has a file open, where the system tells it."""
    with suppress(OSError):
        for name in os.listdir("/proc/self/fd"):
            with suppress(OSError):
                if os.readlink(f"/proc/self/fd/{name}") == str(path):
                    return int(name)
    return None


def _behind_fullness(path: Path) -> MqError:
    problem = _trial_of_writing(path)
    if problem is not None and problem.errno in NO_ROOM:
        return from_system(problem, f"no room left for {path}")
    return StoreFull(
        f"no room left for {path}",
        hint=Hint("let the file grow: {}", model.actions.SetMaxBytes(model.actions.Blank("SIZE"))),
    )


def _behind_io_error(error: sqlite3.Error, path: Path) -> MqError:
    if error.sqlite_errorcode == sqlite3.SQLITE_IOERR_NOMEM:
        return MqError(f"{path}: not enough memory")
    name = error.sqlite_errorname
    if error.sqlite_errorcode not in _WRITES:
        return _device_error(path, f"({name})")
    if (limit := _reached_limit(path)) is not None:
        return StoreFull(
            f"no room left for {path}: this process may write files of {describe_size(limit)}",
            hint="raise the limit: ulimit -f unlimited",
        )
    problem = _trial_of_writing(path)
    if problem is not None and problem.errno in NO_ROOM:
        return from_system(problem, f"no room left for {path}")
    return _device_error(path, f"on a write ({name})")


def _behind_refused_open(error: sqlite3.Error, path: Path) -> MqError:
    problem = _trial_of_opening() or _trial_of_writing(path)
    if problem is not None and is_of_machine(problem):
        return from_system(problem, f"{path} can't be opened")
    return MqError(
        f"{path} can't be opened for this: {error}",
        hint="the store's file and its folder must be writable",
    )


def _device_error(path: Path, what: str) -> MqError:
    return from_system(OSError(errno.EIO, f"{os.strerror(errno.EIO)} {what}"), str(path))


def _reached_limit(path: Path) -> int | None:
    """Return the largest file that this process may write, where one of the store's has reached
    it.
    """
    import resource

    limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    names = (path.name, f"{path.name}-wal")
    is_reached = any(_size(path.with_name(name)) + _TRIAL_BYTES > limit for name in names)
    return limit if limit != resource.RLIM_INFINITY and is_reached else None


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0


def _trial_of_writing(path: Path) -> OSError | None:
    """Return the error of a trial write to a new file beside the store."""
    trial = path.with_name(f"{path.name}-wal.{os.urandom(4).hex()}.new")
    try:
        descriptor = os.open(trial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        return error
    try:
        os.write(descriptor, bytes(_TRIAL_BYTES))
    except OSError as error:
        return error
    finally:
        os.close(descriptor)
        with suppress(OSError):
            trial.unlink()
    return None


def _trial_of_opening() -> OSError | None:
    opened: list[int] = []
    try:
        for _ in range(_FILES_AT_ONCE):
            opened.append(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return error
    finally:
        for descriptor in opened:
            os.close(descriptor)
    return None
