"""The window of a share: from its first unfinished record to the last one it handed out.

Below the cursor a lease row means unfinished, and no row finished.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from store.sqlite import layout
from store.sqlite.file.database import Snapshot
from store.sqlite.leases.readers import Reader
from store.sqlite.leases.rows import SlotProgress

if TYPE_CHECKING:
    from store.sqlite.leases.messages import StoredMessage


def start(tx: Snapshot, slot: SlotProgress) -> int:
    """Return the first offset that is not finished (Kafka: SPSO)."""
    first = tx.value(
        "select min(id) from mq_leases where id >= :first and id < :end",
        layout.span(slot.id),
    )
    return slot.cursor if first is None else first - slot.lease_id(0)


def room(tx: Snapshot, reader: Reader, slot: SlotProgress) -> int | None:
    """Return how many more offsets may be handed out; `None` for a reader without a bound."""
    if reader.window is None:
        return None
    return max(0, reader.window - (slot.cursor - start(tx, slot)))


def end(reader: Reader, slot: SlotProgress, room: int, found: Sequence[StoredMessage]) -> int:
    """Return the offset before which records may be handed out; `found` are those that come next.

    The window counts offsets, also of records that compaction removed. It begins behind these while
    nothing is unfinished.
    """
    if room != reader.window:
        return min(slot.next, slot.cursor + room)
    return found[0].sequence + room if found else slot.next


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
