"""Making a salvaged store consistent: counters, leases, message groups, ids.

Counters are counted anew. A message that had been handed out and whose lease is lost is ready
again, so that none waits for ever.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from store.sqlite import layout

_IN_PARTITION = layout.is_of("r.id", "p.id")

# References to missing records. The loss is reported for the records themselves.
_FORGET = (
    "delete from mq_origins where not exists (select 1 from mq_records where id = record)",
    "delete from mq_tombstones where not exists (select 1 from mq_records where id = record)",
    "delete from mq_damages where not exists (select 1 from mq_records where id = record)",
    "delete from mq_leases where not exists (select 1 from mq_records where id = record)",
)

_SETTLE = (
    # Receipts are not issued anew, so a former holder stays a holder.
    "insert into mq_holders (id, name, host, pid, boot_id, attached, seen)"
    " select distinct holder, 'salvaged', '', 0, '', 0, 0 from mq_leases"
    " where holder not null and holder not in (select id from mq_holders)",
    "insert into mq_holders (id, name, host, pid, boot_id, attached, seen)"
    " select distinct holder, 'salvaged', '', 0, '', 0, 0 from mq_members"
    " where holder not in (select id from mq_holders)",
    "update mq_slots set member = null where member not in (select incarnation from mq_members)",
    "update mq_slots set wanted = null where wanted not in (select incarnation from mq_members)",
)

_PARTITIONS = (
    "update mq_partitions as p set records = 0, bytes = 0, dead_letters = 0,"
    f" start = min(start, ifnull((select {layout.offset_of('min(r.id)')} from mq_records r"
    f" where {_IN_PARTITION}), start)),"
    f" next = max(next, start, ifnull((select {layout.offset_of('max(r.id)')} + 1 from mq_records r"
    f" where {_IN_PARTITION}), 0), ifnull((select max(cursor) from mq_slots s"
    " where s.partition = p.id), 0))",
    # All lanes of a queue count in one sequence, which the first of them keeps.
    "update mq_partitions as p set next = max(next, (select max(o.next) from mq_partitions o"
    " where o.channel = p.channel)) where number = 0"
    " and channel in (select channel from mq_queues)",
    "update mq_partitions as p set records = (select count(*) from mq_records r"
    f" where {_IN_PARTITION}), bytes = (select ifnull(sum({layout.SIZE}), 0)"
    " from mq_records r"
    f" where {_IN_PARTITION}), dead_letters = (select count(*) from mq_origins"
    f" where reason not null and {layout.is_of('record', 'p.id')}),"
    " last_timestamp = max(last_timestamp, ifnull((select max(timestamp) from mq_records r"
    f" where {_IN_PARTITION}), 0))",
)

_LANES = (
    "mq_slots s join mq_readers d on d.id = s.reader and d.kind = 'queue'"
    " join mq_queues q on q.channel = d.channel join mq_partitions p on p.id = s.partition"
)
_LEASED = layout.is_of("l.id", "s.id")
_LEASE_ID = f"{layout.begin_of('s.id')} + {layout.offset_of('r.id')}"
_NEW_LEASE = (
    "insert into mq_leases (id, reader, priority, due, ends, deliveries, record)"
    f" select {_LEASE_ID}, s.reader, p.number >> 1, 0, 0, 0, r.id"
    f" from {_LANES} join mq_records r on {_IN_PARTITION}"
    f" where not exists (select 1 from mq_leases l where l.id = {_LEASE_ID})"
)

_LEASES = (
    "update mq_slots as s set cursor = max(cursor, ifnull((select"
    f" {layout.offset_of('max(l.id)')} + 1 from mq_leases l where {_LEASED}), 0))"
    " where reader in (select id from mq_readers where kind <> 'group')"
    # A delayed message is handed out by its lease alone.
    " and not exists (select 1 from mq_partitions p join mq_queues q on q.channel = p.channel"
    " where p.id = s.partition and p.number & 1)",
    f"{_NEW_LEASE} and p.number & 1",
    f"{_NEW_LEASE} and not p.number & 1 and not q.fifo and not q.fair"
    f" and {layout.offset_of('r.id')} < s.cursor",
    "update mq_slots as s set cursor = max(cursor, (select start from mq_partitions p"
    " where p.id = s.partition)) where reader in (select id from mq_readers where kind = 'share')",
    "update mq_slots as s set (leases, held, waiting) = (select count(l.id),"
    " count(l.id) filter (where l.due > d.noticed and l.token not null),"
    " count(l.id) filter (where l.due > d.noticed and l.token is null)"
    f" from mq_readers d left join mq_leases l on {_LEASED} where d.id = s.reader)"
    " where exists (select 1 from mq_readers d where d.id = s.reader)",
)

_GROUPS = (
    "insert into mq_heads (id, reader, message_group, due, first, messages)"
    " select h.id, g.reader, g.message_group, ifnull(l.due, iif(h.first = g.first, h.due,"
    " :now + max(0, g.delay + g.sent - :wall))), g.first, g.messages from ("
    " select s.reader, s.id as slot, q.delay, r.message_group, min(r.id) as first,"
    f" r.timestamp as sent, count(*) as messages from {_LANES}"
    f" join mq_records r on {_IN_PARTITION} where q.fifo and not p.number & 1"
    " and r.message_group not null group by s.reader, r.message_group) g"
    " left join old_heads h on h.reader = g.reader and h.message_group = g.message_group"
    f" left join mq_leases l on l.id = {layout.begin_of('g.slot')} + {layout.offset_of('g.first')}"
    " order by h.id is null, h.id, g.first",
    "insert into mq_tenants (reader, name, first, in_flight, sent)"
    " select reader, name, min(first), sum(in_flight), ifnull((select o.sent from old_tenants o"
    " where o.reader = t.reader and o.name = t.name), :now) from ("
    " select s.reader, ifnull(r.message_group, ' ' || r.id) as name, r.id as first, 0 as in_flight"
    f" from {_LANES} join mq_records r on {_IN_PARTITION} where q.fair and p.number = 0"
    " and not exists (select 1 from mq_leases l where l.record = r.id and l.reader = s.reader)"
    " union all select l.reader, r.message_group, null, 1 from mq_leases l"
    " join mq_readers d on d.id = l.reader join mq_queues q on q.channel = d.channel and q.fair"
    " join mq_records r on r.id = l.record where l.token not null and r.message_group not null"
    ") t group by 1, 2",
)

_SEQUENCES = (
    "insert into sqlite_sequence (name, seq) select :table, 0"
    " where not exists (select 1 from sqlite_sequence where name = :table)",
    "update sqlite_sequence set seq = max(seq, :least, ifnull((select max({key}) from {table}), 0))"
    " where name = :table",
)


def forget_records(connection: sqlite3.Connection) -> None:
    """Remove references to missing records."""
    _run(connection, _FORGET)


def settle(connection: sqlite3.Connection) -> None:
    """Give references to a lost holder another one, and forget members that are lost."""
    _run(connection, _SETTLE)


def count(connection: sqlite3.Connection, now: int, wall: int) -> None:
    """Count everything anew; `now` is store time and `wall` Unix time, in milliseconds."""
    _run(connection, (*_PARTITIONS, *_LEASES))
    _run(connection, _GROUPS, {"now": now, "wall": wall})


def keep_ids(connection: sqlite3.Connection, table: str, key: str, least: int) -> None:
    """Make sure that no id of a table is given twice, and none up to `least`."""
    for statement in _SEQUENCES:
        sql = statement.format(key=key, table=table)
        connection.execute(sql, {"table": table, "least": least})


def _run(
    connection: sqlite3.Connection,
    statements: tuple[str, ...],
    values: dict[str, Any] | None = None,
) -> None:
    for statement in statements:
        connection.execute(statement, values or {})
