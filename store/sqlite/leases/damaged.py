"""Messages that differ from their checksums: they are never delivered, and hold no others up."""

from __future__ import annotations

from typing import NamedTuple

from store import model
from store.model.addresses import parse_address
from store.model.errors import Damaged, Hint
from store.sqlite import log
from store.sqlite.file.database import WriteTransaction
from store.sqlite.leases import attempts, move
from store.sqlite.leases.messages import StoredMessage
from store.sqlite.leases.readers import Reader

ERROR = f"it is damaged: {log.damage.CHECKSUM}"
_MOST_NAMED = 3


class SteppedOver(NamedTuple):
    """A damaged message that a receive met, and the DLQ that took it, if any."""

    address: str
    dlq: str | None


def to_dlq(tx: WriteTransaction, reader: Reader, message: StoredMessage) -> bool:
    """Dead-letter a damaged message, which stays damaged; return False when it has to stay."""
    if reader.dead_letter_to is None:
        return False
    attempts.note_lapsed(tx, message.lease)
    return move.dead_letter(tx, reader, message, "rejected", ERROR)


def error(reader: Reader, found: list[SteppedOver]) -> Damaged:
    """Return the error about damaged messages for a caller that gets nothing else."""
    addresses = tuple(one.address for one in found)
    if len(found) == 1:
        told = f"{addresses[0]} is damaged and is not delivered: {log.damage.CHECKSUM}"
    else:
        more = " …" * (len(found) > _MOST_NAMED)
        told = f"{len(found)} damaged messages are not delivered: "
        told += ", ".join(addresses[:_MOST_NAMED]) + more
    first = found[0]
    if first.dlq is not None:
        see = model.looks.ShowDeadLetters(reader.name)
        return Damaged(f"{told}; it went to {first.dlq}", Hint("{}", see), addresses)
    return Damaged(told, way_out(reader, first.address), addresses)


def way_out(reader: Reader, address: str) -> Hint:
    """Return the action that takes one damaged message out of a reader's way."""
    place = parse_address(address)
    if reader.on_ack == "delete":
        queue, sequence = place.name, place.offset or 0
        return Hint("{}", model.actions.PurgeMessage(queue, sequence))
    return Hint("{}", model.actions.SkipRecord(reader.name, place, kind="share"))
