"""Views of a queue: its messages in every state, its leases, its counts. Nothing is changed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import repeat
from operator import attrgetter

from store import model
from store.model.encoding import check_whole, decode_document, decode_documents
from store.model.errors import Hint, NotFound
from store.model.messages import Message, MisdatedMessage, State
from store.model.topics import NO_PROPERTIES, Remains
from store.sqlite import layout, leases, queues
from store.sqlite.file.database import Snapshot
from store.sqlite.file.timekeeping import CREDIBLE
from store.sqlite.leases import abandoned, origins, receipts
from store.sqlite.leases.messages import WITH_LEASES, StoredMessage, with_lease
from store.sqlite.leases.origins import Origin
from store.sqlite.leases.readers import Reader
from store.sqlite.leases.receive import FreshRun
from store.sqlite.leases.rows import Slot
from store.sqlite.queues.catalog import Queue
from store.sqlite.queues.policies import expiry

# States of a message that this call delivers.
_DELIVERED = ("leased", "acknowledged")


def _moved(tx: Snapshot, stored: Sequence[StoredMessage]) -> dict[int, Origin]:
    """Return the origins, by record, of those messages that were moved."""
    return origins.moved(tx, [one.record for one in stored if one.has_origin])


def _message(
    tx: Snapshot,
    queue: Queue,
    one: StoredMessage,
    origin: Origin | None,
    state: State,
    receipt: str | None = None,
    lease_expires: int | None = None,
    holder: str | None = None,
) -> Message:
    """Return a message as callers see it; with a receipt if this call leased it."""
    here = 0 if one.lease is None else one.lease.deliveries
    headers, properties = decode_document(one.headers)
    message = Message(
        queue.name,
        origins.own_id(tx, one.record),
        one.sequence,
        one.timestamp,
        one.message_group,
        one.slot.level,
        headers,
        one.key,
        one.value,
        here,
        here > 1 if state in _DELIVERED else here > 0,
        state,
        receipt,
        lease_expires,
        holder,
        properties=properties,
        first_received=_first_received(tx, one) if here else None,
    )
    if origin is not None:
        message = _as_moved(message, origin)
    if one.is_damaged or (origin is not None and not origin.is_sound):
        remains = Remains(one.key, one.headers, one.value)
        return message._replace(
            headers={}, key=None, value=None, damaged=remains, properties=NO_PROPERTIES
        )
    is_credible = one.arrived is None and message.timestamp <= tx.wall
    return message if is_credible else _dated(message, tx.wall - one.age(tx))


def _first_received(tx: Snapshot, one: StoredMessage) -> int | None:
    lease = one.lease
    assert lease is not None
    if lease.deliveries > 1 or lease.started is None:
        return leases.attempts.first_started(tx, lease.id)
    return wall_time(tx, lease.started)


def _dated(message: Message, came: int) -> Message:
    """Return the message with its arrival, unless its timestamp is credible."""
    if message.timestamp <= came + CREDIBLE:
        return message
    misdated: MisdatedMessage = tuple.__new__(MisdatedMessage, message)
    misdated.came_at = came
    return misdated


def _as_moved(message: Message, origin: Origin) -> Message:
    return message._replace(
        id=origins.format_id(origin.message_id),
        timestamp=origin.sent,
        deliveries=origin.deliveries + message.deliveries,
        dead=origin.dead(),
    )


def state_of(tx: Snapshot, queue: Queue, stored: StoredMessage, group_blocked: bool) -> State:
    """Return the state of a message; `group_blocked` if an earlier one of its group is in
    flight.
    """
    if stored.is_held(tx):
        return "leased"
    lease = abandoned.seen(tx, queue.reader, stored.lease)
    if stored.expires == expiry.STAYS:
        return "blocked"
    if lease is not None and lease.due > tx.now:
        return "delayed"
    delay = queue.config.delay if queue.config.fifo and lease is None else 0
    if delay and stored.age(tx) < delay:
        return "delayed"
    return "blocked" if group_blocked else "ready"


def leased(
    tx: Snapshot, queue: Queue, picked: Sequence[StoredMessage | FreshRun], holder: str
) -> list[Message]:
    """Return messages that were just leased, with their receipts."""
    given: list[Message] = []
    for one in picked:
        if isinstance(one, FreshRun):
            given += of_run(tx, queue.name, one, holder)
            continue
        assert one.lease is not None
        origin = one.origin or _moved(tx, [one]).get(one.record)
        if one.lease.token is None:
            given.append(_message(tx, queue, one, origin, "acknowledged"))
            continue
        receipt = receipts.write(receipts.seal(tx), one.lease.id, one.lease.token)
        expires = wall_time(tx, one.lease.ends)
        given.append(_message(tx, queue, one, origin, "leased", receipt, expires, holder))
    return given


def of_run(tx: Snapshot, queue: str, run: FreshRun, holder: str) -> list[Message]:
    """Return messages that were just leased together, or acknowledged with their receive."""
    headers, properties = decode_documents(run.headers)
    columns = zip(
        repeat(queue),
        origins.own_ids(tx, run.records),
        run.offsets,
        run.timestamps,
        run.message_groups,
        repeat(run.slot.level),
        headers,
        run.keys,
        run.values,
        repeat(1),
        repeat(False),
        repeat("acknowledged" if run.token is None else "leased"),
        receipts.write_run(receipts.seal(tx), run.leases, run.token),
        repeat(None if run.token is None else run.lease_expires),
        repeat(None if run.token is None else holder),
        repeat(None),
        repeat(None),
        properties,
        repeat(tx.wall),
    )
    # Same as Message(...), without a call of Python for each.
    return list(map(tuple.__new__, repeat(Message), columns))


def wall_time(tx: Snapshot, store_time: int) -> int:
    """Return store time as Unix milliseconds."""
    return tx.wall + store_time - tx.now


def messages(tx: Snapshot, queue: Queue, after: int, limit: int) -> list[Message]:
    """Return up to `limit` messages with a sequence above `after`, in order, in every state."""
    found = _unexpired(tx, queue, after, limit)
    blocked = _BlockedGroups(tx, queue)
    moved = _moved(tx, found)
    return [
        _message(
            tx, queue, one, moved.get(one.record), state_of(tx, queue, one, blocked.before(one))
        )
        for one in found
    ]


def _unexpired(tx: Snapshot, queue: Queue, after: int, limit: int) -> list[StoredMessage]:
    slots = leases.rows.slots(tx, queue.reader)
    found: list[StoredMessage] = []
    while len(found) < limit:
        in_lanes = [one for slot in slots for one in stored(tx, slot, after, limit)]
        page = sorted(in_lanes, key=lambda one: one.sequence)[:limit]
        found += [one for one in page if not _is_unswept(tx, one)]
        if len(page) < limit:
            break
        after = page[-1].sequence
    return found[:limit]


def _is_unswept(tx: Snapshot, one: StoredMessage) -> bool:
    over = expiry.is_over(tx, one.expires)
    return over and one.expires != expiry.STAYS and not one.is_held(tx)


def stored(tx: Snapshot, slot: Slot, after: int, limit: int) -> list[StoredMessage]:
    """Return up to `limit` messages of one lane with a sequence above `after`, with their
    leases.
    """
    rows = tx.rows(
        f"{WITH_LEASES} where r.id > :after and r.id < :end order by r.id limit :limit",
        {
            **slot.base_ids,
            "after": slot.record_id(0) + after,
            "end": slot.end,
            "limit": limit,
        },
    )
    return [with_lease(row, slot) for row in rows]


def find_message(tx: Snapshot, queue: Queue, sequence: int) -> StoredMessage:
    """Return the message with that sequence number, in any lane; raises `NotFound`."""
    check_whole(sequence, "a sequence", -1)
    for slot in leases.rows.slots(tx, queue.reader):
        found = leases.messages.load(tx, slot, slot.record_id(sequence))
        if found is not None:
            return found
    raise _gone(queue, sequence)


def find_messages(tx: Snapshot, queue: Queue, sequences: Collection[int]) -> list[StoredMessage]:
    """Return those of the messages with these sequence numbers that are there, in order."""
    slots = [one for one in leases.rows.slots(tx, queue.reader) if queue.lanes[one.number].records]
    found = [one for slot in slots for one in leases.messages.load_all(tx, slot, sequences)]
    return sorted(found, key=attrgetter("sequence"))


def message(tx: Snapshot, queue: Queue, sequence: int) -> Message:
    """Return the message with that sequence number as callers see it; raises `NotFound`."""
    check_whole(sequence, "a sequence", -1)
    found = messages(tx, queue, sequence - 1, 1)
    if not found or found[0].sequence != sequence:
        raise _gone(queue, sequence)
    return found[0]


def _gone(queue: Queue, sequence: int) -> NotFound:
    return NotFound(
        f"message {queue.name}@{sequence} does not exist",
        hint=Hint(
            "it was acknowledged, moved, has expired or was never sent; see {}",
            model.looks.Peek(queue.name),
        ),
    )


class _BlockedGroups:
    """Whether an earlier message of a FIFO group is in flight, or delayed by its queue."""

    def __init__(self, tx: Snapshot, queue: Queue) -> None:
        self._first_in_flight: dict[str, int] = {}
        if not queue.config.fifo:
            return
        for group, record in tx.rows(
            "select r.message_group, min(r.id) from mq_leases l"
            " join mq_records r on r.id = l.record where l.reader = :reader"
            f" and l.priority = 0 and {abandoned.IN_FLIGHT} group by 1",
            {**abandoned.parameters(tx, queue.reader), "reader": queue.reader.id},
        ):
            self._first_in_flight[group] = record
        slot = leases.rows.slots(tx, queue.reader)[0]
        for group, record in tx.rows(
            "select message_group, first from mq_heads where reader = :reader and first >= :young"
            f" and not exists (select 1 from mq_leases l where {layout.LEASE_OF_FIRST})",
            {
                **slot.base_ids,
                "reader": queue.reader.id,
                "young": queues.order.fifo.first_young(tx, queue),
            },
        ):
            self._first_in_flight.setdefault(group, record)

    def before(self, stored: StoredMessage) -> bool:
        """Return whether a delivery of this message has to wait for an earlier one."""
        if stored.message_group is None:
            return False
        return self._first_in_flight.get(stored.message_group, stored.record) < stored.record


def seconds_until_due(tx: Snapshot, reader: Reader) -> float | None:
    """Return the time until a lease or a delay ends by itself; `None` when nothing is waited
    for.
    """
    due = reader.order.next_due(tx, reader)
    return None if due is None else max(0, due - tx.now) / 1000


def lease_list(tx: Snapshot, reader: Reader, expired: bool) -> list[model.queues.LeaseStatus]:
    """Return the leases that run, or with `expired` those that lapsed and were not taken again."""
    seal = receipts.seal(tx)
    numbers = {slot.id: slot.number for slot in leases.rows.slots(tx, reader)}
    rows = tx.rows(
        "select l.id, l.deliveries, l.ends, l.token, h.name from mq_leases l"
        " join mq_holders h on h.id = l.holder where l.reader = :reader and l.token not null"
        f" and {abandoned.HELD} = not :expired order by l.ends, l.id",
        {
            **abandoned.parameters(tx, reader),
            "reader": reader.id,
            "expired": int(expired),
        },
    )
    return [
        model.queues.LeaseStatus(
            address=reader.address(numbers[layout.owner(id)], layout.offset(id)),
            reader=reader.name,
            holder=holder,
            deliveries=deliveries,
            # A history has no end time of its own for a death.
            expires=wall_time(tx, min(ends or tx.now, tx.now) if expired else ends),
            seconds_left=0.0 if expired else (ends - tx.now) / 1000,
            receipt=receipts.write(seal, id, token),
        )
        for id, deliveries, ends, token, holder in rows
    ]
