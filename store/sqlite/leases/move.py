"""The one function that moves a message out of its queue: dead-letter, redrive, undo, or drop."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from store.model.encoding import Encoded, decode_headers
from store.model.topics import NewRecord
from store.sqlite import leases, log, queues
from store.sqlite.file.database import Snapshot, WriteTransaction
from store.sqlite.file.timekeeping import CREDIBLE
from store.sqlite.leases.readers import Reader
from store.sqlite.log import samples
from store.sqlite.queues.catalog import Queue

if TYPE_CHECKING:
    from store.model.dead_letters import Reason
    from store.sqlite.leases.messages import MessageRow, StoredMessage
    from store.sqlite.leases.origins import Origin
    from store.sqlite.log.topics import Topic


def remove(tx: WriteTransaction, reader: Reader, messages: Sequence[MessageRow]) -> None:
    """Remove messages from their queue: records, leases, origins, heads and every count of them."""
    samples.note_leaving(tx, reader.channel)
    moved = [m.record for m in messages if m.has_origin]
    if moved:
        leases.origins.remove(tx, moved)
    leases.rows.remove(tx, reader, [m.lease for m in messages if m.lease is not None])
    sizes: defaultdict[int, list[int]] = defaultdict(list)
    for m in messages:
        sizes[m.slot.partition].append(m.size)
    log.rows.remove(tx, [m.record for m in messages], sizes)
    if reader.ordered:
        _refresh_heads(tx, reader, messages)
    if reader.fair:
        for one in messages:
            in_flight = one.lease is not None and one.lease.token is not None
            queues.order.tenants.refresh(tx, reader, one.slot, one.tenant, -int(in_flight))


def _refresh_heads(tx: WriteTransaction, reader: Reader, messages: Sequence[MessageRow]) -> None:
    for group, removed in Counter(m.message_group for m in messages).items():
        # Damage may have made a message's group unreadable; then it is in none.
        if group is not None:
            queues.order.fifo.refresh(tx, reader, messages[0].slot, group, removed=removed)


def count(tx: WriteTransaction, reader: Reader, *, moved: int = 0, dropped: int = 0) -> None:
    """Count messages that left a queue otherwise than by an ack; a share has no such counts."""
    queues.catalog.count_left(tx, reader.channel, moved=moved, dropped=dropped)


def finish(tx: WriteTransaction, reader: Reader, messages: Sequence[MessageRow]) -> None:
    """Finish messages for a reader: the one decision to delete or retain stands here.

    A queue deletes them; a share, which reads a log, retains them and only forgets its leases.
    """
    if reader.on_ack == "delete":
        remove(tx, reader, messages)
    else:
        for slot in {one.slot.id for one in messages}:
            samples.note_finishing(tx, slot)
        leases.rows.remove(tx, reader, [one.lease for one in messages if one.lease is not None])


def drop(tx: WriteTransaction, reader: Reader, message: StoredMessage) -> None:
    """Drop a message for good that was not done."""
    finish(tx, reader, [message])
    count(tx, reader, dropped=1)


def dead_letter(
    tx: WriteTransaction,
    reader: Reader,
    message: StoredMessage,
    reason: Reason,
    error: str | None = None,
) -> bool:
    """Move a message to its reader's DLQ, or drop it; return False when it has to stay.

    It stays when the DLQ has vanished or its exchange leads nowhere, or when it has been there by
    the same cycle without a rejection since: nothing is lost for lack of a place. Where an exchange
    leads to several queues each gets a copy. The first keeps the id of a message that its queue
    deletes; the others, and copies of a share's record that the log keeps, are new.
    """
    if reader.dead_letter_to is None:
        drop(tx, reader, message)
        return True
    letter = _dead_origin(tx, reader, message, reason, error)
    targets = _targets(tx, reader, message, letter)
    if targets:
        finish(tx, reader, [message])
        count(tx, reader, moved=1)
        _copy(tx, message, targets, letter, moved=reader.retains)
    return bool(targets)


def has_place(tx: Snapshot, reader: Reader, message: StoredMessage) -> bool:
    """Return whether a message that has used up its deliveries could leave its queue now."""
    if reader.dead_letter_to is None:
        return True
    letter = _dead_origin(tx, reader, message, "max_deliveries", None)
    return bool(_targets(tx, reader, message, letter))


def _targets(
    tx: Snapshot, reader: Reader, message: StoredMessage, letter: Origin
) -> list[Queue | Topic]:
    return [
        target
        for target in queues.dead_letter_targets.find(tx, reader, message.content)
        if not _is_cycle(letter, target.name)
    ]


def _copy(
    tx: WriteTransaction,
    message: StoredMessage,
    targets: Sequence[Queue | Topic],
    letter: Origin,
    *,
    moved: bool,
) -> None:
    for target in targets:
        if isinstance(target, Queue):
            (record,) = deposit(
                tx,
                [message.content],
                target,
                [letter],
                message_groups=[message.message_group],
                kept_since=tx.wall if moved else letter.sent,
                keeps_id=not moved,
            )
            moved = True
        else:
            # A log has no place for a history: its records are not messages.
            headers = decode_headers(message.headers)
            copy = NewRecord(message.value, message.key, headers)
            (id,) = log.append.produce(tx, target, [copy], log.placement.StickyPlacement())
            record = target.partitions[id.partition].base + id.offset
        if message.is_damaged:
            keep_damage(tx, record)


def keep_damage(tx: WriteTransaction, record: int) -> None:
    """Keep damage visible: a damaged message must not pass for whole under a new checksum."""
    log.rows.spoil_checksum(tx, record)
    log.damage.note(tx, record)


def _is_cycle(letter: Origin, target: str) -> bool:
    # RabbitMQ: a queue seen before, and no rejection since, means that it would go round for ever.
    for hop in letter.hops:
        if hop.reason == "rejected":
            return False
        if hop.source == target:
            return True
    return False


def _dead_origin(
    tx: Snapshot, reader: Reader, message: StoredMessage, reason: Reason, error: str | None
) -> Origin:
    origin = leases.origins.get(tx, message.record, message.timestamp, message.slot.level)
    lease = message.lease
    here = 0 if lease is None else lease.deliveries
    ttl = message.expires - _sent(tx, message) if message.expires and reason == "expired" else None
    place = reader.place(message.slot.number)
    told = error or (None if lease is None else leases.attempts.last_error(tx, lease.id))
    return leases.origins.Origin(
        message_id=origin.message_id,
        sent=origin.sent,
        source=reader.address(message.slot.number, message.sequence),
        reason=reason,
        at=tx.wall,
        deliveries=origin.deliveries + here,
        error=told,
        hops=leases.origins.with_hop(origin.hops, place, reason, tx.wall, ttl),
        priority=origin.priority,
    )


def _sent(tx: Snapshot, message: StoredMessage) -> int:
    came = tx.wall - message.age(tx)
    return message.timestamp if message.timestamp <= came + CREDIBLE else came


def take_out(tx: WriteTransaction, queue: Queue, messages: Sequence[StoredMessage]) -> None:
    """Remove messages from their queue by hand; `place` puts them elsewhere."""
    for one in messages:
        # A late ack would be taken for a repeated one.
        leases.attempts.note_lapsed(tx, one.lease)
    remove(tx, queue.reader, messages)
    count(tx, queue.reader, moved=len(messages))


def place(
    tx: WriteTransaction,
    messages: Sequence[StoredMessage],
    targets: Sequence[Queue],
    origins: Sequence[Origin],
) -> list[int]:
    """Put removed messages each into a queue, under an origin; return their records there.

    Their retention begins anew: counted from the first send, it could be over on arrival.
    """
    arrivals: defaultdict[str, list[int]] = defaultdict(list)
    for index, target in enumerate(targets):
        arrivals[target.name].append(index)
    records = [0] * len(messages)
    for indexes in arrivals.values():
        those = [messages[index] for index in indexes]
        placed = deposit(
            tx,
            [one.content for one in those],
            targets[indexes[0]],
            [origins[index] for index in indexes],
            message_groups=[one.message_group for one in those],
            kept_since=tx.wall,
        )
        for index, one, record in zip(indexes, those, placed, strict=True):
            if one.is_damaged:
                keep_damage(tx, record)
            records[index] = record
    return records


def deposit(
    tx: WriteTransaction, contents: Sequence[Encoded], target: Queue, origins: Sequence[Origin], *,
    message_groups: Sequence[str | None], kept_since: int, keeps_id: bool = True,
) -> Sequence[int]:  # fmt: skip
    """Put messages into a queue under given origins, or their own ids; return their records."""
    # A standard queue counts retention from the first send, a FIFO one from the arrival (SQS).
    began = tx.wall if target.config.fifo else min(kept_since, tx.wall)
    drafts = queues.enqueue.drafts(
        contents,
        message_groups=[
            _group_in(target, group, content.key, origin)
            for group, content, origin in zip(message_groups, contents, origins, strict=True)
        ],
        levels=[min(origin.priority, target.config.priorities - 1) for origin in origins],
        expires=[_expires(tx, target, began)] * len(contents),
    )
    # Its counters have changed if it is the queue it leaves, or lost or got what overflowed.
    target = queues.catalog.find(tx, target.name)
    records = queues.enqueue.enqueue(tx, target, drafts)
    if not keeps_id:
        ids = (leases.origins.message_id(tx, record) for record in records)
        origins = [one._replace(message_id=id) for one, id in zip(origins, ids, strict=True)]
    leases.origins.put(tx, records, origins)
    keep_within_limits(tx, target.reader, records)
    return records


def _group_in(
    target: Queue, message_group: str | None, key: bytes | None, origin: Origin
) -> str | None:
    if message_group is None and target.config.fifo:
        # Records of one key keep their order.
        return (key or b"").hex() or origin.source
    return message_group


def _expires(tx: WriteTransaction, target: Queue, began: int) -> int:
    # A message's own time to live does not count any more (RabbitMQ: it is removed).
    until, ttl = began + target.config.retention, target.config.ttl
    return until if ttl is None else min(until, tx.wall + ttl)


def expire(tx: WriteTransaction, reader: Reader, message: StoredMessage) -> bool:
    """Expire a message; return False when it has to stay, because it has nowhere to go.

    After its time to live it is dead-lettered; past the queue's retention it is dropped.
    """
    if _is_past_retention(tx, reader, message):
        drop(tx, reader, message)
        return True
    leases.attempts.note_lapsed(tx, message.lease)
    if dead_letter(tx, reader, message, "expired"):
        return True
    log.rows.set_expires(tx, message.record, queues.policies.expiry.STAYS)
    return False


def _is_past_retention(tx: Snapshot, reader: Reader, message: StoredMessage) -> bool:
    if reader.retention is None:
        return False
    origin = leases.origins.get(tx, message.record, message.timestamp, message.slot.level)
    # In a moved one `expires` may be the retention since its first send.
    over = message.age(tx) >= reader.retention
    return over or message.expires == origin.sent + reader.retention


def keep_within_limits(tx: WriteTransaction, reader: Reader, added: Sequence[int] = ()) -> None:
    """Remove messages over a queue's length limits, if it sheds; `added` was stored just now."""
    if reader.sheds:
        queues.policies.length.shed(tx, queues.catalog.find(tx, reader.name), added)
