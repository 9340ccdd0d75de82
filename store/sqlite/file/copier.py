"""Copies a store in use as it is at one moment: `python copier.py STORE COPY`.

It needs nothing but the standard library, and starts in a few milliseconds.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from contextlib import suppress
from urllib.parse import quote

_PIECE = 8 << 20


def copy_store(store: str, copy: str) -> None:
    """Write the file and its log, as a reader sees them, into an existing file; raises."""
    # Closed only with the process: closing it drops the locks by which the log is kept.
    source = os.open(store, os.O_RDONLY)
    uri = f"file:{quote(os.fsencode(store))}?mode=ro"
    reader = sqlite3.connect(uri, uri=True, isolation_level=None)
    reader.execute("begin")
    reader.execute("select count(*) from sqlite_schema").fetchone()
    _copy(source, os.open(copy, os.O_WRONLY))
    # All later changes of the file are in the log too, as long as it is kept.
    log = os.open(f"{store}-wal", os.O_RDONLY)
    _copy(log, os.open(f"{copy}-wal", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    reader.close()


def take_in_log(copy: str) -> None:
    """Move the log of a copy into its file, and leave that alone."""
    # Not one that was removed meanwhile.
    uri = f"file:{quote(os.fsencode(copy))}?mode=rw"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None)
    connection.execute("pragma synchronous = off")
    connection.execute("pragma journal_mode = delete").fetchall()
    connection.close()


def _copy(source: int, target: int) -> None:
    place, size = 0, os.fstat(source).st_size
    while place < size:
        done = _copy_piece(source, target, min(_PIECE, size - place), place)
        if not done:
            return
        place += done


def _copy_piece(source: int, target: int, size: int, place: int) -> int:
    # In the kernel, or without copying at all, where the file system can do so.
    with suppress(AttributeError, OSError):
        return os.copy_file_range(source, target, size, place, place)
    return os.pwrite(target, os.pread(source, size, place), place)


if __name__ == "__main__":
    copy_store(*sys.argv[1:])
    take_in_log(sys.argv[2])
