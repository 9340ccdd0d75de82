"""Settlements other than an acknowledgement: give back, reject, extend, take back.

A run is settled by statements about all of it, unless its messages differ in what becomes of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from store import model
from store.model.addresses import EXCHANGE_PREFIX
from store.model.errors import Conflict, Hint, LeaseLost, MqError
from store.sqlite import leases
from store.sqlite.file.database import WriteTransaction
from store.sqlite.leases import attempts, runs
from store.sqlite.leases.deliveries import TWICE, Delivery, Refused
from store.sqlite.leases.messages import StoredMessage
from store.sqlite.leases.readers import Reader
from store.sqlite.leases.rows import Lease
from store.sqlite.leases.runs import Run


class OneByOne(ABC):
    """A settlement that does the same to each delivery."""

    is_repeatable = False

    def settle_run(self, tx: WriteTransaction, reader: Reader, run: Run) -> bool:
        """Settle a run; return False, with nothing changed, where it has to go one by one."""
        return False

    def settle(
        self, tx: WriteTransaction, reader: Reader, deliveries: Sequence[Delivery]
    ) -> Refused:
        """Settle deliveries; return the errors by receipt."""
        refused: Refused = {}
        for delivery in deliveries:
            try:
                _check_presence(tx, reader, delivery)
                self.settle_one(tx, reader, delivery)
            except MqError as error:
                refused[delivery.receipt] = error
        return refused

    @abstractmethod
    def settle_one(self, tx: WriteTransaction, reader: Reader, delivery: Delivery) -> None:
        """Settle one delivery."""


class GiveBack(OneByOne):
    """Deliveries failed: they return after `delay` milliseconds, or the queue's retry delay.

    One that has used up its deliveries is dead-lettered instead.
    """

    def __init__(self, delay: int | None, error: str | None, outcome: str) -> None:
        self._delay = delay
        self._error = error
        self._outcome = outcome

    def settle_run(self, tx: WriteTransaction, reader: Reader, run: Run) -> bool:
        """Give a run back, if none of it has used up its deliveries."""
        standing = runs.standing(tx, run)
        if standing is None or (
            reader.retry is not None and reader.retry.is_used_up(standing.most)
        ):
            return False
        if self._delay is None and standing.fewest < standing.most and reader.has_retry_delays:
            return False
        attempts.note_run(tx, run, self._outcome, self._error)
        runs.give_back(tx, run, self._due(tx, reader, standing.most))
        return True

    def settle_one(self, tx: WriteTransaction, reader: Reader, delivery: Delivery) -> None:
        """Give one delivery back."""
        lease = delivery.lease
        attempts.note(tx, [lease], self._outcome, self._error)
        for policy in reader.policies.settling:
            if policy.settling(tx, reader, delivery, self._error):
                return
        _change(tx, reader, delivery, lease.unheld(self._due(tx, reader, lease.deliveries)))

    def _due(self, tx: WriteTransaction, reader: Reader, deliveries: int) -> int:
        wait = reader.retry_delay(deliveries) if self._delay is None else self._delay
        return tx.now + wait if wait else reader.given_back_at(tx.now)


class Reject(OneByOne):
    """Deliveries are rejected: to the DLQ, or dropped without one."""

    def __init__(self, error: str | None) -> None:
        self._error = error

    def settle_one(self, tx: WriteTransaction, reader: Reader, delivery: Delivery) -> None:
        """Dead-letter one."""
        message = delivery.whole(tx)
        if not leases.move.dead_letter(tx, reader, message, "rejected", self._error):
            raise _nowhere_to_go(reader, message)
        attempts.note(tx, [delivery.lease], "rejected", self._error)


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


class Extend(OneByOne):
    """Leases end `duration` milliseconds from now; 0 gives the messages back at once."""

    def __init__(self, duration: int) -> None:
        self._duration = duration

    def settle_run(self, tx: WriteTransaction, reader: Reader, run: Run) -> bool:
        """Extend a run, if its messages would be due again at the same time."""
        standing = runs.standing(tx, run)
        if standing is None or (standing.fewest < standing.most and reader.has_retry_delays):
            return False
        runs.extend(tx, run, *self._times(tx, reader, standing.most))
        return True

    def settle_one(self, tx: WriteTransaction, reader: Reader, delivery: Delivery) -> None:
        """Extend one lease."""
        ends, due = self._times(tx, reader, delivery.lease.deliveries)
        _change(tx, reader, delivery, delivery.lease._replace(ends=ends, due=due))

    def _times(self, tx: WriteTransaction, reader: Reader, deliveries: int) -> tuple[int, int]:
        if not self._duration:
            at_once = reader.given_back_at(tx.now)
            return at_once, at_once
        ends = tx.now + self._duration
        return ends, ends + reader.retry_delay(deliveries)


class Unreceive(OneByOne):
    """Deliveries were not begun: their messages return to their places.

    It counts for no limit and is no attempt (AMQP 1.0: released).
    """

    def settle_run(self, tx: WriteTransaction, reader: Reader, run: Run) -> bool:
        """Take a run back."""
        standing = runs.standing(tx, run)
        if standing is None:
            return False
        attempts.note_undone(tx, run.token, run.ids)
        runs.take_back(tx, run, standing)
        reader.order.taken_back(tx, reader, [run.slot])
        return True

    def settle(
        self, tx: WriteTransaction, reader: Reader, deliveries: Sequence[Delivery]
    ) -> Refused:
        """Take deliveries back, the last first: of message groups, the one that was served first
        comes to stand in front.
        """
        refused = super().settle(tx, reader, deliveries[::-1])
        undone = [one.lease for one in deliveries if one.receipt not in refused]
        for lease in undone:
            assert lease.token is not None
            attempts.note_undone(tx, lease.token, [lease.id])
        slots = {delivery.message.slot.id: delivery.message.slot for delivery in deliveries}
        reader.order.taken_back(tx, reader, slots.values())
        return refused

    def settle_one(self, tx: WriteTransaction, reader: Reader, delivery: Delivery) -> None:
        """Take one delivery back."""
        lease = delivery.lease
        before = lease.unheld(lease.was_due)._replace(deliveries=lease.deliveries - 1)
        reader.order.take_back(tx, reader, delivery.message, lease, before)


def release(tx: WriteTransaction, reader: Reader, message: StoredMessage) -> bool:
    """Make a leased or waiting message ready; return False if it is neither."""
    lease = message.lease
    if lease is None or lease.due <= tx.now:
        return False
    delivery = Delivery("", message, lease)
    if lease.token is not None and lease.ends > tx.now:
        GiveBack(0, None, "released").settle(tx, reader, [delivery])
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


def _check_presence(tx: WriteTransaction, reader: Reader, delivery: Delivery) -> None:
    if reader.sheds and leases.rows.get(tx, delivery.lease.id) is None:
        raise LeaseLost("another message that was settled with it pushed it out", hint=TWICE)


def _change(tx: WriteTransaction, reader: Reader, delivery: Delivery, after: Lease) -> None:
    leases.rows.update(tx, reader, [delivery.lease], [after])
    reader.order.changed(tx, reader, delivery.message, delivery.lease, after)
