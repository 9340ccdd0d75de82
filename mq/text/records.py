"""Records as JSON envelopes, both ways, and headers as they are typed on a command line."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from mq.text.strict_json import member_source, parse_json
from store.model.errors import BadInput, Damaged
from store.model.text import format_time, parse_time
from store.model.topics import HeaderValue, NewRecord, Record

if TYPE_CHECKING:
    from store import Message

INPUT_FIELDS = frozenset(
    {"value", "value_base64", "key", "key_base64", "headers", "timestamp", "partition"}
)
_MESSAGE_FIELDS = frozenset({"message_group", "priority"})
# What our own output also says of a record or message, and what storing it again gives anew.
_OUTPUT_ONLY_FIELDS = frozenset(
    [
        "topic",
        "offset",
        "queue",
        "id",
        "sequence",
        "deliveries",
        "redelivered",
        "state",
        "receipt",
        "lease_expires",
        "holder",
        "dead",
    ]
)
_INT64 = range(-(2**63), 2**63)
DAMAGE_MARK = "(damaged)"
_MOST_NAMED = 3
Thing = TypeVar("Thing", Record, "Message")
_to_line = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def to_document(record: Record) -> dict[str, Any]:
    """The envelope of a record; bytes that are not UTF-8 stand in a `_base64` field."""
    return {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": format_time(record.timestamp),
        **text_field("key", record.key),
        "headers": record.headers,
        **text_field("value", record.value),
    }


def to_ndjson(record: Record) -> bytes:
    """The envelope of a record as one ASCII-safe line."""
    # JSON leaves this one control character as it is.
    return _to_line(to_document(record)).replace("\x7f", "\\u007f").encode() + b"\n"


def parse_envelope(line: bytes) -> NewRecord:
    """Read a record from an envelope; raises BadInput, which does not name the line.

    An object, list, number or boolean as value is stored as its JSON text. Fields of our own
    output that say where a record was are ignored, unknown ones refused.
    """
    return envelope_record(read_envelope(line), line)


def read_envelope(line: bytes) -> Mapping[str, Any]:
    """The fields of an envelope, all of them known; raises BadInput."""
    envelope = parse_json(line)
    if not isinstance(envelope, dict):
        raise BadInput("not an object", hint='an envelope is {"value": …}')
    if unknown := envelope.keys() - INPUT_FIELDS - _MESSAGE_FIELDS - _OUTPUT_ONLY_FIELDS:
        raise _unknown_field(min(unknown))
    return envelope


def envelope_record(envelope: Mapping[str, Any], line: bytes) -> NewRecord:
    """The record that an envelope, read from this line, describes; raises BadInput."""
    timestamp = envelope.get("timestamp")
    return NewRecord(
        _value(envelope, line),
        _key(envelope),
        _headers(envelope.get("headers")),
        None if timestamp is None else event_time(timestamp),
        _partition(envelope.get("partition")),
    )


def event_time(value: Any) -> int:
    """A JSON value as Unix milliseconds: ISO-8601 text, or a number by its digits.

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


def parse_headers(items: Sequence[str]) -> dict[str, HeaderValue]:
    """Read `-H name=text`, `-H name:=JSON` (typed) and `-H name` (present, null)."""
    headers: dict[str, HeaderValue] = {}
    for item in items:
        name, equals, text = item.partition("=")
        typed = bool(equals) and name.endswith(":")
        name = name.removesuffix(":") if typed else name
        if not name:
            raise BadInput(f"the header {item!r} has no name", hint="write it as name=text")
        if name in headers:
            raise BadInput(f"the header {name} is given twice")
        if typed:
            headers[name] = _typed_header(name, text)
        else:
            headers[name] = text if equals else None
    return headers


def format_header(name: str, value: HeaderValue) -> str:
    """Write a header the way `parse_headers` reads it."""
    if value is None:
        return name
    return f"{name}={value}" if isinstance(value, str) else f"{name}:={_to_line(value)}"


def text_field(name: str, data: bytes | None) -> dict[str, str | None]:
    """A key or value as a field of an envelope, named `NAME_base64` where it is not UTF-8."""
    if data is None:
        return {name: None}
    try:
        return {name: data.decode()}
    except UnicodeDecodeError:
        from base64 import b64encode

        return {f"{name}_base64": b64encode(data).decode()}


