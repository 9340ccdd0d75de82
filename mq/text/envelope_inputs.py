"""Envelopes as input: new records, new messages, and dead letters that are brought back."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, get_args

from mq.text.envelopes import DEAD, HOP, LEASE, MESSAGE, RECORD, Envelope, EnvelopeField, FieldKind
from mq.text.headers import check_header, encode
from mq.text.strict_json import member_source, parse_json
from store.model.dead_letters import Dead, Hop, Reason
from store.model.encoding import encode_bytes
from store.model.errors import BadInput
from store.model.messages import Message
from store.model.text import parse_duration, parse_time
from store.model.topics import NO_PROPERTIES, HeaderValue, NewRecord

INPUT_FIELDS = frozenset(
    {"value", "value_base64", "key", "key_base64", "headers", "timestamp", "partition"}
    | {"message_group", "priority", "properties"}
)
# Storing a record or message again gives these anew.
_OUTPUT_FIELDS = {
    field.name for envelope in (RECORD, MESSAGE, LEASE) for field in envelope.fields
} | {"dead"}
_REASONS: tuple[Reason, ...] = get_args(Reason)


class MessageRecord(NewRecord):
    """A record from the envelope of a message."""

    __slots__ = ("message_group", "priority")

    def __init__(self, record: NewRecord, message_group: str | None, priority: int) -> None:
        super().__init__(
            record.value, record.key, record.headers, record.timestamp, None, record.properties
        )
        self.message_group = message_group
        self.priority = priority


def parse_envelope(line: bytes) -> NewRecord:
    """Read a record from an envelope; raises BadInput, which does not name the line.

    An object, list, number or boolean as value is stored as its JSON text. Fields of our own output
    about the record's former place are ignored, unknown ones refused.
    """
    return _record(_read(line), line)


def parse_message_envelope(line: bytes) -> NewRecord:
    """Read a record and the message's group and priority; raises BadInput like `parse_envelope`."""
    envelope = _read(line)
    record = _record(envelope, line)
    group, priority = envelope.get("message_group"), envelope.get("priority", 0)
    if group is not None and not isinstance(group, str):
        raise BadInput("the message_group is neither text nor null")
    if not _is_number(priority):
        raise BadInput(f"{priority!r} is not a priority", hint="a priority is a number from 0 on")
    return MessageRecord(record, group, priority)


def parse_letter(line: bytes) -> Message:
    """Read a dead letter from its envelope; raises BadInput, which does not name the line."""
    envelope = _read(line)
    record = _record(envelope, line)
    dead = envelope.get("dead")
    if not isinstance(dead, dict):
        raise BadInput("no dead letter: the field 'dead' is missing")
    fields = {field.name: field for field in MESSAGE.fields}
    priority = _parsed(fields["priority"], envelope)
    return Message(
        queue="",
        id=_id(envelope.get("id")),
        sequence=0,
        timestamp=_parsed(fields["timestamp"], envelope),
        message_group=_parsed(fields["message_group"], envelope),
        priority=priority,
        headers=dict(record.headers or {}),
        key=encode_bytes(record.key, "key"),
        value=encode_bytes(record.value, "value"),
        deliveries=_parsed(fields["deliveries"], dead),
        redelivered=False,
        state="ready",
        dead=Dead(**_all_parsed(DEAD, dead), priority=priority),
        properties=record.properties or NO_PROPERTIES,
    )


def event_time(value: Any) -> int:
    """Read a JSON value as Unix milliseconds: ISO-8601 text, or a number by its digits.

    10 digits are seconds, 13 milliseconds. Raises BadInput.
    """
    if isinstance(value, str):
        if value[:4].isdecimal() and value[4:5] == "-":
            return parse_time(value, 0)
        value = int(value) if value.isdecimal() and len(value) <= 13 else value
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e13:
        digits = len(str(int(value)))
        if digits in {10, 13}:
            # Cut off as the clock does it, but for what a float of seconds can't tell apart.
            return round(value * 1_000_000) // 1000 if digits == 10 else int(value)
    raise BadInput(
        f"{value!r} is not a time",
        hint="a time is ISO-8601 text, or a number of seconds (10 digits) or milliseconds (13)",
    )


def _read(line: bytes) -> Mapping[str, Any]:
    """Read the fields of an envelope, all of them known; raises BadInput."""
    envelope = parse_json(line)
    if not isinstance(envelope, dict):
        raise BadInput("not an object", hint='an envelope is {"value": …}')
    if unknown := envelope.keys() - INPUT_FIELDS - _OUTPUT_FIELDS:
        raise _unknown_field(min(unknown))
    return envelope


