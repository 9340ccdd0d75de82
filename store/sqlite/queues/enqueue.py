"""Messages enter a queue here: lane, sequence, delay. They are given column by column."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from store.model.encoding import Encoded, RecordColumns
from store.sqlite import leases
from store.sqlite.file import timekeeping
from store.sqlite.file.database import WriteTransaction
from store.sqlite.layout import OFFSET_MASK
from store.sqlite.log import append, samples
from store.sqlite.log.topics import Partition
from store.sqlite.queues.catalog import Queue, add_lane, lane_number


def drafts(
    contents: Sequence[Encoded],
    message_groups: Sequence[str | None],
    levels: Sequence[int] | None = None,
    expires: Sequence[int | None] | None = None,
) -> RecordColumns:
    """Return messages to enqueue, of contents that were stored before."""
    return RecordColumns(
        values=[content.value for content in contents],
        keys=[content.key for content in contents],
        headers=[content.headers for content in contents],
        timestamps=None,
        partitions=None,
        sizes=[content.size for content in contents],
        message_groups=message_groups,
        levels=levels,
        expires=expires,
    )


def enqueue(tx: WriteTransaction, queue: Queue, batch: RecordColumns) -> Sequence[int]:
    """Store messages under the next sequence numbers and return their record ids, in order."""
    first = queue.first_lane
    samples.note(tx, "channel", queue.id, first.next)
    messages = len(batch.values)
    if not messages:
        return []
    present = sum([lane.records for lane in queue.lanes.values()])
    times = append.timestamps(batch, tx.wall, append.last_time(tx, first, present))
    if not (batch.levels and any(batch.levels)) and not (batch.delays and any(batch.delays)):
        begin = first.base + first.next
        ids = range(begin, begin + messages)
        _store(tx, queue, first, ids, times, batch)
        return ids
    sequences = range(first.next, first.next + messages)
    records = _store_in_lanes(tx, queue, sequences, times, batch)
    # The first lane keeps the sequence and the clock of all.
    append.count(tx, first, sequences.stop, 0, 0, times[-1])
    return records


def _store_in_lanes(
    tx: WriteTransaction,
    queue: Queue,
    sequences: range,
    timestamps: Sequence[int],
    batch: RecordColumns,
) -> list[int]:
    nothing = [0] * len(sequences)
    lanes: dict[int, list[int]] = defaultdict(list)
    for index, (level, delay) in enumerate(
        zip(batch.levels or nothing, batch.delays or nothing, strict=True)
    ):
        lanes[lane_number(level, delay > 0)].append(index)
    records = [0] * len(sequences)
    for number, indexes in lanes.items():
        lane = _lane(tx, queue, number)
        ids = [lane.base + sequences[index] for index in indexes]
        times = [timestamps[index] for index in indexes]
        _store(tx, queue, lane, ids, times, batch.chosen(indexes))
        for index, id in zip(indexes, ids, strict=True):
            records[index] = id
    return records


def _lane(tx: WriteTransaction, queue: Queue, number: int) -> Partition:
    # A delayed lane comes with its undelayed sibling, whose level the receivers look for.
    for needed in (number & ~1, number):
        if needed not in queue.lanes:
            queue.lanes[needed] = add_lane(tx, queue.id, queue.reader.id, needed)
    return queue.lanes[number]


def _store(
    tx: WriteTransaction,
    queue: Queue,
    lane: Partition,
    ids: Sequence[int],
    timestamps: Sequence[int],
    batch: RecordColumns,
) -> None:
    # A FIFO queue's delay counts from here, wherever the wall clock jumps.
    arrived = [tx.now] * len(ids) if queue.config.fifo else timekeeping.arrivals(tx, timestamps)
    append.insert(tx, ids, timestamps, batch, arrived)
    end = (ids[-1] & OFFSET_MASK) + 1
    append.count(tx, lane, end, len(ids), sum(batch.sizes), timestamps[-1])
    is_delayed = bool(lane.number & 1)
    if is_delayed:
        slot = leases.rows.slot_in(tx, queue.reader, lane.id)
        rows = [
            leases.rows.waiting(slot, record & OFFSET_MASK, tx.now + delay)
            for record, delay in zip(ids, batch.delays or (), strict=True)
        ]
        leases.rows.insert(tx, queue.reader, rows)
    if not queue.reader.by_runs:
        groups = batch.message_groups or [None] * len(ids)
        queue.reader.order.added(tx, queue.reader, ids, groups, delayed=is_delayed)
