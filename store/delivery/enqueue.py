"""Messages enter a queue here: lane, sequence, delay."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from store import samples
from store.db import Row, Write
from store.delivery import heads, leases, tenants
from store.delivery.leases import Lease, Slot
from store.delivery.queues import Queue, add_lane, lane_number
from store.delivery.tenants import Place
from store.log.checksum import checksum
from store.log.encoding import Encoded
from store.log.topics import Partition

LAST_SEQUENCE = (1 << 40) - 1
_NOTHING = (None, None, None, None)


@dataclass(slots=True)
class Draft:
    """A message ready to be stored: `delay` in milliseconds, `expires` as wall time."""

    content: Encoded
    message_group: str | None = None
    level: int = 0
    delay: int = 0
    expires: int | None = None


def enqueue(tx: Write, queue: Queue, drafts: Sequence[Draft]) -> list[int]:
    """Store messages under the next sequence numbers and return their record ids, in order."""
    first = queue.first_lane
    samples.note(tx, "channel", queue.id, first.next)
    sequence, clock = first.next, first.last_timestamp
    stored: dict[int, list[tuple[int, int, Draft]]] = defaultdict(list)
    records = []
    for draft in drafts:
        given = draft.content.timestamp
        clock = max(clock, tx.wall if given is None else given)
        lane = _lane(tx, queue, draft)
        records.append(lane.base + sequence)
        stored[lane.number].append((sequence, clock, draft))
        sequence += 1
    first.next = sequence
    first.last_timestamp = clock
    for number, members in stored.items():
        _store(tx, queue.lanes[number], members)
    _write_counters(tx, queue, stored)
    _make_deliverable(tx, queue, stored)
    return records


def _lane(tx: Write, queue: Queue, draft: Draft) -> Partition:
    # A FIFO queue has one lane: its delay is the queue's own, and makes no lease row.
    number = lane_number(draft.level, bool(draft.delay) and not queue.config.fifo)
    # A delayed lane comes with its undelayed sibling, whose level the receivers look for.
    for needed in (number & ~1, number):
        if needed not in queue.lanes:
            queue.lanes[needed] = add_lane(tx, queue.id, queue.reader.id, needed)
    return queue.lanes[number]


def _store(tx: Write, lane: Partition, members: list[tuple[int, int, Draft]]) -> None:
    rows: list[Row] = []
    is_plain = True
    for sequence, timestamp, draft in members:
        id, content = lane.base + sequence, draft.content
        crc = checksum(
            id, timestamp, draft.message_group, content.key, content.headers, content.value
        )
        plain = (id, timestamp, crc, content.value)
        more = (content.key, content.headers, draft.message_group, draft.expires)
        is_plain = is_plain and more == _NOTHING
        rows.append(plain + more)
    # A column that is left out costs nothing; one that is bound to null does.
    if is_plain:
        tx.insert_rows("mq_records (id, timestamp, checksum, value)", [row[:4] for row in rows])
    else:
        tx.insert_rows(
            "mq_records (id, timestamp, checksum, value, key, headers, message_group, expires)",
            rows,
        )
    lane.records += len(rows)
    lane.bytes += sum(draft.content.size for _, _, draft in members)


def _write_counters(
    tx: Write, queue: Queue, stored: dict[int, list[tuple[int, int, Draft]]]
) -> None:
    for number, members in stored.items():
        if number:
            queue.lanes[number].next = members[-1][0] + 1
            queue.lanes[number].last_timestamp = members[-1][1]
    for lane in (queue.lanes[number] for number in {0, *stored}):
        tx.execute(
            "update mq_partitions set next = ?, records = ?, bytes = ?, last_timestamp = ?"
            " where id = ?",
            (lane.next, lane.records, lane.bytes, lane.last_timestamp, lane.id),
        )


def _make_deliverable(
    tx: Write, queue: Queue, stored: dict[int, list[tuple[int, int, Draft]]]
) -> None:
    for number, members in stored.items():
        lane = queue.lanes[number]
        if queue.config.fifo:
            for sequence, timestamp, draft in members:
                assert draft.message_group is not None
                heads.add(tx, queue.reader, draft.message_group, lane.base + sequence, timestamp)
        elif number & 1:
            slot = leases.slot_in(tx, queue.reader, lane.id)
            rows = [_waiting(tx, slot, seq, draft) for seq, _, draft in members]
            leases.insert(tx, queue.reader, rows)
        if queue.config.fair:
            for sequence, _, draft in members:
                place = Place(draft.message_group, lane.base + sequence)
                tenants.add(tx, queue.reader, place, delayed=bool(number & 1))


def _waiting(tx: Write, slot: Slot, sequence: int, draft: Draft) -> Lease:
    due = tx.now + draft.delay
    return Lease(
        id=slot.lease_id(sequence),
        priority=draft.level,
        due=due,
        ends=due,
        deliveries=0,
        token=None,
        holder=None,
        started=None,
        record=slot.record_id(sequence),
    )
