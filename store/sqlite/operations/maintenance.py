"""Maintenance of the file: check it, copy it, shrink it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from store import model, sqlite
from store.model.maintenance import Finding, Progress, StoreStatus
from store.sqlite.file import apart, files
from store.sqlite.file.connections import translated
from store.sqlite.file.database import Snapshot, WriteTransaction
from store.sqlite.file.drafts import watched


def status(tx: Snapshot) -> StoreStatus:
    """Return the store as a whole."""
    database = tx.database
    created, durability, most, read_only = tx.row(  # type: ignore[misc]
        "select created, durability, max_bytes, read_only from mq_store"
    )
    pages, free = tx.value("pragma page_count"), tx.value("pragma freelist_count")
    kinds: dict[str, int] = dict(tx.rows("select kind, count(*) from mq_channels group by kind"))
    return StoreStatus(
        location=str(database.path),
        engine="sqlite",
        version=sqlite3.sqlite_version,
        schema=tx.value("pragma user_version"),
        durability=durability,
        max_bytes=most,
        read_only=bool(read_only),
        created=created,
        bytes=pages * files.PAGE_SIZE,
        free_bytes=free * files.PAGE_SIZE,
        wal_bytes=_size(database.path.with_name(database.path.name + "-wal")),
        topics=kinds.get("topic", 0),
        queues=kinds.get("queue", 0),
        shares=kinds.get("share", 0),
        groups=tx.value("select count(*) from mq_readers where kind = 'group'"),
        exchanges=tx.value("select count(*) from mq_exchanges"),
        records=tx.value(
            "select ifnull(sum(records), 0) from mq_partitions where channel not null"
        ),
    )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def losses(tx: Snapshot) -> Iterator[Finding]:
    """Yield the missing confirmed commits, as one finding."""
    loss = sqlite.file.losses.lost(tx)
    if loss is not None:
        yield Finding("file", model.maintenance.describe_loss(loss))


def verify_all(tx: Snapshot, progress: Progress | None = None) -> list[Finding]:
    """Return the findings of `verify` for the file of a store, and its missing confirmed
    commits.
    """
    # Before the transaction has read anything: from then on it keeps the log.
    with apart.copied(tx.database.path) as source:
        found = list(verify(source, progress))
    try:
        return [*losses(tx), *found]
    except (sqlite3.Error, UnicodeDecodeError):
        # The row that names the missing commits is damaged, and among the findings.
        return found


def verify(path: Path, progress: Progress | None = None) -> Iterator[Finding]:
    """Yield every problem of the file, the counters and the records, as it is found.

    Not by the connection of a store: a file may be too damaged to be opened as one. `progress` is
    called with the number of records read and the total; before them comes the rest of the file.
    """
    with translated(path), sqlite.damage.suspicion.inspecting(path) as connection:
        verification = sqlite.damage.verification.Verification(connection)
        if progress is None:
            yield from verification.findings()
            return
        total = _records(connection)
        with watched(connection, lambda: progress(verification.checked, total)):
            yield from verification.findings()


def _records(connection: sqlite3.Connection) -> int:
    try:
        sql = "select total(records) from mq_partitions"
        return int(connection.execute(sql).fetchone()[0])
    except (sqlite3.Error, UnicodeDecodeError):
        # Problems of that table are found later.
        return 0


def free_pages(tx: WriteTransaction, pages: int) -> int:
    """Give up to `pages` unused pages back to the file system at commit; return how many."""
    # The map pages that go with them count too, so the file's own size tells how many.
    before: int = tx.value("pragma page_count")
    # It moves a page a step, and sqlite3 steps a statement without columns just once.
    for _ in range(min(pages, int(tx.value("pragma freelist_count")))):
        tx.execute("pragma incremental_vacuum(1)")
    return before - int(tx.value("pragma page_count"))
