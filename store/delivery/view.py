"""Looking at a queue: its messages in every state, its leases, its counts. Nothing is changed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING

from store.addresses import OFFSET_BITS, OFFSET_MASK
from store.clock import CREDIBLE, age_of, moments
from store.db import Snapshot
from store.delivery import expiry, heads, leases, loading, origins, receipts
from store.delivery.leases import Slot
from store.delivery.loading import WITH_LEASES, Stored, with_lease
from store.delivery.origins import Origin
from store.delivery.queues import Queue
from store.delivery.readers import Reader
from store.errors import NotFound
from store.log.encoding import check_whole, decode_headers
from store.messages import Message, MisdatedMessage, State
from store.models import Remains

if TYPE_CHECKING:
    from store.queue_status import LeaseStatus, QueueStatus


def _moved(tx: Snapshot, stored: Sequence[Stored]) -> dict[int, Origin]:
    """The origins, by record, of those messages that were moved."""
    return origins.moved(tx, [one.record for one in stored if one.has_origin])


def _message(
    tx: Snapshot,
    queue: Queue,
    one: Stored,
    origin: Origin | None,
    state: State,
    receipt: str | None = None,
    lease_expires: int | None = None,
    holder: str | None = None,
) -> Message:
    """A message as callers see it; with a receipt if this call leased it."""
    here = 0 if one.lease is None else one.lease.deliveries
    message = Message(
        queue.name,
        origins.own_id(tx, one.record),
        one.sequence,
        one.timestamp,
        one.message_group,
        one.slot.level,
        {} if one.headers is None else decode_headers(one.headers),
        one.key,
        one.value,
        here,
        here > 1 if state == "leased" else here > 0,
        state,
        receipt,
        lease_expires,
        holder,
    )
    if origin is not None:
        message = _as_moved(message, origin)
    if one.is_damaged or (origin is not None and not origin.is_sound):
        remains = Remains(one.key, one.headers, one.value)
        return message._replace(headers={}, key=None, value=None, damaged=remains)
    is_credible = one.arrived is None and message.timestamp <= tx.wall
    return message if is_credible else _dated(message, tx.wall - one.age(tx))


def _dated(message: Message, came: int) -> Message:
    """The message as one that came then, unless its timestamp may be right."""
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


def state_of(tx: Snapshot, queue: Queue, stored: Stored, group_blocked: bool) -> State:
    """The state of a message; `group_blocked` if an earlier one of its group is in flight."""
    lease = stored.lease
    if stored.is_held(tx.now):
        return "leased"
    if stored.expires == expiry.STAYS:
        return "blocked"
    if lease is not None and lease.due > tx.now:
        return "delayed"
    delay = queue.config.delay if queue.config.fifo and lease is None else 0
    if delay and stored.age(tx) < delay:
        return "delayed"
    return "blocked" if group_blocked else "ready"


def leased(tx: Snapshot, queue: Queue, picked: Sequence[Stored], holder: str) -> list[Message]:
    """Messages that were just leased, with their receipts."""
    seal, ahead, moved = receipts.seal(tx), wall_time(tx, 0), _moved(tx, picked)
    given = []
    for one in picked:
        assert one.lease is not None
        assert one.lease.token is not None
        receipt = receipts.write(seal, one.lease.id, one.lease.token)
        origin, expires = moved.get(one.record), ahead + one.lease.ends
        given.append(_message(tx, queue, one, origin, "leased", receipt, expires, holder))
    return given


def wall_time(tx: Snapshot, store_time: int) -> int:
    """Store time as Unix milliseconds."""
    return tx.wall + store_time - tx.now


def messages(tx: Snapshot, queue: Queue, after: int, limit: int) -> list[Message]:
    """Up to `limit` messages with a sequence above `after`, in order, in every state."""
    found = _unexpired(tx, queue, after, limit)
    blocked = _BlockedGroups(tx, queue)
    moved = _moved(tx, found)
    return [
        _message(
            tx, queue, one, moved.get(one.record), state_of(tx, queue, one, blocked.before(one))
        )
        for one in found
    ]


def _unexpired(tx: Snapshot, queue: Queue, after: int, limit: int) -> list[Stored]:
    slots = leases.slots(tx, queue.reader)
    found: list[Stored] = []
    while len(found) < limit:
        in_lanes = [one for slot in slots for one in stored(tx, slot, after, limit)]
        page = sorted(in_lanes, key=lambda one: one.sequence)[:limit]
        found += [one for one in page if not _is_unswept(tx, one)]
        if len(page) < limit:
            break
        after = page[-1].sequence
    return found[:limit]


def _is_unswept(tx: Snapshot, one: Stored) -> bool:
    over = expiry.is_over(tx, one.expires)
    return over and one.expires != expiry.STAYS and not one.is_held(tx.now)


def stored(tx: Snapshot, slot: Slot, after: int, limit: int) -> list[Stored]:
    """Up to `limit` messages of one lane with a sequence above `after`, with their leases."""
    rows = tx.rows(
        f"{WITH_LEASES} where r.id > :after and r.id < :end order by r.id limit :limit",
        {
            "leases": slot.lease_id(0),
            "records": slot.record_id(0),
            "after": slot.record_id(0) + after,
            "end": slot.end,
            "limit": limit,
        },
    )
    return [with_lease(row, slot) for row in rows]


def find_message(tx: Snapshot, queue: Queue, sequence: int) -> Stored:
    """The message with that sequence number, in whichever lane; raises `NotFound`."""
    check_whole(sequence, "a sequence", -1)
    for slot in leases.slots(tx, queue.reader):
        found = loading.load(tx, slot, slot.record_id(sequence))
        if found is not None:
            return found
    raise _gone(queue, sequence)


def find_messages(tx: Snapshot, queue: Queue, sequences: Collection[int]) -> list[Stored]:
    """Those of the messages with these sequence numbers that are there, in order."""
    slots = [one for one in leases.slots(tx, queue.reader) if queue.lanes[one.number].records]
    found = [one for slot in slots for one in loading.load_all(tx, slot, sequences)]
    return sorted(found, key=attrgetter("sequence"))


def message(tx: Snapshot, queue: Queue, sequence: int) -> Message:
    """The message with that sequence number as callers see it; raises `NotFound`."""
    check_whole(sequence, "a sequence", -1)
    found = messages(tx, queue, sequence - 1, 1)
    if not found or found[0].sequence != sequence:
        raise _gone(queue, sequence)
    return found[0]


def _gone(queue: Queue, sequence: int) -> NotFound:
    return NotFound(
        f"message {queue.name}@{sequence} does not exist",
        hint=f"it was acknowledged, moved, has expired or was never sent; see mq peek {queue.name}",
    )


class _BlockedGroups:
    """Whether something in front of a message of a FIFO group is in flight."""

    def __init__(self, tx: Snapshot, queue: Queue) -> None:
        self._first_in_flight: dict[str, int] = {}
        if not queue.config.fifo:
            return
        for group, record in tx.rows(
            "select r.message_group, min(r.id) from mq_leases l"
            " join mq_records r on r.id = l.record where l.reader = :reader"
            " and l.priority = 0 and l.due > :now group by 1",
            {"reader": queue.reader.id, "now": tx.now},
        ):
            self._first_in_flight[group] = record

    def before(self, stored: Stored) -> bool:
        """Whether a delivery of this message has to wait for an earlier one."""
        if stored.message_group is None:
            return False
        return self._first_in_flight.get(stored.message_group, stored.record) < stored.record


def status(tx: Snapshot, queue: Queue) -> QueueStatus:
    """The queue and how many messages are in each state, without counting the backlog."""
    from store.queue_status import QueueStatus

    total = sum(lane.records for lane in queue.lanes.values())
    acknowledged, dropped = _done_with(tx, queue, total)
    in_hand, delayed = leases.held_and_waiting(tx, queue.reader)
    lapsing = _waiting_for_retry(tx, queue)
    in_hand, delayed = in_hand - lapsing, delayed + lapsing
    blocked = 0
    if queue.config.fifo:
        ready, delayed_heads = _fifo_ready(tx, queue)
        delayed += delayed_heads
        blocked = total - in_hand - delayed - ready
    ready = total - in_hand - delayed - blocked
    gone = expiry.unswept(tx, queue)
    oldest = _oldest(tx, queue)
    return QueueStatus(
        name=queue.name,
        config=queue.config,
        created=queue.created,
        ready=ready - gone["ready"],
        leased=in_hand,
        delayed=delayed - gone["delayed"],
        blocked=blocked - gone["blocked"],
        bytes=sum(lane.bytes for lane in queue.lanes.values()) - gone["bytes"],
        oldest_seconds=None if oldest is None else max(0, tx.wall - oldest) / 1000,
        acknowledged=acknowledged,
        dropped=dropped,
        dead_letters=dead_letters(tx, queue),
    )


def dead_letters(tx: Snapshot, queue: Queue) -> int:
    """How many dead letters a queue holds."""
    number: int = tx.value(
        "select ifnull(sum(dead_letters), 0) from mq_partitions where channel = :channel",
        {"channel": queue.id},
    )
    return number


def _done_with(tx: Snapshot, queue: Queue, present: int) -> tuple[int, int]:
    """How many messages were ever acknowledged, and how many dropped.

    No ack counts itself: they are all that were sent but those that are here or left otherwise.
    """
    moved, dropped = tx.row(  # type: ignore[misc]
        "select moved, dropped from mq_queues where channel = :id", {"id": queue.id}
    )
    return queue.first_lane.next - present - moved - dropped, dropped


def _waiting_for_retry(tx: Snapshot, queue: Queue) -> int:
    """Leases that have lapsed and whose retry delay still runs: delayed, and in nobody's hands."""
    count: int = tx.value(
        "select count(*) from mq_leases indexed by mq_leases_retry where reader = :reader"
        " and due > :now and ends <= :now and ends < due and token not null",
        {"reader": queue.reader.id, "now": tx.now},
    )
    return count


