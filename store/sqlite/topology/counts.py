"""Live counts of a store's contents, for the risks of a plan."""

from __future__ import annotations

from collections.abc import Callable

from store.sqlite.file.database import Snapshot
from store.topology.model import Resource
from store.topology.target import Facts


class Counts:
    """Live counts by kind and name, each kind read when it is first asked for."""

    def __init__(self, tx: Snapshot) -> None:
        self._tx = tx
        self._known: dict[str, dict[str, Facts]] = {}

    def of(self, thing: Resource) -> Facts:
        """Count what is in a thing, and its users, at the moment."""
        count = _COUNTS.get(thing.kind)
        if count is None:
            return {}
        if thing.kind not in self._known:
            self._known[thing.kind] = count(self._tx)
        return self._known[thing.kind].get(thing.name, {})


def _topic_facts(tx: Snapshot) -> dict[str, Facts]:
    rows = tx.rows(
        "select c.name, sum(p.records),"
        " (select count(distinct s.reader) from mq_partitions q join mq_slots s"
        " on s.partition = q.id where q.channel = c.id)"
        " from mq_channels c join mq_partitions p on p.channel = c.id"
        " where c.kind = 'topic' group by c.id"
    )
    return {name: {"records": records, "readers": readers} for name, records, readers in rows}


def _queue_facts(tx: Snapshot) -> dict[str, Facts]:
    rows = tx.rows(
        "select c.name, sum(p.records), sum(p.bytes),"
        " (select count(*) from mq_readers r join mq_leases l on l.reader = r.id"
        " where r.channel = c.id and l.token not null and l.ends > :now)"
        " from mq_channels c join mq_partitions p on p.channel = c.id"
        " where c.kind = 'queue' group by c.id",
        {"now": tx.now},
    )
    return {
        name: {"messages": messages, "bytes": size, "in_flight": held}
        for name, messages, size, held in rows
    }


def _group_facts(tx: Snapshot) -> dict[str, Facts]:
    rows = tx.rows(
        "select r.name, (select count(*) from mq_members m where m.reader = r.id"
        " and m.seen + m.session_timeout > :now),"
        " (select ifnull(sum(p.next - max(s.cursor, p.start)), 0) from mq_slots s"
        " join mq_partitions p on p.id = s.partition where s.reader = r.id)"
        " from mq_readers r where r.kind = 'group'",
        {"now": tx.now},
    )
    return {name: {"members": members, "lag": lag} for name, members, lag in rows}


def _share_facts(tx: Snapshot) -> dict[str, Facts]:
    # A lease row below the cursor is an unfinished record.
    rows = tx.rows(
        "select r.name, (select count(*) from mq_leases l where l.reader = r.id"
        " and l.token not null and l.ends > :now),"
        " (select ifnull(sum(p.next - max(s.cursor, p.start) + s.leases), 0) from mq_slots s"
        " join mq_partitions p on p.id = s.partition where s.reader = r.id)"
        " from mq_readers r where r.kind = 'share'",
        {"now": tx.now},
    )
    return {name: {"in_flight": held, "lag": lag} for name, held, lag in rows}


_COUNTS: dict[str, Callable[[Snapshot], dict[str, Facts]]] = {
    "topic": _topic_facts,
    "queue": _queue_facts,
    "group": _group_facts,
    "share": _share_facts,
}
