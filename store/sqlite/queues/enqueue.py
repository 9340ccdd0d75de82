"""Messages enter a queue here: lane, sequence, delay. They are given column by column."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from store.model.encoding import Encoded, RecordColumns
from store.sqlite import leases
from store.sqlite.file import timekeeping
from store.sqlite.file.database import WriteTransaction
from store.sqlite.layout import OFFSET_MASK
from store.sqlite.log import append, samples
from store.sqlite.log.topics import Partition
from store.sqlite.queues.catalog import Queue, add_lane, lane_number

if TYPE_CHECKING:
    from store.sqlite.leases.rows import Slot


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


class SendTail(append.Tail):
    """The end of a queue, prepared for single messages: its settings, and its slots by lane.

    `is_plain` says that one without options is stored in the first lane, and that is all.
    """

    __slots__ = ("ahead", "is_plain", "order", "queue", "slots")

    def __init__(self, tx: WriteTransaction, queue: Queue, *, is_plain: bool) -> None:
        super().__init__(tx.memory(), queue.first_lane.id, queue.config.max_message)
        self.ahead = timekeeping.ahead_of_boot(tx)
        self.is_plain = is_plain
        self.queue = queue.id, queue.name, queue.created, queue.config, queue.reader
        self.order = None if queue.reader.by_runs else queue.reader.order
        self.slots: dict[int, Slot] = {}

    def find_slots(self, tx: WriteTransaction) -> None:
        """Look up the slots, which the first message of a process does not need."""
        self.slots = {slot.number: slot for slot in leases.rows.slots(tx, self.queue[4])}


def enqueue_one(
    tx: WriteTransaction, queue: Queue, tail: SendTail, batch: RecordColumns
) -> int | None:
    """Store a single message and return its record id; `None` where more is to be done."""
    wait = batch.delays[0] if batch.delays else 0
    level = batch.levels[0] if batch.levels else 0
    slot = tail.slots.get(level << 1 | (wait > 0))
    expires = batch.expires[0] if batch.expires else None
    if slot is None or (expires is not None and expires <= tx.wall):
        return None
    group = batch.message_groups[0] if batch.message_groups else None
    record = append.append_one(
        tx,
        tail,
        batch.values[0],
        batch.keys[0] if batch.keys else None,
        batch.headers[0] if batch.headers else None,
        batch.timestamps[0] if batch.timestamps else None,
        batch.sizes[0],
        (
            slot.partition if slot.number else None,
            group,
            expires,
            # A FIFO queue's delay counts from here, wherever the wall clock jumps.
            tx.now if queue.config.fifo else None,
        ),
    )
    if record is None:
        return None
    if wait:
        row = leases.rows.waiting(slot, record & OFFSET_MASK, tx.now + wait)
        leases.rows.insert(tx, queue.reader, [row])
    if tail.order is not None:
        tail.order.added(tx, queue.reader, [record], [group], delayed=wait > 0)
    return record


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
