"""What leaves the model of a queue by itself: what expired, and what is over its length limit."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support.queue_model import MessageModel, QueueModel, QueuesModel

STAYS = 0
MOST_MOVED = 20
LOOKED_AT = 100
PATIENCE = 10_000

LaneOf = Callable[["QueueModel", "MessageModel"], int]


def expire(model: QueuesModel, queue: QueueModel, message: MessageModel, now: int) -> bool:
    """A message's time is over; False when it has to stay."""
    retained = message.mark == model.sent(message) + queue.retention
    if retained or message.stored + queue.retention <= now:
        model.remove(queue, message, now)
        queue.dropped += 1
        return True
    model.end(message.lease)
    if model.dead_letter(queue, message, "expired", now):
        return True
    message.mark = message.expires = STAYS
    return False


def mark(queue: QueueModel, ttl: object, now: int) -> int | None:
    """When a new message expires by the smaller time to live; `None` without any."""
    given = None if ttl is None else round(float(str(ttl)) * 1000)
    times = [each for each in (queue.ttl, given) if each is not None]
    return now + min(times) if times else None


def sweep(model: QueuesModel, now: int, lane_of: LaneOf) -> int:
    """What a passing writer takes along; how many."""
    over = [
        (queue, message)
        for queue in model.queues.values()
        for message in queue.messages.values()
        if message.mark is not None and 0 < message.mark <= now
    ]
    over.sort(key=lambda pair: (pair[1].mark, lane_of(*pair), pair[1].sequence))
    moved = 0
    for queue, message in over[:LOOKED_AT]:
        if (
            moved < MOST_MOVED
            and not message.is_held(now)
            and queue.messages.get(message.sequence) is message
        ):
            moved += expire(model, queue, message, now)
    return moved


def keep_within(model: QueuesModel, queue: QueueModel, now: int) -> None:
    """Drop the head of a queue until it is within its limit."""
    if queue.max_length is None:
        return
    over = sum(counts(message, now) for message in queue.messages.values()) - queue.max_length
    for message in heads(queue, now):
        if over <= 0:
            return
        if message.expires <= now:
            expire(model, queue, message, now)
            continue
        model.end(message.lease)
        over -= model.dead_letter(queue, message, "overflow", now)


def counts(message: MessageModel, now: int) -> bool:
    """Whether a message counts against a limit: it waits, and nothing but a reader is missing."""
    aside = message.lease is not None and message.lease.due > now
    expired = message.mark is not None and message.mark <= now and not message.is_held(now)
    return not aside and not expired


def heads(queue: QueueModel, now: int) -> list[MessageModel]:
    """What would be delivered next, in order, of a queue without levels."""
    ready = [m for m in queue.messages.values() if m.lease is None or m.lease.due <= now]
    return sorted(
        ready,
        key=lambda m: (
            m.lease is None,
            m.lease.due if m.lease else 0,
            m.delayed,
            m.sequence,
        ),
    )


def admit(queue: QueueModel, holder: str, now: int) -> bool:
    """Whether a holder is the active one of a queue that has only one."""
    if not queue.single_active:
        return True
    for place in queue.line:
        if place[0] == holder:
            place[1] = now
            break
    else:
        queue.line.append([holder, now])
    while queue.line[0][0] != holder:
        first, seen = queue.line[0]
        at_work = any(
            m.is_held(now) and m.lease is not None and m.lease.holder == first
            for m in queue.messages.values()
        )
        if at_work or seen + PATIENCE > now:
            return False
        del queue.line[0]
    return True
