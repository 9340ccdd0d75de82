"""Settling deliveries: ack, nack, reject, extend, release."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from store import routing
from store.addresses import EXCHANGE_PREFIX
from store.db import Write
from store.delivery import (
    attempts,
    heads,
    leases,
    lookup,
    move,
    processing_times,
    receipts,
    tenants,
)
from store.delivery.leases import Lease, Slot
from store.delivery.move import Stored
from store.delivery.readers import Reader
from store.errors import Conflict, LeaseLost, MqError

# SQS forgets a receipt twelve hours after the receive; a lease that is alive is never forgotten.
RECEIPT_LIFE = 12 * 3_600_000


@dataclass(slots=True)
class Delivery:
    """A delivery that is being settled, and the receipt that asked for it."""

    receipt: str
    reader: Reader
    message: Stored
    lease: Lease


Refused = dict[str, MqError]
Action = Callable[[Write, Reader, Sequence[Delivery]], Refused]


def settle(tx: Write, texts: Sequence[str], action: Action) -> Refused:
    """Do something with the deliveries that the receipts stand for; the errors by receipt.

    A receipt that is refused changes nothing and does not keep the others from being settled.
    """
    seal = receipts.seal(tx)
    asked: dict[str, receipts.Receipt] = {}
    refused: Refused = {}
    for text in dict.fromkeys(texts):
        try:
            asked[text] = receipts.read(seal, text)
        except MqError as error:
            refused[text] = error
    finder = _Finder(tx, asked.values(), repeatable=action is acknowledge)
    found: defaultdict[int, list[Delivery]] = defaultdict(list)
    for text, receipt in asked.items():
        try:
            delivery = finder.find(text, receipt)
        except MqError as error:
            refused[text] = error
        else:
            if delivery is not None:
                found[delivery.reader.id].append(delivery)
    for deliveries in found.values():
        reader = deliveries[0].reader
        refused |= action(tx, reader, deliveries)
        # What was given back may be over a limit again.
        move.keep_within_limits(tx, reader)
    return {text: refused[text] for text in texts if text in refused}


def acknowledge(tx: Write, reader: Reader, deliveries: Sequence[Delivery]) -> Refused:
    """The messages are done with."""
    move.finish(tx, reader, [delivery.message for delivery in deliveries])
    processing_times.note(tx, reader.id, [delivery.lease for delivery in deliveries])
    return {}


def give_back(delay: int | None, error: str | None, outcome: str) -> Action:
    """The messages failed: they come back after `delay` milliseconds, or as the queue says.

    One that has used up its deliveries is dead-lettered instead.
    """

    def act(tx: Write, reader: Reader, delivery: Delivery) -> None:
        lease = delivery.lease
        attempts.note(tx, lease, outcome, error)
        most = reader.max_deliveries
        exhausted = most is not None and lease.deliveries >= most
        if exhausted and move.dead_letter(tx, reader, delivery.message, "max_deliveries", error):
            return
        wait = reader.retry_delay(lease.deliveries) if delay is None else delay
        due = tx.now + wait if wait else reader.given_back_at(tx.now)
        _change(tx, delivery, lease.unheld(due))

    return _one_by_one(act)


def reject(error: str | None) -> Action:
    """The messages are refused for good: to the DLQ, or away where there is none."""

    def act(tx: Write, reader: Reader, delivery: Delivery) -> None:
        if not move.dead_letter(tx, reader, delivery.message, "rejected", error):
            raise _nowhere_to_go(reader, delivery)
        attempts.note(tx, delivery.lease, "rejected", error)

    return _one_by_one(act)


def _nowhere_to_go(reader: Reader, delivery: Delivery) -> Conflict:
    address = reader.address(delivery.message.slot.number, delivery.message.sequence)
    dlq = reader.dead_letter_to or ""
    if dlq.startswith(EXCHANGE_PREFIX):
        exchange = dlq.removeprefix(EXCHANGE_PREFIX)
        return Conflict(
            f"{address} has nowhere to go: no binding of exchange {exchange} leads it on",
            hint=routing.explain.command(exchange, reader.dead_letter_key or _key(delivery)),
        )
    return Conflict(
        f"{address} has nowhere to go: its DLQ {dlq} is missing", hint=f"mq queue create {dlq}"
    )


def _key(delivery: Delivery) -> str:
    return (delivery.message.key or b"").decode(errors="replace")


def extend(duration: int) -> Action:
    """The leases last `duration` milliseconds from now; 0 gives the messages back at once."""

    def act(tx: Write, reader: Reader, delivery: Delivery) -> None:
        lease = delivery.lease
        if duration:
            ends = tx.now + duration
            due = ends + reader.retry_delay(lease.deliveries)
        else:
            ends = due = reader.given_back_at(tx.now)
        _change(tx, delivery, lease._replace(ends=ends, due=due))

    return _one_by_one(act)


def release(tx: Write, reader: Reader, message: Stored) -> bool:
    """Make a message ready that somebody holds, or that waits; False when neither is so."""
    lease = message.lease
    if lease is None or lease.due <= tx.now:
        return False
    delivery = Delivery("", reader, message, lease)
    if lease.token is not None and lease.ends > tx.now:
        give_back(0, None, "released")(tx, reader, [delivery])
    else:
        due = reader.given_back_at(tx.now)
        _change(tx, delivery, lease._replace(due=due, ends=min(lease.ends, due)))
    return True


def lapse(tx: Write, reader: Reader, message: Stored) -> None:
    """End a message's lease now, as time would have done it later."""
    lease = message.lease
    assert lease is not None
    wait = reader.retry_delay(lease.deliveries)
    ends = tx.now if wait else reader.given_back_at(tx.now)
    _change(tx, Delivery("", reader, message, lease), lease._replace(ends=ends, due=ends + wait))


