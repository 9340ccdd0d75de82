"""What damage does to a store's file, done behind the store's back."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from store import Store

WRONG = b"not what was stored"


def alter(
    store: Store | Path,
    statement: str,
    *parameters: object,
    ignore_checks: bool = False,
    schema: bool = False,
) -> int:
    """Run one statement on the file; how many rows it changed.

    It may break conditions with `ignore_checks`, and change the schema's own table with `schema`.
    """
    path = store if isinstance(store, Path) else store.path
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"pragma ignore_check_constraints = {ignore_checks:d}")
        connection.execute(f"pragma writable_schema = {schema:d}")
        return connection.execute(statement, parameters).rowcount


def damage(store: Store | Path, value: str | bytes) -> None:
    """Give the one record or message with this value another one, and leave its checksum."""
    before = value.encode() if isinstance(value, str) else value
    assert alter(store, "update mq_records set value = ? where value = ?", WRONG, before) == 1


def overwrite_indexed(path: Path, table: str, text: str) -> None:
    """Change a text in the pages of a table's indexes, and leave it in those of its rows."""
    with closing(sqlite3.connect(path)) as connection:
        owner = dict(connection.execute("select pageno, name from dbstat").fetchall())
        names = {
            name
            for (name,) in connection.execute(
                "select name from sqlite_schema where type = 'index' and tbl_name = ?", (table,)
            )
        }
    content = bytearray(path.read_bytes())
    for page, name in owner.items():
        if name in names:
            begin, end = (page - 1) * 4096, page * 4096
            content[begin:end] = content[begin:end].replace(text.encode(), b"~" * len(text))
    path.write_bytes(content)


def page_of(path: Path, table: str) -> int:
    """The number of the page that a table begins on."""
    with closing(sqlite3.connect(path)) as connection:
        (page,) = connection.execute(
            "select rootpage from sqlite_schema where name = ?", (table,)
        ).fetchone()
    return int(page)
