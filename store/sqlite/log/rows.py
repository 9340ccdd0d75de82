"""Rows of records and partitions after their append: changed, counted and removed, by no policy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from store import sqlite
from store.sqlite.file.database import WriteTransaction
from store.sqlite.file.transactions import array

# Conditions for rows, by the column that holds a record's id.
_SPAN = "{} >= :first and {} < :end"
_SINGLE = "{} in (select value from json_each(:ids))"


def add_partitions(tx: WriteTransaction, channel: int, numbers: Iterable[int]) -> None:
    """Add empty partitions to a topic, none of which is to be looked at soon."""
    tx.many(
        "insert into mq_partitions (channel, number, checked) values (?, ?, ?)",
        [(channel, number, tx.now) for number in numbers],
    )


def add_lane(tx: WriteTransaction, channel: int, number: int, begin: int) -> int:
    """Add an empty lane to a queue, which begins at a sequence number; return its id."""
    return tx.insert(
        "insert into mq_partitions (channel, number, start, next)"
        " values (:channel, :number, :begin, :begin)",
        {"channel": channel, "number": number, "begin": begin},
    )


def abandon(tx: WriteTransaction, channel: int) -> None:
    """Take the partitions from a channel, so that they are drained in steps."""
    tx.execute("update mq_partitions set channel = null where channel = :id", {"id": channel})


def keep_clock(tx: WriteTransaction, partition: int, last: int) -> None:
    """Keep the clock of a partition at least at `last`."""
    tx.execute(
        "update mq_partitions set last_timestamp = :last where id = :id",
        {"last": last, "id": partition},
    )


def note_compaction(tx: WriteTransaction, partition: int, end: int, first: int, last: int) -> None:
    """Note that all below offset `end` was compacted, and its tombstones were seen.

    Those not seen before have ids from `first` up to `last`.
    """
    tx.execute(
        "insert or ignore into mq_tombstones (record, seen) select id, :seen from mq_records"
        " where id >= :first and id < :end and value is null",
        {"seen": tx.now, "first": first, "end": last},
    )
    tx.execute(
        "update mq_partitions set compacted = max(compacted, :end) where id = :id",
        {"end": end, "id": partition},
    )


_REMOVE_RANGE = "delete from mq_records where id between ? and ?"
# Damage may have changed how long something is.
_COUNT_REMOVED = (
    "update mq_partitions set records = records - ?, bytes = max(bytes - ?, 0), last_commit = ?"
    " where id = ?"
)


def remove(
    tx: WriteTransaction, records: Sequence[int], sizes: Mapping[int, Sequence[int]]
) -> None:
    """Remove messages of queues and take them out of the counts, by their sizes in each lane."""
    tx.delete_rows("mq_records", records)
    for lane, gone in sizes.items():
        number = tx.number_partition(lane)
        tx.execute(_COUNT_REMOVED, (len(gone), sum(gone), number, lane))


def remove_run(tx: WriteTransaction, records: Sequence[int], lane: int, size: int) -> None:
    """Remove messages of a lane, which together are that long."""
    if isinstance(records, range):
        tx.cursor.execute(_REMOVE_RANGE, (records[0], records[-1]))
    else:
        tx.delete_rows("mq_records", records)
    tx.numbered_row = lane << 1
    tx.cursor.execute(_COUNT_REMOVED, (len(records), size, tx.number, lane))


def drain(tx: WriteTransaction, first: int, end: int) -> None:
    """Remove records by their ids, of a partition without a channel: it keeps no counts."""
    _remove(tx, _SPAN, {"first": first, "end": end})


def drop_partition(tx: WriteTransaction, partition: int) -> None:
    """Remove a partition that has no records."""
    tx.execute("delete from mq_partitions where id = :id", {"id": partition})


def remove_below(
    tx: WriteTransaction, partition: int, span: Mapping[str, int], start: int, count: int, size: int
) -> None:
    """Remove the records whose ids are in a span, and let the partition begin at `start`."""
    _remove(tx, _SPAN, span)
    tx.execute(
        "update mq_partitions set start = :start, records = records - :count,"
        " bytes = bytes - :size where id = :id",
        {"start": start, "count": count, "size": size, "id": partition},
    )


def remove_some(
    tx: WriteTransaction, partition: int, ids: Iterable[int], count: int, size: int
) -> None:
    """Remove single records of a partition, wherever they stand."""
    _remove(tx, _SINGLE, {"ids": array(ids)})
    tx.execute(
        "update mq_partitions set records = records - :count, bytes = bytes - :size where id = :id",
        {"count": count, "size": size, "id": partition},
    )


def _remove(tx: WriteTransaction, which: str, parameters: Mapping[str, object]) -> None:
    tx.execute(f"delete from mq_records where {which.replace('{}', 'id')}", parameters)
    tx.execute(f"delete from mq_tombstones where {which.replace('{}', 'record')}", parameters)
    sqlite.leases.origins.forget(tx, which.replace("{}", "record"), parameters)


def set_value(
    tx: WriteTransaction,
    record: int,
    value: bytes | None,
    checksum: int,
    partition: int,
    growth: int,
) -> None:
    """Give a record another value, which is longer by `growth` bytes."""
    tx.execute(
        "update mq_records set value = :value, checksum = :checksum where id = :record",
        {"value": value, "checksum": checksum, "record": record},
    )
    tx.execute(
        "update mq_partitions set bytes = bytes + :more where id = :partition",
        {"more": growth, "partition": partition},
    )


def set_expires(tx: WriteTransaction, record: int, expires: int) -> None:
    """Let a message expire at another wall time."""
    tx.execute(
        "update mq_records set expires = :expires where id = :id",
        {"expires": expires, "id": record},
    )


def change_expires(tx: WriteTransaction, first: int, end: int, before: int, after: int) -> None:
    """Let messages with ids of a range, which would expire at one time, expire at another."""
    tx.execute(
        "update mq_records set expires = :after where expires = :before"
        " and id >= :first and id < :end",
        {"after": after, "before": before, "first": first, "end": end},
    )


def spoil_checksum(tx: WriteTransaction, record: int) -> None:
    """Spoil the checksum of a record that was damaged before it was written."""
    tx.execute(
        "update mq_records set checksum = -1 - checksum where id = :record", {"record": record}
    )
