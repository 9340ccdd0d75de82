"""Keeping only the newest value of every key: offsets and order stay, old values go.

A key's last record survives. A tombstone removes the earlier values of its key, and goes itself a
delay after the first compaction that saw it, so that a reader who starts within that time sees
every delete (Kafka: log compaction).
"""

from __future__ import annotations

from functools import partial

from store.model.maintenance import CompactionResult
from store.sqlite import log
from store.sqlite.file.database import Database, Snapshot, WriteTransaction
from store.sqlite.log.read import offset_for_arrival
from store.sqlite.log.retention import remove_records
from store.sqlite.log.topics import Partition, Topic

# Removing this many records holds the write lock for a few milliseconds.
STEP = 2_000
# Kafka's min.cleanable.dirty.ratio: compact once half of the log is new since the last time.
_DIRTY_RATIO = 0.5
_FEWEST_DIRTY = 1_000


def is_dirty(tx: Snapshot, topic: Topic, partition: Partition) -> bool:
    """Return whether enough of a compacted topic is new since the last compaction."""
    enough = max(_FEWEST_DIRTY, _DIRTY_RATIO * partition.records)
    clean = max(partition.compacted, partition.start)
    # Records too young to be compacted do not count, or each append would look at them again.
    return partition.next - clean >= enough and horizon(tx, topic, partition) - clean >= enough


def horizon(tx: Snapshot, topic: Topic, partition: Partition) -> int:
    """Return the first offset that is too young to be compacted, by the topic's compaction lag."""
    found = None
    if topic.config.compaction_lag:
        found = offset_for_arrival(tx, partition, tx.wall - topic.config.compaction_lag + 1)
    return partition.next if found is None else found


def removable(tx: Snapshot, topic: Topic, partition: Partition) -> list[int]:
    """Return the offsets of the records that a compaction would remove now, in order.

    These are values that a newer record of the same key replaces, records without a key, and
    tombstones whose delay has passed. A damaged record may have had any key: it stays, and replaces
    none.
    """
    newest: dict[bytes, int] = {}
    gone = set(_expired_tombstones(tx, topic, partition))
    end = horizon(tx, topic, partition)
    for offset, key, _, is_damaged in log.read.keys(tx, partition, end):
        if is_damaged:
            gone.discard(offset)
        elif key is None:
            gone.add(offset)
        else:
            if key in newest:
                gone.add(newest[key])
            newest[key] = offset
    return sorted(gone)


def _expired_tombstones(tx: Snapshot, topic: Topic, partition: Partition) -> list[int]:
    rows = tx.rows(
        "select record from mq_tombstones where record >= :first and record < :end"
        " and seen <= :before",
        {
            "first": partition.base,
            "end": partition.base + partition.next,
            "before": tx.now - topic.config.tombstone_delay,
        },
    )
    return [record - partition.base for (record,) in rows]


def compact(database: Database, topic: Topic, partition: Partition) -> CompactionResult:
    """Compact one partition: a look without the lock, then removals in bounded steps."""
    with database.read() as tx:
        end = horizon(tx, topic, partition)
        left = removable(tx, topic, partition)
    records, size = 0, 0
    for first in range(0, len(left), STEP):
        # Records that left the log meanwhile, by retention or a trim, are passed over.
        chosen = left[first : first + STEP]
        gone = database.with_reserve(partial(_remove, database, partition, chosen))
        records += gone[0]
        size += gone[1]
    with database.write() as tx:
        _finish(tx, partition, end)
    return CompactionResult(topic.name, partition.number, records, size, end)


def _remove(database: Database, partition: Partition, offsets: list[int]) -> tuple[int, int]:
    with database.write() as tx:
        return remove_records(tx, partition.id, offsets)


def _finish(tx: WriteTransaction, partition: Partition, end: int) -> None:
    """Note that everything below offset `end` was compacted, and its tombstones were seen."""
    first = partition.base + min(partition.compacted, end)
    log.rows.note_compaction(tx, partition.id, end, first, partition.base + end)
