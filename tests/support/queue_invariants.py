"""What must hold of the queues in a store's file at any time, checked by plain SQL from outside."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from store.model.clock import Clock

_LANES = (
    "select s.id as slot, s.cursor, s.leases, s.held, s.waiting, r.id as reader, r.noticed,"
    " q.fifo, q.fair, q.delay, p.id as lane, p.number, p.next from mq_slots s"
    " join mq_readers r on r.id = s.reader and r.kind = 'queue'"
    " join mq_queues q on q.channel = r.channel join mq_partitions p on p.id = s.partition"
)


def check_queue_invariants(path: Path, clock: Clock | None = None) -> None:
    """Compare slots, leases, heads and origins with the records they stand for.

    With the store's clock, the heads of groups that wait for a delay are checked against it too.
    """
    with looking_at(path) as connection:
        for lane in connection.execute(_LANES).fetchall():
            check_counts(connection, lane)
            _check_leases(connection, lane)
            if lane["fifo"]:
                _check_heads(connection, lane, clock)
            if lane["fair"] and not lane["number"]:
                _check_tenants(connection, lane)
        _check_sequences(connection)
        _check_nothing_dangles(connection)
        _check_ids(connection)


@contextmanager
def looking_at(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a store's file read-only, in one transaction, by plain SQL."""
    uri = f"file:{quote(str(path))}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
        connection.row_factory = sqlite3.Row
        connection.execute("begin")
        assert connection.execute("pragma foreign_key_check").fetchall() == []
        yield connection


def check_counts(connection: sqlite3.Connection, slot: sqlite3.Row) -> None:
    """Compare what a slot counts with its leases."""
    counted = connection.execute(
        "select count(*), total(due > :noticed and token not null),"
        " total(due > :noticed and token is null) from mq_leases where id >> 40 = :slot",
        dict(slot),
    ).fetchone()
    assert tuple(counted) == (slot["leases"], slot["held"], slot["waiting"])


def _check_leases(connection: sqlite3.Connection, lane: sqlite3.Row) -> None:
    records = {
        id & (1 << 40) - 1
        for (id,) in connection.execute(
            "select id from mq_records where id >> 40 = :lane", dict(lane)
        )
    }
    leased = set()
    for lease in connection.execute("select * from mq_leases where id >> 40 = :slot", dict(lane)):
        offset = lease["id"] & (1 << 40) - 1
        leased.add(offset)
        assert lease["record"] == lane["lane"] << 40 | offset
        assert lease["reader"] == lane["reader"]
        assert lease["priority"] == lane["number"] >> 1
        assert (lease["token"] is None) == (lease["holder"] is None)
        assert lease["token"] is None or lease["deliveries"] > 0
    assert leased <= records, "every lease has its message"
    if lane["number"] & 1:
        assert leased == records, "every message of a delayed lane has a lease row"
    elif not lane["fifo"] and not lane["fair"]:
        assert leased == {offset for offset in records if offset < lane["cursor"]}
    assert lane["number"] & 1 or all(offset < lane["cursor"] for offset in leased)


def _check_heads(connection: sqlite3.Connection, lane: sqlite3.Row, clock: Clock | None) -> None:
    groups = connection.execute(
        "select message_group, min(id) as first, count(*) as messages from mq_records"
        " where id >> 40 = :lane group by 1",
        dict(lane),
    ).fetchall()
    heads = connection.execute(
        "select message_group, first, messages from mq_heads where reader = :reader",
        dict(lane),
    ).fetchall()
    assert sorted(map(tuple, heads)) == sorted(map(tuple, groups))
    for due, timestamp, lease_due in connection.execute(
        "select h.due, r.timestamp, l.due from mq_heads h join mq_records r on r.id = h.first"
        " left join mq_leases l on l.id = :slot << 40 | (r.id & 1099511627775)"
        " where h.reader = :reader",
        dict(lane),
    ).fetchall():
        if lease_due is not None:
            assert due == lease_due, "a leased head is due when its lease is"
        elif clock is not None:
            _check_delay(connection, clock, due, timestamp + lane["delay"])


def _check_tenants(connection: sqlite3.Connection, lane: sqlite3.Row) -> None:
    """A tenant's row says where its undelivered messages begin, and how many are in flight."""
    undelivered = dict(
        connection.execute(
            "select ifnull(message_group, ' ' || r.id), min(r.id) from mq_records r"
            " where r.id >> 40 = :lane and not exists (select 1 from mq_leases l"
            " where l.record = r.id and l.reader = :reader) group by 1",
            dict(lane),
        ).fetchall()
    )
    in_flight = dict(
        connection.execute(
            "select r.message_group, count(*) from mq_leases l join mq_records r"
            " on r.id = l.record where l.reader = :reader and l.token not null"
            " and r.message_group not null group by 1",
            dict(lane),
        ).fetchall()
    )
    tenants = connection.execute(
        "select name, first, in_flight from mq_tenants where reader = :reader", dict(lane)
    ).fetchall()
    assert {name: first for name, first, _ in tenants if first is not None} == undelivered
    assert {name: number for name, _, number in tenants if number} == in_flight


def _check_delay(connection: sqlite3.Connection, clock: Clock, due: int, ready: int) -> None:
    _, _, boot, store = connection.execute("select * from mq_clock").fetchone()
    now = store + clock.boot() - boot
    left = ready - clock.wall()
    assert due == now + left if left > 0 else due <= now


def _check_sequences(connection: sqlite3.Connection) -> None:
    """The first lane keeps the one sequence; no other lane is ahead of it, and none repeats it."""
    ahead = connection.execute(
        "select p.id from mq_partitions p join mq_queues q on q.channel = p.channel"
        " join mq_partitions f on f.channel = p.channel and f.number = 0 where p.next > f.next"
    ).fetchall()
    repeated = connection.execute(
        "select p.channel from mq_records r join mq_partitions p on p.id = r.id >> 40"
        " join mq_queues q on q.channel = p.channel"
        " group by p.channel, r.id & 1099511627775 having count(*) > 1"
    ).fetchall()
    assert ahead == []
    assert repeated == []


def _check_nothing_dangles(connection: sqlite3.Connection) -> None:
    for table, column, parent in (
        ("mq_leases", "id >> 40", "select id from mq_slots"),
        ("mq_origins", "record", "select id from mq_records"),
    ):
        dangling = connection.execute(
            f"select {column} from {table} where {column} not in ({parent})"
        ).fetchall()
        assert dangling == [], table


def _check_ids(connection: sqlite3.Connection) -> None:
    """No message stands in two places: an id that moved is nobody else's."""
    twice = connection.execute(
        "select message_id from mq_origins group by 1 having count(*) > 1"
    ).fetchall()
    assert twice == []
