"""Taking a record back from its holder in a share."""

from __future__ import annotations

from store import model
from store.model.addresses import Address
from store.model.errors import BadInput, Hint, NotFound
from store.sqlite import leases, queues, shares
from store.sqlite.file.database import Snapshot, WriteTransaction
from store.sqlite.leases.messages import StoredMessage
from store.sqlite.log import topics
from store.sqlite.shares.catalog import Share


def release(tx: WriteTransaction, record: Address, of_share: str | None) -> None:
    """Make a record ready again, in one share or in the only one that has it in flight.

    Raises `NotFound` when none has, and `BadInput` when several have and none is named.
    """
    if record.partition is None or record.offset is None:
        raise BadInput(f"{record} is not a record", hint="name it like orders/2@4711")
    if queues.catalog.find_or_none(tx, record.name) is not None:
        raise BadInput(
            f"{record.name} is a queue: it has no partitions",
            hint=f"as in {Address(record.name, None, record.offset)}",
        )
    topics.find(tx, record.name).partition(record.partition)
    found = _in_flight(tx, record.name, record.partition, record.offset)
    if of_share is not None:
        wanted = shares.catalog.find(tx, of_share).name
        found = [one for one in found if one[0].name == wanted]
    if not found:
        told = "no share has" if of_share is None else f"share {of_share} does not have"
        raise NotFound(f"{told} {record} in flight", hint=Hint("{}", model.looks.ShowLeases()))
    if len(found) > 1:
        names = ", ".join(share.name for share, _ in found)
        raise BadInput(
            f"{record} is in flight in several shares: {names}",
            hint=Hint("say which: {}", model.actions.ReleaseLease(record, found[0][0].name)),
        )
    share, stored = found[0]
    if not leases.settlements.release(tx, share.reader, stored):
        raise NotFound(
            f"no reader holds {record}, and it waits for nothing",
            hint=Hint("{}", model.looks.ShowLeases(share.name)),
        )


def _in_flight(
    tx: Snapshot, topic: str, partition: int, offset: int
) -> list[tuple[Share, StoredMessage]]:
    found = []
    for share in shares.catalog.all_shares(tx):
        if share.topic != topic:
            continue
        slot = next(one for one in leases.rows.slots(tx, share.reader) if one.number == partition)
        stored = leases.messages.load_leased(tx, slot, slot.lease_id(offset))
        if stored is not None:
            found.append((share, stored))
    return found
