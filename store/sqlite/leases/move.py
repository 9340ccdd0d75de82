"""The one function that moves a message to another queue: dead-letter, redrive, undo, or expire."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from store.model.encoding import Encoded, decode_document
from store.model.topics import NewRecord
from store.sqlite import leases, log, queues
from store.sqlite.file.database import Snapshot, WriteTransaction
from store.sqlite.file.timekeeping import CREDIBLE
from store.sqlite.leases.readers import Reader
from store.sqlite.queues.catalog import Queue

if TYPE_CHECKING:
    from store.model.dead_letters import Reason
    from store.sqlite.leases.messages import StoredMessage
    from store.sqlite.leases.origins import Origin
    from store.sqlite.log.topics import Topic


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
        leases.finish.drop(tx, reader, message)
        return True
    letter = _dead_origin(tx, reader, message, reason, error)
    targets = _targets(tx, reader, message, letter)
    if targets:
        leases.finish.finish(tx, reader, [message])
        leases.finish.count(tx, reader, moved=1)
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
            from store.model.placement import StickyPlacement

            # A log has no place for a history: its records are not messages.
            headers, properties = decode_document(message.headers)
            copy = NewRecord(message.value, message.key, headers, properties=properties)
            (id,) = log.append.produce(tx, target, [copy], StickyPlacement())
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
        levels=[
            queues.policies.priorities.level(target.config, origin.priority) for origin in origins
        ],
        expires=[queues.policies.expiry.until(tx, target, began)] * len(contents),
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


def expire(tx: WriteTransaction, reader: Reader, message: StoredMessage) -> bool:
    """Expire a message; return False when it has to stay, because it has nowhere to go.

    After its time to live it is dead-lettered; past the queue's retention it is dropped.
    """
    if _is_past_retention(tx, reader, message):
        leases.finish.drop(tx, reader, message)
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
    """Let the policies of a queue act on more waiting messages; `added` were stored just now."""
    for policy in reader.policies.after_enqueue:
        policy.after_enqueue(tx, reader, added)
