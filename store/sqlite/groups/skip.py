"""The one-record way out of a stall: pass over the record that blocks a group."""

from __future__ import annotations

from typing import NamedTuple

from store import model
from store.model.addresses import Address
from store.model.errors import BadInput, Damaged, Hint, NotFound
from store.model.topics import Record, RecordId
from store.sqlite import groups, layout, queues
from store.sqlite.dead_letters import copies
from store.sqlite.file.database import Snapshot, WriteTransaction
from store.sqlite.groups.reset import committed_offset
from store.sqlite.leases import attempts, slots
from store.sqlite.log import read, topics


class _Next(NamedTuple):
    """The record that a group reads next, and the group's position."""

    group: groups.catalog.Group
    partition: topics.Partition
    slot: int
    record: Record | RecordId | None


def preview(
    tx: Snapshot, name: str, address: Address, to_queue: str | None
) -> Record | RecordId | None:
    """Return the record that `skip` would pass over, and raise its errors."""
    if to_queue is not None:
        queues.catalog.find(tx, to_queue)
    return _next(tx, name, address).record


def skip(
    tx: WriteTransaction, name: str, address: Address, to_queue: str | None
) -> Record | RecordId | None:
    """Commit past one record, copying it to a queue first if one is named; return the record.

    Of a damaged record only its id is returned, of one that has left the log `None`. Works while
    the group has live members, but only on the record that comes next (otherwise `BadInput`). The
    holder of the partition is fenced and reads on behind the record.
    """
    group, partition, slot, record = _next(tx, name, address)
    if record is not None and to_queue is not None:
        _copy(tx, to_queue, record, slot)
    assert address.offset is not None
    slots.put(tx, group.id, partition.id, address.offset + 1)
    groups.catalog.next_generation(tx, group)
    return record


def _next(tx: Snapshot, name: str, address: Address) -> _Next:
    group = groups.catalog.find(tx, name)
    if address.partition is None or address.offset is None:
        raise BadInput(f"{address} is not a record", hint="name it like orders/2@4711")
    topic = topics.find(tx, address.name)
    partition = topic.partition(address.partition)
    slot = _slot(tx, group, partition.id, address)
    place = committed_offset(tx, group.id, partition.id)
    cursor = partition.start if place is None else max(place, partition.start)
    following = read.next_offset(tx, partition, cursor)
    if address.offset not in (cursor, following):
        raise BadInput(
            f"{address} is not what group {name} reads next: that is"
            f" {address.name}/{address.partition}@{following}",
            hint=Hint("to move further: {}", model.looks.HowToReset()),
        )
    if address.offset >= partition.next:
        raise read.absent(topic, partition, address.offset)
    return _Next(group, partition, slot, _record(tx, topic, partition, address.offset))


def _slot(tx: Snapshot, group: groups.catalog.Group, partition: int, address: Address) -> int:
    slot: int | None = tx.value(
        "select id from mq_slots where reader = :reader and partition = :partition",
        {"reader": group.id, "partition": partition},
    )
    if slot is None:
        raise BadInput(f"group {group.name} does not read {address.name}/{address.partition}")
    return slot


def _record(
    tx: Snapshot, topic: topics.Topic, partition: topics.Partition, offset: int
) -> Record | RecordId | None:
    try:
        return read.find(tx, topic, partition, offset)
    except Damaged:
        return RecordId(topic.name, partition.number, offset)
    except NotFound:
        return None


def _copy(tx: WriteTransaction, to_queue: str, record: Record | RecordId, slot: int) -> None:
    place = layout.lease_id(slot, record.offset)
    tries = attempts.count(tx, place)
    error = attempts.last_error(tx, place)
    copies.copy(tx, queues.catalog.find(tx, to_queue), record, tries, error, "rejected")
