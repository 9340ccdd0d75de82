"""Sending to a queue: arguments become columns, duplicates are answered, the rest stored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from store import model
from store.model.encoding import (
    RecordColumns,
    check_column,
    columns_of_one,
    content_sizes,
    encode_columns,
    encode_one,
    first_bad,
    given_list,
    present,
)
from store.model.errors import BadInput, Hint
from store.model.messages import MessageId, NewMessage
from store.sqlite import leases
from store.sqlite.file.database import WriteTransaction
from store.sqlite.file.settings import refuse_read_only
from store.sqlite.layout import OFFSET_MASK
from store.sqlite.log import append, retention, samples
from store.sqlite.queues import catalog, enqueue, policies
from store.sqlite.queues.catalog import Queue, deduplicates
from store.sqlite.queues.policies import Options, Sending

if TYPE_CHECKING:
    from store.sqlite.leases.readers import ReaderPolicy

LONGEST_ID = 128

Given = Sequence[NewMessage | bytes | str]

# The fields of a message beside its contents, where the sender asks for nothing.
_PLAIN = NewMessage(None)[4:]


def send_one(tx: WriteTransaction, queue: str, message: NewMessage) -> MessageId:
    """Send a single message, as `send` does."""
    tail: enqueue.SendTail | None = None
    if type(queue) is str:
        tail = tx.database.settings.answers.get((send, queue))
    if tail is not None:
        try:
            if tail.is_plain and message[4:] == _PLAIN:
                record = append.append_one(tx, tail, *encode_one(*message[:4]))
                if record is not None:
                    return _own_id(tx, queue, record)
            elif tail.quiet_from <= tx.wall < tail.quiet_until:
                id = _send_with_policies(tx, tail, message)
                if id is not None:
                    return id
        except BadInput:
            # The error comes from `send`, which names the message.
            pass
    id = send(tx, catalog.find(tx, queue), [message])[0]
    if tail is not None and not tail.slots and tx.memory() is tail.settings:
        tail.find_slots(tx)
    return id


def _send_with_policies(
    tx: WriteTransaction, tail: enqueue.SendTail, message: NewMessage
) -> MessageId | None:
    """Send a message with options, or to a queue with policies; `None` where more is to be done.

    Its policies go by settings of which only the store of the message tells that they hold.
    """
    moment = tx.moment
    if moment is None:
        tx.moment = tx.database.clock.boot() + tail.ahead
    queue = Queue(tx, *tail.queue)
    record = None
    try:
        sending = _checked(tx, queue, [message])
        for policy in queue.reader.policies.before_send:
            policy.before_send(tx, queue, sending)
        if sending.batch.values:
            record = enqueue.enqueue_one(tx, queue, tail, sending.batch)
    finally:
        if record is None:
            tx.moment = moment
    if record is None:
        return None
    ids = [_own_id(tx, queue.name, record)]
    sending.base = tail.base
    for policy in queue.reader.policies.after_send:
        ids = policy.after_send(tx, sending, ids)
    return ids[0]


def _own_id(tx: WriteTransaction, queue: str, record: int) -> MessageId:
    digits = leases.origins.first_digits(tx.database.uuid, record >> 8)
    id = digits + leases.origins.LAST_DIGITS[record & 0xFF]
    return tuple.__new__(MessageId, (queue, id, record & OFFSET_MASK, False))


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
    is_quiet = _is_quiet(tx, queue)
    if not is_quiet:
        refuse_read_only(tx)
        retention.drain(tx)
    given = given_list(messages, "messages")
    if not given:
        return []
    try:
        sending = _checked(tx, queue, given)
    except BadInput as error:
        raise first_bad(partial(_checked, tx, queue), given, error) from error
    for policy in queue.reader.policies.before_send:
        policy.before_send(tx, queue, sending)
    ids = _store(tx, queue, sending.batch)
    sending.base = queue.first_lane.base
    if not is_quiet:
        _keep_up(tx, queue)
    for policy in queue.reader.policies.after_send:
        ids = policy.after_send(tx, sending, ids)
    return ids


def _store(tx: WriteTransaction, queue: Queue, batch: RecordColumns) -> list[MessageId]:
    records = enqueue.enqueue(tx, queue, batch)
    for policy in queue.reader.policies.after_enqueue:
        policy.after_enqueue(tx, queue.reader, records)
    if batch.expires is not None:
        # One of them may be over already.
        policies.expiry.sweep(tx)
    ids = leases.origins.own_ids(tx, records)
    sequences: Sequence[int]
    if isinstance(records, range):
        first = records.start & OFFSET_MASK
        sequences = range(first, first + len(records))
    else:
        sequences = [record & OFFSET_MASK for record in records]
    return MessageId.run(queue.name, ids, sequences)


def _is_quiet(tx: WriteTransaction, queue: Queue) -> bool:
    tail: enqueue.SendTail | None = tx.memory().answers.get((send, queue.name))
    return tail is not None and tail.quiet_from <= tx.wall < tail.quiet_until


def _keep_up(tx: WriteTransaction, queue: Queue) -> None:
    """Expire messages in passing; let a queue that treats all alike be quiet until next time."""
    if policies.expiry.is_due(tx):
        policies.expiry.sweep(tx)
    hooks = queue.reader.policies
    at_send = (*hooks.before_send, *hooks.after_send)
    if hooks.after_enqueue or not all(policy.goes_by_settings for policy in at_send):
        return
    if append.may_rest(tx):
        answers, key = tx.memory().answers, (send, queue.name)
        tail: enqueue.SendTail | None = answers.get(key)
        if tail is None:
            is_plain = not (at_send or hooks.encode) and queue.reader.by_runs
            tail = answers[key] = enqueue.SendTail(tx, queue, is_plain=is_plain)
        quiet = min(samples.left(tx), policies.expiry.left(tx))
        tail.rest_after_commit(tx, queue.first_lane, quiet)


def _checked(tx: WriteTransaction, queue: Queue, given: Given) -> Sending:
    """Return the messages as columns; raises `BadInput` when the queue does not take one of
    them.
    """
    batch, options = _columns(given)
    config, largest = queue.config, max(batch.sizes)
    if largest > config.max_message and (largest := max(content_sizes(batch))) > config.max_message:
        raise BadInput(
            f"the message has {largest} bytes; queue {queue.name} takes at most"
            f" {config.max_message}",
            hint="store the bulk elsewhere and send where it is",
        )
    _check_groups(queue, options)
    if len(given) > 1:
        append.check_size(batch, "send it in several batches")
    if options.message_groups is not None:
        batch = batch._replace(message_groups=options.message_groups)
    sending = Sending(given, batch, options)
    for policy in _encoding(queue, options):
        policy.encode(tx, queue, sending)
    return sending


def _encoding(queue: Queue, options: Options) -> Iterable[ReaderPolicy]:
    """Return the policies for the queue's own settings, and for the options of the messages."""
    set_ones = queue.reader.policies.encode
    if options is _NO_OPTIONS:
        return set_ones
    asked: list[ReaderPolicy] = []
    if options.delays is not None:
        asked.append(policies.delay.DELAY)
    levels = options.priorities
    if levels is not None and levels.count(0) < len(levels):
        asked.append(policies.priorities.PRIORITIES)
    if options.lifetimes is not None:
        asked.append(policies.expiry.TIME_TO_LIVE)
    return dict.fromkeys([*set_ones, *asked])


