"""Errors that no sound store causes: damage, where the file shows some.

A text that is not UTF-8, a row that breaks a condition, invalid JSON, a missing table: in a sound
store no statement of mq meets one. So the file is examined before such an error is reported, and
the first defect is named. Cold: only errors load this.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from struct import error as StructError
from time import monotonic

from store import model, sqlite
from store.model.errors import Damaged, Hint, MqError
from store.sqlite.damage import forms
from store.sqlite.file import files

# Seconds for which the file is searched for the cause of an error.
_LONGEST_SEARCH = 2.0
_OPCODES_BETWEEN_LOOKS = 10_000
# Errors of the program itself over values that it can't have stored.
_OF_VALUES = (
    ValueError, TypeError, LookupError, AttributeError, AssertionError, ArithmeticError,
    RecursionError, StructError,
)  # fmt: skip
_ABOUT_SCHEMA = (b"malformed database schema", b"no such ")
_NO_TEXT = "Could not decode to UTF-8"


def damage_behind(error: BaseException, path: Path) -> Damaged | None:
    """Return the damage behind an error, with the place as near as possible, or `None`."""
    if isinstance(error, sqlite3.ProgrammingError | MqError):
        return None
    if not isinstance(error, (sqlite3.Error, *_OF_VALUES)):
        return None
    place = _first_finding(path)
    if place is None and not _is_surely_damage(error):
        return None
    told = place or " ".join(str(error).split())
    return Damaged(f"{path} is damaged: {told}", hint=way_out(path))


def way_out(path: Path) -> Hint:
    """Return the remedy for a file that is damaged elsewhere than in single records."""
    verify, salvage = (
        model.looks.Verify(str(path)),
        model.actions.Salvage(str(path), model.actions.Blank("NEW")),
    )
    return Hint("all that is wrong: {}; copy the intact part: {}", verify, salvage)


def _is_surely_damage(error: BaseException) -> bool:
    if isinstance(error, UnicodeDecodeError):
        # SQLite named a part of the schema, and that is no text.
        return error.object.startswith(_ABOUT_SCHEMA)
    text = str(error)
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_CORRUPT:
            return True
        case sqlite3.SQLITE_CONSTRAINT | sqlite3.SQLITE_ERROR:
            return ("mq_" in text and "syntax" not in text) or _breaks_a_condition(text)
    return isinstance(error, sqlite3.Error) and text.startswith(_NO_TEXT)


def _breaks_a_condition(text: str) -> bool:
    broken = " ".join(text.removeprefix("CHECK constraint failed:").split())
    return any(broken in table.checks for table in forms.tables().values())


def _first_finding(path: Path) -> str | None:
    deadline = monotonic() + _LONGEST_SEARCH
    with suppress(sqlite3.Error, UnicodeDecodeError, MqError), inspecting(path) as connection:
        # No answer is worth a longer wait.
        connection.set_progress_handler(lambda: monotonic() > deadline, _OPCODES_BETWEEN_LOOKS)
        finding = next(sqlite.damage.verification.Verification(connection).structure(), None)
        if finding is not None:
            return f"{finding.address}: {finding.problem}"
    return None


@contextmanager
def inspecting(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a connection in a read transaction, even to a file with a damaged schema.

    Errors of SQLite are raised as they are.
    """
    own = files.OpenFiles(path)
    mode = "alone" if own.are_closed_for_good() else "ro"
    connection = sqlite3.connect(files.uri(path, mode), uri=True, isolation_level=None)
    try:
        # SQLite then ignores entries of the schema that it can't parse.
        connection.execute("pragma writable_schema = on")
        connection.execute("pragma busy_timeout = 500")
        connection.execute("begin")
        yield connection
    finally:
        connection.close()
