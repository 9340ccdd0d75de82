"""The history of one message or record, put together from the notes at its places."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from store.model.addresses import Address, parse_address
from store.model.dead_letters import Event
from store.sqlite import layout, leases
from store.sqlite.dead_letters import journal
from store.sqlite.file.database import Snapshot
from store.sqlite.leases import attempts, holders, origins
from store.sqlite.leases.origins import Origin
from store.sqlite.log import topics
from store.sqlite.log.read import absent, exists
from store.sqlite.queues import view
from store.sqlite.queues.catalog import Queue

# A redrive and a death each lead back to another place; a cycle of them ends somewhere.
_MOST_PLACES = 1_000


@dataclass(slots=True)
class _Place:
    """A place of a message: the facts known about it there, and until when it stayed."""

    address: Address
    records: list[int]
    origin: Origin | None
    until: int | None
    deliveries: int


def of_message(tx: Snapshot, queue: Queue, sequence: int) -> list[Event]:
    """Return the history of a message, through every queue it was in, first to last.

    Raises `NotFound`.
    """
    message = view.find_message(tx, queue, sequence)
    here = 0 if message.lease is None else message.lease.deliveries
    origin = origins.get(tx, message.record, message.timestamp, message.slot.level)
    place: _Place | None = _Place(
        Address(queue.name, offset=sequence), [message.record], origin, None, here
    )
    events: list[list[Event]] = []
    for _ in range(_MOST_PLACES):
        if place is None:
            break
        events.append(_deliveries(tx, place))
        place, arrival = _before(tx, place)
        events.append(arrival)
    found = [event for group in reversed(events) for event in group]
    found = _with_earlier_deaths(found, origin) + _present_delivery(tx, queue, sequence)
    began = found[0].address if found else f"{queue.name}@{sequence}"
    return [Event(origin.sent, began, "sent"), *found]


def _before(tx: Snapshot, place: _Place) -> tuple[_Place | None, list[Event]]:
    """Return the previous place, and how the message left it."""
    origin = place.origin
    if origin is not None and origin.source is not None and origin.at is not None:
        died = Event(
            origin.at,
            origin.source,
            "dead-lettered",
            reason=origin.reason,
            target=str(place.address),
        )
        address = parse_address(origin.source)
        # If a redrive had brought it there, the journal knows.
        return _Place(address, _records_of(tx, address), None, origin.at, origin.deliveries), [died]
    taken = _came_from(tx, place.records)
    if taken is None:
        return None, []
    source, was, at = taken
    address = parse_address(source)
    back = Event(at, source, "redriven", target=str(place.address))
    return _Place(address, _records_of(tx, address), was, at, 0), [back]


def _came_from(tx: Snapshot, records: list[int]) -> tuple[str, Origin, int] | None:
    found = (journal.came_from(tx, record) for record in records)
    return next((one for one in found if one is not None), None)


def _records_of(tx: Snapshot, address: Address) -> list[int]:
    """Return the records that an address may mean: one for each lane of a queue."""
    rows = tx.rows(
        "select p.id from mq_partitions p join mq_channels c on c.id = p.channel"
        " where c.name = :name and (:partition is null or p.number = :partition)",
        {"name": address.name, "partition": address.partition},
    )
    return [layout.record_id(id, address.offset or 0) for (id,) in rows]


def _deliveries(tx: Snapshot, place: _Place) -> list[Event]:
    """Return the deliveries at a place that did not end in an ack, the unknown ones among them."""
    found = [
        event
        for record in place.records
        for event in _attempts(tx, record, str(place.address))
        if place.until is None or (event.at or 0) <= place.until
    ]
    known = {event.delivery for event in found}
    last = place.deliveries if place.address.partition is None else 0
    is_leased = place.until is None
    unknown = [
        Event(None, str(place.address), "unknown", place.address.name, number)
        for number in range(1, last + (0 if is_leased else 1))
        if number not in known
    ]
    return sorted(found + unknown, key=lambda event: (event.reader or "", event.delivery or 0))


def _attempts(tx: Snapshot, record: int, address: str) -> Iterator[Event]:
    partition, offset = layout.split(record)
    for slot, reader in tx.rows(
        "select s.id, r.name from mq_slots s join mq_readers r on r.id = s.reader"
        " where s.partition = :partition order by r.name",
        {"partition": partition},
    ):
        for one in attempts.history(tx, layout.lease_id(slot, offset)):
            yield Event(
                one.ended, address, one.outcome, reader, one.number, one.holder, one.started,
                one.error,
            )  # fmt: skip


def _with_earlier_deaths(events: list[Event], origin: Origin) -> list[Event]:
    """Return the events, after the deaths in places of which nothing else is known any more."""
    told = {event.address.partition("@")[0] for event in events if event.what == "dead-lettered"}
    earlier = [
        Event(hop.at, hop.source, "dead-lettered", reason=hop.reason)
        for hop in reversed(origin.hops)
        if hop.source not in told
    ]
    return earlier + events


def _present_delivery(tx: Snapshot, queue: Queue, sequence: int) -> list[Event]:
    """Return the delivery under way, if there is one; or the last one, if it lapsed."""
    for slot in leases.rows.slots(tx, queue.reader):
        lease = leases.rows.get(tx, slot.lease_id(sequence))
        if lease is not None and lease.holder is not None:
            return [_under_way(tx, lease, f"{queue.name}@{sequence}", queue.name)]
    return []


def _under_way(tx: Snapshot, lease: leases.rows.Lease, address: str, reader: str) -> Event:
    holder: str | None = tx.value(
        "select name from mq_holders where id = :id", {"id": lease.holder}
    )
    started = None if lease.started is None else view.wall_time(tx, lease.started)
    # A dead holder has it no more, though since when is unknown.
    runs = lease.ends > tx.now and lease.holder not in holders.gone(tx)
    ended = None if runs else view.wall_time(tx, min(lease.ends, tx.now))
    what = "leased" if runs else "expired"
    return Event(ended, address, what, reader, lease.deliveries, holder, started)


def of_record(tx: Snapshot, topic: str, partition: int, offset: int) -> list[Event]:
    """Return the failed attempts at a record of a topic, reader by reader, and its dead letters.

    They outlive the record; raises `NotFound` without either.
    """
    source = topics.find(tx, topic)
    found = source.partition(partition)
    address = Address(topic, partition, offset)
    record = layout.record_id(found.id, offset)
    events = list(_attempts(tx, record, str(address)))
    for slot, reader in tx.rows(
        "select s.id, r.name from mq_slots s join mq_readers r on r.id = s.reader"
        " where s.partition = :partition order by r.name",
        {"partition": found.id},
    ):
        lease = leases.rows.get(tx, layout.lease_id(slot, offset))
        if lease is not None and lease.holder is not None:
            events.append(_under_way(tx, lease, str(address), reader))
    events += _copies(tx, str(address))
    if not events and not exists(tx, found, offset):
        raise absent(source, found, offset)
    return events


def _copies(tx: Snapshot, address: str) -> list[Event]:
    rows = tx.rows(
        "select o.at, o.reason, c.name, o.record from mq_origins o"
        f" join mq_partitions p on p.id = {layout.owner_of('o.record')}"
        " join mq_channels c on c.id = p.channel"
        " where o.source = :address order by o.at, o.record",
        {"address": address},
    )
    return [
        Event(
            at,
            address,
            "dead-lettered",
            reason=reason,
            target=f"{name}@{layout.offset(record)}",
        )
        for at, reason, name, record in rows
    ]
