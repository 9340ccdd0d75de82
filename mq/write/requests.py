"""A command's request to store: its defaults, its input, and one value without a stream."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from mq.cli.context import Context
from mq.cli.interrupts import Interrupts
from mq.cli.output import Format, to_json
from mq.text.framing import InputForm
from store.model.errors import BadInput, NotFound
from store.model.messages import NewMessage
from store.model.text import parse_duration
from store.model.topics import Headers, NewRecord, RecordId, TopicStatus

if TYPE_CHECKING:
    from store import MessageId
    from store.engine.broker import Broker

BATCH_BYTES = 8 << 20
"""The size past which a batch takes no more records."""


class RecordDefaults(NamedTuple):
    """Fields that the command line sets in every record, in place of the input's."""

    key: bytes | None
    headers: Headers
    partition: int | None

    def apply(self, record: NewRecord) -> NewRecord:
        """Set it in a record."""
        if self.key is not None:
            record.key = self.key
        record.headers = {**(record.headers or {}), **self.headers}
        if self.partition is not None:
            record.partition = self.partition
        return record

    def __bool__(self) -> bool:
        return self != RecordDefaults(None, {}, None)


class MessageDefaults(NamedTuple):
    """Fields that the command line sets in every message, in place of the input's.

    `delay` and `ttl` are in seconds.
    """

    delay: float | None = None
    message_group: str | None = None
    dedup_id: str | None = None
    priority: int | None = None
    ttl: float | None = None

    def of(self, value: bytes, key: bytes | None, headers: Headers) -> NewMessage:
        """Return a message of them."""
        return NewMessage(
            value, key, headers, None, self.delay, self.message_group, self.dedup_id,
            self.priority or 0, self.ttl,
        )  # fmt: skip


class LoadRequest(NamedTuple):
    """The input that a command stores, and the command line's defaults for it."""

    destination: str
    defaults: RecordDefaults
    message: MessageDefaults
    form: InputForm
    values: Sequence[str]
    file: str | None
    tombstone: bool
    batch: int
    producer: str | None


def message_defaults(
    delay: str | None,
    message_group: str | None,
    dedup_id: str | None,
    priority: int | None,
    ttl: str | None,
) -> MessageDefaults:
    """Return the defaults of the options for every message; raises BadInput."""
    return MessageDefaults(_seconds(delay), message_group, dedup_id, priority, _seconds(ttl))


def _seconds(duration: str | None) -> float | None:
    return None if duration is None else parse_duration(duration) / 1000


def store_value(
    context: Context, store: Broker, name: str, value: bytes,
    defaults: RecordDefaults, message: MessageDefaults,
) -> None:  # fmt: skip
    """Store a value in a topic or queue, print its address if asked for, and report it."""
    is_queue = store.kind(name, "topic", "queue") == "queue"
    noun = "message" if is_queue else "record"
    if is_queue and defaults.partition is not None:
        raise BadInput(f"{name} is a queue: it has no partitions", hint="leave it out")
    if not is_queue:
        if message != MessageDefaults():
            raise for_a_queue(name)
        if defaults.partition is not None:
            check_partition(store.topic(name), defaults.partition)
    with Interrupts(signal.SIGINT) as interrupts:
        with store.batch() as batch:
            # From here on a signal waits for the confirmation.
            interrupts.hold()
            id: RecordId | MessageId
            if is_queue:
                (id,) = batch.send(name, [message.of(value, defaults.key, defaults.headers)])
            else:
                record = NewRecord(value, defaults.key, defaults.headers, None, defaults.partition)
                (id,) = batch.produce(name, [record])
        if context.format is not None:
            wait = partial(interrupts.wait_to_write, context.output.wait_until_writable, True)
            line = address_line(context.format, id, id_document(id))
            written = context.output.records([line], lambda _begun: wait())
            if not written and interrupts.received is None:
                raise context.output.failure()
        if interrupts.received is not None:
            context.diagnostics.note(f"interrupted; 1 {noun} stored")
            raise KeyboardInterrupt
    if getattr(id, "duplicate", False):
        context.diagnostics.note("1 duplicate of messages sent before; not stored again")
        context.diagnostics.success(f"0 {noun}s stored in {name}")
    else:
        context.diagnostics.success(f"1 {noun} stored in {name}")


def check_format(context: Context) -> None:
    """Raise BadInput for a format that the addresses of stored records can't have."""
    if context.format in {Format.TABLE, Format.TSV, Format.CSV}:
        raise BadInput("addresses of stored records are not a table", hint="-o ndjson or name")


def for_a_queue(name: str) -> BadInput:
    """Return the error for options of messages where the destination is a topic."""
    return BadInput(
        f"{name} is a topic",
        hint="--delay, --message-group, --dedup-id, --priority and --ttl are for a queue",
    )


def check_partition(topic: TopicStatus, partition: int | None) -> None:
    """Raise NotFound where the topic has no such partition."""
    number = len(topic.partitions)
    if partition is not None and partition >= number:
        raise NotFound(
            f"partition {topic.name}/{partition} does not exist",
            hint=f"{topic.name} has partitions 0 to {number - 1}",
        )


def address_line(format: Format, id: object, document: dict[str, Any]) -> bytes:
    """Return the line that says where something was stored."""
    text = f"{id}" if format is Format.NAME else to_json(document)
    return text.encode() + b"\n"


def id_document(id: RecordId | MessageId) -> dict[str, Any]:
    """Return the id of a stored record or message as JSON."""
    is_record = isinstance(id, RecordId)
    names = "topic partition offset" if is_record else "queue id sequence duplicate"
    return {name: getattr(id, name) for name in names.split()}