def damage_fields(thing: Record | Message) -> dict[str, Any]:
    """Say in an envelope that it is of a damaged one, and what stands in its place.

    In Base64, so that nothing takes it for what was stored.
    """
    if thing.damaged is None:
        return {}
    from base64 import b64encode

    key, headers, value = thing.damaged
    parts = {"key": key, "headers": None if headers is None else headers.encode(), "value": value}
    remains = {f"{name}_base64": part and b64encode(part).decode() for name, part in parts.items()}
    return {"damaged": True, "found": remains}


class DamageWatch:
    """Notes the damaged records and messages of what passes."""

    def __init__(self) -> None:
        self._addresses: list[str] = []

    def over(self, things: Iterable[Thing]) -> Iterator[Thing]:
        """Pass the same things on."""
        for thing in things:
            if thing.damaged is not None:
                self._addresses.append(thing.address)
            yield thing

    def check(self) -> None:
        """Raise `Damaged` if there were any."""
        if not self._addresses:
            return
        named = ", ".join(self._addresses[:_MOST_NAMED])
        more = " …" * (len(self._addresses) > _MOST_NAMED)
        verb = "is" if len(self._addresses) == 1 else "are"
        raise Damaged(
            f"{named}{more} {verb} damaged: not what was stored",
            hint="find all damage: mq verify",
            addresses=tuple(self._addresses),
        )


def _value(envelope: Mapping[str, Any], line: bytes) -> bytes | None:
    if "value" in envelope:
        value = envelope["value"]
        _refuse_both(envelope, "value")
        if value is None or isinstance(value, str):
            return _encoded("value", value, hint="give the bytes as value_base64")
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
    return _encoded("key", key, hint="give the bytes as key_base64")


def _refuse_both(envelope: Mapping[str, Any], name: str) -> None:
    if f"{name}_base64" in envelope:
        raise BadInput(f"both {name} and {name}_base64 are given")


def _encoded(name: str, text: str | None, hint: str = "") -> bytes | None:
    try:
        return None if text is None else text.encode()
    except UnicodeEncodeError:
        problem = f"the {name} has half of a surrogate pair, which UTF-8 can't hold"
        raise BadInput(problem, hint) from None


def _decoded(name: str, text: Any) -> bytes:
    from base64 import b64decode

    try:
        return b64decode(text, validate=True)
    except (TypeError, ValueError):
        raise BadInput(f"{name} is not Base64") from None


def _headers(headers: Any) -> dict[str, HeaderValue] | None:
    if headers is None:
        return None
    if not isinstance(headers, dict):
        raise BadInput("headers are not an object")
    for name, value in headers.items():
        _check_header(name, value)
    return headers


def _typed_header(name: str, text: str) -> HeaderValue:
    try:
        value = parse_json(text)
    except BadInput as error:
        raise BadInput(
            f"the header {name}: {error.message}", hint=f"{name}={text} is plain text"
        ) from None
    return _check_header(name, value)


def _check_header(name: str, value: Any) -> HeaderValue:
    if isinstance(value, dict | list):
        raise BadInput(
            f"the header {name} is not a single value",
            hint="header values are text, numbers, true, false or null",
        )
    if isinstance(value, int) and value not in _INT64:
        raise BadInput(f"the header {name} is a number beyond 64 bits")
    if isinstance(value, float) and not math.isfinite(value):
        raise BadInput(f"the header {name} is a number beyond what can be stored")
    _encoded(f"header {name!r}", name + value if isinstance(value, str) else name)
    result: HeaderValue = value
    return result


def _partition(partition: Any) -> int | None:
    if partition is None:
        return None
    if isinstance(partition, bool) or not isinstance(partition, int) or partition < 0:
        raise BadInput(f"{partition!r} is not a partition")
    return partition


def _unknown_field(name: str) -> BadInput:
    from store.model.nearest import nearest

    known = sorted([*INPUT_FIELDS, *_MESSAGE_FIELDS])
    near = nearest(name, known)
    hint = f"did you mean {near[0]!r}?" if near else f"fields are {', '.join(known)}"
    return BadInput(f"unknown field {name!r}", hint=hint)
