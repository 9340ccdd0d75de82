"""What a changed limit takes out of the model of a queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support import queue_shedding as shedding

if TYPE_CHECKING:
    from tests.support.queue_model import Lease, MessageModel, QueueModel, QueuesModel


def settle(
    model: QueuesModel, queue: QueueModel, before: int | None, now: int, lane_of: shedding.LaneOf
) -> None:
    """Settle what is over the limits of a queue, whose limit of deliveries was another one."""
    bounds = [most for most in (before, queue.most) if most is not None]
    delivered = [
        message
        for message in queue.messages.values()
        if bounds and message.lease is not None and message.lease.deliveries >= min(bounds)
    ]
    for message in sorted(delivered, key=lambda m: (lane_of(queue, m), m.sequence)):
        if queue.messages.get(message.sequence) is message and message.lease is not None:
            _settle(model, queue, message, message.lease, now)
            queue.refresh(message.group, now)
    while shedding.sweep(model, now, lane_of):
        pass
    shedding.keep_within(model, queue, now)


def _settle(
    model: QueuesModel, queue: QueueModel, message: MessageModel, lease: Lease, now: int
) -> None:
    is_over = queue.most is not None and lease.deliveries >= queue.most
    if message.is_held(now):
        lease.due = lease.ends if is_over else lease.due
    elif is_over:
        model.take_out(queue, message, now)
    elif lease.due > now:
        lease.due = model.given_back(queue, now)
        lease.ends = min(lease.ends, lease.due)


def find_place(queue: QueueModel, now: int) -> None:
    """What expired and had nowhere to go under another DLQ is tried again."""
    for message in queue.messages.values():
        if message.mark == shedding.STAYS:
            message.mark = message.expires = now
