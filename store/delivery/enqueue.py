"""Messages enter a queue here: lane, sequence, delay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from store import samples
from store.db import Row, Write
from store.delivery import heads, leases, tenants
from store.delivery.queues import Queue, add_lane, lane_number
from store.delivery.tenants import Place
from store.log.checksum import checksum
from store.log.encoding import Encoded
from store.log.topics import Partition

_NOTHING = (None, None, None, None)


@dataclass(slots=True)
class Draft:
    """A message ready to be stored: `delay` in milliseconds, `expires` as wall time."""

    content: Encoded
    message_group: str | None = None
    level: int = 0
    delay: int = 0
    expires: int | None = None


# By lane number: each message's record id, its timestamp and what it says.
Placed = dict[int, list[tuple[int, int, Draft]]]


def enqueue(tx: Write, queue: Queue, drafts: Sequence[Draft]) -> list[int]:
    """Store messages under the next sequence numbers and return their record ids, in order."""
    first = queue.first_lane
    samples.note(tx, "channel", queue.id, first.next)
    records, placed = _place(tx, queue, drafts)
    for number, members in placed.items():
        _store(tx, queue.lanes[number], members)
    _write_counters(tx, queue, placed)
    _make_deliverable(tx, queue, placed)
    return records


def _place(tx: Write, queue: Queue, drafts: Sequence[Draft]) -> tuple[list[int], Placed]:
    first, now = queue.first_lane, tx.wall
    clock = first.last_timestamp
    # A FIFO queue has one lane: its delay is the queue's own, and makes no lease row.
    is_delayable = not queue.config.fifo
    records: list[int] = []
    placed: Placed = {}
    bases: dict[int, int] = {}
    for sequence, draft in enumerate(drafts, first.next):
        given = draft.content.timestamp
        timestamp = now if given is None else given
        if timestamp > clock:
            clock = timestamp
        number = lane_number(draft.level, is_delayable and draft.delay > 0)
        if number not in bases:
            bases[number] = _lane(tx, queue, number).base
            placed[number] = []
        record = bases[number] + sequence
        records.append(record)
        placed[number].append((record, clock, draft))
    first.next += len(drafts)
    first.last_timestamp = clock
    return records, placed


def _lane(tx: Write, queue: Queue, number: int) -> Partition:
    # A delayed lane comes with its undelayed sibling, whose level the receivers look for.
    for needed in (number & ~1, number):
        if needed not in queue.lanes:
            queue.lanes[needed] = add_lane(tx, queue.id, queue.reader.id, needed)
    return queue.lanes[number]


def _store(tx: Write, lane: Partition, members: list[tuple[int, int, Draft]]) -> None:
    rows: list[Row] = []
    is_plain = True
    for record, timestamp, draft in members:
        value, key, headers, _, size = draft.content
        group, expires = draft.message_group, draft.expires
        crc = checksum(record, timestamp, group, key, headers, value)
        rows.append((record, timestamp, crc, value, key, headers, group, expires))
        is_plain = is_plain and (key, headers, group, expires) == _NOTHING
        lane.bytes += size
    # A column that is left out costs nothing; one that is bound to null does.
    if is_plain:
        tx.insert_rows("mq_records (id, timestamp, checksum, value)", [row[:4] for row in rows])
    else:
        tx.insert_rows(
            "mq_records (id, timestamp, checksum, value, key, headers, message_group, expires)",
            rows,
        )
    lane.records += len(rows)


def _write_counters(tx: Write, queue: Queue, placed: Placed) -> None:
    for number, members in placed.items():
        if number:
            record, timestamp, _ = members[-1]
            queue.lanes[number].next = (record & leases.OFFSET_MASK) + 1
            queue.lanes[number].last_timestamp = timestamp
    for lane in (queue.lanes[number] for number in {0, *placed}):
        tx.execute(
            "update mq_partitions set next = ?, records = ?, bytes = ?, last_timestamp = ?"
            " where id = ?",
            (lane.next, lane.records, lane.bytes, lane.last_timestamp, lane.id),
        )


def _make_deliverable(tx: Write, queue: Queue, placed: Placed) -> None:
    for number, members in placed.items():
        if queue.config.fifo:
            for record, timestamp, draft in members:
                assert draft.message_group is not None
                heads.add(tx, queue.reader, draft.message_group, record, timestamp)
        elif number & 1:
            slot = leases.slot_in(tx, queue.reader, queue.lanes[number].id)
            rows = [
                leases.waiting(slot, record & leases.OFFSET_MASK, tx.now + draft.delay)
                for record, _, draft in members
            ]
            leases.insert(tx, queue.reader, rows)
        if queue.config.fair:
            for record, _, draft in members:
                place = Place(draft.message_group, record)
                tenants.add(tx, queue.reader, place, delayed=bool(number & 1))