# The queue's delay does not hold back what was handed out once.
_HANDED_OUT = "exists (select 1 from mq_leases l where l.id = :leases + (r.id - :records))"


def _fifo_ready(tx: Snapshot, queue: Queue) -> tuple[int, int]:
    """How many messages are ready, and how many only the queue's delay holds back."""
    slot = leases.slots(tx, queue.reader)[0]
    where = {
        "reader": queue.reader.id,
        "now": tx.now,
        "young": heads.first_young(tx, queue),
        "leases": slot.lease_id(0),
        "records": slot.record_id(0),
        "end": queue.first_lane.base + queue.first_lane.next,
    }
    # Groups that wait are mostly the fewer ones.
    in_due_groups: int = queue.first_lane.records - tx.value(
        "select ifnull(sum(messages), 0) from mq_heads where reader = :reader and due > :now",
        where,
    )
    # Of a due group, what stands at or behind the first one in flight is not ready.
    behind: int = tx.value(
        "select ifnull(sum((select count(*) from mq_records r where r.message_group = f.g"
        f" and r.id >= f.record and r.id < :end and (r.id < :young or {_HANDED_OUT}))), 0) from"
        " (select r.message_group as g, min(r.id) as record from mq_leases l"
        "  join mq_records r on r.id = l.record"
        "  join mq_heads h on h.reader = l.reader and h.message_group = r.message_group"
        "  where l.reader = :reader and l.priority = 0 and l.due > :now and h.due <= :now"
        "  group by 1) f",
        where,
    )
    delayed, delayed_in_due_groups = tx.row(  # type: ignore[misc]
        "select count(*), total(h.due <= :now) from mq_records r"
        " cross join mq_heads h on h.reader = :reader and h.message_group = r.message_group"
        f" where r.id >= :young and r.id < :end and not {_HANDED_OUT}",
        where,
    )
    return in_due_groups - behind - int(delayed_in_due_groups), delayed


