"""Readers of topics: members without work, readers that retention passes, crowded partitions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

from store.model.actions import ResetGroup, WayOut, alter
from store.model.addresses import Address
from store.model.diagnoses import Diagnosis, advice, critical, warning
from store.model.looks import Peek, Show, ShowLag, ShowMembers
from store.model.text import describe_duration, describe_size, format_duration, printable_bytes
from store.sqlite import groups, layout
from store.sqlite.file.database import Row, Snapshot
from store.sqlite.file.timekeeping import age_of, moments
from store.sqlite.groups import membership

# From here on retention is near: a fifth of it is left.
NEAR = 0.8
# Fewer records say nothing about how keys spread.
_ENOUGH_RECORDS = 1_000
_SAMPLE = 500
_HALF = 0.5
_MOSTLY = 0.8


def examine(tx: Snapshot) -> Iterator[Diagnosis]:
    """Yield the problems of readers of topics."""
    yield from _idle_members(tx)
    yield from _behind(tx)
    yield from _crowded(tx)


def _idle_members(tx: Snapshot) -> Iterator[Diagnosis]:
    crowded = tx.rows(
        "select r.name, (select count(*) from mq_slots s where s.reader = r.id) as partitions"
        " from mq_readers r where r.kind = 'group' and partitions <"
        " (select count(*) from mq_members m where m.reader = r.id) order by r.name"
    )
    for name, partitions in crowded:
        members = len(membership.live_members(tx, groups.catalog.find(tx, name)))
        if members <= partitions:
            continue
        yield advice(
            "idle_members", name, f"{members} members, {partitions} partitions",
            f"a partition has one reader: {members - partitions} have nothing to do but take over"
            " from one that fails",
            *_more_partitions(tx, name, members),
        )  # fmt: skip


def _more_partitions(tx: Snapshot, group: str, members: int) -> list[WayOut]:
    """Return how to give every member work: with one topic more partitions do."""
    topics = tx.rows(
        "select distinct c.name from mq_slots s join mq_readers r on r.id = s.reader"
        " join mq_partitions p on p.id = s.partition join mq_channels c on c.id = p.channel"
        " where r.kind = 'group' and r.name = :group",
        {"group": group},
    )
    see = ShowMembers(group)
    if len(topics) != 1:
        return [see]
    return [see, alter("topic", topics[0][0], partitions=members)]


_BEHIND = f"""
with reader as (
  select r.kind, r.name as reader, c.name as topic, p.number, {layout.begin_of("p.id")} as base,
         p.start, p.next, p.records, p.bytes, t.retention, t.retention_bytes, t.cleanup, s.committed,
         iif(r.kind = 'share', ifnull((select {layout.offset_of("min(l.id)")} from mq_leases l
             where {layout.is_of("l.id", "s.id")}), s.cursor), s.cursor) as next_read
  from mq_slots s
  join mq_readers r on r.id = s.reader and r.kind in ('group', 'share')
  join mq_partitions p on p.id = s.partition
  join mq_channels c on c.id = p.channel
  join mq_topics t on t.channel = c.id
)
select *, (select {age_of("e")} from mq_records e
           where e.id >= base + max(next_read, start) and e.id < base + next order by e.id limit 1)
from reader where next_read < next
order by reader, topic, number
"""  # noqa: E501


def _behind(tx: Snapshot) -> Iterator[Diagnosis]:
    for row in tx.rows(_BEHIND, moments(tx)):
        (kind, reader, topic, number, _, start, end, records, size, *limits) = row
        (retention, retention_bytes, cleanup, committed, next_read, age) = limits
        place = f"{topic}/{number}"
        if kind == "group" and committed and next_read < start:
            yield _lost(reader, Address(topic, number), next_read, start)
        elif "delete" not in cleanup or age is None:
            continue
        elif retention is not None and age >= retention * NEAR:
            yield _near(reader, topic, place, age, retention)
        elif retention_bytes is not None:
            unread = size * (end - max(next_read, start)) // max(records, 1)
            if unread >= retention_bytes * NEAR:
                yield _near_in_bytes(reader, topic, place, unread, retention_bytes)


def _lost(reader: str, place: Address, committed: int, start: int) -> Diagnosis:
    return critical(
        "lost_records", str(place),
        f"{reader} committed {committed:,}, the log starts at {start:,}:"
        f" {start - committed:,} records are gone",
        "retention or a trim removed records that the group had not read; they can't be got back",
        ResetGroup(reader, place.name, place.partition, "earliest"),
    )  # fmt: skip


def _near(reader: str, topic: str, place: str, age: int, retention: int) -> Diagnosis:
    left = max(0, retention - age) / 1000
    return warning(
        "retention_near", place,
        f"{reader} has not read records {describe_duration(age / 1000)} old; retention of"
        f" {format_duration(retention)} removes them in {describe_duration(left)}",
        "what retention removes before it is read is lost",
        alter("topic", topic, retention=timedelta(milliseconds=retention * 2)),
        ShowLag(reader),
    )  # fmt: skip


def _near_in_bytes(reader: str, topic: str, place: str, unread: int, limit: int) -> Diagnosis:
    return warning(
        "retention_near", place,
        f"{reader} has about {describe_size(unread)} to read; the partition keeps"
        f" {describe_size(limit)}",
        "what retention removes before it is read is lost",
        alter("topic", topic, retention_bytes=limit * 2),
        ShowLag(reader),
    )  # fmt: skip


def _crowded(tx: Snapshot) -> Iterator[Diagnosis]:
    """Yield partitions that hold far more than their share. SQLite takes a row's columns with its
    max.
    """
    for row in tx.rows(
        "select c.name, p.number, p.id, p.next, max(p.records), sum(p.records), count(*)"
        " from mq_partitions p join mq_channels c on c.id = p.channel and c.kind = 'topic'"
        " join mq_topics t on t.channel = c.id and t.cleanup = 'delete'"
        " group by c.id having count(*) > 1 and sum(p.records) >= :enough order by c.name",
        {"enough": _ENOUGH_RECORDS},
    ):
        yield from _hot_partition(tx, row)


def _hot_partition(tx: Snapshot, row: Row) -> Iterator[Diagnosis]:
    topic, number, partition, end, most, total, count = row
    share = most / total
    # Twice its fair share and half of all; of two partitions, most of all.
    if share < max(_HALF, min(_MOSTLY, 2 / count)):
        return
    address = f"{topic}/{number}"
    evidence = f"{share:.0%} of the records of {topic} in 1 of {count} partitions"
    key, of_sample = _commonest_key(tx, partition, end)
    if key is not None and share * of_sample >= _HALF:
        yield warning(
            "hot_key", address,
            f"{evidence}; {of_sample:.0%} of its last {_SAMPLE} have key {printable_bytes(key)}",
            "one key can't be spread: one consumer does most of the work, and all wait behind it",
            Peek(address, condition=f"key = {printable_bytes(key)}"),
        )  # fmt: skip
    else:
        yield advice(
            "hot_partition", address, evidence,
            "one consumer does most of the work, more consumers won't help",
            Show("topic", topic), Peek(address, limit=20),
        )  # fmt: skip


def _commonest_key(tx: Snapshot, partition: int, end: int) -> tuple[bytes | None, float]:
    keys = tx.rows(
        "select key from mq_records where id >= :base and id < :base + :end"
        " order by id desc limit :sample",
        {"base": layout.record_id(partition, 0), "end": end, "sample": _SAMPLE},
    )
    counted = Counter(key for (key,) in keys if key is not None)
    if not counted:
        return None, 0.0
    key, times = counted.most_common(1)[0]
    return key, times / len(keys)