def _one_by_one(act: Callable[[Write, Reader, Delivery], None]) -> Action:
    def action(tx: Write, reader: Reader, deliveries: Sequence[Delivery]) -> Refused:
        refused: Refused = {}
        for delivery in deliveries:
            try:
                act(tx, reader, delivery)
            except MqError as error:
                refused[delivery.receipt] = error
        return refused

    return action


def _change(tx: Write, delivery: Delivery, after: Lease) -> None:
    reader = delivery.reader
    leases.update(tx, reader, [delivery.lease], [after])
    group = delivery.message.message_group
    if reader.ordered and group is not None:
        heads.refresh(tx, reader, delivery.message.slot, group)
    if reader.fair:
        more = int(after.token is not None) - int(delivery.lease.token is not None)
        tenants.refresh(tx, reader, delivery.message.slot, delivery.message.tenant, more)


class _Finder:
    """Finds the deliveries of receipts, all of them at once; each reader is looked up once."""

    def __init__(self, tx: Write, asked: Iterable[receipts.Receipt], repeatable: bool) -> None:
        self._tx = tx
        self._leased = move.leased(tx, [receipt.lease for receipt in asked])
        self._repeatable = repeatable
        self._places: dict[int, tuple[Reader, Slot] | None] = {}

    def find(self, text: str, receipt: receipts.Receipt) -> Delivery | None:
        """The delivery of a receipt; `None` when acknowledging it once more is no mistake.

        Raises `LeaseLost` when somebody else has leased the message since, when the lease ended
        otherwise, and for FIFO queues and shares also when it merely lapsed.
        """
        place = self._place(receipt.lease >> leases.OFFSET_BITS)
        if place is None:
            raise _lost(receipt, "the message", "where it stood was purged, reset or deleted")
        reader, slot = place
        row = self._leased.get(receipt.lease)
        if row is None:
            self._refuse_unless_acknowledged(receipt, reader, slot)
            return None
        message = move.with_lease(row, slot)
        assert message.lease is not None
        why = _why_lost(self._tx, reader, message.lease, receipt)
        if why is not None:
            raise _lost(receipt, reader.place(slot.number), why)
        return Delivery(text, reader, message, message.lease)

    def _refuse_unless_acknowledged(
        self, receipt: receipts.Receipt, reader: Reader, slot: Slot
    ) -> None:
        # With no lease and no other end, saying again that it is done is no mistake.
        if attempts.ended(self._tx, receipt.lease, receipt.token):
            raise _lost(receipt, reader.place(slot.number), "its lease ended before this")
        if not self._repeatable:
            why = "it was acknowledged, or its retention has passed"
            raise _lost(receipt, reader.place(slot.number), why)

    def _place(self, slot: int) -> tuple[Reader, Slot] | None:
        if slot not in self._places:
            self._places[slot] = lookup.place(self._tx, slot)
        return self._places[slot]


def _why_lost(tx: Write, reader: Reader, lease: Lease, receipt: receipts.Receipt) -> str | None:
    if lease.token != receipt.token:
        return "it was given back or leased again since"
    lapsed = lease.ends <= tx.now
    if lapsed and reader.strict:
        return "its lease has lapsed"
    if lapsed and lease.started is not None and lease.started + RECEIPT_LIFE < tx.now:
        return "it was received more than 12 hours ago"
    return None


def _lost(receipt: receipts.Receipt, name: str, why: str) -> LeaseLost:
    offset = receipt.lease & (1 << leases.OFFSET_BITS) - 1
    where = name if name == "the message" else f"{name}@{offset}"
    return LeaseLost(
        f"the lease on {where} is lost: {why}",
        hint="the work may be done twice: receive again, and make it idempotent",
    )
