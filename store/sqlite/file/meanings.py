"""The meaning of errors of SQLite, of the machine and of Python. Cold: only errors load it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from store.model.errors import (
    BadInput,
    Busy,
    ForeignFile,
    Hint,
    MqError,
    from_system,
    is_of_machine,
)
from store.sqlite.damage import suspicion
from store.sqlite.file import probing
from store.sqlite.file.settings import read_only

# As the triggers of the schema say it.
READ_ONLY = "read-only"


def meaning(error: Exception, path: Path) -> BaseException:
    """Return our error for it, or the error itself if it means nothing here."""
    match error:
        case UnicodeEncodeError():
            # SQLite never got it, as with an argument that is not UTF-8.
            return BadInput(
                f"not usable as text: {error.object!r}", hint="names and texts are UTF-8"
            )
        case OverflowError():
            return BadInput("a number that was given is too large", hint="at most 2^63 - 1")
        case sqlite3.Error() if "binding parameter" in str(error):
            return BadInput(f"not usable as a text or number: {str(error).partition(': ')[2]}")
        case sqlite3.Error():
            return _of_sqlite(error, path)
        case OSError() if is_of_machine(error):
            return from_system(error, error.filename or str(path))
    return suspicion.damage_behind(error, path) or error


def _of_sqlite(error: sqlite3.Error, path: Path) -> BaseException:
    extended = getattr(error, "sqlite_errorcode", 0)
    match extended & 0xFF:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return Busy(f"{path} is locked by another program", hint="try again")
        case sqlite3.SQLITE_NOTADB:
            return ForeignFile(
                f"{path} is not an mq store", hint=Hint("choose another with {path}")
            )
        case sqlite3.SQLITE_CONSTRAINT if str(error) == READ_ONLY:
            return read_only(path)
        case sqlite3.SQLITE_INTERRUPT:
            return KeyboardInterrupt()
        case code if code in _UNEXPLAINED:
            return probing.error_behind(error, path)
    return suspicion.damage_behind(error, path) or MqError(f"{path}: {error}")


_UNEXPLAINED = {
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
}
