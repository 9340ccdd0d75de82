"""The one function that moves a message out of its queue: dead-letter, redrive, undo, or drop."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from store import delivery, log, samples
from store.addresses import OFFSET_MASK
from store.db import Row, Snapshot, Write
from store.delivery import (
    attempts,
    heads,
    leases,
    queues,
    tenants,
)
from store.delivery.leases import Lease, Slot
from store.delivery.queues import Queue
from store.delivery.readers import Reader
from store.delivery.tenants import Place
from store.log.encoding import Encoded, decode_headers
from store.models import NewRecord
from store.statements import array

if TYPE_CHECKING:
    from store.delivery.origins import Origin
    from store.letters import Reason
    from store.log.topics import Topic


class Standing:
    """Where a message stands: its slot, its record and, if it was handed out, its lease.

    `size` is bytes of key, headers and value together. One that was moved there has an origin.
    """

    __slots__ = ("has_origin", "lease", "message_group", "record", "size", "slot")

    def __init__(
        self,
        slot: Slot,
        lease: Lease | None,
        record: int,
        message_group: str | None,
        size: int,
        has_origin: bool,
    ) -> None:
        self.slot = slot
        self.lease = lease
        self.record = record
        self.message_group = message_group
        self.size = size
        self.has_origin = has_origin

    @property
    def sequence(self) -> int:
        """The message's sequence number."""
        return self.record & OFFSET_MASK

    @property
    def tenant(self) -> Place:
        """Whose it is in a fair queue."""
        return Place(self.message_group, self.record)

    def is_held(self, now: int) -> bool:
        """Whether it is in somebody's hands."""
        return self.lease is not None and self.lease.token is not None and self.lease.ends > now


class Stored(Standing):
    """A message where it stands, with what it says."""

    __slots__ = ("checksum", "expires", "headers", "key", "timestamp", "value")

    def __init__(
        self,
        slot: Slot,
        lease: Lease | None,
        record: int,
        message_group: str | None,
        size: int,
        has_origin: bool,
        timestamp: int,
        key: bytes | None,
        headers: str | None,
        value: bytes | None,
        expires: int | None,
        checksum: int,
    ) -> None:
        # Not by a call of the other one: there is one of these for each message.
        self.slot = slot
        self.lease = lease
        self.record = record
        self.message_group = message_group
        self.size = size
        self.has_origin = has_origin
        self.timestamp = timestamp
        self.key = key
        self.headers = headers
        self.value = value
        self.expires = expires
        self.checksum = checksum

    @property
    def content(self) -> Encoded:
        """What it says, to be stored anew under the time of that."""
        return Encoded.stored(self.value, self.key, self.headers)


_STANDING_COLUMNS = (
    "r.id, r.message_group,"
    " ifnull(length(r.key), 0) + ifnull(length(r.headers), 0) + ifnull(length(r.value), 0),"
    " exists (select 1 from mq_origins where record = r.id)"
)

RECORD_COLUMNS = (
    f"{_STANDING_COLUMNS}, r.timestamp, r.key, r.headers, r.value, r.expires, r.checksum"
)

_LEASE_COLUMNS = (
    "l.id, l.priority, l.due, l.ends, l.deliveries, l.token, l.holder, l.started, l.record"
)

WITH_LEASES = (
    f"select {RECORD_COLUMNS}, {_LEASE_COLUMNS} from mq_records r"
    " left join mq_leases l on l.id = :leases + (r.id - :records)"
)

_OF_LEASES = "from mq_leases l cross join mq_records r on r.id = l.record"

LEASED = f"select {RECORD_COLUMNS}, {_LEASE_COLUMNS} {_OF_LEASES}"
_TO_SETTLE = f"select {_STANDING_COLUMNS}, {_LEASE_COLUMNS} {_OF_LEASES}"
_TO_SETTLE_ONE = f"{_TO_SETTLE} where l.id = ?"


def load(tx: Snapshot, slot: Slot, record: int) -> Stored | None:
    """The message in a record; `None` when it is gone."""
    row = tx.row(f"select {RECORD_COLUMNS} from mq_records r where r.id = :id", {"id": record})
    if row is None:
        return None
    return Stored(slot, leases.get(tx, slot.lease_id(record & OFFSET_MASK)), *row)


def load_leased(tx: Snapshot, slot: Slot, lease: int) -> Stored | None:
    """The message of a lease row; `None` when there is no such row."""
    row = tx.row(f"{LEASED} where l.id = :id", {"id": lease})
    return None if row is None else with_lease(row, slot)


