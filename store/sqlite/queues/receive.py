"""A receive from a queue: its policies, before and after what is done for every reader."""

from __future__ import annotations

from collections.abc import Sequence
from struct import error as StructError
from typing import TYPE_CHECKING
from zlib import crc32

from store.model.encoding import decode_document
from store.model.messages import Message
from store.model.topics import NO_PROPERTIES
from store.sqlite import layout, leases, log, queues
from store.sqlite.file.settings import MOST_REMEMBERED
from store.sqlite.file.timekeeping import CREDIBLE, Prepared
from store.sqlite.layout import OFFSET_BITS, OFFSET_MASK
from store.sqlite.leases import origins, receipts
from store.sqlite.leases.messages import RECORD_COLUMNS
from store.sqlite.leases.receive import Received
from store.sqlite.log.checksum import NO_KEY, PLACE, checksum

if TYPE_CHECKING:
    from store.sqlite.file.database import Row, WriteTransaction
    from store.sqlite.leases.receive import Request
    from store.sqlite.leases.rows import Slot
    from store.sqlite.queues.catalog import Queue

_NEXT = (
    f"select {RECORD_COLUMNS} from mq_slots s cross join mq_records r on r.id >= ? + s.cursor"
    " and r.id < ? where s.id = ? and (select generation from mq_store) = ? and not exists"
    " (select 1 from mq_leases l where l.reader = ? and l.priority = 0 and l.due <= ?)"
    " order by r.id limit ?"
)
# Of several levels, the highest one with messages that were never handed out.
_NEXT_OF_LEVELS = (
    f"select {RECORD_COLUMNS}, t.id from (select s.id, s.partition, s.cursor, p.next"
    " from mq_slots s join mq_partitions p on p.id = s.partition where s.reader = ?"
    " and (select generation from mq_store) = ? and not p.number & 1 and s.cursor < p.next"
    " and not exists (select 1 from mq_slots d join mq_partitions q on q.id = d.partition"
    " join mq_leases l on l.reader = d.reader and l.priority = q.number >> 1 and l.due <= ?"
    " where d.reader = s.reader) order by p.number desc limit 1) t cross join mq_records r"
    f" on {layout.is_between('r.id', 't.partition', 't.cursor', 't.next')} order by r.id limit ?"
)


class Front(Prepared):
    """The front of a queue without policies for a receive, for one holder.

    Where its order notes something of each message, single ones are received by it, and where it
    has levels, those of one.
    """

    __slots__ = (
        "bounds", "getrandbits", "holder", "holder_name", "lease", "next_sql", "order", "queue",
        "reader", "retention", "retry_delay", "seal", "slots",
    )  # fmt: skip

    def __init__(
        self, tx: WriteTransaction, queue: Queue, slots: Sequence[Slot], holder: int,
        holder_name: str,
    ) -> None:  # fmt: skip
        import random

        super().__init__(tx)
        self.getrandbits = random.getrandbits
        self.queue = queue.name
        self.reader = queue.reader
        self.slots = slots
        self.order = queue.reader.noting_order
        slot, generation = slots[0], self.settings.generation
        self.bounds: tuple[int, ...]
        if len(slots) > 1:
            self.next_sql, self.bounds = _NEXT_OF_LEVELS, (queue.reader.id, generation)
        elif self.order is None:
            self.next_sql = _NEXT
            self.bounds = (
                slot.record_id(0),
                slot.end,
                slot.id,
                generation,
                queue.reader.id,
            )
        else:
            self.next_sql, self.bounds = self.order.next_sql(queue.reader, slot, generation)
        self.holder = holder
        self.holder_name = holder_name
        self.lease = queue.config.lease
        self.retention = queue.config.retention
        self.retry_delay = queue.reader.retry_delay(1)
        self.seal = receipts.seal(tx)


def receive(tx: WriteTransaction, queue: str, request: Request) -> Received[Message]:
    """Receive the messages that are due, as many as the queue's policies admit."""
    front: Front | None = None
    if type(queue) is str:
        front = tx.database.settings.answers.get((receive, queue, request[2:]))
        if front is not None and front.order is not None and request.most > 1:
            front = None
    if front is None or not (front.quiet_from <= tx.wall < front.quiet_until):
        found = queues.catalog.find(tx, queue)
        moved = _keep_up(tx, found)
        if front is None or moved or not _rest(tx, front, found, request):
            return _receive(tx, found, request, moved)
    now = tx.moment
    if now is None:
        now = tx.database.clock.boot() + front.ahead
    lasts = front.lease if request.lease is None else request.lease
    order, turn, slot = front.order, 0, front.slots[0]
    rows = tx.cursor.execute(front.next_sql, (*front.bounds, now, request.most)).fetchall()
    messages: list[Message] | None = None
    if rows and lasts > 0:
        if order is not None:
            is_next, turn, _ = rows[0][-3:]
        elif len(front.slots) > 1:
            slot = next(one for one in front.slots if one.id == rows[0][-1])
            # With fewer, the next level has the others.
            rows = [row[:-1] for row in rows] if len(rows) == request.most else []
        token = None if request.auto_ack else front.getrandbits(receipts.TOKEN_BITS)
        if len(rows) > 1:
            messages = _several(tx, front, slot, rows, token, tx.wall + lasts)
        elif rows and (order is None or is_next):
            messages = _single(tx, front, slot, rows[0], token, now, lasts)
    if messages is None:
        return _receive(tx, queues.catalog.find(tx, queue), request, 0)
    # By now it is known that the settings hold.
    tx.settings, tx.moment = tx.settings or front.settings, now
    if token is None:
        leases.auto_ack.remove_rows(tx, slot, rows)
    else:
        span = (rows[0][0], rows[-1][0], len(rows))
        times = (now, now + lasts, now + lasts + front.retry_delay)
        leases.runs.lease(tx, front.reader.id, slot, span, times, token, front.holder, turn)
        if order is not None:
            order.leased(tx, front.reader, slot, rows[0], times[2])
    return tuple.__new__(Received, (messages, 0, None))


