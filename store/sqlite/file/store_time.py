"""Store time where the boot clock does not tell it: at a new boot, and when a clock was set.

It is a number of milliseconds that only grows. A new boot goes on from the wall clock or, where
that is behind, from the newest time in the file.
"""

from __future__ import annotations

import sqlite3

from store.sqlite import layout
from store.sqlite.file import timekeeping
from store.sqlite.file.database import Snapshot, WriteTransaction

# Every column with a store time of an event, except those that only a read of many rows would
# answer: of seen tombstones, sends of tenants, and arrivals in topics.
_HAPPENED = (
    "select max(checked) from mq_partitions where channel is not null",
    "select max(noticed) from mq_readers",
    "select max(emptied) from mq_groups",
    "select max(max(joined, seen, polled)) from mq_members",
    "select max(max(moved, taken)) from mq_slots",
    f"select max((select arrived from mq_records r where {layout.is_of('r.id', 'p.id')}"
    " order by r.id desc limit 1)) from mq_partitions p"
    " join mq_queues q on q.channel = p.channel where q.fifo = 1",
    "select max(started) from mq_leases where holder is not null",
    "select max(seen) from mq_holders",
    "select max(seen) from mq_consumers",
    "select max(at) from mq_samples where subject = 'partition'",
    "select max(at) from mq_samples where subject = 'slot'",
    "select max(at) from mq_samples where subject = 'channel'",
    "select max(at) from mq_samples where subject = 'queue'",
)
_NEWEST = f"select max({', '.join(f'ifnull(({query}), 0)' for query in _HAPPENED)})"


def newest(tx: Snapshot) -> int:
    """Return the latest store time of an event in the file."""
    latest: int = tx.value(_NEWEST)
    return latest


def newest_legible(tx: Snapshot) -> int:
    """Return the same; 0 if it is on a damaged page, which must not keep the store from being
    used.
    """
    try:
        return newest(tx)
    except sqlite3.DatabaseError:
        return 0


def trust_wall_clock(tx: WriteTransaction) -> None:
    """Trust the wall clock from now on, and go on from the newest time in the file.

    Waits keep the time that they have left.
    """
    behind = max(0, newest(tx) - tx.now)
    timekeeping.carry(tx)
    tx.execute("update mq_clock set store = store + :behind", {"behind": behind})
    tx.execute(
        "update mq_store set wall_ahead = :ahead, generation = generation + 1",
        {"ahead": tx.wall - tx.now - behind},
    )
