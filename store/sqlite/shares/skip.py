"""Finishing one record of a share that can't be processed."""

from __future__ import annotations

from store import model
from store.model.addresses import Address
from store.model.errors import BadInput, Hint, NotFound
from store.model.topics import RecordId
from store.sqlite import leases, queues, shares
from store.sqlite.dead_letters import copies
from store.sqlite.file.database import Snapshot, WriteTransaction
from store.sqlite.leases import attempts, finish
from store.sqlite.leases.messages import StoredMessage
from store.sqlite.leases.rows import Lease
from store.sqlite.shares.catalog import Share


def preview(tx: Snapshot, name: str, record: Address, to_queue: str | None) -> None:
    """Raise the errors of `skip`."""
    _in_flight(tx, shares.catalog.find(tx, name), record)
    if to_queue is not None:
        queues.catalog.find(tx, to_queue)


def skip(tx: WriteTransaction, name: str, record: Address, to_queue: str | None) -> None:
    """Finish a record that a share has in flight, copying it to a queue first if one is named.

    The receipt of a holder is refused from then on. Raises `NotFound` where the share does not have
    the record in flight.
    """
    share = shares.catalog.find(tx, name)
    stored, lease, id = _in_flight(tx, share, record)
    if to_queue is not None:
        error = attempts.last_error(tx, lease.id)
        target = queues.catalog.find(tx, to_queue)
        copies.copy(tx, target, id, lease.deliveries, error, "rejected")
    if lease.token is not None:
        attempts.note(tx, [lease], "released")
    finish.finish(tx, share.reader, [stored])


def _in_flight(
    tx: Snapshot, share: Share, record: Address
) -> tuple[StoredMessage, Lease, RecordId]:
    if record.partition is None or record.offset is None or record.name != share.topic:
        raise BadInput(
            f"{record} is not a record of {share.topic}, which share {share.name} reads",
            hint=f"name it like {share.topic}/0@4711",
        )
    slots = {slot.number: slot for slot in leases.rows.slots(tx, share.reader)}
    slot = slots.get(record.partition)
    stored = slot and leases.messages.load_leased(tx, slot, slot.lease_id(record.offset))
    if not stored or stored.lease is None:
        raise NotFound(
            f"share {share.name} does not have {record} in flight",
            hint=Hint("{}", model.looks.Show("share", share.name)),
        )
    return stored, stored.lease, RecordId(record.name, record.partition, record.offset)
