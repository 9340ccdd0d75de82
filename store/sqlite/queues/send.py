"""Sending to a queue: arguments become columns, duplicates are answered, the rest stored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from store import model
from store.model.encoding import (
    RecordColumns,
    check_column,
    encode_columns,
    encode_one,
    first_bad,
    given_list,
    milliseconds,
    present,
)
from store.model.errors import BadInput, Hint
from store.model.messages import MessageId, NewMessage, QueueConfig
from store.model.topics import Seconds
from store.sqlite import layout, leases
from store.sqlite.file.database import Snapshot, WriteTransaction
from store.sqlite.layout import OFFSET_MASK
from store.sqlite.log import append, retention
from store.sqlite.queues import enqueue, policies
from store.sqlite.queues.catalog import Queue
from store.sqlite.queues.policies import expiry, length

# SQS remembers a deduplication id for five minutes.
DEFAULT_WINDOW = 300_000
LONGEST_ID = 128
_FORGOTTEN_AT_ONCE = 20


Given = Sequence[NewMessage | bytes | str]


def send(
    tx: WriteTransaction, queue: Queue, messages: Iterable[NewMessage | bytes | str]
) -> list[MessageId]:
    """Store messages, all or none; the ids are in the order given.

    Raises `QueueFull` where they would go over the limit of a queue that rejects.

    A message whose deduplication id was accepted within the window is not stored again and gets the
    first one's id (SQS). Raises `BadRecord` for the first message that can't be stored.
    """
    if isinstance(messages, bytes | str):
        raise BadInput("one value is not a list of messages", hint="store.send(queue, value)")
    tx.require_reserve()
    retention.drain(tx)
    given = given_list(messages, "messages")
    if not given:
        return []
    try:
        batch = _checked(tx, queue, given)
    except BadInput as error:
        raise first_bad(partial(_checked, tx, queue), given, error) from error
    if not _deduplicates(queue.config):
        return _store(tx, queue, batch)
    known = _Deduplication(tx, queue)
    answers: list[MessageId | None] = []
    pending: list[int] = []
    for index, (message, value) in enumerate(zip(given, batch.values, strict=True)):
        first = known.first(_as_message(message), value, index)
        answers.append(first if isinstance(first, MessageId) else None)
        if first is None:
            pending.append(index)
    stored = _store(tx, queue, batch.chosen(pending))
    for index, answer in zip(pending, stored, strict=True):
        answers[index] = answer
    return known.remember(answers)


def _store(tx: WriteTransaction, queue: Queue, batch: RecordColumns) -> list[MessageId]:
    length.check(tx, queue, batch.sizes)
    if queue.config.chaos is not None:
        batch = policies.chaos.Disturbance(tx, queue).delay(batch)
    records = enqueue.enqueue(tx, queue, batch)
    leases.move.keep_within_limits(tx, queue.reader, records)
    if expiry.is_due(tx) or batch.expires is not None:
        expiry.sweep(tx)
    ids = leases.origins.own_ids(tx, records)
    sequences = [record & OFFSET_MASK for record in records]
    return MessageId.run(queue.name, ids, sequences)


def _checked(tx: Snapshot, queue: Queue, given: Given) -> RecordColumns:
    """Return the messages as columns; raises `BadInput` when the queue does not take one of
    them.
    """
    batch, (delays, groups, dedup_ids, priorities, lifetimes) = _columns(given)
    config, largest = queue.config, max(batch.sizes)
    if largest > config.max_message:
        raise BadInput(
            f"the message has {largest} bytes; queue {queue.name} takes at most"
            f" {config.max_message}",
            hint="store the bulk elsewhere and send where it is",
        )
    _check_groups(queue, groups, dedup_ids)
    append.check_size(batch, "send it in several batches")
    levels, waits = _levels(priorities, config), _delays(delays, len(given), queue)
    expires = _expires(tx, lifetimes, len(given), config)
    if groups or levels or waits or expires:
        batch = batch._replace(message_groups=groups, levels=levels, delays=waits, expires=expires)
    return batch


def _columns(given: Given) -> tuple[RecordColumns, Sequence[Any]]:
    """Return the contents and the options of the messages as columns."""
    if len(given) == 1:
        value, key, headers, timestamp, *asked = _as_message(given[0])
        batch = encode_one(value, key, headers, timestamp)
        return batch, [None if each is None else [each] for each in asked]
    kinds = set(map(type, given))
    if kinds <= {bytes, str}:
        return encode_columns(given), _ASKED_NOTHING
    messages = given if kinds == {NewMessage} else map(_as_message, given)
    values, *others = zip(*messages, strict=True)
    keys, headers, timestamps, *asked = present(others)
    return encode_columns(values, keys, headers, timestamps), asked


_ASKED_NOTHING = (None,) * (len(NewMessage._fields) - 4)


def _as_message(given: object) -> NewMessage:
    if isinstance(given, NewMessage):
        return given
    if isinstance(given, bytes | str | bytearray | memoryview):
        return NewMessage(given)  # type: ignore[arg-type]
    raise BadInput(f"a message must be a NewMessage, bytes or str, not {type(given).__name__}")


def _check_groups(
    queue: Queue, groups: Sequence[str | None] | None, dedup_ids: Sequence[str | None] | None
) -> None:
    if queue.config.fifo and (groups is None or None in groups):
        raise BadInput(
            f"a message for the FIFO queue {queue.name} needs a message group",
            hint=Hint("give one with {message_group}"),
        )
    if dedup_ids and not _deduplicates(queue.config):
        raise BadInput(
            f"{queue.name} is a standard queue without dedup and takes no deduplication id",
            hint=Hint("{}", model.actions.alter("queue", queue.name, dedup=timedelta(minutes=5))),
        )
    for what, column in (("group", groups), ("dedup id", dedup_ids)):
        check_column(column or (), str | None, f"a {what} is text")
        for text in column or ():
            if text is not None and not _usable_id(text):
                raise BadInput(
                    f"not a usable {what}: {text!r:.42}",
                    hint="1 to 128 letters, digits and punctuation characters",
                )


def _deduplicates(config: QueueConfig) -> bool:
    return config.fifo or config.dedup is not None or config.content_dedup


def _usable_id(text: str) -> bool:
    return (
        1 <= len(text) <= LONGEST_ID and text.isascii() and text.isprintable() and " " not in text
    )


def _levels(priorities: Sequence[int] | None, config: QueueConfig) -> Sequence[int] | None:
    if priorities is None or priorities.count(0) == len(priorities):
        return None
    for priority in priorities:
        if not isinstance(priority, int) or priority < 0:
            raise BadInput(f"a priority must be a number from 0 on, not {priority!r}")
    return [min(priority, config.priorities - 1) for priority in priorities]


def _delays(
    given: Sequence[Seconds | None] | None, messages: int, queue: Queue
) -> Sequence[int] | None:
    own = queue.config.delay
    if given is None:
        # A FIFO queue's own delay makes no lease rows: its heads know when they are due.
        return [own] * messages if own and not queue.config.fifo else None
    delays = [None if each is None else milliseconds(each, "delay") for each in given]
    if not queue.config.fifo:
        return [own if delay is None else delay for delay in delays]
    if any(delays):
        raise BadInput(
            f"{queue.name} is a FIFO queue: a message has no delay of its own",
            hint=Hint(
                "delay the whole queue: {}",
                model.actions.alter("queue", queue.name, delay=model.actions.Blank("D")),
            ),
        )
    return None


def _expires(
    tx: Snapshot, lifetimes: Sequence[Seconds | None] | None, messages: int, config: QueueConfig
) -> Sequence[int | None] | None:
    if lifetimes is None:
        return None if config.ttl is None else [tx.wall + config.ttl] * messages
    expires: list[int | None] = []
    for ttl in lifetimes:
        # RabbitMQ: the smaller of the queue's and the message's time to live counts.
        times = [] if config.ttl is None else [config.ttl]
        if ttl is not None:
            times.append(milliseconds(ttl, "ttl"))
        expires.append(tx.wall + min(times) if times else None)
    return expires


class _Deduplication:
    """The sends of known deduplication ids, before this batch or in it."""

    def __init__(self, tx: WriteTransaction, queue: Queue) -> None:
        self._tx = tx
        self._queue = queue
        self._in_batch: dict[tuple[str, str], int] = {}
        self._repeats: dict[int, int] = {}

    def first(self, message: NewMessage, value: bytes | None, index: int) -> MessageId | int | None:
        """Return the first send of the same id: its answer, or its index in the batch; `None` if
        new.
        """
        place = self._place(message, value)
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
        """Note new ids, and answer repeats within the batch with the first's id."""
        window = self._queue.config.dedup or DEFAULT_WINDOW
        for (scope, dedup_id), index in self._in_batch.items():
            answer = answers[index]
            assert answer is not None
            assert answer.sequence is not None
            self._write(scope, dedup_id, answer.id, answer.sequence, self._tx.now + window)
        for index, first in self._repeats.items():
            original = answers[first]
            assert original is not None
            answers[index] = MessageId(original.queue, original.id, original.sequence, True)
        if self._in_batch:
            self._forget_some()
        return [answer for answer in answers if answer is not None]

    def _place(self, message: NewMessage, value: bytes | None) -> tuple[str, str] | None:
        config = self._queue.config
        dedup_id = message.dedup_id
        if dedup_id is None and config.content_dedup:
            import hashlib

            dedup_id = hashlib.sha256(value or b"").hexdigest()
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
        sequence = layout.offset(row[0])
        return MessageId(self._queue.name, leases.origins.format_id(row[1]), sequence, True)

    def _write(self, scope: str, dedup_id: str, message_id: str, sequence: int, until: int) -> None:
        import uuid

        self._tx.execute(
            "insert or replace into mq_deduplications (channel, scope, deduplication_id, record,"
            " message_id, until) values (:channel, :scope, :id, :record, :message_id, :until)",
            {
                "channel": self._queue.id,
                "scope": scope,
                "id": dedup_id,
                "record": self._queue.first_lane.base + sequence,
                "message_id": uuid.UUID(message_id).bytes,
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


def forget(tx: WriteTransaction, queue: Queue) -> None:
    """Forget all sends to a queue: none counts as a duplicate of one before."""
    tx.execute("delete from mq_deduplications where channel = :id", {"id": queue.id})
