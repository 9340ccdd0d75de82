"""The form of every table of mq, from schema.sql: the possible values of its columns.

Cold: only the search for damage needs it.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from functools import lru_cache
from typing import Any, NamedTuple

from store.model import chaos
from store.model.addresses import check_name
from store.model.errors import BadInput
from store.sqlite.file import files

_CREATE = re.compile(r"create table (\w+) \(")
_CHECK = re.compile(r"\bcheck \(")
_COMMENT = re.compile(r"--[^\n]*")
# Columns of JSON text, and the contents of each.
_JSON: dict[tuple[str, str], type] = {
    ("mq_queues", "retry_delays"): list,
    ("mq_members", "topics"): list,
    ("mq_origins", "hops"): list,
    ("mq_moves", "origin"): dict,
    ("mq_bindings", "arguments"): dict,
    ("mq_topics", "labels"): dict,
    ("mq_exchanges", "labels"): dict,
    ("mq_queues", "labels"): dict,
    ("mq_groups", "labels"): dict,
    ("mq_shares", "labels"): dict,
}
# Columns of names in every store: without a space, a control character or a letter of more.
_NAMES = {
    ("mq_channels", "name"),
    ("mq_readers", "name"),
    ("mq_exchanges", "name"),
    ("mq_exchanges", "alternate"),
}


class ColumnForm(NamedTuple):
    """A column: its declared type in capitals, whether it may be null, and its default as SQL."""

    name: str
    type: str
    is_required: bool
    default: str | None


class Reference(NamedTuple):
    """A column that names a row of a table by its only key."""

    column: str
    parent: str


class Table(NamedTuple):
    """A table: its columns in order, those of its key, its conditions and its references."""

    name: str
    columns: tuple[ColumnForm, ...]
    key: tuple[str, ...]
    checks: tuple[str, ...]
    references: tuple[Reference, ...]
    has_rowid: bool


@lru_cache(maxsize=1)
def tables() -> Mapping[str, Table]:
    """Return every table of mq by its name, in the order of schema.sql."""
    created: dict[str, Table] = {}
    with closing(sqlite3.connect(":memory:")) as memory:
        for statement in files.schema_statements():
            memory.execute(statement)
            bare = _COMMENT.sub("", statement)
            if match := _CREATE.search(bare):
                created[match[1]] = table_of(memory, match[1], bare)
    return created


def table_of(connection: sqlite3.Connection, name: str, statement: str) -> Table:
    """Return the form of a table that this connection has, with the statement that created it."""
    rows = connection.execute(f'pragma table_xinfo("{name}")').fetchall()
    columns = tuple(ColumnForm(row[1], row[2].upper(), bool(row[3]), row[4]) for row in rows)
    keys = sorted((row[5], row[1]) for row in rows if row[5])
    parents = connection.execute(f'pragma foreign_key_list("{name}")').fetchall()
    return Table(
        name,
        columns,
        tuple(key for _, key in keys),
        tuple(_checks(statement)),
        tuple(Reference(row[3], row[2]) for row in parents),
        re.search(r"without rowid\s*;?\s*$", statement, re.IGNORECASE) is None,
    )


def _checks(statement: str) -> Iterator[str]:
    for match in _CHECK.finditer(statement):
        depth, end = 1, match.end()
        while depth:
            depth += {"(": 1, ")": -1}.get(statement[end], 0)
            end += 1
        yield " ".join(statement[match.end() : end - 1].split())


def text_problem(table: str, column: str, text: bytes) -> str | None:
    """Return the problem of the text in a column, or `None`."""
    try:
        decoded = text.decode()
    except UnicodeDecodeError:
        return "is not UTF-8 text"
    wanted = _JSON.get((table, column))
    if wanted is not None and not isinstance(_json(decoded), wanted):
        return f"is not a JSON {'array' if wanted is list else 'object'}"
    try:
        if (table, column) in _NAMES:
            check_name(decoded)
        if (table, column) == ("mq_queues", "chaos"):
            chaos.parse(decoded)
    except BadInput as error:
        return f"is {error.message}"
    return None


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


_KINDS = {"INTEGER": "integer", "REAL": "real", "TEXT": "text", "BLOB": "blob"}


def kind_problem(column: ColumnForm, kind: str) -> str | None:
    """Return the problem of a value's kind, as SQL's `typeof` calls it, or `None`."""
    if kind == "null":
        return "is missing" if column.is_required else None
    wanted = _KINDS[column.type]
    return None if kind == wanted else f"is of type {kind}, not {wanted}"