def _columns(given: Given) -> tuple[RecordColumns, Options]:
    """Return the contents and the options of the messages as columns."""
    if len(given) == 1:
        message = given[0] if type(given[0]) is NewMessage else as_message(given[0])
        value, key, headers, timestamp, delay, group, deduplication_id, priority, ttl, more = (
            message
        )
        return columns_of_one(value, key, headers, timestamp, properties=more), Options(
            None if delay is None else [delay],
            None if group is None else [group],
            None if deduplication_id is None else [deduplication_id],
            [priority],
            None if ttl is None else [ttl],
        )
    kinds = set(map(type, given))
    if kinds <= {bytes, str}:
        return encode_columns(given), _NO_OPTIONS
    messages = given if kinds == {NewMessage} else map(as_message, given)
    values, *others = zip(*messages, strict=True)
    keys, headers, timestamps, *asked, properties = present(others)
    batch = encode_columns(values, keys, headers, timestamps, properties=properties)
    return batch, Options._make(asked)


_NO_OPTIONS = Options()


def as_message(given: object) -> NewMessage:
    """Return bytes or text alone as a message; raises `BadInput` for anything else."""
    if isinstance(given, NewMessage):
        return given
    if isinstance(given, bytes | str | bytearray | memoryview):
        return NewMessage(given)  # type: ignore[arg-type]
    raise BadInput(f"a message must be a NewMessage, bytes or str, not {type(given).__name__}")


def _check_groups(queue: Queue, options: Options) -> None:
    groups, deduplication_ids = options.message_groups, options.deduplication_ids
    if queue.config.fifo and (groups is None or None in groups):
        raise BadInput(
            f"a message for the FIFO queue {queue.name} needs a message group",
            hint=Hint("give one with {message_group}"),
        )
    if deduplication_ids and not deduplicates(queue.config):
        raise BadInput(
            f"{queue.name} is a standard queue without dedup and takes no deduplication id",
            hint=Hint("{}", model.actions.alter("queue", queue.name, dedup=timedelta(minutes=5))),
        )
    for what, column in (("group", groups), ("dedup id", deduplication_ids)):
        if column is None:
            continue
        check_column(column, str | None, f"a {what} is text")
        for text in column:
            if text is not None and not _usable_id(text):
                raise BadInput(
                    f"not a usable {what}: {text!r:.42}",
                    hint="1 to 128 letters, digits and punctuation characters",
                )


def _usable_id(text: str) -> bool:
    return (
        1 <= len(text) <= LONGEST_ID and text.isascii() and text.isprintable() and " " not in text
    )
