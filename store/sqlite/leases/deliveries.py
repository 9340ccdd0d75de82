"""Deliveries by their receipts, one by one: settled, or refused with the reason."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from store.model.errors import LeaseLost, MqError
from store.sqlite import layout, leases
from store.sqlite.file.database import WriteTransaction
from store.sqlite.leases import receipts
from store.sqlite.leases.messages import MessageRow, StoredMessage
from store.sqlite.leases.readers import Reader
from store.sqlite.leases.rows import Lease, Slot

if TYPE_CHECKING:
    from store.sqlite.leases.settle import Settlement

# SQS forgets a receipt twelve hours after the receive; a lease that is alive is never forgotten.
RECEIPT_LIFE = 12 * 3_600_000
TWICE = "the work may be done twice: receive again, and make it idempotent"


class Delivery(NamedTuple):
    """A delivery that is being settled, and its receipt."""

    receipt: str
    message: MessageRow
    lease: Lease

    def whole(self, tx: WriteTransaction) -> StoredMessage:
        """Return the message with its contents."""
        message = leases.messages.load(tx, self.message.slot, self.message.record)
        assert message is not None
        return message


Refused = dict[str, MqError]
_Asked = tuple[str, receipts.Receipt, Slot]


def settle(tx: WriteTransaction, texts: Sequence[str], settlement: Settlement) -> Refused:
    """Settle the deliveries of the receipts by a settlement; return the errors by receipt."""
    refused: Refused = {}
    for reader, asked in _by_reader(tx, texts, refused):
        # Only now: work for one reader may have pushed messages of the next one out.
        found = _find(tx, reader, asked, refused, repeatable=settlement.is_repeatable)
        if found:
            refused |= settlement.settle(tx, reader, found)
            # Messages that were given back may be over a limit again.
            for policy in reader.policies.after_enqueue:
                policy.after_enqueue(tx, reader, ())
    return {text: refused[text] for text in texts if text in refused}


def _by_reader(
    tx: WriteTransaction, texts: Sequence[str], refused: Refused
) -> Iterable[tuple[Reader, list[_Asked]]]:
    """Return the operations for each reader, in order; each slot is looked up once."""
    seal = receipts.seal(tx)
    places: dict[int, tuple[Reader, Slot] | None] = {}
    asked: dict[int, tuple[Reader, list[_Asked]]] = {}
    for text in dict.fromkeys(texts):
        try:
            receipt = receipts.read(seal, text)
        except MqError as error:
            refused[text] = error
            continue
        slot = layout.owner(receipt.lease)
        if slot not in places:
            places[slot] = leases.readers.place(tx, slot)
        place = places[slot]
        if place is None:
            gone = "where it stood was purged, reset or deleted"
            refused[text] = _lost(receipt, "the message", gone)
        else:
            asked.setdefault(place[0].id, (place[0], []))[1].append((text, receipt, place[1]))
    return asked.values()


def _find(
    tx: WriteTransaction,
    reader: Reader,
    asked: Sequence[_Asked],
    refused: Refused,
    *,
    repeatable: bool,
) -> list[Delivery]:
    """Return the deliveries of receipts, except refused ones.

    Refused are messages that another reader has leased since, those whose lease ended otherwise,
    and in FIFO queues and shares also lapsed ones. Finished messages are left out where that is
    `repeatable`, and records that have left the log of a share (Kafka: below the start of its
    window).
    """
    rows = leases.messages.leases_to_settle(tx, [receipt.lease for _, receipt, _ in asked])
    found = []
    for text, receipt, slot in asked:
        row = rows.get(receipt.lease)
        if row is None:
            why = _why_gone(tx, reader, slot, receipt, repeatable)
        else:
            message = leases.messages.standing(row, slot)
            assert message.lease is not None
            why = _why_lost(tx, reader, message.lease, receipt)
            if why is None:
                found.append(Delivery(text, message, message.lease))
        if why is not None:
            refused[text] = _lost(receipt, reader.place(slot.number), why)
    return found


def _has_left(tx: WriteTransaction, reader: Reader, slot: Slot, receipt: receipts.Receipt) -> bool:
    record = slot.record_id(layout.offset(receipt.lease))
    return reader.on_ack == "retain" and leases.messages.load(tx, slot, record) is None


def _why_gone(
    tx: WriteTransaction, reader: Reader, slot: Slot, receipt: receipts.Receipt, repeatable: bool
) -> str | None:
    if leases.attempts.ended(tx, receipt.lease, receipt.token):
        return "its lease ended before this"
    if _is_untouched(tx, reader, slot, layout.offset(receipt.lease)):
        return "its receive was undone, or reset since"
    if not repeatable and not _has_left(tx, reader, slot, receipt):
        return "it was acknowledged, or its retention has passed"
    # With no lease and no other end, a repeated ack is no error.
    return None


def _is_untouched(tx: WriteTransaction, reader: Reader, slot: Slot, offset: int) -> bool:
    """Return whether a message without a lease still waits to be handed out for the first time."""
    if reader.retains:
        sql = "select cursor <= :offset from mq_slots where id = :slot"
    else:
        sql = "select exists (select 1 from mq_records where id = :record)"
    record = slot.record_id(offset)
    return bool(tx.value(sql, {"offset": offset, "slot": slot.id, "record": record}))


def _why_lost(
    tx: WriteTransaction, reader: Reader, lease: Lease, receipt: receipts.Receipt
) -> str | None:
    if lease.token != receipt.token:
        return "it was given back or leased again since"
    lapsed = lease.ends <= tx.now
    if lapsed and reader.strict:
        return "its lease has lapsed"
    if lapsed and lease.started is not None and lease.started + RECEIPT_LIFE < tx.now:
        return "it was received more than 12 hours ago"
    return None


def _lost(receipt: receipts.Receipt, name: str, why: str) -> LeaseLost:
    offset = layout.offset(receipt.lease)
    where = name if name == "the message" else f"{name}@{offset}"
    return LeaseLost(
        f"the lease on {where} is lost: {why}",
        hint=TWICE,
    )
