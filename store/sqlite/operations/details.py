"""The data of a screen about one topic, one queue or the dead letters: bounded, filtered in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from store.model.groups import Lag
from store.model.letter_groups import normalise_error
from store.model.queues import Attempt
from store.model.stalls import LeaseRow, LetterRow, QueueDetail, Stall, StallDetail, TopicDetail
from store.model.topics import TopicStatus
from store.sqlite import groups, layout, leases, queues, shares
from store.sqlite.file.database import Row, Snapshot
from store.sqlite.file.timekeeping import age_of, moments
from store.sqlite.groups import membership
from store.sqlite.leases import abandoned, messages
from store.sqlite.leases.readers import Reader
from store.sqlite.log import topics
from store.sqlite.log.topics import Topic
from store.sqlite.operations import lag
from store.sqlite.operations.trends import Rates
from store.sqlite.queues import counts
from store.sqlite.queues.view import wall_time
from store.sqlite.shares import view


def topic(tx: Snapshot, name: str, group: str | None, limit: int) -> TopicDetail:
    """Return a topic with up to `limit` partitions, and the bars of a group, or of all, in them."""
    found = topics.find(tx, name)
    status = topics.status(found)
    status = TopicStatus(status.name, status.config, status.created, status.partitions[:limit])
    lags = tuple(lag.lag(tx, group, name)[:limit])
    return TopicDetail(
        status, _retention_edges(tx, found, limit), lags, _in_rates(tx, found), _seen(tx, lags)
    )


def _seen(tx: Snapshot, lags: Sequence[Lag]) -> dict[str, float]:
    owners = sorted({row.group for row in lags if row.member})
    members = (membership.last_seen(tx, groups.catalog.find(tx, name)) for name in owners)
    return {name: max(0, tx.now - at) / 1000 for seen in members for name, at in seen.items()}


def _in_rates(tx: Snapshot, found: Topic) -> dict[int, float]:
    partitions = {partition.id: partition for partition in found.partitions}
    rates = Rates(tx, "partition", partitions)
    return {each.number: rates.rate(each.id, each.next) for each in partitions.values()}


def _retention_edges(tx: Snapshot, found: Topic, limit: int) -> dict[int, float]:
    retention = found.config.retention
    if retention is None or "delete" not in found.config.cleanup:
        return {}
    rows = tx.rows(
        f"select p.number, (select {age_of('r')} from mq_records r"
        f"  where {layout.is_between('r.id', 'p.id', 'p.start', 'p.next')}"
        "  order by r.id limit 1) as age"
        " from mq_partitions p where p.channel = :topic and age not null"
        " order by p.number limit :limit",
        {"topic": found.id, "limit": limit, **moments(tx)},
    )
    return {number: max(0, retention - age) / 1000 for number, age in rows}


def queue(tx: Snapshot, name: str, limit: int) -> QueueDetail:
    """Return a queue or share with up to `limit` leases, the next to lapse first, and then messages
    that wait for their next delivery.
    """
    reader = messages.find_reader(tx, name)
    rows = tx.rows(
        f"select l.id, r.message_group, h.name, l.started, {abandoned.HELD} as is_held, l.ends,"
        " l.due, l.deliveries, h.seen from mq_leases l join mq_records r on r.id = l.record"
        " left join mq_holders h on h.id = l.holder"
        f" where l.reader = :reader and l.due > :now and {abandoned.IN_FLIGHT}"
        " order by is_held desc, iif(is_held, l.ends, l.due), l.id limit :limit",
        {**abandoned.parameters(tx, reader), "reader": reader.id, "limit": limit},
    )
    numbers = {slot.id: slot.number for slot in leases.rows.slots(tx, reader)}
    found = tuple(_lease(tx, reader, numbers[layout.owner(row[0])], row) for row in rows)
    if reader.on_ack == "delete":
        return QueueDetail(counts.status(tx, queues.catalog.find(tx, name)), found)
    return QueueDetail(view.status(tx, shares.catalog.find(tx, name)), found)


def _lease(tx: Snapshot, reader: Reader, partition: int, row: Row) -> LeaseRow:
    id, message_group, holder, started, is_held, ends, due, deliveries, seen = row
    return LeaseRow(
        address=reader.address(partition, layout.offset(id)),
        message_group=message_group,
        holder=holder if is_held else None,
        held_seconds=(tx.now - started) / 1000 if is_held else None,
        seconds_left=((ends if is_held else due) - tx.now) / 1000,
        deliveries=deliveries,
        lease_seconds=(ends - started) / 1000 if is_held else None,
        # Taking the message was a sign of life, too.
        seen_seconds=(tx.now - max(seen, started)) / 1000 if is_held else None,
    )


def stall(tx: Snapshot, found: Stall, limit: int) -> StallDetail:
    """Return the last `limit` deliveries of a stall's blocker, and when it is tried again."""
    lease = _lease_of(tx, found)
    if lease is None:
        return StallDetail((), found.deliveries, None, None)
    attempts = _last_attempts(tx, lease, limit)
    row = tx.row(
        f"select {abandoned.HELD}, l.started, l.due from mq_leases l where l.id = :lease",
        {**abandoned.parameters(tx), "lease": lease},
    )
    is_held, started, due = row or (False, None, None)
    return StallDetail(
        attempts=attempts,
        earlier=attempts[0].number - 1 if attempts else 0,
        held_since=wall_time(tx, started) if is_held else None,
        next_try=None if due is None else wall_time(tx, due),
    )