def leases_to_settle(tx: Snapshot, ids: Sequence[int]) -> dict[int, Row]:
    """What `standing` takes, by the ids of the lease rows that are there."""
    if len(ids) == 1:
        rows = tx.rows(_TO_SETTLE_ONE, ids)
    else:
        rows = tx.rows(
            f"{_TO_SETTLE} where l.id in (select value from json_each(?))", (array(ids),)
        )
    return {row[4]: row for row in rows}


def standing(row: Row, slot: Slot) -> Standing:
    """Where a message stands, from a row of `leases_to_settle`."""
    return Standing(slot, Lease(*row[4:]), *row[:4])


def with_lease(row: Row, slot: Slot) -> Stored:
    """A message from a row of `WITH_LEASES` or `LEASED`."""
    return Stored(slot, None if row[10] is None else Lease(*row[10:]), *row[:10])


def remove(tx: Write, reader: Reader, messages: Sequence[Standing]) -> None:
    """Take messages out of their queue: records, leases, origins, heads and every count of them."""
    samples.note_leaving(tx, reader.channel)
    tx.delete_rows("mq_records", [m.record for m in messages])
    moved = [(m.record,) for m in messages if m.has_origin]
    if moved:
        tx.many("delete from mq_origins where record = ?", moved)
    leases.remove(tx, reader, [m.lease for m in messages if m.lease is not None])
    sizes: defaultdict[int, list[int]] = defaultdict(list)
    for m in messages:
        sizes[m.slot.partition].append(m.size)
    for lane, gone in sizes.items():
        tx.execute(
            "update mq_partitions set records = records - ?, bytes = bytes - ? where id = ?",
            (len(gone), sum(gone), lane),
        )
    if reader.ordered:
        _refresh_heads(tx, reader, messages)
    if reader.fair:
        for one in messages:
            in_flight = one.lease is not None and one.lease.token is not None
            tenants.refresh(tx, reader, one.slot, one.tenant, -int(in_flight))


def _refresh_heads(tx: Write, reader: Reader, messages: Sequence[Standing]) -> None:
    for group, removed in Counter(m.message_group for m in messages).items():
        assert group is not None
        heads.refresh(tx, reader, messages[0].slot, group, removed=removed)


def count(tx: Write, reader: Reader, *, moved: int = 0, dropped: int = 0) -> None:
    """Count messages that left a queue otherwise than by an ack; a share has no such counts."""
    tx.execute(
        "update mq_queues set moved = moved + :moved, dropped = dropped + :dropped"
        " where channel = :id",
        {"moved": moved, "dropped": dropped, "id": reader.channel},
    )


def finish(tx: Write, reader: Reader, messages: Sequence[Standing]) -> None:
    """A reader is done with messages, and here stands the one decision.

    A queue deletes them; a share, which reads a log, retains them and only forgets its leases.
    """
    if reader.on_ack == "delete":
        remove(tx, reader, messages)
    else:
        for slot in {one.slot.id for one in messages}:
            samples.note_finishing(tx, slot)
        leases.remove(tx, reader, [one.lease for one in messages if one.lease is not None])


def drop(tx: Write, reader: Reader, message: Stored) -> None:
    """A message is gone for good without having been done."""
    finish(tx, reader, [message])
    count(tx, reader, dropped=1)


def dead_letter(
    tx: Write, reader: Reader, message: Stored, reason: Reason, error: str | None = None
) -> bool:
    """Move a message to its reader's DLQ, or drop it; False when it has to stay where it is.

    It stays when the DLQ has vanished or its exchange leads nowhere, or when it has been there by
    the same cycle without anybody rejecting it since: nothing is lost for want of a place. Where an
    exchange leads to several queues each gets a copy. The first keeps the id of a message that its
    queue deletes; the others, and what a share sends away while the log keeps it, are new.
    """
    if reader.dead_letter_to is None:
        drop(tx, reader, message)
        return True
    origin = delivery.origins.get(tx, message.record, message.timestamp, message.slot.level)
    letter = _dead_origin(tx, reader, message, origin, reason, error)
    targets = [
        target
        for target in delivery.dead_targets.find(tx, reader, message.content)
        if not _is_cycle(letter, target.name)
    ]
    if targets:
        finish(tx, reader, [message])
        count(tx, reader, moved=1)
        _copy(tx, message, targets, letter, moved=reader.retains)
    return bool(targets)


def _copy(
    tx: Write, message: Stored, targets: Sequence[Queue | Topic], letter: Origin, *, moved: bool
) -> None:
    for target in targets:
        if isinstance(target, Queue):
            deposit(
                tx,
                message.content,
                target,
                letter,
                message_group=message.message_group,
                kept_since=tx.wall if moved else letter.sent,
                keeps_id=not moved,
            )
            moved = True
        else:
            # A log has no place for a history: its records are not messages.
            headers = decode_headers(message.headers)
            record = NewRecord(message.value, message.key, headers)
            log.append.produce(tx, target, [record], log.placement.StickyPlacement())


