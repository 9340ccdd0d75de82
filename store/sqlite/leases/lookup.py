"""Finding a reader, a queue or a share, by its name or by one of its slots."""

from __future__ import annotations

from store.sqlite import leases, queues, shares
from store.sqlite.file.database import Snapshot
from store.sqlite.file.settings_cache import remembered
from store.sqlite.leases.readers import Reader
from store.sqlite.leases.rows import Slot


def find_reader(tx: Snapshot, name: str) -> Reader:
    """The rules of the queue or share of that name; raises `NotFound`."""
    found = queues.catalog.find_or_none(tx, name) or shares.catalog.find_or_none(tx, name)
    if found is None:
        raise tx.missing(name, "queue", "share")
    return found.reader


def all_readers(tx: Snapshot) -> list[Reader]:
    """The rules of every queue and every share: the queues first, each by name."""
    found = [queues.catalog.find(tx, name).reader for name in queues.catalog.names(tx)]
    return found + [share.reader for share in shares.catalog.every(tx)]


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
    reader = queues.catalog.reader(tx, name) if kind == "queue" else shares.catalog.reader(tx, name)
    return reader, Slot(slot, partition, number, *leases.rows.level_of(reader, number))
