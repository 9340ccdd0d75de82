"""Every reference has an index of its own, so that a delete does not read all that may refer."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from store import Store


def test_every_reference_is_found_by_an_index(store: Store) -> None:
    with closing(sqlite3.connect(f"file:{store.path}?mode=ro", uri=True)) as connection:
        tables = [name for (name,) in connection.execute(
            "select name from sqlite_master where type = 'table'"
        )]  # fmt: skip
        missing = [
            f"{table}.{column}"
            for table in tables
            for column in _references(connection, table)
            if column not in _found_by(connection, table)
        ]
    assert missing == []


def _references(connection: sqlite3.Connection, table: str) -> set[str]:
    return {row[3] for row in connection.execute(f"pragma foreign_key_list({table})")}


def _found_by(connection: sqlite3.Connection, table: str) -> set[str]:
    columns = connection.execute(f"pragma table_info({table})").fetchall()
    found = {name for _, name, *_, place in columns if place == 1}
    for _, index, *_ in connection.execute(f"pragma index_list({table})").fetchall():
        first = connection.execute(f"pragma index_info({index})").fetchone()[2]
        made = "select sql from sqlite_master where name = ? and sql is not null"
        (sql,) = connection.execute(made, (index,)).fetchone() or ("",)
        # What refers to a row is not null, so SQLite knows that such an index has all of it.
        if "where" not in sql or sql.endswith(f"where {first} is not null"):
            found.add(first)
    return found