def _is_cycle(letter: Origin, target: str) -> bool:
    # RabbitMQ: a queue seen before, and no rejection since, means that it would go round for ever.
    for hop in letter.hops:
        if hop.reason == "rejected":
            return False
        if hop.source == target:
            return True
    return False


def _dead_origin(
    tx: Write, reader: Reader, message: Stored, origin: Origin, reason: Reason, error: str | None
) -> Origin:
    lease = message.lease
    here = 0 if lease is None else lease.deliveries
    ttl = message.expires - message.timestamp if message.expires and reason == "expired" else None
    place = reader.place(message.slot.number)
    told = error or (None if lease is None else attempts.last_error(tx, lease.id))
    return delivery.origins.Origin(
        message_id=origin.message_id,
        sent=origin.sent,
        source=reader.address(message.slot.number, message.sequence),
        reason=reason,
        at=tx.wall,
        deliveries=origin.deliveries + here,
        error=told,
        hops=delivery.origins.with_hop(origin.hops, place, reason, tx.wall, ttl),
        priority=origin.priority,
    )


def transfer(tx: Write, queue: Queue, message: Stored, target: Queue, origin: Origin) -> int:
    """Move a message by hand to another queue under a given origin; the record it has there.

    Its retention begins anew: counted from the first send, it could be over on arrival.
    """
    remove(tx, queue.reader, [message])
    count(tx, queue.reader, moved=1)
    group = message.message_group
    return deposit(tx, message.content, target, origin, message_group=group, kept_since=tx.wall)


def deposit(
    tx: Write, content: Encoded, target: Queue, origin: Origin, *, message_group: str | None,
    kept_since: int, keeps_id: bool = True,
) -> int:  # fmt: skip
    """Put a message into a queue under a given origin, or under an id of its own; its record."""
    # A standard queue counts retention from the first send, a FIFO one from the arrival (SQS).
    began = tx.wall if target.config.fifo else kept_since
    drafts = delivery.enqueue.drafts(
        [content],
        message_groups=[_group_in(target, message_group, content.key, origin)],
        levels=[min(origin.priority, target.config.priorities - 1)],
        expires=[_expires(tx, target, began)],
    )
    # Its counters have changed if it is the queue it leaves, or lost or got what overflowed.
    target = queues.find(tx, target.name)
    (record,) = delivery.enqueue.enqueue(tx, target, drafts)
    if not keeps_id:
        origin = origin._replace(message_id=delivery.origins.message_id(tx, record))
    delivery.origins.put(tx, record, origin)
    keep_within_limits(tx, target.reader, [record])
    return record


def _group_in(
    target: Queue, message_group: str | None, key: bytes | None, origin: Origin
) -> str | None:
    if message_group is None and target.config.fifo:
        # Records of one key keep their order.
        return (key or b"").hex() or origin.source
    return message_group


def _expires(tx: Write, target: Queue, began: int) -> int:
    # What a message's own time to live was does not count any more (RabbitMQ: it is removed).
    until, ttl = began + target.config.retention, target.config.ttl
    return until if ttl is None else min(until, tx.wall + ttl)


def expire(tx: Write, reader: Reader, message: Stored) -> bool:
    """A message's time is over: False when it has to stay, because it has nowhere to go.

    What its time to live ended is dead-lettered; what has passed the queue's retention is dropped.
    """
    if _is_past_retention(tx, reader, message):
        drop(tx, reader, message)
        return True
    attempts.note_lapsed(tx, message.lease)
    if dead_letter(tx, reader, message, "expired"):
        return True
    tx.execute(
        "update mq_records set expires = :stays where id = :id",
        {"stays": delivery.expiry.STAYS, "id": message.record},
    )
    return False


def _is_past_retention(tx: Snapshot, reader: Reader, message: Stored) -> bool:
    if reader.retention is None:
        return False
    origin = delivery.origins.get(tx, message.record, message.timestamp, message.slot.level)
    # Of one that moved, `expires` may stand for the retention since its first send.
    over = message.timestamp + reader.retention <= tx.wall
    return over or message.expires == origin.sent + reader.retention


def keep_within_limits(tx: Write, reader: Reader, added: Sequence[int] = ()) -> None:
    """Take out what is over a queue's length limits, if it sheds; `added` was stored just now."""
    if reader.sheds:
        delivery.overflow.shed(tx, queues.find(tx, reader.name), added)
