"""Messages copied queue by queue, in order; each has its id at the source in a header.

The source notes how far a queue was copied to which place. It does so after the target confirmed a
batch, so that a kill between the two repeats that batch: no message is lost, and some may be twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from store.crash import crash_point
from store.engine.features import Feature
from store.migration.envelopes import envelope
from store.migration.losses import Loss
from store.model.errors import BadInput, BadRecord, Hint, NotFound, TimedOut
from store.model.looks import ShowLeases
from store.model.messages import NewMessage

if TYPE_CHECKING:
    from store.engine.broker import Broker
    from store.model.messages import Message

ID_HEADER = "mq-id"
_MOST_MESSAGES = 100
_NONE = -1
_LOOKED_AT = 1_000


def begin(source: Broker, target: Broker, queue: str, place: str) -> None:
    """Forget how far a queue was copied to a place that does not have it, perhaps any more."""
    if _is_missing(target, queue):
        source.note_copied(queue, place, _NONE)


def messages_left(source: Broker, target: Broker, queue: str, place: str) -> Iterator[Message]:
    """Yield the messages that were not copied to a place yet, in order."""
    after = _NONE if _is_missing(target, queue) else source.copied_to(queue, place)
    while messages := source.messages(queue, after, _LOOKED_AT):
        yield from messages
        after = messages[-1].sequence


def _is_missing(target: Broker, queue: str) -> bool:
    try:
        target.queue(queue)
    except NotFound:
        return True
    return False


def message_losses(source: Broker, target: Broker, queue: str, place: str) -> list[Loss]:
    """Return the parts of a queue's messages that the target can't hold, counted by a look."""
    counts = Counter(
        name
        for message in messages_left(source, target, queue, place)
        for name in _lost(message, target)
    )
    return [Loss(name, f"queue {queue}", WHY[name], count) for name, count in counts.items()]


def wait_for_leased(source: Broker, queue: str, timeout: float) -> bool:
    """Wait until no message is leased, and return whether any was.

    Raises `TimedOut` after `timeout` seconds.
    """
    has_waited = False
    deadline = source.monotonic() + timeout * 1000
    while True:
        change = source.changed()
        leased = source.queue(queue).leased
        if not leased:
            return has_waited
        has_waited = True
        left = (deadline - source.monotonic()) / 1000
        if left <= 0 or not source.wait(change, left):
            raise TimedOut(
                f"{leased} messages of {queue} are leased, and may still be acknowledged",
                hint=Hint("look at {}, wait longer, or {leave_leased}", ShowLeases(queue)),
            )


def copy_queue(
    source: Broker, target: Broker, queue: str, place: str, advance: Callable[[int], object],
    *, leave_leased: bool,
) -> int:  # fmt: skip
    """Copy the messages that are left, and return how many; `advance` is called with each number.

    Leased ones stay where they are with `leave_leased`; otherwise there are none.
    """
    copied = 0
    batch: list[Message] = []
    for message in messages_left(source, target, queue, place):
        if leave_leased and message.state == "leased":
            continue
        batch.append(message)
        if len(batch) == _MOST_MESSAGES:
            _copy(source, target, queue, place, batch)
            advance(len(batch))
            copied += len(batch)
            batch = []
    if batch:
        _copy(source, target, queue, place, batch)
        advance(len(batch))
    return copied + len(batch)


def _copy(source: Broker, target: Broker, queue: str, place: str, batch: list[Message]) -> None:
    try:
        with target.batch() as sending:
            sending.send(queue, [_new(message, target) for message in batch])
    except BadRecord as error:
        refused = batch[error.index].address
        raise BadInput(f"{refused} can't be copied: {error.message}", error.hint) from error
    crash_point("migrate.sent")
    source.note_copied(queue, place, batch[-1].sequence)


def _new(message: Message, target: Broker) -> NewMessage:
    has = target.features
    headers, properties = envelope(
        message.headers, message.properties, {ID_HEADER: message.id}, has
    )
    return NewMessage(
        value=b"" if message.value is None and has.lacks(Feature.TOMBSTONES) else message.value,
        key=message.key,
        headers=headers,
        timestamp=message.timestamp,
        message_group=None if has.lacks(Feature.FIFO) else message.message_group,
        priority=0 if has.lacks(Feature.PRIORITIES) else message.priority,
        properties=properties,
    )


WHY = {
    "delay": "a delayed message is ready at once",
    "deliveries": "a message that was delivered before counts from 0 again",
    "dead_letters": "a dead letter is a message as any other, without where and why it died",
    "message_group": "messages of a group are in no order",
    "priority": "all messages have the same priority",
    "tombstones": "a message without a value has an empty one",
}


def _lost(message: Message, target: Broker) -> Iterator[str]:
    has = target.features
    if message.state == "leased":
        # It is waited for, or stays.
        return
    if message.state == "delayed":
        yield "delay"
    if message.dead is not None:
        yield "dead_letters"
    elif message.deliveries:
        yield "deliveries"
    if message.message_group is not None and has.lacks(Feature.FIFO):
        yield "message_group"
    if message.priority and has.lacks(Feature.PRIORITIES):
        yield "priority"
    if message.value is None and has.lacks(Feature.TOMBSTONES):
        yield "tombstones"
