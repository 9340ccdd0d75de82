"""Room on the disk for calls that free room, when there is none left.

Such a call needs some room first: a removal is written to the log before it is in the file. So a
part of the disk is kept, in the lock file, and given piece by piece to calls that free room or
settle messages. Nothing new is stored until all of it is there again.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from pathlib import Path

from store.model.errors import NO_ROOM, MqError, from_system
from store.model.text import describe_size
from store.sqlite.file import files
from store.sqlite.file.connections import translated
from store.sqlite.file.database import Database, WriteTransaction
from store.sqlite.file.lockfile import (
    HAS_RESERVE,
    HAS_RESERVE_AT,
    RESERVE_AT,
    WriteLock,
    lock_path,
)

# The log stays short, and removed data is not overwritten with zeros, which would be written to the
# log.
_WHILE_FULL = ["wal_autocheckpoint = 32", "secure_delete = off"]


def require(tx: WriteTransaction) -> None:
    """Make the missing part of the reserve; raises `StoreFull` without room for it.

    Then nothing new can be stored: it would take the room from the calls that free room.
    """
    path = tx.database.path
    if not tx.lock.has_reserve:
        size = files.reserve_size(path)
        try:
            _make(tx.lock.descriptor, size)
            tx.lock.set_letter(HAS_RESERVE_AT, HAS_RESERVE)
        except OSError as error:
            if error.errno in NO_ROOM:
                kept = f"{describe_size(size)} in reserve"
                raise from_system(error, f"no room left for {path} and {kept}") from error
            # The file system, or a limit on the sizes of files, allows no reserve.
    if tx.lock.lends:
        _set_limits(tx.connection, path, tx.database.limits())
        tx.lock.lends = False


def give(database: Database) -> bool:
    """Give a call of this thread more room than others get; return False when none is left."""
    with suppress(MqError):
        # Inside a transaction of the caller's own a call can't be repeated.
        database.refuse_inside_transaction()
        connection, _, lock = database.writer()
        is_first, lock.lends = not lock.lends, True
        if is_first and _raise_limit(connection, database.path):
            return True
        lock.acquire(database.timeout)
        try:
            given = _give_piece(lock)
        finally:
            lock.release()
        _set_limits(connection, database.path, _WHILE_FULL)
        with suppress(MqError):
            database.checkpoint()
        return is_first or given > 0
    return False


def give_to_reader(path: Path, timeout: float) -> bool:
    """Give an open of the store some room, for the index of its log; return False when none is
    left.
    """
    with suppress(MqError):
        lock = WriteLock(path)
        try:
            lock.acquire(timeout)
            return _give_piece(lock) > 0
        finally:
            lock.close()
    return False


def reserved(store_path: Path) -> int:
    """Return how many bytes of the disk a store has in reserve."""
    try:
        status = os.stat(lock_path(store_path))
    except OSError:
        return 0
    return max(0, min(status.st_size - RESERVE_AT, status.st_blocks * 512))


def _make(descriptor: int, size: int) -> None:
    before = os.fstat(descriptor).st_size
    try:
        _allocate(descriptor, size)
    except OSError:
        with suppress(OSError):
            os.ftruncate(descriptor, before)
        raise


def _allocate(descriptor: int, size: int) -> None:
    allocate = getattr(os, "posix_fallocate", None)
    if allocate is not None:
        allocate(descriptor, RESERVE_AT, size)
        return
    # macOS has no such call.
    written = 0
    while written < size:
        piece = bytes(min(size - written, 1 << 20))
        written += os.pwrite(descriptor, piece, RESERVE_AT + written)


def _give_piece(lock: WriteLock) -> int:
    """Give a piece of the reserve back to the disk, while the lock is held; return its size in
    bytes.
    """
    lock.set_letter(HAS_RESERVE_AT, b"\0")
    before = os.fstat(lock.descriptor).st_size
    given = min(files.PIECE_OF_RESERVE, before - RESERVE_AT)
    if given <= 0:
        return 0
    os.ftruncate(lock.descriptor, before - given)
    # A journaling file system may have them free only then.
    os.fsync(lock.descriptor)
    return given


def _raise_limit(connection: sqlite3.Connection, path: Path) -> bool:
    """Let the file use the kept part of its `max_bytes`; return False without such a limit."""
    with translated(path):
        most, pages = connection.execute(
            "select max_bytes, page_count from mq_store, pragma_page_count"
        ).fetchone()
    if most is None:
        return False
    limit = max(most // files.PAGE_SIZE, pages + files.RESERVED_PAGES)
    _set_limits(connection, path, [f"max_page_count = {limit}"])
    return True


def _set_limits(connection: sqlite3.Connection, path: Path, limits: list[str]) -> None:
    with translated(path):
        for limit in limits:
            connection.execute(f"pragma {limit}").fetchall()
