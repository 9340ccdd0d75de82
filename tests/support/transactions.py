"""What a call costs, counted and not timed: how much SQLite's machine does in each transaction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from store import Store

_STRIDE = 20


@contextmanager
def counted_writes(store: Store) -> Iterator[list[int]]:
    """The steps of SQLite's machine, a number for each write transaction begun meanwhile."""
    connection = store._database.writer()[0]
    steps: list[int] = []

    def note(statement: str) -> None:
        if statement.lower().startswith("begin"):
            steps.append(0)

    def count() -> None:
        if connection.in_transaction:
            steps[-1] += _STRIDE

    connection.set_trace_callback(note)
    connection.set_progress_handler(count, _STRIDE)
    try:
        yield steps
    finally:
        connection.set_trace_callback(None)
        connection.set_progress_handler(None, 0)
