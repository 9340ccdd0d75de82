"""What damage does to a store's file, done behind the store's back."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from store import Store

WRONG = b"not what was stored"


def alter(store: Store | Path, statement: str, *parameters: object) -> int:
    """Run one statement on the file; how many rows it changed."""
    path = store if isinstance(store, Path) else store.path
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return connection.execute(statement, parameters).rowcount


def damage(store: Store | Path, value: str | bytes) -> None:
    """Give the one record or message with this value another one, and leave its checksum."""
    before = value.encode() if isinstance(value, str) else value
    assert alter(store, "update mq_records set value = ? where value = ?", WRONG, before) == 1
