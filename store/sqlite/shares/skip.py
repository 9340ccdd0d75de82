"""Being done with one record of a share that nobody can process."""

from __future__ import annotations

from store.model.addresses import Address
from store.model.errors import BadInput, NotFound
from store.model.topics import RecordId
from store.sqlite import leases, queues, shares
from store.sqlite.dead_letters import copies
from store.sqlite.file.database import Write
from store.sqlite.leases import attempts, move


def skip(tx: Write, name: str, record: Address, to_queue: str | None) -> None:
    """Finish a record that a share has in flight, copying it to a queue first if one is named.

    The receipt of a holder is refused from then on. Raises `NotFound` where the share does not have
    the record in flight.
    """
    share = shares.catalog.find(tx, name)
    if record.partition is None or record.offset is None or record.name != share.topic:
        raise BadInput(
            f"{record} is not a record of {share.topic}, which share {name} reads",
            hint=f"name it like {share.topic}/0@4711",
        )
    slots = {slot.number: slot for slot in leases.rows.slots(tx, share.reader)}
    slot = slots.get(record.partition)
    stored = slot and leases.messages.load_leased(tx, slot, slot.lease_id(record.offset))
    if not stored or stored.lease is None:
        raise NotFound(
            f"share {name} does not have {record} in flight", hint=f"mq share show {name}"
        )
    if to_queue is not None:
        id = RecordId(record.name, record.partition, record.offset)
        error = attempts.last_error(tx, stored.lease.id)
        target = queues.catalog.find(tx, to_queue)
        copies.copy(tx, target, id, stored.lease.deliveries, error, "rejected")
    if stored.lease.token is not None:
        attempts.note(tx, stored.lease, "released")
    move.finish(tx, share.reader, [stored])
