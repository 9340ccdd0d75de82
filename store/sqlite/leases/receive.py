"""Receiving: due messages are leased, and those that may not be delivered any more are removed.

`Reader.order` says which messages are next, by the methods of a `Receiver`.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import error as StructError
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from store.sqlite import leases, log, queues
from store.sqlite.file.database import Row, WriteTransaction
from store.sqlite.file.settings import refuse_read_only
from store.sqlite.layout import OFFSET_BITS, OFFSET_MASK
from store.sqlite.leases import receipts
from store.sqlite.leases.messages import LEASED, RECORD_COLUMNS, StoredMessage, with_lease
from store.sqlite.leases.rows import Lease, Slot, SlotProgress
from store.sqlite.log.checksum import checksums

if TYPE_CHECKING:
    from store.model.errors import Damaged
    from store.sqlite.leases.damaged import SteppedOver
    from store.sqlite.leases.readers import Reader

Taken = TypeVar("Taken")

# Messages that a receive removes (exhausted or expired) before it leaves the rest for later.
MOST_TAKEN_OUT = 100
_MOST_EXPIRED = 1_000

_UNDELIVERED = (
    f"select {RECORD_COLUMNS} from mq_records r where r.id >= :first and r.id < :end"
    " order by r.id limit :limit"
)


class Request(NamedTuple):
    """A receive as a caller asks for it: `lease` in milliseconds, `None` for the reader's own.

    With `auto_ack` there is none: the messages leave at once.
    """

    most: int
    lease: int | None
    holder: str | None
    attached: bool
    prefetch: int | None = None
    auto_ack: bool = False


class Received(NamedTuple, Generic[Taken]):
    """The messages that a receive got, how many others a new try may get, and the error for
    damaged ones.

    Those others were moved away, or belonged to a dead holder.
    """

    messages: list[Taken]
    others: int
    damage: Damaged | None


NOTHING: Received[Any] = Received([], 0, None)


def receive(
    tx: WriteTransaction, reader: Reader, request: Request, holder: int
) -> Received[StoredMessage | FreshRun]:
    """Lease the messages that are next to a holder."""
    refuse_read_only(tx)
    freed = leases.abandoned.free_if_due(tx, reader)
    most, damage, others = request.most, None, 0
    picked: list[StoredMessage | FreshRun] = []
    if most:
        kind = leases.auto_ack.AutoAckReceiver if request.auto_ack else Receiver
        duration = reader.lease if request.lease is None else request.lease
        receiving = kind(tx, reader, most, duration, holder)
        picked, damage, others = receiving.run(), receiving.damage, receiving.taken_out
    if not picked:
        freed += leases.abandoned.free_if_due(tx, reader, is_idle=True)
    return Received(picked, others + freed, damage)


class FreshRun(NamedTuple):
    """Messages that were leased together for the first time, by columns.

    Without a token they are acknowledged already.
    """

    slot: Slot
    token: int | None
    lease_expires: int
    records: Sequence[int]
    message_groups: Sequence[str | None]
    timestamps: Sequence[int]
    keys: Sequence[bytes | None]
    headers: Sequence[str | None]
    values: Sequence[bytes | None]
    sizes: Sequence[int]

    @property
    def offsets(self) -> Sequence[int]:
        """Their sequence numbers or offsets."""
        records = self.records
        if isinstance(records, range):
            return range(records[0] & OFFSET_MASK, (records[-1] & OFFSET_MASK) + 1)
        return [record & OFFSET_MASK for record in records]

    @property
    def leases(self) -> Sequence[int]:
        """The ids of their leases: a range if their records are neighbours."""
        to_lease = self.slot.to_lease
        if isinstance(self.records, range):
            return range(self.records[0] + to_lease, self.records[-1] + to_lease + 1)
        return [record + to_lease for record in self.records]


class Receiver:
    """One receive by a reader, inside one transaction."""

    def __init__(
        self, tx: WriteTransaction, reader: Reader, most: int, lease: int, holder: int
    ) -> None:
        self.tx = tx
        self.reader = reader
        self.wanted = most
        self.taken_out = 0
        self.picked: list[StoredMessage | FreshRun] = []
        self.slots = leases.rows.slots(tx, reader)
        self._ends = tx.now + lease
        self._holder = holder
        self._token: int | None = receipts.new_token()
        self._stepped_over: list[SteppedOver] = []
        # FIFO heads do not tell.
        self._may_be_due = reader.ordered

    def run(self) -> list[StoredMessage | FreshRun]:
        """Lease messages and return them, in the order in which they are to be worked on."""
        self.reader.order.pick(self)
        if self._may_be_due:
            leases.counts.notice(self.tx, self.reader)
        return self.picked

    @property
    def damage(self) -> Damaged | None:
        """The error about the damaged messages that it was the first to meet."""
        if not self._stepped_over:
            return None
        return leases.damaged.error(self.reader, self._stepped_over)

    @property
    def took_enough(self) -> bool:
        """Whether it has removed so many messages that it leaves the rest for later."""
        return self.taken_out >= MOST_TAKEN_OUT

    def goes_on(self, slot: SlotProgress) -> bool:
        """Return whether it wants more of the messages that were never delivered."""
        return self.wanted > 0 and self.taken_out < _MOST_EXPIRED and slot.cursor < slot.next

    def due_again(self, level: int) -> list[StoredMessage]:
        """Return the messages that were given back or have lapsed, or waited for their time."""
        self._may_be_due = True
        ready: list[StoredMessage] = []
        after = (-1, -1)
        while len(ready) < self.wanted and self.taken_out < _MOST_EXPIRED:
            messages = self._due(level, after, self.wanted - len(ready))
            if not messages:
                break
            last = messages[-1].lease
            assert last is not None
            after = (last.due, last.id)
            ready += [m for m in messages if not self._is_mine(m) and not self.take_out(m)]
        return ready

    def _is_mine(self, message: StoredMessage) -> bool:
        # With a lease of 0 a message picked just now is due again.
        lease = message.lease
        return lease is not None and lease.token is not None and lease.token == self._token

    def undelivered(self, slot: SlotProgress, limit: int) -> list[Row]:
        """Return rows of messages that were never delivered, from the cursor on."""
        return self.tx.rows(
            _UNDELIVERED,
            {"first": slot.record_id(slot.cursor), "end": slot.end, "limit": limit},
        )

    def deliver(self, slot: SlotProgress, rows: Sequence[Row]) -> None:
        """Lease the next messages of a slot: together, unless one of them is odd."""
        cursor = (rows[-1][0] & OFFSET_MASK) + 1
        expires = self.tx.wall + self._ends - self.tx.now
        run = as_run(self.tx, slot, rows, self.reader.retention, self._token, expires)
        if run is not None and self.take_run(slot, run, cursor):
            self.picked.append(run)
            self.wanted -= len(rows)
            return
        messages = [StoredMessage(slot, None, *row) for row in rows]
        self.hold([message for message in messages if not self.take_out(message)])
        self.advance(slot, cursor)

    def take_run(self, slot: SlotProgress, run: FreshRun, cursor: int) -> bool:
        """Lease a run and move the cursor past it; return False where each counts by itself."""
        if self._ends <= self.tx.now:
            return False
        assert self._token is not None
        records = (run.records[0], run.records[-1], len(run.records))
        times = (self.tx.now, self._ends, self._ends + self.reader.retry_delay(1))
        leases.runs.lease(self.tx, self.reader.id, slot, records, times, self._token, self._holder)
        slot.cursor = cursor
        return True

    def advance(self, slot: SlotProgress, cursor: int) -> None:
        """Move the cursor of a slot on, past messages whose leases are right already."""
        if cursor > slot.cursor:
            slot.cursor = cursor
            leases.rows.move_cursor(self.tx, slot, cursor)

    def _due(self, level: int, after: tuple[int, int], limit: int) -> list[StoredMessage]:
        rows = self.tx.rows(
            f"{LEASED} where l.reader = :reader and l.priority = :level and l.due <= :now"
            " and (l.due, l.id) > (:due, :id) and (:below is null or l.deliveries < :below)"
            " order by l.due, l.id limit :limit",
            {
                "reader": self.reader.id,
                "level": level,
                "now": self.tx.now,
                "due": after[0],
                "id": after[1],
                # Once enough were removed, exhausted ones are passed over.
                "below": self.reader.max_deliveries if self.took_enough else None,
                "limit": limit,
            },
        )
        slots = {slot.id: slot for slot in self.slots}
        return [with_lease(row, slots[row[11] >> OFFSET_BITS]) for row in rows]

    def take_out(self, message: StoredMessage) -> bool:
        """Remove a message if it may not be delivered any more; return whether that is so."""
        if message.is_damaged or (message.has_origin and not self._has_sound_origin(message)):
            self.taken_out += 1
            self._step_over(message)
            return True
        if self.reader.retention is not None and queues.policies.expiry.take_out(self, message):
            self.taken_out += 1
            return True
        for policy in self.reader.policies.before_lease:
            if policy.before_lease(self, message):
                self.taken_out += 1
                return True
        return False

    def postpone(self, message: StoredMessage) -> None:
        """Let a message that has nowhere to go be due again only after another lease."""
        due = self.tx.now + max(self.reader.lease, 1000)
        old = message.lease
        if old is None:
            message.lease = leases.rows.waiting(message.slot, message.sequence, due)
            leases.rows.insert(self.tx, self.reader, [message.lease])
            slot = next(slot for slot in self.slots if slot.id == message.slot.id)
            self.advance(slot, message.sequence + 1)
        else:
            message.lease = old.unheld(due)
            leases.rows.update(self.tx, self.reader, [old], [message.lease])
        self.reader.order.changed(self.tx, self.reader, message, old, message.lease)

    def _has_sound_origin(self, message: StoredMessage) -> bool:
        return leases.origins.moved(self.tx, [message.record])[message.record].is_sound

    def _step_over(self, message: StoredMessage) -> None:
        """Let a damaged message go to the DLQ, or stay and hold up its own message group alone."""
        address = self.reader.address(message.slot.number, message.sequence)
        is_news = log.damage.tell(self.tx, message.record)
        has_moved = leases.damaged.to_dlq(self.tx, self.reader, message)
        if not has_moved:
            self.postpone(message)
        if is_news:
            dlq = self.reader.dead_letter_to if has_moved else None
            self._stepped_over.append(leases.damaged.SteppedOver(address, dlq))

    def hold(self, messages: Sequence[StoredMessage], turn: int = 0) -> None:
        """Lease the messages to the holder; of a message group, `turn` is when it was due."""
        if not messages:
            return
        fresh: list[Lease] = []
        before: list[Lease] = []
        after: list[Lease] = []
        for message in messages:
            old = message.lease
            now = self.lease_to_holder(message, turn)
            if old is None:
                fresh.append(now)
            else:
                before.append(old)
                after.append(now)
        leases.attempts.note_lapsed(self.tx, *before)
        leases.rows.insert(self.tx, self.reader, fresh)
        leases.rows.update(self.tx, self.reader, before, after)
        self.picked += messages
        self.wanted -= len(messages)

    def lease_to_holder(self, message: StoredMessage, turn: int = 0) -> Lease:
        """Give a message the lease of this receive, and return it."""
        old, slot = message.lease, message.slot
        deliveries = 1 if old is None else old.deliveries + 1
        message.lease = Lease(
            slot.lease_id(message.record & OFFSET_MASK),
            slot.level,
            self._ends + self.reader.retry_delay(deliveries),
            self._ends,
            deliveries,
            self._token,
            self._holder,
            self.tx.now,
            message.record,
            turn if old is None else old.due,
        )
        return message.lease


def as_run(
    tx: WriteTransaction,
    slot: Slot,
    rows: Sequence[Row],
    kept: int | None,
    token: int | None,
    expires_at: int,
) -> FreshRun | None:
    """Return messages by columns; `None` if one is damaged, was moved, is over or ahead of the
    clock. They are kept for so many milliseconds, and their leases end at a wall time.
    """
    (
        ids, groups, sizes, moved, timestamps, keys, headers, values, expires, stored, arrived
    ) = zip(*rows, strict=True)  # fmt: skip
    number, wall = len(ids), tx.wall
    is_row = ids[-1] - ids[0] == number - 1
    records = range(ids[0], ids[-1] + 1) if is_row else ids
    try:
        if any(moved) or arrived.count(None) < number or max(timestamps) > wall:
            return None
        if kept is not None and (
            min(timestamps) + kept <= wall
            or (
                expires.count(None) < number
                and min(until for until in expires if until is not None) <= wall
            )
        ):
            return None
        texts = names = None
        if headers.count(None) < number:
            texts = [None if blob is None else blob.decode() for blob in headers]
        if groups.count(None) < number:
            names = [None if blob is None else blob.decode() for blob in groups]
        some_keys = None if keys.count(None) == number else keys
        if checksums(records, timestamps, names, some_keys, texts, values) != list(stored):
            return None
    except (AttributeError, TypeError, UnicodeDecodeError, StructError):
        return None
    nothing = (None,) * number
    return FreshRun(
        slot, token, expires_at, records, names or nothing, timestamps, keys,
        texts or nothing, values, sizes,
    )  # fmt: skip
