"""Emptying a queue."""

from __future__ import annotations

from collections.abc import Collection

from store.sqlite import leases
from store.sqlite.dead_letters import find
from store.sqlite.file.database import WriteTransaction
from store.sqlite.leases import attempts, finish
from store.sqlite.log import retention, rows
from store.sqlite.queues import policies, view
from store.sqlite.queues.catalog import Queue, add_lane, forget_places

_PAGE = 1_000


def everything(tx: WriteTransaction, queue: Queue) -> int:
    """Remove every message, leased ones too; return how many. Sequence numbers go on.

    Dedup memory and group locks go with them (SQS: PurgeQueue).
    """
    removed = sum(lane.records for lane in queue.lanes.values())
    forget_places(tx, queue)
    policies.deduplication.forget(tx, queue)
    # The old lanes are left to be drained in steps; a fresh one goes on where they ended.
    rows.abandon(tx, queue.id)
    fresh = add_lane(tx, queue.id, queue.reader.id, 0, queue.first_lane.next)
    rows.keep_clock(tx, fresh.id, queue.first_lane.last_timestamp)
    finish.count(tx, queue.reader, dropped=removed)
    retention.drain(tx)
    return removed


def one(tx: WriteTransaction, queue: Queue, sequence: int) -> None:
    """Remove one message, leased or not; raises `NotFound`."""
    message = view.find_message(tx, queue, sequence)
    attempts.note_lapsed(tx, message.lease)
    finish.drop(tx, queue.reader, message)


def letters(tx: WriteTransaction, queue: Queue, sequences: Collection[int]) -> set[int]:
    """Remove those of the messages that are dead letters without a lease; return which."""
    messages = [message for message, _ in find.free(tx, queue, sequences)]
    for message in messages:
        attempts.note_lapsed(tx, message.lease)
    finish.remove(tx, queue.reader, messages)
    finish.count(tx, queue.reader, dropped=len(messages))
    return {message.sequence for message in messages}


def unleased(tx: WriteTransaction, queue: Queue) -> int:
    """Remove every message without a lease; return how many. Leased ones come back if they fail."""
    removed = 0
    for slot in leases.rows.slots(tx, queue.reader):
        after = -1
        while page := view.stored(tx, slot, after, _PAGE):
            after = page[-1].sequence
            free = [m for m in page if view.state_of(tx, queue, m, False) != "leased"]
            finish.remove(tx, queue.reader, free)
            removed += len(free)
        leases.slots.pass_to(tx, slot.id, slot.next)
    finish.count(tx, queue.reader, dropped=removed)
    return removed
