"""One active consumer a queue, with failover (RabbitMQ: single active consumer).

Each holder that asks for messages of such a queue stands in line; the first in line is the active
one. A holder is in line as long as it has a lease of the queue, or its process is there and has
asked within `PATIENCE`. So the next one takes over when the active one has left, has died with its
leases given back, or has neither a lease nor asks for one.
"""

from __future__ import annotations

from store.sqlite.file.database import Snapshot, WriteTransaction
from store.sqlite.leases import holders
from store.sqlite.leases.readers import ReaderPolicy
from store.sqlite.queues.catalog import Queue
from store.sqlite.queues.policies import Receiving

# Milliseconds without asking after which a holder without leases is out of line.
PATIENCE = 10_000


class SingleActive(ReaderPolicy):
    """Only the first holder in line gets messages."""

    __slots__ = ()

    def before_receive(self, tx: WriteTransaction, queue: Queue, receiving: Receiving) -> None:
        """Leave no room for messages to a holder that is not the active one."""
        if not admit(tx, queue, receiving.holder):
            receiving.room = 0


def admit(tx: WriteTransaction, queue: Queue, holder: int) -> bool:
    """Put a holder in line, and return whether it is the active one."""
    tx.execute(
        "insert into mq_consumers (reader, holder, seen) values (:reader, :holder, :now)"
        " on conflict (reader, holder) do update set seen = :now",
        {"reader": queue.reader.id, "holder": holder, "now": tx.now},
    )
    for id, other, seen in tx.rows(
        "select id, holder, seen from mq_consumers where reader = :reader order by id",
        {"reader": queue.reader.id},
    ):
        if other == holder:
            return True
        if _is_in_line(tx, queue, other, seen):
            return False
        tx.execute("delete from mq_consumers where id = :id", {"id": id})
    return False


def leave(tx: WriteTransaction, queue: Queue, name: str) -> None:
    """Take this process's holders of that name out of line; they keep their leases."""
    for holder in holders.named_in_this_process(tx, name):
        tx.execute(
            "delete from mq_consumers where reader = :reader and holder = :holder",
            {"reader": queue.reader.id, "holder": holder},
        )


def _is_in_line(tx: Snapshot, queue: Queue, holder: int, seen: int) -> bool:
    if tx.value(
        "select exists(select 1 from mq_leases where holder = :holder and reader = :reader"
        " and ends > :now)",
        {"holder": holder, "reader": queue.reader.id, "now": tx.now},
    ):
        return True
    return seen + PATIENCE > tx.now and not holders.has_ended(tx, holder)
