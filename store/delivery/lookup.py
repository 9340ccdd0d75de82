"""Finding a reader, a queue or a share, by its name or by one of its slots."""

from __future__ import annotations

from store import delivery
from store.db import Snapshot
from store.delivery import leases, queues
from store.delivery.leases import Slot
from store.delivery.readers import Reader
from store.memory import remembered


def find_reader(tx: Snapshot, name: str) -> Reader:
    """The rules of the queue or share of that name; raises `NotFound`."""
    found = queues.find_or_none(tx, name) or delivery.shares.find_or_none(tx, name)
    if found is None:
        raise tx.missing(name, "queue", "share")
    return found.reader


def all_readers(tx: Snapshot) -> list[Reader]:
    """The rules of every queue and every share: the queues first, each by name."""
    found = [queues.find(tx, name).reader for name in queues.names(tx)]
    return found + [share.reader for share in delivery.shares.every(tx)]


@remembered
def place(tx: Snapshot, slot: int) -> tuple[Reader, Slot] | None:
    """A slot of a queue or share, and whose it is; `None` when there is no such slot."""
    row = tx.row(
        "select c.name, c.kind, p.id, p.number from mq_slots s"
        " join mq_partitions p on p.id = s.partition join mq_readers r on r.id = s.reader"
        " join mq_channels c on c.id = r.channel where s.id = :slot",
        {"slot": slot},
    )
    if row is None:
        return None
    name, kind, partition, number = row
    reader = queues.reader(tx, name) if kind == "queue" else delivery.shares.reader(tx, name)
    return reader, Slot(slot, partition, number, *leases.level_of(reader, number))
