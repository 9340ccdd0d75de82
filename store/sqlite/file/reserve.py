"""Room on the disk for the calls that make room: it is given when there is none left.

Whatever frees room needs some first: a removal is written to the log before it is in the file. So a
part of the disk is kept, in the lock file, and given piece by piece to calls that free room or
settle what was received. Nothing new is stored until all of it is there again.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from pathlib import Path

from store.model.errors import NO_ROOM, MqError, from_system
from store.model.text import describe_size
from store.sqlite.file import files
from store.sqlite.file.connections import translated
from store.sqlite.file.database import Database, Write
from store.sqlite.file.lockfile import WriteLock

# Others may be filling the disk as well, so a call gets little at a time, in bytes.
_PIECE = 512 << 10
# The log stays short, and what is removed is not overwritten with zeros, which would write it all.
_WHILE_FULL = ["wal_autocheckpoint = 32", "secure_delete = off"]


def require(tx: Write) -> None:
    """Make the reserve anew where a part is missing; raises `StoreFull` if there's no room for it.

    Then nothing new can be stored: it would take the room from the calls that make room.
    """
    path = tx.database.path
    if not tx.lock.has_reserve:
        size = files.reserve_size(path)
        try:
            tx.lock.make_reserve(size)
        except OSError as error:
            if error.errno in NO_ROOM:
                kept = f"{describe_size(size)} in reserve"
                raise from_system(error, f"no room left for {path} and {kept}") from error
            # The file system, or a limit on the sizes of files, lets none be kept.
    if tx.lock.lends:
        _set_limits(tx.connection, path, tx.database.limits())
        tx.lock.lends = False


def give(database: Database) -> bool:
    """Give a call of this thread more room than others get; False when there is none to give."""
    with suppress(MqError):
        # Inside a transaction of the caller's own a call can't be made again.
        database.refuse_inside_transaction()
        connection, lock = database.writer()
        is_first, lock.lends = not lock.lends, True
        if is_first and _raise_limit(connection, database.path):
            return True
        lock.acquire(database.timeout)
        try:
            given = lock.give_from_reserve(_PIECE)
        finally:
            lock.release()
        _set_limits(connection, database.path, _WHILE_FULL)
        with suppress(MqError):
            database.checkpoint()
        return is_first or given > 0
    return False


def give_to_reader(path: Path, timeout: float) -> bool:
    """Give an open of the store some room, for the index of its log; False when there is none."""
    with suppress(MqError):
        lock = WriteLock(path)
        try:
            lock.acquire(timeout)
            return lock.give_from_reserve(_PIECE) > 0
        finally:
            lock.close()
    return False


def _raise_limit(connection: sqlite3.Connection, path: Path) -> bool:
    """Let the file have what is kept of its `max_bytes`; False where it has no such limit."""
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
