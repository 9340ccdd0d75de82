"""Messages as entries and attributes of SQS, and back.

A header's type is that of its attribute; the part after the dot is ours, as SQS lets a client do:
`Number.float`, `String.bool`, `String.null`, `String.empty`, and `String.json` for times, decimals,
lists and tables.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, cast
from uuid import uuid4

from store.engine.features import Feature, Features
from store.engine.serving import ServedMessage
from store.model.dead_letters import Dead
from store.model.encoding import encode_bytes, encode_headers, encode_timestamp
from store.model.errors import BadInput, BadRecord, Hint
from store.model.header_values import from_plain, to_plain
from store.model.messages import Message, NewMessage
from store.model.topics import HeaderValue, in_seconds
from store.sqs import limits

KEY = "mq-key"
TIME = "mq-timestamp"
_NULL, _EMPTY, _BOOL, _FLOAT = "String.null", "String.empty", "String.bool", "Number.float"
_JSON = "String.json"
_UNKNOWN = cast("int", None)
Attribute = dict[str, Any]


class QueueType(NamedTuple):
    """The queue that messages are for: its type, and whether it takes their hash as their id."""

    fifo: bool
    content_dedup: bool


class BatchEntry(NamedTuple):
    """An entry of a batch without its id, and its size by the rules of SQS."""

    entry: dict[str, Any]
    size: int


class ReceiveFacts(NamedTuple):
    """Facts of a receive: its queue, when its leases end, and how an ARN is read."""

    queue: str
    expires: int | None
    name_of: Callable[[str], str]


def encoded(
    messages: Sequence[NewMessage], type: QueueType, features: Features
) -> list[BatchEntry]:
    """Return messages as SQS takes them; raises `BadRecord` for the first that it does not."""
    return [
        _encoded(index, message, type, features, alone=len(messages) == 1)
        for index, message in enumerate(messages)
    ]


def batches(messages: Sequence[BatchEntry]) -> list[range]:
    """Return the messages in batches: of ten at most, and of 1 MiB together."""
    parts: list[range] = []
    first = size = 0
    for number, message in enumerate(messages):
        is_full = number - first == limits.MOST_IN_BATCH
        if number > first and (is_full or size + message.size > limits.LARGEST_BATCH):
            parts.append(range(first, number))
            first, size = number, 0
        size += message.size
    return [*parts, range(first, len(messages))] if messages else parts


def decoded(facts: ReceiveFacts, message: Mapping[str, Any]) -> Message:
    """Return a received message."""
    system: Mapping[str, str] = message.get("Attributes") or {}
    attributes: Mapping[str, Attribute] = message.get("MessageAttributes") or {}
    deliveries = int(system.get("ApproximateReceiveCount", 1))
    sequence, first = (
        system.get(name) for name in ("SequenceNumber", "ApproximateFirstReceiveTimestamp")
    )
    return ServedMessage(
        queue=facts.queue,
        id=message["MessageId"],
        sequence=_UNKNOWN if sequence is None else int(sequence),
        timestamp=_time(system, attributes),
        message_group=system.get("MessageGroupId"),
        priority=0,
        headers={
            name: _value(attribute)
            for name, attribute in attributes.items()
            if name not in {KEY, TIME}
        },
        key=_key(attributes.get(KEY)),
        value=message["Body"].encode(),
        deliveries=deliveries,
        redelivered=deliveries > 1,
        state="leased",
        receipt=f"{facts.queue}:{message['ReceiptHandle']}",
        lease_expires=facts.expires,
        dead=_dead(system, facts.name_of),
        first_received=None if first is None else int(first),
    )


def read_receipt(receipt: str) -> tuple[str, str]:
    """Return the queue and the handle of a receipt; raises `BadInput` for another text."""
    queue, colon, handle = receipt.partition(":")
    if not (colon and handle and queue):
        raise BadInput(
            f"{receipt[:40]!r} is no receipt of sqs", hint="a receive returns it as QUEUE:HANDLE"
        )
    return queue, handle


def _encoded(
    index: int, message: NewMessage, type: QueueType, features: Features, *, alone: bool
) -> BatchEntry:
    _check_options(message, features)
    try:
        return _outgoing(message, type)
    except BadInput as error:
        if alone:
            raise
        raise BadRecord(index, error.message, error.hint) from None


def _check_options(message: NewMessage, features: Features) -> None:
    if message.priority:
        features.need(Feature.PRIORITIES)
    if message.ttl is not None:
        features.need(Feature.TTL)
    if message.properties:
        features.need(Feature.PROPERTIES)
    if message.value is None:
        features.need(Feature.TOMBSTONES)


def _outgoing(message: NewMessage, type: QueueType) -> BatchEntry:
    body = limits.check_text(encode_bytes(message.value, "value") or b"")
    attributes = _attributes(message)
    size = len(body.encode()) + sum(map(_size, attributes.items()))
    if size > limits.LARGEST_MESSAGE:
        raise BadInput(
            f"sqs takes {limits.LARGEST_MESSAGE:,} bytes, and value and attributes are {size:,}",
            hint="store it elsewhere, and send where it is",
        )
    entry: dict[str, Any] = {"MessageBody": body, **_sending(message, type)}
    if attributes:
        entry["MessageAttributes"] = attributes
    return BatchEntry(entry, size)


def _sending(message: NewMessage, type: QueueType) -> dict[str, Any]:
    """Return how a message is sent: its delay, group and deduplication id."""
    fields: dict[str, Any] = {}
    if message.message_group is not None:
        fields["MessageGroupId"] = limits.check_id("message group", message.message_group)
    if type.fifo:
        if message.message_group is None:
            raise BadInput("a FIFO queue needs a message group", Hint("give {message_group}"))
        if message.delay:
            raise BadInput(
                "a FIFO queue of sqs has one delay for all messages", "the delay of the queue"
            )
        fields |= _deduplication(message, type)
    elif message.dedup_id is not None:
        raise BadInput("sqs has deduplication on FIFO queues alone", Hint("leave out {dedup_id}"))
    elif message.delay is not None:
        delay = in_seconds(message.delay, "delay")
        fields["DelaySeconds"] = limits.check_seconds("delay", delay, limits.LONGEST_DELAY)
    return fields


def _deduplication(message: NewMessage, type: QueueType) -> dict[str, Any]:
    if message.dedup_id is not None:
        return {"MessageDeduplicationId": limits.check_id("dedup id", message.dedup_id)}
    # An id of its own is no deduplication, and lets a send without an answer be repeated.
    return {} if type.content_dedup else {"MessageDeduplicationId": uuid4().hex}


def _attributes(message: NewMessage) -> dict[str, Attribute]:
    headers = dict(message.headers or {})
    encode_headers(headers)
    for name in (KEY, TIME):
        if name in headers:
            raise BadInput(f"header {name} is written by mq", "name it otherwise")
    attributes = {name: _attribute(name, value) for name, value in headers.items()}
    if (key := encode_bytes(message.key, "key")) is not None:
        attributes[KEY] = (
            {"DataType": "Binary", "BinaryValue": key} if key else _text(_EMPTY, "empty")
        )
    if (time := encode_timestamp(message.timestamp)) is not None:
        attributes[TIME] = _text("Number", str(time))
    limits.check_attribute_names(attributes)
    return attributes


def _attribute(name: str, value: HeaderValue) -> Attribute:
    match value:
        case None:
            return _text(_NULL, "null")
        case "":
            return _text(_EMPTY, "empty")
        case bool():
            return _text(_BOOL, str(value).lower())
        case int():
            return _text("Number", str(value))
        case float():
            return _text(_FLOAT, repr(value))
        case bytes() if value:
            return {"DataType": "Binary", "BinaryValue": value}
        case str():
            return _text("String", limits.check_attribute_text(name, value))
    return _text(_JSON, json.dumps(to_plain(f"header {name}", value)))


def _text(kind: str, text: str) -> Attribute:
    return {"DataType": kind, "StringValue": text}


def _size(named: tuple[str, Attribute]) -> int:
    name, attribute = named
    value = attribute.get("BinaryValue")
    data = value if value is not None else attribute["StringValue"].encode()
    return len(name) + len(attribute["DataType"]) + len(data)


def _value(attribute: Attribute) -> HeaderValue:
    """Return a header's value."""
    kind, text = attribute["DataType"], attribute.get("StringValue")
    if text is None:
        data: bytes = attribute.get("BinaryValue") or b""
        return data
    match kind:
        case "String.null":
            return None
        case "String.empty":
            return ""
        case "String.bool":
            return bool(text == "true")
        case "String.json":
            return _from_json(text)
    return _number(kind, text) if kind.startswith("Number") else str(text)


def _number(kind: str, text: str) -> HeaderValue:
    try:
        return float(text) if kind == _FLOAT else int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text


def _from_json(text: str) -> HeaderValue:
    try:
        return from_plain(json.loads(text))
    except (ValueError, BadInput):
        return text


def _key(attribute: Attribute | None) -> bytes | None:
    if attribute is None:
        return None
    if attribute["DataType"] == _EMPTY:
        return b""
    data = attribute.get("BinaryValue")
    return data if isinstance(data, bytes) else str(attribute.get("StringValue", "")).encode()


def _time(system: Mapping[str, str], attributes: Mapping[str, Attribute]) -> int:
    given = attributes.get(TIME, {}).get("StringValue", "")
    if given.isdecimal():
        return int(given)
    sent = system.get("SentTimestamp")
    return _UNKNOWN if sent is None else int(sent)


def _dead(system: Mapping[str, str], name_of: Callable[[str], str]) -> Dead | None:
    """Return how a message died: there it is always of its deliveries, and when is not told."""
    source = system.get("DeadLetterQueueSourceArn")
    if source is None:
        return None
    return Dead(name_of(source), "max_deliveries", _UNKNOWN, _UNKNOWN, None, ())
