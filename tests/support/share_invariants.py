"""What must hold of the shares in a store's file at any time, checked by plain SQL from outside."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from tests.support.queue_invariants import check_counts, looking_at

_SLOTS = (
    "select s.id as slot, s.cursor, s.leases, s.held, s.waiting, r.id as reader, r.noticed,"
    " p.id as partition, p.start, p.next from mq_slots s"
    " join mq_readers r on r.id = s.reader and r.kind = 'share'"
    " join mq_partitions p on p.id = s.partition"
)


def check_share_invariants(path: Path) -> None:
    """Compare the slots of every share with the leases in them and the log they read."""
    with looking_at(path) as connection:
        for slot in connection.execute(_SLOTS).fetchall():
            _check_slot(connection, slot)
        missing = connection.execute(
            "select r.name, p.number from mq_readers r join mq_partitions p on p.channel = r.source"
            " where r.kind = 'share' and not exists (select 1 from mq_slots s"
            " where s.reader = r.id and s.partition = p.id)"
        ).fetchall()
        assert missing == [], "a share has a place in every partition"


def _check_slot(connection: sqlite3.Connection, slot: sqlite3.Row) -> None:
    assert slot["start"] <= slot["cursor"] <= slot["next"]
    check_counts(connection, slot)
    for lease in connection.execute("select * from mq_leases where id >> 40 = :slot", dict(slot)):
        offset = lease["id"] & (1 << 40) - 1
        assert slot["start"] <= offset < slot["cursor"], "below the cursor, and in the log"
        assert lease["record"] == slot["partition"] << 40 | offset
        assert lease["reader"] == slot["reader"]
        there = connection.execute(
            "select 1 from mq_records where id = ?", (lease["record"],)
        ).fetchone()
        assert there is not None, "every lease has its record"
