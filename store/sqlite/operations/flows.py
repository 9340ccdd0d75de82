"""The last ten minutes of queues, and of readers of topics: in, out, and the backlog between."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from store.model.stalls import Flow, FlowOf
from store.sqlite.file.database import Row, Snapshot
from store.sqlite.log.samples import BUCKET, BUCKETS
from store.sqlite.operations.trends import Trends


def flows(tx: Snapshot, wanted: Sequence[FlowOf]) -> dict[FlowOf, Flow]:
    """Return the flow of each place that exists; a few rows by index for each."""
    found = ((place, _flow(tx, place)) for place in dict.fromkeys(wanted))
    return {place: flow for place, flow in found if flow is not None}


def _flow(tx: Snapshot, place: FlowOf) -> Flow | None:
    row = tx.row(
        "select c.id, c.kind, c.created, r.id, r.source from mq_channels c"
        " left join mq_readers r on r.channel = c.id where c.name = :name",
        {"name": place.name},
    )
    if row is None:
        return None
    channel, kind, created, reader, source = row
    if kind == "queue":
        return _of_queue(tx, channel, created)
    if kind == "share":
        return _of_reader(tx, source, reader, place.partition)
    named = _reader(tx, channel, place)
    return _of_reader(tx, channel, named, place.partition)


def _of_queue(tx: Snapshot, queue: int, created: int) -> Flow:
    sent, present = tx.row(  # type: ignore[misc]
        "select max(next), sum(records) from mq_partitions where channel = :queue",
        {"queue": queue},
    )
    known = _buckets_since(tx, created)
    arrived = _moved(Trends(tx, "channel", [queue]), [(queue, sent)])
    left = _moved(Trends(tx, "queue", [queue]), [(queue, sent - present)])
    return _between(None, arrived, left, present, known, known)


def _reader(tx: Snapshot, topic: int, place: FlowOf) -> int | None:
    """Return the reader that is named, or the one that is furthest behind."""
    reader: int | None = tx.value(
        "select r.id from mq_partitions p join mq_slots s on s.partition = p.id"
        " join mq_readers r on r.id = s.reader where p.channel = :topic"
        " and (:reader is null and r.kind = 'group' or r.name = :reader and r.kind = :kind)"
        " group by r.id order by sum(max(p.next - s.cursor, 0)) desc, r.name limit 1",
        {"topic": topic, "reader": place.reader, "kind": place.kind},
    )
    return reader


def _of_reader(tx: Snapshot, topic: int, reader: int | None, partition: int | None) -> Flow | None:
    rows = tx.rows(
        "select p.id, p.next, s.id, s.cursor - iif(r.kind = 'share', s.leases, 0), s.moved,"
        " c.created, r.created, r.name from mq_partitions p join mq_channels c on c.id = p.channel"
        " left join mq_slots s on s.partition = p.id and s.reader = :reader"
        " left join mq_readers r on r.id = s.reader"
        " where p.channel = :topic and (:partition is null or p.number = :partition)",
        {"topic": topic, "reader": reader, "partition": partition},
    )
    if not rows:
        return None
    places = [(id, next) for id, next, *_ in rows]
    arrived = _moved(Trends(tx, "partition", [id for id, _ in places]), places)
    known = _buckets_since(tx, rows[0][5])
    read = [row for row in rows if row[2] is not None]
    if not read:
        return Flow(None, _known(arrived, known), (None,) * BUCKETS, (None,) * BUCKETS)
    reading = Trends(tx, "slot", [row[2] for row in read])
    left = _moved(reading, [(slot, done) for _, _, slot, done, *_ in read])
    behind = sum(max(0, next - done) for _, next, _, done, *_ in read)
    since = max(_buckets_since(tx, read[0][6]), _unknown_before(tx, reading, read))
    return _between(read[0][7], arrived, left, behind, known, max(known, since))


def _unknown_before(tx: Snapshot, reading: Trends, slots: Sequence[Row]) -> int:
    """Return the first bucket that is known: a reset forgets the samples, and is no reading."""
    unsampled = [moved for _, _, slot, _, moved, *_ in slots if not reading.trend(slot, 0)]
    return _bucket(tx, max(unsampled, default=0))


def _moved(trends: Trends, present: Sequence[tuple[int, int]]) -> list[int]:
    found = [trends.trend(id, count) for id, count in present]
    return [sum(amounts) for amounts in zip(*(one for one in found if one), strict=True)] or [
        0
    ] * BUCKETS


def _between(
    reader: str | None, arrived: list[int], left: list[int], present: int, known: int, read: int
) -> Flow:
    """Return a flow with what waited at the end of each bucket: what waits now, counted back."""
    grown = [came - went for came, went in zip(arrived, left, strict=True)]
    since = list(accumulate(reversed(grown), initial=0))[:-1]
    backlog = [max(0, present - later) for later in reversed(since)]
    return Flow(reader, _known(arrived, known), _known(left, read), _known(backlog, read))


def _known(amounts: Sequence[int], first: int) -> tuple[int | None, ...]:
    return tuple(None if at < first else amount for at, amount in enumerate(amounts))


def _buckets_since(tx: Snapshot, created: int) -> int:
    """Return the bucket of a wall time, counted from the first one that is shown."""
    return _bucket(tx, tx.now - (tx.wall - created))


def _bucket(tx: Snapshot, at: int) -> int:
    return max(0, min(at // BUCKET - (tx.now // BUCKET - BUCKETS + 1), BUCKETS - 1))
