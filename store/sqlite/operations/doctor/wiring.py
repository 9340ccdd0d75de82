"""A store's plumbing, for the checks that files get too."""

from __future__ import annotations

from dataclasses import replace

from store.advice.objectives import Objective
from store.advice.plumbing import Ending, Plumbing, circles
from store.sqlite import exchanges
from store.sqlite.exchanges import bindings
from store.sqlite.file.database import Snapshot


def plumbing(tx: Snapshot) -> Plumbing:
    """Return the ways of messages in a store: every queue, group, share, exchange and binding."""
    endings = {ending.name: ending for ending in _endings(tx, "queue")}
    leads_to = {name: one.dlq if one.dlq in endings else None for name, one in endings.items()}
    for cycle in circles(leads_to):
        for name in cycle:
            endings[name] = replace(endings[name], stuck=_stuck(tx, endings[name]))
    others = (*_endings(tx, "group"), *_endings(tx, "share"))
    return Plumbing(
        (*endings.values(), *others), tuple(exchanges.catalog.every(tx)), tuple(bindings.every(tx))
    )


def _endings(tx: Snapshot, kind: str) -> list[Ending]:
    rows = tx.rows(
        "select r.kind, r.name, ifnull(q.fifo, 0), r.max_deliveries, r.dead_letter_to,"
        " r.dead_letter_key, r.drop_exhausted, q.retention"
        " from mq_readers r left join mq_queues q on q.channel = r.channel"
        " where r.kind = :kind order by r.name",
        {"kind": kind},
    )
    return [
        Ending(kind, name, bool(fifo), most, dlq, key, bool(drop), retention)
        for kind, name, fifo, most, dlq, key, drop, retention in rows
    ]


def _stuck(tx: Snapshot, ending: Ending) -> int:
    """Return how many messages may not be delivered any more, and are still there."""
    if ending.max_deliveries is None:
        return 0
    count: int = tx.value(
        "select count(*) from mq_leases l join mq_readers r on r.id = l.reader"
        " where r.kind = 'queue' and r.name = :name and l.token is null and l.deliveries >= :most",
        {"name": ending.name, "most": ending.max_deliveries},
    )
    return count


def objectives(tx: Snapshot) -> list[Objective]:
    """Return the objectives of a store's groups."""
    rows = tx.rows(
        "select distinct r.name, c.name, g.max_lag_time, t.retention from mq_groups g"
        " join mq_readers r on r.id = g.reader join mq_slots s on s.reader = r.id"
        " join mq_partitions p on p.id = s.partition join mq_channels c on c.id = p.channel"
        " join mq_topics t on t.channel = c.id and t.cleanup <> 'compact'"
        " where g.max_lag_time not null and t.retention not null order by 1, 2"
    )
    return [Objective(*row) for row in rows]
