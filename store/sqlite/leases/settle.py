"""Settling deliveries: ack, nack, reject, extend, release."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from store import model
from store.model.addresses import EXCHANGE_PREFIX
from store.model.errors import Conflict, Hint, LeaseLost, MqError
from store.sqlite import layout, leases, queues
from store.sqlite.file.database import WriteTransaction
from store.sqlite.layout import OFFSET_BITS
from store.sqlite.leases import processing_times, receipts
from store.sqlite.leases.messages import MessageRow, StoredMessage
from store.sqlite.leases.readers import Reader
from store.sqlite.leases.rows import Lease, Slot

# SQS forgets a receipt twelve hours after the receive; a lease that is alive is never forgotten.
RECEIPT_LIFE = 12 * 3_600_000
_TWICE = "the work may be done twice: receive again, and make it idempotent"


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
Action = Callable[[WriteTransaction, Reader, Sequence[Delivery]], Refused]
_Asked = tuple[str, receipts.Receipt, Slot]


def settle(tx: WriteTransaction, texts: Sequence[str], action: Action) -> Refused:
    """Settle the deliveries of the receipts by an operation; return the errors by receipt.

    A refused receipt changes nothing and does not keep the others from being settled.
    """
    refused: Refused = {}
    for reader, asked in _by_reader(tx, texts, refused):
        # Only now: work for one reader may have pushed messages of the next one out.
        found = _find(tx, reader, asked, refused, repeatable=action is acknowledge)
        if found:
            refused |= action(tx, reader, found)
            # Messages that were given back may be over a limit again.
            if reader.sheds:
                leases.move.keep_within_limits(tx, reader)
    return {text: refused[text] for text in texts if text in refused}


def acknowledge(tx: WriteTransaction, reader: Reader, deliveries: Sequence[Delivery]) -> Refused:
    """Acknowledge deliveries: their messages are done."""
    leases.finish.finish(tx, reader, [delivery.message for delivery in deliveries])
    processing_times.note(tx, reader.id, [delivery.lease for delivery in deliveries])
    return {}


def give_back(delay: int | None, error: str | None, outcome: str) -> Action:
    """Give deliveries back that failed: they return after `delay` milliseconds, or the queue's
    delay.

    One that has used up its deliveries is dead-lettered instead.
    """

    def act(tx: WriteTransaction, reader: Reader, delivery: Delivery) -> None:
        lease = delivery.lease
        leases.attempts.note(tx, lease, outcome, error)
        most = reader.max_deliveries
        exhausted = most is not None and lease.deliveries >= most
        if exhausted and leases.move.dead_letter(
            tx, reader, delivery.whole(tx), "max_deliveries", error
        ):
            return
        wait = reader.retry_delay(lease.deliveries) if delay is None else delay
        due = tx.now + wait if wait else reader.given_back_at(tx.now)
        _change(tx, reader, delivery, lease.unheld(due))

    return _one_by_one(act)


def reject(error: str | None) -> Action:
    """Reject deliveries: to the DLQ, or dropped without one."""

    def act(tx: WriteTransaction, reader: Reader, delivery: Delivery) -> None:
        message = delivery.whole(tx)
        if not leases.move.dead_letter(tx, reader, message, "rejected", error):
            raise _nowhere_to_go(reader, message)
        leases.attempts.note(tx, delivery.lease, "rejected", error)

    return _one_by_one(act)


def _nowhere_to_go(reader: Reader, message: StoredMessage) -> Conflict:
    address = reader.address(message.slot.number, message.sequence)
    dlq = reader.dead_letter_to or ""
    if dlq.startswith(EXCHANGE_PREFIX):
        exchange = dlq.removeprefix(EXCHANGE_PREFIX)
        return Conflict(
            f"{address} has nowhere to go: no binding of exchange {exchange} leads it on",
            hint=Hint(
                "{}",
                model.looks.ExplainRoute(exchange, reader.dead_letter_key or _key(message)),
            ),
        )
    return Conflict(
        f"{address} has nowhere to go: its DLQ {dlq} is missing",
        hint=Hint("{}", model.actions.create("queue", dlq)),
    )


def _key(message: StoredMessage) -> str:
    return (message.key or b"").decode(errors="replace")


def extend(duration: int) -> Action:
    """Extend leases to `duration` milliseconds from now; 0 gives the messages back at once."""

    def act(tx: WriteTransaction, reader: Reader, delivery: Delivery) -> None:
        lease = delivery.lease
        if duration:
            ends = tx.now + duration
            due = ends + reader.retry_delay(lease.deliveries)
        else:
            ends = due = reader.given_back_at(tx.now)
        _change(tx, reader, delivery, lease._replace(ends=ends, due=due))

    return _one_by_one(act)


def unreceive(tx: WriteTransaction, reader: Reader, deliveries: Sequence[Delivery]) -> Refused:
    """Undo deliveries that were not begun: their messages return to their places.

    It counts for no limit and is no attempt (AMQP 1.0: released).
    """

    def act(tx: WriteTransaction, reader: Reader, delivery: Delivery) -> None:
        lease = delivery.lease
        before = lease.unheld(lease.was_due)._replace(deliveries=lease.deliveries - 1)
        if not reader.ordered:
            _change(tx, reader, delivery, before)
            return
        if before.deliveries:
            leases.rows.update(tx, reader, [lease], [before])
        else:
            leases.rows.remove(tx, reader, [lease])
        group = delivery.message.message_group
        assert group is not None
        queues.order.fifo.unserve(tx, reader, group, delivery.message.record, before.due)

    # The last first: of message groups, the one that was served first comes to stand in front.
    refused = _one_by_one(act)(tx, reader, deliveries[::-1])
    undone = [one.lease for one in deliveries if one.receipt not in refused]
    leases.attempts.note_undone(tx, undone)
    if not reader.ordered and not reader.fair:
        slots = {delivery.message.slot.id: delivery.message.slot for delivery in deliveries}
        for slot in slots.values():
            if not slot.delayed:
                leases.rows.retreat(tx, reader, slot)
    return refused


def release(tx: WriteTransaction, reader: Reader, message: StoredMessage) -> bool:
    """Make a leased or waiting message ready; return False if it is neither."""
    lease = message.lease
    if lease is None or lease.due <= tx.now:
        return False
    delivery = Delivery("", message, lease)
    if lease.token is not None and lease.ends > tx.now:
        give_back(0, None, "released")(tx, reader, [delivery])
    else:
        due = reader.given_back_at(tx.now)
        _change(tx, reader, delivery, lease._replace(due=due, ends=min(lease.ends, due)))
    return True


def lapse(tx: WriteTransaction, reader: Reader, message: StoredMessage) -> None:
    """End a message's lease now, as time would have done it later."""
    lease = message.lease
    assert lease is not None
    after = leases.rows.lapsed(reader, lease, tx.now)
    _change(tx, reader, Delivery("", message, lease), after)


