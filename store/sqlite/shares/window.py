"""The order of a share: within its window, from its first unfinished record to the last one it
handed out.

Below the cursor a lease row means unfinished, and no row finished.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from store.sqlite import layout
from store.sqlite.file.database import Row, Snapshot
from store.sqlite.leases.readers import Reader
from store.sqlite.leases.rows import SlotProgress
from store.sqlite.queues.order.standard import (
    added as added,
    changed as changed,
    next_due as next_due,
    removed as removed,
    take_back as take_back,
    taken_back as taken_back,
)

if TYPE_CHECKING:
    from store.sqlite.leases.messages import StoredMessage
    from store.sqlite.leases.receive import Receiver


def pick(receive: Receiver) -> None:
    """Lease what is due again, unless it is suspect none but that; then what was never delivered,
    as far as the window reaches.
    """
    if any(slot.is_due for slot in receive.slots):
        due = receive.due_again(0)
        together = isolated(receive.reader, due)
        receive.hold(together)
        if len(together) < len(due):
            return
    turn = receive.reader.turn
    for slot in sorted(receive.slots, key=lambda slot: (slot.number < turn, slot.number)):
        _pick_undelivered(receive, slot)


def _pick_undelivered(receive: Receiver, slot: SlotProgress) -> None:
    while receive.goes_on(slot):
        room = _room(receive.tx, receive.reader, slot)
        found = receive.undelivered(slot, min(room, receive.wanted))
        last = _end(receive.reader, slot, room, found)
        if not found or layout.offset(found[0][0]) >= last:
            receive.advance(slot, last)
            return
        receive.deliver(slot, [row for row in found if layout.offset(row[0]) < last])


def start(tx: Snapshot, slot: SlotProgress) -> int:
    """Return the first offset that is not finished (Kafka: SPSO)."""
    first = tx.value(
        "select min(id) from mq_leases where id >= :first and id < :end",
        layout.span(slot.id),
    )
    return slot.cursor if first is None else first - slot.lease_id(0)


def _room(tx: Snapshot, reader: Reader, slot: SlotProgress) -> int:
    """Return how many more offsets may be handed out."""
    assert reader.window is not None
    return max(0, reader.window - (slot.cursor - start(tx, slot)))


def _end(reader: Reader, slot: SlotProgress, room: int, found: Sequence[Row]) -> int:
    """Return the offset before which records may be handed out; `found` are those that come next.

    The window counts offsets, also of records that compaction removed. It begins behind these while
    nothing is unfinished.
    """
    if room != reader.window:
        return min(slot.next, slot.cursor + room)
    return layout.offset(found[0][0]) + room if found else slot.next


def isolated(reader: Reader, due: Sequence[StoredMessage]) -> list[StoredMessage]:
    """Return the due records that may be handed out together (KIP-932: poison isolation).

    A record that failed often may take its worker down, and all that was handed out with it. It is
    not put behind others; the more often it failed the fewer go with it, at the last time none.
    """
    suspect = reader.isolates_from
    if suspect is None:
        return list(due)
    for index, record in enumerate(due):
        if _failures(record) >= suspect:
            return list(due[: index or _with_few(reader, suspect, due)])
    return list(due)


def _with_few(reader: Reader, suspect: int, due: Sequence[StoredMessage]) -> int:
    failures, first = _failures(due[0]), due[0].record
    run = 0
    while run < len(due) and (due[run].record - run, _failures(due[run])) == (first, failures):
        run += 1
    most = reader.max_deliveries
    is_last = most is not None and most > 2 and failures == most - 1
    return 1 if is_last else max(1, run >> (failures - suspect + 1))


def _failures(record: StoredMessage) -> int:
    return 0 if record.lease is None else record.lease.deliveries
