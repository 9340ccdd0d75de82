"""What a queue does that is over its length limits (RabbitMQ: maxlength)."""

from __future__ import annotations

from collections.abc import Sequence

from store.model.addresses import OFFSET_BITS
from store.sqlite import leases
from store.sqlite.file.database import Write
from store.sqlite.leases import attempts, move
from store.sqlite.leases.messages import Stored
from store.sqlite.leases.rows import Slot
from store.sqlite.queues.catalog import Queue
from store.sqlite.queues.order import fifo
from store.sqlite.queues.policies import expiry, length

# How many messages one pass takes out of a queue far over its limits, beside as many as came.
_MOST_OVERFLOWING = 1_000
_LARGEST_PAGE = 100


def shed(tx: Write, queue: Queue, added: Sequence[int]) -> None:
    """Take out what is over the limits, reason `overflow`.

    With drop-head that is what would be delivered next; with dead-letter the last of what was just
    added. A queue that rejects may be over: what it has is never taken out.
    """
    if queue.config.overflow == "dead-letter":
        _refuse_last(tx, queue, added)
        return
    messages, size = length.excess(tx, queue)
    tried: list[length.Place] = []
    left, page_size = _MOST_OVERFLOWING + len(added), 1
    while left > 0 and (messages > 0 or size > 0):
        page = length.next_out(tx, queue, min(max(messages, page_size), _LARGEST_PAGE))
        if page == tried:
            return
        for place in page:
            if messages > 0 or size > 0:
                less, smaller = _drop_head(tx, queue, *place)
                messages, size = messages - less, size - smaller
        # How many messages the bytes that are too many stand for shows only as they go.
        tried, left, page_size = page, left - len(page), 4 * page_size


def _drop_head(tx: Write, queue: Queue, record: int, slot: Slot) -> tuple[int, int]:
    """Take out the message that would be next; how many messages and bytes fewer now wait."""
    message = leases.messages.load(tx, slot, record)
    if message is None:
        return 0, 0
    if expiry.is_over(tx, message.expires):
        # It did not count, so it makes no room.
        move.expire(tx, queue.reader, message)
        return 0, 0
    attempts.note_lapsed(tx, message.lease)
    return (1, message.size) if move.dead_letter(tx, queue.reader, message, "overflow") else (0, 0)


def _refuse_last(tx: Write, queue: Queue, added: Sequence[int]) -> None:
    slots = {slot.partition: slot for slot in leases.rows.slots(tx, queue.reader)}
    young = fifo.first_young(tx, queue)

    def load(record: int) -> Stored | None:
        message = leases.messages.load(tx, slots[record >> OFFSET_BITS], record)
        # What is over on arrival takes no room, and goes by itself.
        return None if message and expiry.is_over(tx, message.expires) else message

    def is_delayed(record: int) -> bool:
        slot = slots[record >> OFFSET_BITS]
        return slot.delayed or (queue.config.fifo and record >= young)

    # What is new counts even while it is delayed, as in a queue that rejects.
    sizes = [message.size for message in map(load, filter(is_delayed, added)) if message]
    messages, size = length.excess(tx, queue, len(sizes), sum(sizes))
    refused = []
    for record in reversed(added):
        if messages <= 0 and size <= 0:
            break
        message = load(record)
        if message is not None:
            refused.append(message)
            messages, size = messages - 1, size - message.size
    for message in reversed(refused):
        move.dead_letter(tx, queue.reader, message, "overflow")
