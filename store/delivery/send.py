"""Sending to a queue: what is given becomes drafts, duplicates are answered, the rest stored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from store.db import Snapshot, Write
from store.delivery import enqueue, leases, limits, move, origins, sweep
from store.delivery.enqueue import Draft
from store.delivery.mischief import Mischief
from store.delivery.queues import Queue
from store.errors import BadInput, BadRecord
from store.log import retention
from store.log.append import LARGEST_BATCH
from store.log.encoding import encode, milliseconds
from store.messages import MessageId, NewMessage, QueueConfig

# SQS remembers a deduplication id for five minutes.
DEFAULT_WINDOW = 300_000
LONGEST_ID = 128
_FORGOTTEN_AT_ONCE = 20


def send(tx: Write, queue: Queue, messages: Iterable[NewMessage]) -> list[MessageId]:
    """Store messages, all or none; the ids are in the order given.

    Raises `QueueFull` where they would go over the limit of a queue that rejects.

    A message whose deduplication id was accepted within the window is not stored again and gets
    the first one's id (SQS). Raises `BadRecord` for the first message that can't be stored.
    """
    retention.drain(tx)
    given = list(messages)
    drafts = _drafts(tx, queue, given)
    if not _deduplicates(queue.config):
        return _store(tx, queue, drafts)
    known = _Deduplication(tx, queue)
    answers: list[MessageId | None] = []
    pending: list[int] = []
    for index, (message, draft) in enumerate(zip(given, drafts, strict=True)):
        first = known.first(message, draft, index)
        answers.append(first if isinstance(first, MessageId) else None)
        if first is None:
            pending.append(index)
    stored = _store(tx, queue, [drafts[index] for index in pending])
    for index, answer in zip(pending, stored, strict=True):
        answers[index] = answer
    return known.remember(answers)


def _store(tx: Write, queue: Queue, drafts: Sequence[Draft]) -> list[MessageId]:
    limits.check(tx, queue, drafts)
    if queue.config.chaos is not None:
        Mischief(tx, queue).hold_up(drafts)
    records = enqueue.enqueue(tx, queue, drafts)
    move.keep_within_limits(tx, queue.reader, records)
    if sweep.is_due(tx) or any(draft.expires is not None for draft in drafts):
        sweep.sweep(tx)
    name = queue.name
    return [
        MessageId(name, origins.own_id(tx, record), record & leases.OFFSET_MASK)
        for record in records
    ]


def _drafts(tx: Snapshot, queue: Queue, messages: Sequence[NewMessage]) -> list[Draft]:
    drafts: list[Draft] = []
    size = 0
    try:
        for message in messages:
            draft = _draft(tx, queue, message)
            drafts.append(draft)
            size += draft.content.size
    except BadInput as error:
        raise BadRecord(len(drafts), error.message, error.hint) from error
    if size > LARGEST_BATCH and len(drafts) > 1:
        raise BadInput(
            f"the batch has {size} bytes; one transaction takes at most {LARGEST_BATCH}",
            hint="send it in several batches",
        )
    return drafts


def _draft(tx: Snapshot, queue: Queue, message: NewMessage) -> Draft:
    content = encode(*message[:4])
    config = queue.config
    if content.size > config.max_message:
        raise BadInput(
            f"the message has {content.size} bytes; queue {queue.name} takes at most"
            f" {config.max_message}",
            hint="store the bulk elsewhere and send where it is",
        )
    if message[4:] == _ASKS_NOTHING and not config.fifo and config.ttl is None:
        return Draft(content, delay=config.delay)
    _check_group(message, queue)
    return Draft(
        content,
        message.message_group,
        level=_level(message, queue),
        delay=_delay(message, queue),
        expires=_expires(tx, message, queue),
    )


# No delay, message group, deduplication id, priority or time to live of its own.
_ASKS_NOTHING = NewMessage(None)[4:]


def _check_group(message: NewMessage, queue: Queue) -> None:
    if queue.config.fifo and message.message_group is None:
        raise BadInput(
            f"a message for the FIFO queue {queue.name} needs a message group",
            hint="give one with --message-group",
        )
    if message.dedup_id is not None and not _deduplicates(queue.config):
        raise BadInput(
            f"{queue.name} is a standard queue without dedup and takes no deduplication id",
            hint=f"mq queue alter {queue.name} --dedup 5m",
        )
    for what, text in (("group", message.message_group), ("dedup id", message.dedup_id)):
        if text is not None and not _usable_id(text):
            raise BadInput(
                f"not a usable {what}: {text[:40]!r}",
                hint="1 to 128 letters, digits and punctuation characters",
            )


def _deduplicates(config: QueueConfig) -> bool:
    return config.fifo or config.dedup is not None or config.content_dedup


def _usable_id(text: str) -> bool:
    return (
        1 <= len(text) <= LONGEST_ID and text.isascii() and text.isprintable() and " " not in text
    )


def _level(message: NewMessage, queue: Queue) -> int:
    if message.priority < 0:
        raise BadInput(f"a priority can't be negative: {message.priority}")
    return min(message.priority, queue.config.priorities - 1)


def _delay(message: NewMessage, queue: Queue) -> int:
    if message.delay is None:
        return queue.config.delay
    delay = milliseconds(message.delay, "delay")
    if queue.config.fifo and delay:
        raise BadInput(
            f"{queue.name} is a FIFO queue: a message has no delay of its own",
            hint=f"delay the whole queue: mq queue alter {queue.name} --delay D",
        )
    return queue.config.delay if queue.config.fifo else delay


def _expires(tx: Snapshot, message: NewMessage, queue: Queue) -> int | None:
    # RabbitMQ: of the queue's time to live and the message's the smaller counts.
    times = [] if queue.config.ttl is None else [queue.config.ttl]
    if message.ttl is not None:
        times.append(milliseconds(message.ttl, "ttl"))
    return tx.wall + min(times) if times else None


class _Deduplication:
    """What was sent already, before this batch or in it."""

    def __init__(self, tx: Write, queue: Queue) -> None:
        self._tx = tx
        self._queue = queue
        self._in_batch: dict[tuple[str, str], int] = {}
        self._repeats: dict[int, int] = {}

    def first(self, message: NewMessage, draft: Draft, index: int) -> MessageId | int | None:
        """The first send of the same: its answer, or its index in the batch; `None` if new."""
        place = self._place(message, draft)
        if place is None:
            return None
        if place in self._in_batch:
            self._repeats[index] = self._in_batch[place]
            return self._in_batch[place]
        stored = self._stored(place)
        if stored is None:
            self._in_batch[place] = index
        return stored

    def remember(self, answers: list[MessageId | None]) -> list[MessageId]:
        """Write down what was new, and answer repeats within the batch with the first's id."""
        window = self._queue.config.dedup or DEFAULT_WINDOW
        for (scope, dedup_id), index in self._in_batch.items():
            answer = answers[index]
            assert answer is not None
            self._write(scope, dedup_id, answer, self._tx.now + window)
        for index, first in self._repeats.items():
            original = answers[first]
            assert original is not None
            answers[index] = MessageId(original.queue, original.id, original.sequence, True)
        if self._in_batch:
            self._forget_some()
        return [answer for answer in answers if answer is not None]

    def _place(self, message: NewMessage, draft: Draft) -> tuple[str, str] | None:
        config = self._queue.config
        dedup_id = message.dedup_id
        if dedup_id is None and config.content_dedup:
            import hashlib

            dedup_id = hashlib.sha256(draft.content.value or b"").hexdigest()
        if dedup_id is None:
            return None
        return (message.message_group or "") if config.dedup_scope == "group" else "", dedup_id

    def _stored(self, place: tuple[str, str]) -> MessageId | None:
        row = self._tx.row(
            "select record, message_id from mq_deduplications where channel = :channel"
            " and scope = :scope and deduplication_id = :id and until > :now",
            {
                "channel": self._queue.id,
                "scope": place[0],
                "id": place[1],
                "now": self._tx.now,
            },
        )
        if row is None:
            return None
        sequence = row[0] & leases.OFFSET_MASK
        return MessageId(self._queue.name, origins.format_id(row[1]), sequence, True)

    def _write(self, scope: str, dedup_id: str, answer: MessageId, until: int) -> None:
        import uuid

        self._tx.execute(
            "insert or replace into mq_deduplications (channel, scope, deduplication_id, record,"
            " message_id, until) values (:channel, :scope, :id, :record, :message_id, :until)",
            {
                "channel": self._queue.id,
                "scope": scope,
                "id": dedup_id,
                "record": self._queue.first_lane.base + answer.sequence,
                "message_id": uuid.UUID(answer.id).bytes,
                "until": until,
            },
        )

    def _forget_some(self) -> None:
        self._tx.execute(
            "delete from mq_deduplications where (channel, scope, deduplication_id) in (select"
            " channel, scope, deduplication_id from mq_deduplications where until <= :now"
            " order by until limit :step)",
            {"now": self._tx.now, "step": _FORGOTTEN_AT_ONCE},
        )
