"""Looking after the file: check it, copy it, shrink it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from store.model.addresses import OFFSET_BITS
from store.model.errors import BadInput
from store.model.maintenance import Finding, StoreStatus
from store.sqlite.file import files
from store.sqlite.file.database import Row, Snapshot, Write
from store.sqlite.log.checksum import is_intact

_PAGE = 1_000


def status(tx: Snapshot) -> StoreStatus:
    """The store as a whole."""
    database = tx.database
    created, durability, most = tx.row(  # type: ignore[misc]
        "select created, durability, max_bytes from mq_store"
    )
    pages, free = tx.value("pragma page_count"), tx.value("pragma freelist_count")
    kinds: dict[str, int] = dict(tx.rows("select kind, count(*) from mq_channels group by kind"))
    return StoreStatus(
        path=str(database.path),
        schema=tx.value("pragma user_version"),
        durability=durability,
        max_bytes=most,
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
        sqlite_version=sqlite3.sqlite_version,
    )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def losses(tx: Snapshot) -> Iterator[Finding]:
    """Confirmed commits that the file does not have, as one finding."""
    from store.sqlite.file.losses import describe, lost

    loss = lost(tx)
    if loss is not None:
        yield Finding("file", describe(loss))


def verify(tx: Snapshot) -> Iterator[Finding]:
    """Everything that is wrong with the file, the counters and the records, as it is found."""
    for (problem,) in tx.rows("pragma integrity_check(100)"):
        if problem != "ok":
            yield Finding("file", problem)
    for table, row, parent, _ in tx.rows("pragma foreign_key_check"):
        yield Finding("file", f"row {row} of {table} refers to a missing row of {parent}")
    for partition in tx.rows(
        "select p.id, c.name || '/' || p.number, p.start, p.next, p.records, p.bytes"
        " from mq_partitions p join mq_channels c on c.id = p.channel order by c.name, p.number"
    ):
        yield from _verify_partition(tx, *partition)


def _verify_partition(
    tx: Snapshot, id: int, address: str, start: int, end: int, records: int, size: int
) -> Iterator[Finding]:
    base = id << OFFSET_BITS
    found, held, last = 0, 0, 0
    for row in _records(tx, base, (id + 1) << OFFSET_BITS):
        record, timestamp, *_, bytes_held = row
        where = f"{address}@{record - base}"
        found += 1
        held += bytes_held
        if not is_intact(*row[:-1]):
            yield Finding(where, "the checksum does not match: the record is damaged")
            if not isinstance(timestamp, int):
                continue
        if not start <= record - base < end:
            yield Finding(where, f"the offset is outside the partition, {start} to {end}")
        if timestamp < last:
            yield Finding(where, "the timestamp is before the preceding record's")
        last = timestamp
    if (found, held) != (records, size):
        yield Finding(
            address,
            f"holds {found} records of {held} bytes; the counters say {records} of {size}",
        )


def _records(tx: Snapshot, first: int, end: int) -> Iterator[Row]:
    while True:
        page = tx.rows(
            "select id, timestamp, cast(message_group as blob), key, cast(headers as blob), value,"
            " checksum,"
            " ifnull(length(key), 0) + ifnull(length(headers), 0) + ifnull(length(value), 0)"
            " from mq_records"
            " where id >= :first and id < :end order by id limit :page",
            {"first": first, "end": end, "page": _PAGE},
        )
        yield from page
        if len(page) < _PAGE:
            return
        first = page[-1][0] + 1


def free_pages(tx: Write, pages: int) -> int:
    """Give up to `pages` unused pages back to the file system at commit; how many it gave."""
    # The map pages that go with them count too, so the file's own size tells how many it gave.
    before: int = tx.value("pragma page_count")
    # The pragma works only while it is stepped, a page a step.
    tx.rows(f"pragma incremental_vacuum({int(pages)})")
    return before - int(tx.value("pragma page_count"))


def set_durability(tx: Write, durability: str) -> None:
    """Choose what survives a power cut, for every process that opens the store from now on."""
    files.check_durability(durability)
    tx.execute("update mq_store set durability = :durability", {"durability": durability})


def set_max_bytes(tx: Write, most: int | None) -> None:
    """Bound the file's size; `None` lets it grow."""
    if most is not None and most < 1 << 20:
        raise BadInput("max_bytes must be at least 1MiB")
    tx.execute("update mq_store set max_bytes = :most", {"most": most})