def _single(
    tx: WriteTransaction, front: Front, slot: Slot, row: Row, token: int | None, now: int,
    lasts: int,
) -> list[Message] | None:  # fmt: skip
    """Return the message of one row as callers see it; `None` for an odd one."""
    id, group, _, moved, timestamp, key, headers, value, over, stored, arrived, *_ = row
    wall, text = tx.wall, None
    try:
        if group is None and headers is None and key is None and value is not None:
            crc = crc32(value, crc32(PLACE.pack(id, timestamp)) ^ NO_KEY)
        else:
            group = group and group.decode()
            text = headers and headers.decode()
            crc = checksum(id, timestamp, group, key, text, value)
        came = timestamp if arrived is None else wall - now + arrived
        if (
            crc != stored
            or moved
            or not wall - front.retention < came <= wall
            or (over is not None and over <= wall)
            or timestamp > came + CREDIBLE
        ):
            return None
        names, properties = ({}, NO_PROPERTIES) if text is None else decode_document(text)
    except (AttributeError, TypeError, UnicodeDecodeError, StructError):
        return None
    sequence = id & OFFSET_MASK
    message_id = origins.first_digits(tx.database.uuid, id >> 8) + origins.LAST_DIGITS[id & 0xFF]
    fields = (
        front.queue,
        message_id,
        sequence,
        timestamp,
        group,
        slot.level,
        names,
        key,
        value,
        1,
        False,
    )
    standing: tuple[object, ...] = ("acknowledged", None, None, None)
    if token is not None:
        receipt = receipts.write(front.seal, slot.id << OFFSET_BITS | sequence, token)
        standing = ("leased", receipt, wall + lasts, front.holder_name)
    # Same as Message(...), without a call of Python.
    return [tuple.__new__(Message, (*fields, *standing, None, None, properties, wall))]


def _several(
    tx: WriteTransaction, front: Front, slot: Slot, rows: Sequence[Row], token: int | None,
    expires: int,
) -> list[Message] | None:  # fmt: skip
    run = leases.receive.as_run(tx, slot, rows, front.retention, token, expires)
    return None if run is None else queues.view.of_run(tx, front.queue, run, front.holder_name)


def _keep_up(tx: WriteTransaction, queue: Queue) -> int:
    """Look for expired messages and dead holders, if it is time; return how many moved."""
    expiry = queues.policies.expiry
    swept = expiry.sweep(tx) if expiry.is_due(tx) else 0
    return swept + leases.abandoned.free_if_due(tx, queue.reader)


def _receive(tx: WriteTransaction, queue: Queue, request: Request, moved: int) -> Received[Message]:
    reader = queue.reader
    name = request.holder or leases.holders.default_name()
    holder = leases.holders.holder_id(tx, name, request.attached)
    receiving = queues.policies.Receiving(holder, request.most)
    for policy in reader.policies.before_receive:
        policy.before_receive(tx, queue, receiving)
    if request.prefetch is not None and receiving.room:
        in_hand = leases.counts.in_hand(tx, reader, holder)
        receiving.room = max(0, min(receiving.room, request.prefetch - in_hand))
    taken = leases.receive.receive(tx, reader, request._replace(most=receiving.room), holder)
    messages = queues.view.leased(tx, queue, taken.messages, name)
    for policy in reader.policies.after_receive:
        policy.after_receive(tx, receiving, messages)
    if request.prefetch is None and messages:
        _prepare(tx, queue, request, holder, name)
    return leases.receive.Received(messages, taken.others + moved, taken.damage)


def _prepare(tx: WriteTransaction, queue: Queue, request: Request, holder: int, name: str) -> None:
    """Make a receive from a queue that treats all alike ready for the next time."""
    reader, hooks = queue.reader, queue.reader.policies
    if hooks.before_receive or hooks.after_receive:
        return
    if not reader.by_runs and (request.auto_ack or request.most > 1):
        return
    settings, key = tx.memory(), (receive, queue.name, request[2:])
    front: Front | None = settings.answers.get(key)
    if front is None:
        if len(settings.answers) >= MOST_REMEMBERED:
            return
        # Each message of a lane for delays has a lease, and is due by it.
        slots = [slot for slot in leases.rows.slots(tx, reader) if not slot.delayed]
        front = settings.answers[key] = Front(tx, queue, slots, holder, name)
    _rest(tx, front, queue, request)


def _rest(tx: WriteTransaction, front: Front, queue: Queue, request: Request) -> bool:
    """Let a front be quiet until it is time to look again; return whether it may be used now."""
    quiet = min(queues.policies.expiry.left(tx), leases.abandoned.left(tx, queue.reader))
    if request.auto_ack:
        if log.samples.is_due(tx, "queue", queue.id):
            return False
        quiet = min(quiet, log.samples.left(tx))
    front.rest_after_commit(tx, quiet)
    return tx.settings is front.settings
