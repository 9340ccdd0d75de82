"""Removal of records from a log: by age, by size, trimmed on request, or drained with their
topic.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import islice

from store import sqlite
from store.sqlite import layout, log
from store.sqlite.file import timekeeping
from store.sqlite.file.database import Snapshot, WriteTransaction
from store.sqlite.file.settings import cached_by_settings
from store.sqlite.file.transactions import array
from store.sqlite.log import topics
from store.sqlite.log.topics import Partition, Topic

# 5,000 rows hold the write lock for about three milliseconds.
STEP = 5_000
# On a full disk there is room for little at once.
_STEP_WHEN_FULL = 100
# Kafka looks for old records every five minutes (log.retention.check.interval.ms): a record just
# stored with an old timestamp can be read for that long.
CHECK_INTERVAL = 300_000
# Time for which an open store does not look again when nothing was overdue.
_PAUSE = 1_000
# A log at its size limit may grow by a 256th, at most 64 KiB, so that one append in a hundred
# removes the additions of all. (Kafka lets it grow by a whole segment.)
_LARGEST_EXCESS = 64 << 10


def drain(tx: WriteTransaction) -> bool:
    """Remove up to `STEP` records of deleted channels; return False when none are left."""
    partition = left_over(tx)
    if partition is None:
        return False
    last = tx.value(
        "select id from mq_records where id >= :first and id < :end"
        " order by id limit 1 offset :step",
        {
            **layout.span(partition),
            "step": _step(tx),
        },
    )
    span = layout.span(partition)
    log.rows.drain(tx, span["first"], last or span["end"])
    if last is None:
        log.rows.drop_partition(tx, partition)
    return True


@cached_by_settings
def left_over(tx: Snapshot) -> int | None:
    """Return a partition without a channel; a new one comes only with a change of settings."""
    partition: int | None = tx.value("select id from mq_partitions where channel is null limit 1")
    return partition


def trim_step(tx: WriteTransaction, partition: int, before: int) -> int | None:
    """Remove up to `STEP` records below offset `before`; return the new start, `None` when done."""
    row = tx.row("select start from mq_partitions where id = :id", {"id": partition})
    if row is None or row[0] >= before:
        return None
    end = _step_end(tx, partition, before)
    remove_range(tx, partition, row[0], end)
    return end


def _step_end(tx: WriteTransaction, partition: int, before: int) -> int:
    base = layout.record_id(partition, 0)
    last = tx.value(
        "select id from mq_records where id >= :base and id < :end"
        " order by id limit 1 offset :step",
        {"base": base, "end": base + before, "step": _step(tx)},
    )
    return before if last is None else last - base


def _step(tx: WriteTransaction) -> int:
    return _STEP_WHEN_FULL if tx.lock.lends else STEP


def remove_range(tx: WriteTransaction, partition: int, first: int, end: int) -> None:
    """Remove every record with `first <= offset < end`, and move the start to `end`."""
    base = layout.record_id(partition, 0)
    span = {"first": base + first, "end": base + end}
    count, size = tx.row(  # type: ignore[misc]
        f"select count(*), total({layout.SIZE}) from mq_records where id >= :first and id < :end",
        span,
    )
    log.rows.remove_below(tx, partition, span, end, count, int(size))
    sqlite.shares.progress.forget_below(tx, partition, first, end)


def remove_records(tx: WriteTransaction, partition: int, offsets: Sequence[int]) -> tuple[int, int]:
    """Remove single records at any place; return how many were there, and their bytes."""
    base = layout.record_id(partition, 0)
    ids = [base + offset for offset in offsets]
    count, size = tx.row(  # type: ignore[misc]
        f"select count(*), total({layout.SIZE}) from mq_records"
        " where id in (select value from json_each(:ids))",
        {"ids": array(ids)},
    )
    log.rows.remove_some(tx, partition, ids, count, int(size))
    sqlite.shares.progress.forget(tx, partition, offsets)
    return count, int(size)


def enforce(tx: WriteTransaction, topic: Topic, partition: Partition) -> bool:
    """Remove up to `STEP` records past the topic's retention; return False when none is left.

    Older than the retention, strictly (Kafka: retention.ms), and, once the log is a 256th above
    `retention_bytes`, the oldest ones as long as the rest is not less than that.
    """
    if "delete" not in topic.config.cleanup or partition.records == 0:
        return False
    by_age = 0
    if tx.now - partition.checked >= CHECK_INTERVAL:
        by_age = _end_by_age(tx, topic, partition)
        if by_age <= partition.start:
            _note_check(tx, partition.id)
    end = max(by_age, _end_by_size(tx, topic, partition))
    if end <= partition.start:
        return False
    end = _step_end(tx, partition.id, end)
    remove_range(tx, partition.id, partition.start, end)
    return True


class _IdleChecks:
    """The store time before which this open store need not look for partitions to check."""

    paused_until = 0


def enforce_idle(tx: WriteTransaction, written: Collection[int]) -> bool:
    """Enforce retention where no appends come: in one partition, the longest overdue.

    `written` are partitions that were looked at already. Returns False when none was overdue.
    """
    checks = tx.database.states[_IdleChecks]
    if tx.now < checks.paused_until:
        return False
    row = tx.row(
        "select p.id, p.number, c.name, c.kind from mq_partitions p"
        " join mq_channels c on c.id = p.channel where p.channel is not null"
        " and p.checked <= :due order by p.checked limit 1",
        {"due": tx.now - CHECK_INTERVAL},
    )
    if row is None:
        checks.paused_until = tx.now + _PAUSE
    if row is None or row[0] in written:
        return False
    id, number, name, kind = row
    if kind == "topic":
        topic = topics.find(tx, name)
        if enforce(tx, topic, topic.partition(number)):
            return True
    _note_check(tx, id)
    return True


def left(tx: Snapshot, topic: Topic, partition: Partition) -> int:
    """Return for how many milliseconds appends to a partition need not look for old records."""
    until = tx.database.states[_IdleChecks].paused_until
    if topic.config.retention is not None:
        until = min(until, partition.checked + CHECK_INTERVAL)
    return max(0, until - tx.now)


def _note_check(tx: WriteTransaction, partition: int) -> None:
    tx.execute(
        "update mq_partitions set checked = :now where id = :id", {"now": tx.now, "id": partition}
    )


def _end_by_age(tx: Snapshot, topic: Topic, partition: Partition) -> int:
    if topic.config.retention is None or not timekeeping.is_right(tx):
        return 0
    oldest_kept = tx.wall - topic.config.retention
    first = tx.value(
        "select timestamp from mq_records where id >= :first and id < :end order by id limit 1",
        {"first": partition.base + partition.start, "end": partition.base + partition.next},
    )
    if first is None or (isinstance(first, int) and oldest_kept <= first <= tx.wall):
        return 0
    return log.read.end_of_older(tx, partition, oldest_kept, _AGES_FROM)


# A time up to an hour ahead of its arrival is heeded, as Kafka does it, which accepts no other
# (message.timestamp.after.max.ms): so nothing goes too early where a clock was adjusted.
_AGES_FROM = (
    f"iif(r.timestamp <= r.arrived + :ahead + {timekeeping.MOST_JUMP}, r.timestamp,"
    f" {timekeeping.came_of('r')})"
)


def _end_by_size(tx: Snapshot, topic: Topic, partition: Partition) -> int:
    limit = topic.config.retention_bytes
    if limit is None or partition.bytes - limit <= min(limit // 256, _LARGEST_EXCESS):
        return 0
    excess, end = partition.bytes - limit, 0
    for id, size in islice(_oldest(tx, partition), STEP):
        excess -= size
        if excess < 0:
            break
        end = id - partition.base + 1
    return end


def _oldest(tx: Snapshot, partition: Partition) -> Iterator[tuple[int, int]]:
    """Yield id and bytes of each record from the oldest on."""
    # An append of one record looks at a few, the first one after a limit was set at many.
    first, page = partition.base + partition.start, 4
    while True:
        rows = tx.rows(
            f"select id, {layout.SIZE} from mq_records where id >= :first and id < :end"
            " order by id limit :page",
            {"first": first, "end": partition.base + partition.next, "page": page},
        )
        yield from rows
        if len(rows) < page:
            return
        first, page = rows[-1][0] + 1, 4 * page