def _oldest(tx: Snapshot, queue: Queue) -> int | None:
    """When the oldest message was first sent, as wall time."""
    times = []
    for lane in queue.lanes.values():
        row = tx.row(
            f"select :wall - {age_of('r')}, o.sent from mq_records r"
            " left join mq_origins o on o.record = r.id"
            " where r.id >= :first and r.id < :end order by r.id limit 1",
            {"first": lane.base, "end": lane.base + lane.next, **moments(tx)},
        )
        if row is not None:
            # The first send is no time to count from where it lies in the future.
            times.append(row[0] if row[1] is None else min(row))
    return min(times, default=None)


def seconds_until_due(tx: Snapshot, reader: Reader) -> float | None:
    """How long until a lease or a delay ends by itself; `None` when nothing is waited for."""
    if reader.ordered:
        soonest = [_soonest(tx, "mq_heads", reader, "")]
    else:
        soonest = [
            _soonest(tx, "mq_leases", reader, f" and priority = {int(level)}")
            for level in reader.levels
        ]
    times = [due for due in soonest if due is not None]
    return None if not times else max(0, min(times) - tx.now) / 1000


def _soonest(tx: Snapshot, table: str, reader: Reader, further: str) -> int | None:
    due: int | None = tx.value(
        f"select min(due) from {table} where reader = :reader and due > :now{further}",
        {"reader": reader.id, "now": tx.now},
    )
    return due


def lease_list(tx: Snapshot, reader: Reader, expired: bool) -> list[LeaseStatus]:
    """The leases that run, or with `expired` those that lapsed and were not taken again."""
    from store.queue_status import LeaseStatus

    seal = receipts.seal(tx)
    numbers = {slot.id: slot.number for slot in leases.slots(tx, reader)}
    rows = tx.rows(
        "select l.id, l.deliveries, l.ends, l.token, h.name from mq_leases l"
        " join mq_holders h on h.id = l.holder where l.reader = :reader and l.token not null"
        " and (l.ends <= :now) = :expired order by l.ends, l.id",
        {"reader": reader.id, "now": tx.now, "expired": int(expired)},
    )
    return [
        LeaseStatus(
            address=reader.address(numbers[id >> OFFSET_BITS], id & OFFSET_MASK),
            reader=reader.name,
            holder=holder,
            deliveries=deliveries,
            expires=wall_time(tx, ends),
            seconds_left=max(0, ends - tx.now) / 1000,
            receipt=receipts.write(seal, id, token),
        )
        for id, deliveries, ends, token, holder in rows
    ]
