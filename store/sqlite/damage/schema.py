"""Comparing the schema in a file with schema.sql: what damage made of a table, index or trigger.

SQLite refuses to open a file with a statement that it can't parse, and takes one that it can for
what was meant: a trigger that counts otherwise would go unnoticed. Cold, as `forms` is.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing

from store.model.maintenance import Finding
from store.sqlite.damage import forms
from store.sqlite.damage.row_places import WHOLE
from store.sqlite.file import files

_CREATE = re.compile(r"^create (?:unique )?(table|index|trigger) (\w+)\b", re.IGNORECASE)
_COMMENT = re.compile(r"--[^\n]*")
_STRICT = re.compile(r"\)\s*(?:without rowid,\s*)?strict\b", re.IGNORECASE)


def problems(connection: sqlite3.Connection) -> Iterator[Finding]:
    """Parts of the schema that are missing or differ from schema.sql."""
    present = {
        (kind, name): sql
        for kind, name, sql in connection.execute(
            "select cast(type as blob), cast(name as blob), cast(sql as blob) from sqlite_schema"
        )
    }
    for statement in files.schema_statements():
        wanted = _bare(statement)
        match = _CREATE.match(wanted)
        assert match
        kind, name = match.groups()
        sql = present.get((kind.encode(), name.encode()))
        if sql is None:
            # That a table is missing is told with its columns.
            if kind != "table":
                yield Finding(WHOLE, f"the {kind} {name} is missing")
        elif not _is_same(kind, name, sql, wanted):
            yield Finding(WHOLE, f"the statement that made the {kind} {name} is damaged")


def _bare(statement: str) -> str:
    return " ".join(_COMMENT.sub("", statement).rstrip("; \n").split())


def _is_same(kind: str, name: str, sql: object, wanted: str) -> bool:
    if not isinstance(sql, bytes):
        return False
    try:
        stored = _bare(sql.decode())
    except UnicodeDecodeError:
        return False
    # SQLite writes the first words in capitals.
    if stored.lower() == wanted.lower() or kind != "table":
        return stored.lower() == wanted.lower()
    # An upgrade adds columns at the end, so only what the statements mean can be compared.
    return _meaning(name, stored) == _meaning(name, wanted)


def _meaning(name: str, statement: str) -> object:
    with closing(sqlite3.connect(":memory:")) as memory:
        try:
            memory.execute(statement)
        except (sqlite3.Error, sqlite3.Warning, UnicodeDecodeError):
            return None
        table = forms.table_of(memory, name, statement)
    return (
        set(table.columns),
        table.key,
        set(table.checks),
        set(table.references),
        table.has_rowid,
        _STRICT.search(statement) is not None,
    )
