"""Restarting a log that readers keep from beginning anew.

SQLite moves the log into the file as it goes, but writes on behind it as long as any process reads
in it. With a few readers there always is one, so the log would grow for ever, and every commit and
read become slower. So a writer lets the present readers end; new ones meanwhile read the file. A
reader that never ends keeps the log for as long as that takes: see `mq doctor`.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from time import time

from store.sqlite.file import files
from store.sqlite.file.lockfile import IN_VAIN_AT, WAITED_AT, WriteLock
from store.sqlite.file.transactions import WriteTransaction

# Milliseconds in which readers may end, while writers wait. After each time in vain twice as long,
# up to 200 ms: the machine may be busy.
_PATIENCE, _MOST_DOUBLINGS = 50, 2
# After a wait in vain, the next one of any process comes after twice the last pause, in tenths of a
# second: up to 3.2 s.
_MOST_IN_VAIN = 5


def shorten(tx: WriteTransaction, size: int) -> None:
    """Restart a log of this many bytes if readers allow it, while the lock is held.

    A failure here is no failure of the commit before it.
    """
    lock, database = tx.lock, tx.database
    with suppress(sqlite3.Error):
        if size <= database.long_log:
            lock.has_long_log = False
            _set(tx, f"wal_autocheckpoint = {files.log_length(database.path)}")
            return
        if not lock.has_long_log:
            # SQLite would try at each commit, and takes longer for it the longer the log is.
            lock.has_long_log = True
            _set(tx, "wal_autocheckpoint = 0")
        if _is_time(lock):
            in_vain = lock.letter(IN_VAIN_AT)[0]
            is_kept = _is_kept(tx, _PATIENCE << min(in_vain, _MOST_DOUBLINGS))
            in_vain = min(in_vain + 1, _MOST_IN_VAIN) if is_kept else 0
            lock.set_letter(IN_VAIN_AT, bytes([in_vain]))


def _is_time(lock: WriteLock) -> bool:
    """Return whether a wait for readers is due; note its time for all processes."""
    now, before = int(time() * 10) % 256, lock.letter(WAITED_AT)[0]
    in_vain = min(lock.letter(IN_VAIN_AT)[0], _MOST_IN_VAIN)
    is_time = not in_vain or (now - before) % 256 >= 1 << in_vain
    if is_time:
        lock.set_letter(WAITED_AT, bytes([now]))
    return is_time


def _is_kept(tx: WriteTransaction, patience: int) -> bool:
    """Try to restart the log with the next commit; return whether a reader still keeps it."""
    _set(tx, f"busy_timeout = {patience}")
    try:
        return bool(tx.connection.execute("pragma wal_checkpoint(restart)").fetchone()[0])
    finally:
        _set(tx, "busy_timeout = 0")


def _set(tx: WriteTransaction, pragma: str) -> None:
    tx.connection.execute(f"pragma {pragma}").fetchall()
