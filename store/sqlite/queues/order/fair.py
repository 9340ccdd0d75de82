"""The order of a fair queue: tenants that are not noisy go first, oldest message first.

Returned and delayed messages go before undelivered ones, as everywhere, unless they belong to a
noisy tenant while others wait.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from store.sqlite import leases
from store.sqlite.file.database import Row, WriteTransaction
from store.sqlite.leases.messages import (
    LEASED,
    RECORD_COLUMNS,
    MessageRow,
    StoredMessage,
    load,
    with_lease,
)
from store.sqlite.queues.order import tenants
from store.sqlite.queues.order.standard import next_due as next_due

if TYPE_CHECKING:
    from store.sqlite.leases.readers import Reader
    from store.sqlite.leases.receive import Receiver
    from store.sqlite.leases.rows import Lease, Slot, SlotProgress


def pick(receive: Receiver) -> None:
    """Lease what is due again, and the oldest of each tenant that is not noisy."""
    slot = next(slot for slot in receive.slots if slot.number == 0)
    in_flight = leases.counts.held_and_waiting(receive.tx, receive.reader)[0]
    if _is_due_noisy(receive, slot, in_flight):
        _pick_tenants(receive, slot, in_flight, noisy_too=False)
    _hold(receive, receive.due_again(0))
    _pick_tenants(receive, slot, in_flight, noisy_too=True)


def _noisy(receive: Receiver, in_flight: int) -> list[str]:
    return tenants.noisy(receive.tx, receive.reader, in_flight + len(receive.picked))


def _is_due_noisy(receive: Receiver, slot: Slot, in_flight: int) -> bool:
    rows = receive.tx.rows(
        f"{LEASED} where l.reader = :reader and l.priority = 0 and l.due <= :now"
        " order by l.due, l.id limit 1",
        {"reader": receive.reader.id, "now": receive.tx.now},
    )
    first = [with_lease(row, slot).message_group for row in rows]
    return bool(first) and first[0] in _noisy(receive, in_flight)


def _pick_tenants(
    receive: Receiver, slot: SlotProgress, in_flight: int, *, noisy_too: bool
) -> None:
    tx, reader = receive.tx, receive.reader
    while receive.wanted > 0 and not receive.took_enough:
        noisy = _noisy(receive, in_flight)
        record = tenants.next_undelivered(tx, reader, noisy)
        if record is None and noisy_too:
            record = tenants.next_noisy(tx, reader, noisy)
        if record is None:
            return
        message = load(tx, slot, record)
        if message is None or receive.take_out(message):
            # A damaged message may be in another group than the one that counted it.
            tenants.pass_over(tx, reader, slot, record)
        else:
            receive.advance(slot, message.sequence + 1)
            _hold(receive, [message])


def _hold(receive: Receiver, messages: list[StoredMessage]) -> None:
    before = [message.lease for message in messages]
    receive.hold(messages)
    for message, lease in zip(messages, before, strict=True):
        # One that is acknowledged with its receive has left.
        if message.lease is not None and message.lease.token is not None:
            changed(receive.tx, receive.reader, message, lease, message.lease)


def added(
    tx: WriteTransaction, reader: Reader, records: Sequence[int],
    message_groups: Sequence[str | None], *, delayed: bool,
) -> None:  # fmt: skip
    """Note new messages for their tenants."""
    for group, record in zip(message_groups, records, strict=True):
        tenants.add(tx, reader, tenants.TenantKey(group, record), delayed=delayed)


def changed(
    tx: WriteTransaction, reader: Reader, message: MessageRow, before: Lease | None, after: Lease
) -> None:
    """Bring the tenant of a message up to date after a change of its lease."""
    was_held = before is not None and before.token is not None
    more = int(after.token is not None) - int(was_held)
    tenants.refresh(tx, reader, message.slot, message.tenant, more)


def removed(tx: WriteTransaction, reader: Reader, messages: Sequence[MessageRow]) -> None:
    """Bring the tenants of messages up to date after those have left."""
    for one in messages:
        in_flight = one.lease is not None and one.lease.token is not None
        tenants.refresh(tx, reader, one.slot, one.tenant, -int(in_flight))


def take_back(
    tx: WriteTransaction, reader: Reader, message: MessageRow, lease: Lease, before: Lease
) -> None:
    """Undo a delivery: the row is what it was before, and the tenant has less in flight."""
    leases.rows.update(tx, reader, [lease], [before])
    changed(tx, reader, message, lease, before)


def taken_back(tx: WriteTransaction, reader: Reader, slots: Iterable[Slot]) -> None:
    """Leave cursors: tenants tell what comes next."""


def next_sql(reader: Reader, slot: Slot, generation: int) -> tuple[str, tuple[int, ...]]:
    """Return the query for the oldest undelivered message, if nothing is due again and no tenant
    may be noisy.
    """
    return _NEXT, (reader.id, generation)


_NEXT = (
    f"select {RECORD_COLUMNS}, ifnull(r.message_group, ' ' || r.id) = t.name, 0, 0"
    " from mq_tenants t left join mq_records r on r.id = t.first"
    " where t.reader = ?"
    " and (select generation from mq_store) = ? and t.first not null"
    " and not exists (select 1 from mq_tenants n where n.reader = t.reader and n.in_flight >= 30)"
    " and not exists (select 1 from mq_leases l where l.reader = t.reader and l.priority = 0"
    " and l.due <= ?) order by t.first limit ?"
)


def leased(tx: WriteTransaction, reader: Reader, slot: Slot, row: Row, due: int) -> None:
    """Count a message that was leased as in flight."""
    group = None if row[1] is None else row[1].decode()
    tenants.refresh(tx, reader, slot, tenants.TenantKey(group, row[0]), 1)


def finished(
    tx: WriteTransaction, reader: Reader, slot: Slot, record: int, message_group: str | None
) -> None:
    """Count a message that is done as in flight no more."""
    tenants.refresh(tx, reader, slot, tenants.TenantKey(message_group, record), -1)
