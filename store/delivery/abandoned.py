"""Leases whose holder lives and dies with a process: they end when the process is gone."""

from __future__ import annotations

from store import delivery, holders
from store.addresses import OFFSET_BITS
from store.db import Snapshot, Write
from store.delivery import leases, loading
from store.delivery.readers import Reader

# How often somebody who waits for a message looks whether a holder is gone; nothing tells.
CHECK_SECONDS = 1.0


def is_possible(tx: Snapshot, reader: Reader) -> bool:
    """Whether anybody holds a message of the reader who may lose it by dying."""
    return bool(_attached_holders(tx, reader))


def free_if_due(tx: Write, reader: Reader, *, wanting: bool) -> int:
    """Free what the dead hold when more is `wanting`, and else about once a second.

    So it comes back soon though others always find enough to do.
    """
    looked = tx.database.looked_for_the_dead
    if not wanting and tx.now - looked.get(reader.id, 0) < CHECK_SECONDS * 1000:
        return 0
    looked[reader.id] = tx.now
    return free(tx, reader)


def free(tx: Write, reader: Reader) -> int:
    """Let the leases of holders that are gone lapse; how many those were."""
    freed = 0
    slots = {slot.id: slot for slot in leases.slots(tx, reader)}
    for holder in _attached_holders(tx, reader):
        if holders.is_gone(tx, holder):
            for (lease,) in tx.rows(
                "select id from mq_leases where holder = :holder and reader = :reader"
                " and ends > :now",
                {"holder": holder, "reader": reader.id, "now": tx.now},
            ):
                message = loading.load_leased(tx, slots[lease >> OFFSET_BITS], lease)
                if message is not None:
                    delivery.settle.lapse(tx, reader, message)
                    freed += 1
    return freed


def _attached_holders(tx: Snapshot, reader: Reader) -> list[int]:
    rows = tx.rows(
        "select h.id from mq_holders h where h.attached = 1 and exists (select 1 from mq_leases l"
        " where l.holder = h.id and l.reader = :reader and l.ends > :now)",
        {"reader": reader.id, "now": tx.now},
    )
    return [row[0] for row in rows]
