"""Receiving: pick due messages, lease them, and remove those that may not be delivered any more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from store.sqlite import leases, log, queues
from store.sqlite.file.database import WriteTransaction
from store.sqlite.layout import OFFSET_BITS, OFFSET_MASK
from store.sqlite.leases import receipts, window
from store.sqlite.leases.messages import (
    LEASED,
    RECORD_COLUMNS,
    WITH_LEASES,
    StoredMessage,
    with_lease,
)
from store.sqlite.leases.readers import Reader
from store.sqlite.leases.rows import Lease, Slot, SlotProgress
from store.sqlite.queues.policies import expiry

if TYPE_CHECKING:
    from store.model.errors import Damaged
    from store.sqlite.leases.damaged import SteppedOver

# Messages that a receive removes (exhausted or expired) before it leaves the rest for later.
MOST_TAKEN_OUT = 100
_MOST_EXPIRED = 1_000

_UNDELIVERED = (
    f"select {RECORD_COLUMNS} from mq_records r where r.id >= :first and r.id < :end"
    " order by r.id limit :limit"
)


class Receiver:
    """One receive by a reader, inside one transaction."""

    def __init__(
        self, tx: WriteTransaction, reader: Reader, most: int, lease: int, holder: int
    ) -> None:
        self._tx = tx
        self._reader = reader
        self._most = most
        self._ends = tx.now + lease
        self._holder = holder
        self.taken_out = 0
        self._picked: list[StoredMessage] = []
        self._stepped_over: list[SteppedOver] = []
        self._is_isolating = False
        self._may_be_due = True
        self._slots = leases.rows.slots(tx, reader)
        if reader.turn:
            self._slots.sort(key=lambda slot: (slot.number < reader.turn, slot.number))

    def receive(self) -> list[StoredMessage]:
        """Lease messages and return them, in the order in which they are to be worked on."""
        self._pick_all()
        if self._may_be_due:
            leases.rows.notice(self._tx, self._reader)
        return self._picked

    @property
    def damage(self) -> Damaged | None:
        """The error about the damaged messages that it was the first to meet."""
        if not self._stepped_over:
            return None
        return leases.damaged.error(self._reader, self._stepped_over)

    def _pick_all(self) -> None:
        if self._reader.ordered:
            self._pick_ordered()
            return
        self._may_be_due = False
        for level in self._reader.levels:
            slots = [slot for slot in self._slots if slot.level == level]
            if any(slot.leases for slot in slots):
                self._pick_due(level)
            for slot in slots:
                if not slot.delayed and not self._is_isolating:
                    self._pick_undelivered(slot)

    @property
    def _wanted(self) -> int:
        return self._most - len(self._picked)

    def _pick_due(self, level: int) -> None:
        self._may_be_due |= self._wanted <= 0
        # Leased only at the end: with a lease of 0 a message is due again at once.
        ready: list[StoredMessage] = []
        after = (-1, -1)
        while len(ready) < self._wanted and self.taken_out < _MOST_EXPIRED:
            messages = self._due(level, after, self._wanted - len(ready))
            if not messages:
                break
            self._may_be_due = True
            last = messages[-1].lease
            assert last is not None
            after = (last.due, last.id)
            ready += [m for m in messages if not self.take_out(m)]
        together = window.isolated(self._reader, ready)
        self._is_isolating = len(together) < len(ready)
        self._hold(together)

    def _due(self, level: int, after: tuple[int, int], limit: int) -> list[StoredMessage]:
        rows = self._tx.rows(
            f"{LEASED} where l.reader = :reader and l.priority = :level and l.due <= :now"
            " and (l.due, l.id) > (:due, :id) and (:below is null or l.deliveries < :below)"
            " order by l.due, l.id limit :limit",
            {
                "reader": self._reader.id,
                "level": level,
                "now": self._tx.now,
                "due": after[0],
                "id": after[1],
                # Once enough were removed, exhausted ones are passed over.
                "below": self._reader.max_deliveries if self._took_enough else None,
                "limit": limit,
            },
        )
        slots = {slot.id: slot for slot in self._slots}
        return [with_lease(row, slots[row[11] >> OFFSET_BITS]) for row in rows]

    @property
    def _took_enough(self) -> bool:
        return self.taken_out >= MOST_TAKEN_OUT

    def _pick_undelivered(self, slot: SlotProgress) -> None:
        while self._wanted > 0 and self.taken_out < _MOST_EXPIRED and slot.cursor < slot.next:
            messages = self._next_undelivered(slot)
            if not messages:
                return
            ready = [m for m in messages if not self.take_out(m)]
            fresh = [self._lease_to_holder(m) for m in ready]
            leases.rows.advance(self._tx, self._reader, slot, messages[-1].sequence + 1, fresh)
            self._picked += ready

    def _next_undelivered(self, slot: SlotProgress) -> list[StoredMessage]:
        room = window.room(self._tx, self._reader, slot)
        if room is None:
            return self._undelivered(slot, self._wanted)
        found = self._undelivered(slot, min(room, self._wanted))
        end = window.end(self._reader, slot, room, found)
        if not found or found[0].sequence >= end:
            self._advance(slot, end)
        return [message for message in found if message.sequence < end]

    def _undelivered(self, slot: SlotProgress, limit: int) -> list[StoredMessage]:
        rows = self._tx.rows(
            _UNDELIVERED,
            {"first": slot.record_id(slot.cursor), "end": slot.end, "limit": limit},
        )
        return [StoredMessage(slot, None, *row) for row in rows]

    def _pick_ordered(self) -> None:
        slot = self._slots[0]
        for head in queues.order.fifo.due(self._tx, self._reader, self._most):
            if self._wanted <= 0 or self._took_enough:
                return
            self._pick_group(slot, head)

    def _pick_group(self, slot: SlotProgress, head: queues.order.fifo.Head) -> None:
        # Walk the group in order, deliver what is visible, stop at the first in flight (SQS).
        ready: list[StoredMessage] = []
        for message in self._walk(slot, head):
            if not self.take_out(message):
                ready.append(message)
            if len(ready) == self._wanted or self._took_enough or self._is_in_flight(message):
                break
        self._hold(ready, head.due)
        if ready:
            self._advance(slot, ready[-1].sequence + 1)
        queues.order.fifo.refresh(self._tx, self._reader, slot, head.message_group, served=True)

    def _walk(self, slot: Slot, head: queues.order.fifo.Head) -> Iterator[StoredMessage]:
        first = head.first
        while page := self._group(slot, head.message_group, first):
            for message in page:
                if self._is_in_flight(message) or self._is_delayed(message, head):
                    return
                yield message
            first = page[-1].record + 1

    def _group(self, slot: Slot, message_group: str, first: int) -> list[StoredMessage]:
        rows = self._tx.rows(
            f"{WITH_LEASES} where r.message_group = :message_group and r.id >= :first"
            " and r.id < :end order by r.id limit :limit",
            {
                **slot.base_ids,
                "message_group": message_group,
                "first": first,
                "end": slot.end,
                "limit": self._wanted,
            },
        )
        return [with_lease(row, slot) for row in rows]

    def _is_in_flight(self, message: StoredMessage) -> bool:
        return message.lease is not None and message.lease.due > self._tx.now

    def _is_delayed(self, message: StoredMessage, head: queues.order.fifo.Head) -> bool:
        # The head's own time stands in its row, which is due.
        delay = self._reader.delay
        if not delay or message.lease is not None or message.record == head.first:
            return False
        return message.age(self._tx) < delay

    def _advance(self, slot: SlotProgress, cursor: int) -> None:
        if cursor > slot.cursor:
            slot.cursor = cursor
            leases.rows.move_cursor(self._tx, slot, cursor)

    def take_out(self, message: StoredMessage) -> bool:
        """Remove a message if it may not be delivered any more; return whether that is so."""
        if message.is_damaged or (message.has_origin and not self._has_sound_origin(message)):
            self.taken_out += 1
            self._step_over(message)
            return True
        if self._is_expired(message):
            self.taken_out += 1
            if not leases.move.expire(self._tx, self._reader, message):
                self._postpone(message)
            return True
        most = self._reader.max_deliveries
        if most is None or message.lease is None or message.lease.deliveries < most:
            return False
        leases.attempts.note_lapsed(self._tx, message.lease)
        self.taken_out += 1
        if leases.move.dead_letter(self._tx, self._reader, message, "max_deliveries"):
            return True
        # Without a destination it stays, and is looked at again only after another lease.
        self._postpone(message)
        return True

    def _postpone(self, message: StoredMessage) -> None:
        due = self._tx.now + max(self._reader.lease, 1000)
        old = message.lease
        if old is None:
            message.lease = leases.rows.waiting(message.slot, message.sequence, due)
            leases.rows.insert(self._tx, self._reader, [message.lease])
            slot = next(slot for slot in self._slots if slot.id == message.slot.id)
            self._advance(slot, message.sequence + 1)
        else:
            message.lease = old.unheld(due)
            leases.rows.update(self._tx, self._reader, [old], [message.lease])

    def _has_sound_origin(self, message: StoredMessage) -> bool:
        return leases.origins.moved(self._tx, [message.record])[message.record].is_sound

    def _step_over(self, message: StoredMessage) -> None:
        """Let a damaged message go to the DLQ, or stay and hold up its own message group alone."""
        address = self._reader.address(message.slot.number, message.sequence)
        is_news = log.damage.tell(self._tx, message.record)
        has_moved = leases.damaged.to_dlq(self._tx, self._reader, message)
        if not has_moved:
            self._postpone(message)
        if is_news:
            dlq = self._reader.dead_letter_to if has_moved else None
            self._stepped_over.append(leases.damaged.SteppedOver(address, dlq))

    def _is_expired(self, message: StoredMessage) -> bool:
        if self._reader.retention is None:
            return False
        until = self._tx.wall - message.age(self._tx) + self._reader.retention
        if message.expires is not None:
            until = min(until, message.expires)
        return until <= self._tx.wall and expiry.is_over(self._tx, until)

    def _hold(self, messages: list[StoredMessage], turn: int = 0) -> None:
        """Lease the messages to the holder; of a message group, `turn` is when it was due."""
        if not messages:
            return
        fresh: list[Lease] = []
        before: list[Lease] = []
        after: list[Lease] = []
        for message in messages:
            old = message.lease
            now = self._lease_to_holder(message, turn)
            if old is None:
                fresh.append(now)
            else:
                leases.attempts.note_lapsed(self._tx, old)
                before.append(old)
                after.append(now)
        leases.rows.insert(self._tx, self._reader, fresh)
        leases.rows.update(self._tx, self._reader, before, after)
        self._picked += messages

    def _lease_to_holder(self, message: StoredMessage, turn: int = 0) -> Lease:
        old, slot = message.lease, message.slot
        deliveries = 1 if old is None else old.deliveries + 1
        message.lease = Lease(
            slot.lease_id(message.record & OFFSET_MASK),
            slot.level,
            self._ends + self._reader.retry_delay(deliveries),
            self._ends,
            deliveries,
            receipts.new_token(),
            self._holder,
            self._tx.now,
            message.record,
            turn if old is None else old.due,
        )
        return message.lease