def _one_by_one(act: Callable[[WriteTransaction, Reader, Delivery], None]) -> Action:
    def action(tx: WriteTransaction, reader: Reader, deliveries: Sequence[Delivery]) -> Refused:
        refused: Refused = {}
        for delivery in deliveries:
            try:
                _check_presence(tx, reader, delivery)
                act(tx, reader, delivery)
            except MqError as error:
                refused[delivery.receipt] = error
        return refused

    return action


def _check_presence(tx: WriteTransaction, reader: Reader, delivery: Delivery) -> None:
    if reader.sheds and leases.rows.get(tx, delivery.lease.id) is None:
        raise LeaseLost("another message that was settled with it pushed it out", hint=_TWICE)


def _change(tx: WriteTransaction, reader: Reader, delivery: Delivery, after: Lease) -> None:
    leases.rows.update(tx, reader, [delivery.lease], [after])
    group = delivery.message.message_group
    if reader.ordered and group is not None:
        queues.order.fifo.refresh(tx, reader, delivery.message.slot, group)
    if reader.fair:
        more = int(after.token is not None) - int(delivery.lease.token is not None)
        queues.order.tenants.refresh(
            tx, reader, delivery.message.slot, delivery.message.tenant, more
        )


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
        slot = receipt.lease >> OFFSET_BITS
        if slot not in places:
            places[slot] = leases.messages.place(tx, slot)
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
        hint=_TWICE,
    )