def _record(envelope: Mapping[str, Any], line: bytes) -> NewRecord:
    timestamp = envelope.get("timestamp")
    return NewRecord(
        _value(envelope, line),
        _key(envelope),
        _headers("headers", envelope.get("headers")),
        None if timestamp is None else event_time(timestamp),
        _partition(envelope.get("partition")),
        _headers("properties", envelope.get("properties")),
    )


def _value(envelope: Mapping[str, Any], line: bytes) -> bytes | None:
    if "value" in envelope:
        value = envelope["value"]
        _refuse_both(envelope, "value")
        if value is None or isinstance(value, str):
            return encode("value", value, hint="give the bytes as value_base64")
        return member_source(line.decode(), "value").encode()
    if "value_base64" in envelope:
        return _decoded("value_base64", envelope["value_base64"])
    raise BadInput("the field 'value' is missing", hint='an envelope is {"value": …}')


def _key(envelope: Mapping[str, Any]) -> bytes | None:
    if "key_base64" in envelope:
        if "key" in envelope:
            _refuse_both(envelope, "key")
        return _decoded("key_base64", envelope["key_base64"])
    key = envelope.get("key")
    if key is not None and not isinstance(key, str):
        raise BadInput("the key is neither text nor null")
    return encode("key", key, hint="give the bytes as key_base64")


def _refuse_both(envelope: Mapping[str, Any], name: str) -> None:
    if f"{name}_base64" in envelope:
        raise BadInput(f"both {name} and {name}_base64 are given")


def _decoded(name: str, text: Any) -> bytes:
    from base64 import b64decode

    try:
        return b64decode(text, validate=True)
    except (TypeError, ValueError):
        raise BadInput(f"{name} is not Base64") from None


def _headers(what: str, headers: Any) -> dict[str, HeaderValue] | None:
    if headers is None:
        return None
    if not isinstance(headers, dict):
        raise BadInput(f"{what} are not an object")
    return {name: check_header(name, value) for name, value in headers.items()}


def _partition(partition: Any) -> int | None:
    if partition is None or _is_number(partition):
        number: int | None = partition
        return number
    raise BadInput(f"{partition!r} is not a partition")


def _unknown_field(name: str) -> BadInput:
    from store.model.nearest import nearest

    known = sorted(INPUT_FIELDS)
    near = nearest(name, known)
    hint = f"did you mean {near[0]!r}?" if near else f"fields are {', '.join(known)}"
    return BadInput(f"unknown field {name!r}", hint=hint)


def _all_parsed(table: Envelope[Any], document: Mapping[str, Any]) -> dict[str, Any]:
    return {field.name: _parsed(field, document) for field in table.fields}


def _parsed(field: EnvelopeField, document: Mapping[str, Any]) -> Any:
    """Read a field of a dead letter as its table says; raises BadInput."""
    value = document.get(field.name)
    if field.kind is FieldKind.HOPS:
        return _hops(document.get(field.name, []))
    if field.kind is FieldKind.NUMBER:
        return _number(field.name, document.get(field.name, 0))
    if field.kind is FieldKind.CHOICE:
        return _reason(value)
    if value is None and field.is_optional:
        return None
    if not isinstance(value, str):
        raise BadInput(f"the field {field.name!r} of a dead letter is missing, or is no text")
    if field.kind is FieldKind.TIME:
        return parse_time(value, 0)
    return parse_duration(value) if field.kind is FieldKind.DURATION else value


def _hops(hops: Any) -> tuple[Hop, ...]:
    if not isinstance(hops, list) or not all(isinstance(hop, dict) for hop in hops):
        raise BadInput("the hops of a dead letter are not a list of objects")
    return tuple(Hop(**_all_parsed(HOP, hop)) for hop in hops)


def _number(name: str, number: Any) -> int:
    if _is_number(number) and number < 2**63:
        return int(number)
    raise BadInput(f"{name} is {number!r}, not a number from 0 on")


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _reason(value: Any) -> Reason:
    for reason in _REASONS:
        if value == reason:
            return reason
    raise BadInput(f"{value!r} is not a reason", hint=f"reasons are {', '.join(_REASONS)}")


def _id(text: Any) -> str:
    try:
        return str(uuid.UUID(text))
    except (AttributeError, TypeError, ValueError):
        raise BadInput(f"{text!r} is not the id of a message") from None