def _lease_of(tx: Snapshot, found: Stall) -> int | None:
    """Return the id of the blocker's lease, present or past."""
    kind = "queue" if found.kind == "fifo" else found.kind
    slot: int | None = tx.value(
        "select s.id from mq_readers r join mq_slots s on s.reader = r.id"
        " join mq_partitions p on p.id = s.partition join mq_channels c on c.id = p.channel"
        " where r.kind = :kind and r.name = :reader and c.name = :source"
        " and (:partition is null or p.number = :partition) order by p.number limit 1",
        {
            "kind": kind,
            "reader": found.reader,
            "source": found.source,
            "partition": found.partition,
        },
    )
    return None if slot is None else layout.lease_id(slot, found.offset)


def _last_attempts(tx: Snapshot, lease: int, limit: int) -> tuple[Attempt, ...]:
    rows = tx.rows(
        "select number, holder, started, ended, outcome, error from mq_attempts"
        " where lease = :lease order by number desc limit :limit",
        {"lease": lease, "limit": limit},
    )
    return tuple(Attempt(*row) for row in reversed(rows))


def letters(tx: Snapshot, name: str | None, limit: int) -> list[LetterRow]:
    """Return the dead letters of one queue or of all, by source, reason and error, most first."""
    rows = tx.rows(
        "select c.name, substr(o.source, 1, instr(o.source || '@', '@') - 1), o.reason, o.error,"
        " count(*), min(o.at), max(o.at), max(o.record)"
        f" from mq_origins o join mq_partitions p on p.id = {layout.owner_of('o.record')}"
        " join mq_channels c on c.id = p.channel"
        " where o.reason not null and (:name is null or c.name = :name) group by 1, 2, 3, 4",
        {"name": name},
    )
    merged: dict[tuple[str, str, str, str | None], LetterRow] = {}
    for holds, source, reason, error, count, first, last, record in rows:
        alike = None if error is None else normalise_error(error)
        sample = f"{holds}@{layout.offset(record)}"
        row = LetterRow(holds, source, reason, alike, count, first, last, sample)
        known = merged.get((holds, source, reason, alike))
        merged[holds, source, reason, alike] = row if known is None else _merged(known, row)
    return sorted(merged.values(), key=lambda row: (-row.count, row.first))[:limit]


def _merged(one: LetterRow, other: LetterRow) -> LetterRow:
    newest = max(one, other, key=lambda row: row.last)
    return replace(newest, count=one.count + other.count, first=min(one.first, other.first))
