"""Changes of the settings of a queue or share, and their effect on present messages."""

from __future__ import annotations

from typing import Any

from store.sqlite import leases, queues, shares
from store.sqlite.file.database import WriteTransaction
from store.sqlite.leases.readers import Reader
from store.sqlite.log import rows
from store.sqlite.queues.catalog import Queue
from store.sqlite.queues.changed_limits import Settling
from store.sqlite.queues.order import fifo
from store.sqlite.queues.policies import expiry


def alter(tx: WriteTransaction, name: str, settings: dict[str, Any]) -> Settling:
    """Change the given settings of a queue and keep the rest.

    Messages over a limit now are settled by steps, of which the first is done.
    """
    before = queues.catalog.find(tx, name).config
    queue = queues.catalog.alter(tx, name, settings)
    if queue.config.fifo and queue.config.delay != before.delay:
        fifo.redelay(tx, queue.reader, leases.rows.slots(tx, queue.reader)[0])
    if queue.config.dlq != before.dlq:
        _try_again(tx, queue)
        _try_damaged(tx, queue.reader)
    keeps_less = queue.config.retention < before.retention
    return _settling(tx, name, before.max_deliveries, keeps_less=keeps_less)


def alter_share(tx: WriteTransaction, name: str, settings: dict[str, Any]) -> Settling:
    """Change the given settings of a share, as `alter` does those of a queue."""
    before = shares.catalog.find(tx, name).config
    share = shares.catalog.alter(tx, name, settings)
    if share.config.dlq != before.dlq:
        _try_damaged(tx, share.reader)
    return _settling(tx, name, before.max_deliveries)


def _settling(
    tx: WriteTransaction, name: str, before: int | None, *, keeps_less: bool = False
) -> Settling:
    settling = Settling(name, before, keeps_less=keeps_less)
    settling.step(tx)
    return settling


def _try_again(tx: WriteTransaction, queue: Queue) -> None:
    """Retry expired messages that had nowhere to go."""
    for lane in queue.lanes.values():
        rows.change_expires(tx, lane.base, lane.base + lane.next, expiry.STAYS, tx.wall)


def _try_damaged(tx: WriteTransaction, reader: Reader) -> None:
    """Retry messages that were set aside as damaged."""
    for slot in leases.rows.slots(tx, reader):
        for (record,) in tx.rows(
            "select record from mq_damages where record >= :first and record < :end",
            {"first": slot.record_id(0), "end": slot.end},
        ):
            message = leases.messages.load(tx, slot, record)
            if message is not None:
                leases.settlements.release(tx, reader, message)
