"""The order of a standard queue: the highest level first, and in it by first send.

Messages that were given back or have lapsed go before undelivered ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from store.sqlite import leases
from store.sqlite.file.database import Snapshot, WriteTransaction

if TYPE_CHECKING:
    from store.sqlite.leases.messages import MessageRow
    from store.sqlite.leases.readers import Reader
    from store.sqlite.leases.receive import Receiver
    from store.sqlite.leases.rows import Lease, Slot, SlotProgress


def pick(receive: Receiver) -> None:
    """Lease by level: what is due again, then what was never delivered."""
    for level in receive.reader.levels:
        slots = [slot for slot in receive.slots if slot.level == level]
        if any(slot.is_due for slot in slots):
            receive.hold(receive.due_again(level))
        for slot in slots:
            if not slot.delayed:
                _pick_undelivered(receive, slot)


def _pick_undelivered(receive: Receiver, slot: SlotProgress) -> None:
    while receive.goes_on(slot):
        rows = receive.undelivered(slot, receive.wanted)
        if not rows:
            return
        receive.deliver(slot, rows)


def added(
    tx: WriteTransaction, reader: Reader, records: Sequence[int],
    message_groups: Sequence[str | None], *, delayed: bool,
) -> None:  # fmt: skip
    """Note nothing: records are delivered in their order."""


def changed(
    tx: WriteTransaction, reader: Reader, message: MessageRow, before: Lease | None, after: Lease
) -> None:
    """Note nothing: the lease itself tells who is next."""


def removed(tx: WriteTransaction, reader: Reader, messages: Sequence[MessageRow]) -> None:
    """Note nothing."""


def take_back(
    tx: WriteTransaction, reader: Reader, message: MessageRow, lease: Lease, before: Lease
) -> None:
    """Undo a delivery: the row is what it was before."""
    leases.rows.update(tx, reader, [lease], [before])


def taken_back(tx: WriteTransaction, reader: Reader, slots: Iterable[Slot]) -> None:
    """Move cursors back over messages that were never delivered."""
    for slot in slots:
        if not slot.delayed:
            leases.rows.retreat(tx, reader, slot)


def next_due(tx: Snapshot, reader: Reader) -> int | None:
    """Return when the next lease, delay or retry delay ends."""
    return leases.counts.next_due(tx, reader)
