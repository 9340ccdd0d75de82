"""How many bytes of the file a message takes, beside a bare SQLite table.

    python benchmarks/file_size.py [SIZE …]

Values have 100 bytes. What an empty store takes, with its topic or queue in it, does not count; it
is told apart. Filling takes half a minute per million messages, all kinds together.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import harness

from store import NewMessage, NewRecord, Store

SIZES = [1_000, 100_000, 1_000_000]
BATCH = 10_000
LONG = 10_000_000
VALUE = b"x" * 100


@dataclass(frozen=True)
class Row:
    """Bytes a message of one kind, and as a multiple of the bare table's."""

    kind: str
    size: int
    bytes: float
    empty: int
    ratio: float = 1.0


def topic(store: Store, size: int) -> None:
    """Records without a key."""
    for first in range(0, size, BATCH):
        store.produce_many("t", [NewRecord(VALUE)] * min(BATCH, size - first))


def keyed_topic(store: Store, size: int) -> None:
    """Records with keys of 10 bytes."""
    for first in range(0, size, BATCH):
        numbers = range(first, min(first + BATCH, size))
        store.produce_many("t", [NewRecord(VALUE, key=b"%010d" % number) for number in numbers])


def queue(store: Store, size: int) -> None:
    """Messages that are ready."""
    for first in range(0, size, BATCH):
        store.send_many("q", [NewMessage(VALUE)] * min(BATCH, size - first))


def leased_queue(store: Store, size: int) -> None:
    """Messages that are all in flight."""
    queue(store, size)
    while store.receive("q", BATCH, lease=LONG):
        pass


def fifo_queue(store: Store, size: int) -> None:
    """Ten messages in each message group."""
    for first in range(0, size, BATCH):
        numbers = range(first, min(first + BATCH, size))
        store.send_many("f", [NewMessage(VALUE, message_group=f"g{n // 10:09}") for n in numbers])


KINDS: dict[str, Callable[[Store, int], None]] = {
    "topic": topic,
    "topic, keys of 10 bytes": keyed_topic,
    "queue": queue,
    "queue, all in flight": leased_queue,
    "FIFO queue, groups of 10": fifo_queue,
}


def measure(path: Path, kind: str, size: int) -> Row:
    """Fill a new store and look at its file."""
    with Store.open(path, create=True, durability="normal") as store:
        store.create_topic("t", retention=None)
        store.create_queue("q")
        store.create_queue("f", fifo=True)
        store.vacuum()
        empty = path.stat().st_size
        KINDS[kind](store, size)
        store.vacuum()
    return Row(kind, size, round((path.stat().st_size - empty) / size, 1), empty)


def bare_table(path: Path, size: int) -> Row:
    """The same values in a table with an id."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("create table t (id integer primary key, value blob)")
        empty = path.stat().st_size
        connection.execute("begin")
        connection.executemany("insert into t (value) values (?)", ((VALUE,) for _ in range(size)))
        connection.execute("commit")
    return Row("bare table", size, round((path.stat().st_size - empty) / size, 1), empty)


def main() -> int:
    """Measure every kind at every size."""
    parser = harness.options(__doc__)
    parser.add_argument("size", type=int, nargs="*", default=SIZES)
    given = parser.parse_args()
    rows = []
    for size in given.size:
        with tempfile.TemporaryDirectory() as folder:
            bare = bare_table(Path(folder) / "bare.db", size)
            rows.append(bare)
            for number, kind in enumerate(KINDS):
                path = Path(folder) / f"{number}.db"
                found = measure(path, kind, size)
                ratio = round(found.bytes / bare.bytes, 2)
                rows.append(Row(found.kind, size, found.bytes, found.empty, ratio))
                path.unlink()
    lines = [
        (kind, *(value for row in rows if row.kind == kind for value in (row.bytes, row.ratio)))
        for kind in dict.fromkeys(row.kind for row in rows)
    ]
    heads = ["bytes a message", *(head for size in given.size for head in (f"{size:,}", "× bare"))]
    table = harness.columns(heads, lines) + f"\n\nAn empty store takes {rows[-1].empty:,} bytes."
    harness.publish(given, table, {"machine": harness.machine(), "rows": rows})
    return 0


if __name__ == "__main__":
    sys.exit(main())
