"""A receive through a share: the partitions take turns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from store.sqlite import leases, shares
from store.sqlite.file.database import WriteTransaction

if TYPE_CHECKING:
    from store.model.shares import SharedRecord
    from store.sqlite.leases.receive import Received, Request
    from store.sqlite.shares.catalog import Share


def receive(tx: WriteTransaction, share: Share, request: Request) -> Received[SharedRecord]:
    """Lease the records that are due."""
    if request.lease is not None:
        shares.catalog.check_lease(request.lease)
    name = request.holder or leases.holders.default_name()
    holder = leases.holders.holder_id(tx, name, request.attached)
    taken = leases.receive.receive(tx, share.reader, request, holder)
    if taken.messages:
        shares.catalog.keep_turn(tx, share, taken.messages[-1].slot.number + 1)
    records = shares.view.acquired(tx, share, taken.messages, name)
    return leases.receive.Received(records, taken.others, taken.damage)
