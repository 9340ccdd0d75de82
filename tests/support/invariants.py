"""What must hold of a store's file at any time, checked by plain SQL from outside."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from store import Store
from store.sqlite.file import lockfile


def check_invariants(path: Path) -> None:
    """Compare counters with rows, partition by partition, and look for orphans."""
    uri = f"file:{quote(str(path))}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
        connection.execute("begin")
        assert connection.execute("pragma foreign_key_check").fetchall() == []
        _check_partitions(connection)
        _check_orphans(connection)
        _check_slots(connection)
        _check_number(connection, path)


def check_all(store: Store) -> None:
    """The same, and what `verify` itself finds."""
    check_invariants(store.path)
    assert store.verify() == []


def _check_partitions(connection: sqlite3.Connection) -> None:
    partitions = connection.execute(
        "select id, start, next, records, bytes, last_timestamp,"
        " (select cleanup from mq_topics t where t.channel = p.channel) from mq_partitions p"
        " where channel not null"
    ).fetchall()
    for id, start, end, records, size, last, cleanup in partitions:
        rows = connection.execute(
            "select id, timestamp, ifnull(length(key), 0) + ifnull(length(headers), 0)"
            " + ifnull(length(value), 0) from mq_records where id >= ? and id < ? order by id",
            (id << 40, (id + 1) << 40),
        ).fetchall()
        offsets = [row[0] - (id << 40) for row in rows]
        times = [row[1] for row in rows]
        assert 0 <= start <= end < 1 << 40
        assert records == len(rows)
        assert size == sum(row[2] for row in rows)
        assert all(start <= offset < end for offset in offsets)
        assert times == sorted(times)
        assert not times or times[-1] <= last
        if cleanup == "delete":
            assert offsets == list(range(start, end)), "offsets are dense from the start"


def _check_number(connection: sqlite3.Connection, path: Path) -> None:
    mark = lockfile.read_mark(path)
    uuid, copy, number = connection.execute(
        "select uuid, copy, max(last_commit, (select ifnull(max(last_commit), 0)"
        " from mq_partitions), (select ifnull(max(last_commit), 0) from mq_slots)) from mq_store"
    ).fetchone()
    if mark is not None and mark.is_of(uuid, copy):
        assert number >= mark.commits, "the number of the newest commit is in the file"


def _check_orphans(connection: sqlite3.Connection) -> None:
    orphans = connection.execute(
        "select count(*) from mq_records where id >> 40 not in (select id from mq_partitions)"
    ).fetchone()
    assert orphans == (0,)


def _check_slots(connection: sqlite3.Connection) -> None:
    beyond = connection.execute(
        "select s.id from mq_slots s join mq_partitions p on p.id = s.partition"
        " join mq_readers r on r.id = s.reader where r.kind = 'group' and s.cursor > p.next"
    ).fetchall()
    ownerless = connection.execute(
        "select s.id from mq_slots s join mq_readers r on r.id = s.reader where r.kind = 'group'"
        " and s.member not null and s.member not in (select incarnation from mq_members)"
    ).fetchall()
    assert beyond == []
    assert ownerless == []
