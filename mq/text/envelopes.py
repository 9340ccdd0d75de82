"""Records, messages and dead letters as text: the fields of each stand in one table.

From the table come the JSON envelope, the columns of TSV, the letters of `-F` and the fields that
conditions name. A stream of them is written as values, in a format, as envelopes, TSV or addresses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum, auto
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Generic, NamedTuple

from mq.cli.output import Column, Format, Row, to_json
from store.model.errors import BadInput
from store.model.text import format_duration, format_time, printable_bytes

if TYPE_CHECKING:
    from mq.cli.context import Context
    from store.model.dead_letters import Dead, Hop
    from store.model.messages import Message
    from store.model.shares import SharedRecord
    from store.model.topics import HeaderValue, Record, Remains

DAMAGE_MARK = "(damaged)"


class FieldKind(Enum):
    """The kind of value that a field holds, which decides how it is written and read."""

    TEXT = auto()
    CHOICE = auto()
    NUMBER = auto()
    FLAG = auto()
    TIME = auto()
    DURATION = auto()
    BYTES = auto()
    HEADERS = auto()
    HOPS = auto()


class EnvelopeField(NamedTuple):
    """A field of an envelope; `letter` stands for it in a format."""

    name: str
    kind: FieldKind = FieldKind.TEXT
    letter: str = ""
    is_optional: bool = False


class Envelope(Generic[Row]):
    """The fields of a thing, in the order in which they are written."""

    def __init__(self, *fields: EnvelopeField) -> None:
        self.fields = fields
        self._names = [field.name for field in fields]
        self._values = attrgetter(*self._names)
        self._times = [field.name for field in fields if field.kind is FieldKind.TIME]
        self._bytes = [field.name for field in fields if field.kind is FieldKind.BYTES]
        self._has_headers = any(field.kind is FieldKind.HEADERS for field in fields)

    def document(self, row: Row) -> dict[str, Any]:
        """Return the JSON object of a row; bytes that are not UTF-8 stand in a `_base64` field."""
        document = dict(zip(self._names, self._values(row), strict=True))
        for name in self._times:
            document[name] = _time(document[name])
        for name in self._bytes:
            if (data := document[name]) is not None:
                try:
                    document[name] = data.decode()
                except UnicodeDecodeError:
                    document = _in_base64(document, name)
        if self._has_headers and (headers := document["headers"]):
            document["headers"] = _plain(headers)
        if more := self._more(row):
            document |= more
        return document

    def line(self, row: Row) -> bytes:
        """Write the JSON object of a row as one ASCII-safe line."""
        return to_json(self.document(row)).encode() + b"\n"

    def document_with_json(self, row: Row) -> dict[str, Any]:
        """Return the JSON object of a row, with a value that is an object or array as such."""
        from mq.text.strict_json import object_or_array

        document = self.document(row)
        if isinstance(value := document.get("value"), str):
            document["value"] = object_or_array(value)
        return document

    def line_with_json(self, row: Row) -> bytes:
        """Write the JSON object of `document_with_json` as one ASCII-safe line."""
        return to_json(self.document_with_json(row)).encode() + b"\n"

    def columns(self, names: str) -> list[Column[Row]]:
        """Return the columns of these names, between spaces; `dead.NAME` is one of a death."""
        fields = {field.name: field for field in (*self.fields, *LEASE.fields)}
        fields |= {f"dead.{field.name}": field for field in DEAD.fields}
        return [_column(name, fields.get(name)) for name in names.split()]

    def letters(self) -> Mapping[str, EnvelopeField]:
        """Return the fields that have a letter, by it."""
        return {field.letter: field for field in self.fields if field.letter}

    def _more(self, row: Any) -> dict[str, Any]:
        damaged = getattr(row, "damaged", None)
        more = {} if damaged is None else _damage(damaged)
        if properties := getattr(row, "properties", None):
            more["properties"] = _plain(properties)
        return more


class DeadEnvelope(Envelope["Dead"]):
    """The fields of a death, and where the message was before."""

    def _more(self, row: Dead) -> dict[str, Any]:
        return {"hops": [HOP.document(hop) for hop in row.hops]}


class HopEnvelope(Envelope["Hop"]):
    """The fields of a hop, with its time to live as text."""

    def _more(self, row: Hop) -> dict[str, Any]:
        return {"ttl": None if row.ttl is None else format_duration(row.ttl)}


class MessageEnvelope(Envelope["Message"]):
    """The fields of a message; a death only where it has one, and a lease where it was received.

    One that was acknowledged with its receive has null in their place.
    """

    def _more(self, row: Message) -> dict[str, Any]:
        more: dict[str, Any] = {}
        if row.receipt is not None or row.state == "acknowledged":
            more |= LEASE.document(row)
        if row.dead is not None:
            more["dead"] = DEAD.document(row.dead)
        return more | super()._more(row)


RECORD: Envelope[Record] = Envelope(
    EnvelopeField("topic", letter="t"),
    EnvelopeField("partition", FieldKind.NUMBER, "p"),
    EnvelopeField("offset", FieldKind.NUMBER, "o"),
    EnvelopeField("timestamp", FieldKind.TIME, "T"),
    EnvelopeField("key", FieldKind.BYTES, "k"),
    EnvelopeField("headers", FieldKind.HEADERS, "h"),
    EnvelopeField("value", FieldKind.BYTES, "s"),
)
LEASE: Envelope[Any] = Envelope(
    EnvelopeField("receipt"),
    EnvelopeField("lease_expires", FieldKind.TIME),
    EnvelopeField("holder"),
)
SHARED: Envelope[SharedRecord] = Envelope(
    *RECORD.fields,
    EnvelopeField("deliveries", FieldKind.NUMBER),
    EnvelopeField("state", FieldKind.CHOICE),
    *LEASE.fields,
)
MESSAGE = MessageEnvelope(
    EnvelopeField("queue", letter="t"),
    EnvelopeField("id"),
    EnvelopeField("sequence", FieldKind.NUMBER, "o"),
    EnvelopeField("timestamp", FieldKind.TIME, "T"),
    EnvelopeField("message_group", is_optional=True),
    EnvelopeField("priority", FieldKind.NUMBER),
    EnvelopeField("headers", FieldKind.HEADERS, "h"),
    EnvelopeField("key", FieldKind.BYTES, "k"),
    EnvelopeField("value", FieldKind.BYTES, "s"),
    EnvelopeField("deliveries", FieldKind.NUMBER, "d"),
    EnvelopeField("redelivered", FieldKind.FLAG),
    EnvelopeField("state", FieldKind.CHOICE),
)
DEAD = DeadEnvelope(
    EnvelopeField("source"),
    EnvelopeField("reason", FieldKind.CHOICE),
    EnvelopeField("at", FieldKind.TIME),
    EnvelopeField("deliveries", FieldKind.NUMBER),
    EnvelopeField("error", is_optional=True),
    EnvelopeField("hops", FieldKind.HOPS),
)
HOP = HopEnvelope(
    EnvelopeField("source"),
    EnvelopeField("reason", FieldKind.CHOICE),
    EnvelopeField("count", FieldKind.NUMBER),
    EnvelopeField("at", FieldKind.TIME),
    EnvelopeField("ttl", FieldKind.DURATION, is_optional=True),
)


def _plain(headers: Mapping[str, HeaderValue]) -> dict[str, Any]:
    from mq.text.headers import plain_value

    return {name: plain_value(value) for name, value in headers.items()}


def cell_text(data: bytes | None) -> str | None:
    """Return a key or value as a cell; bytes that are not UTF-8 become `\\xNN`."""
    return None if data is None else data.decode(errors="backslashreplace")


def _damage(remains: Remains) -> dict[str, Any]:
    """Mark an envelope as damaged, and show the bytes in its place.

    In Base64, so that no reader takes them for the stored value.
    """
    key, headers, value = remains
    parts = {"key": key, "headers": None if headers is None else headers.encode(), "value": value}
    shown = {f"{name}_base64": part and _base64(part) for name, part in parts.items()}
    return {"damaged": True, "found": shown}


def _in_base64(document: dict[str, Any], name: str) -> dict[str, Any]:
    """Replace a field by its Base64, at the same place in the order."""
    return {
        f"{name}_base64" if key == name else key: _base64(value) if key == name else value
        for key, value in document.items()
    }


def _base64(data: bytes) -> str:
    from base64 import b64encode

    return b64encode(data).decode()


def _column(name: str, field: EnvelopeField | None) -> Column[Any]:
    if field is None:
        return Column(name, lambda row: getattr(row, name))
    cell = _cell(field)
    is_right = field.kind is FieldKind.NUMBER
    if name.startswith("dead."):
        return Column(field.name, lambda row: row.dead and cell(row.dead), right=is_right)
    if name == "value":
        return Column(name, lambda row: DAMAGE_MARK if _is_damaged(row) else cell(row))
    return Column(name, cell, right=is_right)


def _cell(field: EnvelopeField) -> Callable[[Any], Any]:
    name, kind, *_ = field
    if kind is FieldKind.BYTES:
        return lambda row: cell_text(getattr(row, name))
    if kind is FieldKind.HEADERS:
        return lambda row: _plain(headers) if (headers := getattr(row, name)) else None
    if kind is FieldKind.TIME:
        return lambda row: _time(getattr(row, name))
    return attrgetter(name)


def _time(time: int | None) -> str | None:
    return None if time is None else format_time(time)


def _is_damaged(row: Any) -> bool:
    return getattr(row, "damaged", None) is not None


Line = Callable[[Row], bytes]


class Lines(NamedTuple, Generic[Row]):
    """How a stream is written: a line for each thing, under a header in TSV and CSV."""

    line: Line[Row]
    header: bytes = b""


def cut(data: bytes | None, width: int) -> str:
    """Shorten a key or value for a person: at most `width` characters, made harmless."""
    if data is None:
        return "-"
    # No character takes more than 4 bytes.
    text = printable_bytes(data[: 4 * (width + 1)])
    return text if len(text) <= width else text[: width - 1] + "…"


RECORD_COLUMNS = RECORD.columns("address timestamp key headers value")
MESSAGE_COLUMNS = MESSAGE.columns(
    "address timestamp message_group priority deliveries state key headers value"
)


def record_lines(context: Context, format: str | None) -> Lines[Record]:
    """Return how records are turned into the bytes to write; see `stream_lines`."""
    return stream_lines(context, format, RECORD, RECORD_COLUMNS)


def message_lines(context: Context, format: str | None) -> Lines[Message]:
    """Return how messages are turned into the bytes to write; see `stream_lines`."""
    return stream_lines(context, format, MESSAGE, MESSAGE_COLUMNS)


def stream_lines(
    context: Context, format: str | None, envelope: Envelope[Row], columns: Sequence[Column[Row]]
) -> Lines[Row]:
    """Return how things with key, value and address are turned into the bytes to write.

    Without `-F` and `-o` that is the value and a newline; an empty line for a tombstone. Raises
    BadInput for both at once, and for a table, whose widths would need every record first.
    """
    if format is not None:
        from mq.text.format_string import compile_format

        if context.format is not None:
            raise BadInput("a record is written in one way", hint="give -F or -o")
        terminal = context.output.is_terminal
        return Lines(compile_format(format, terminal=terminal, envelope=envelope))
    match context.format:
        case None:
            return Lines(_shown_value if context.output.is_terminal else _value)
        case Format.JSON | Format.NDJSON:
            return Lines(envelope.line_with_json if context.json_value else envelope.line)
        case Format.NAME:
            return Lines(_address)
        case Format.TSV | Format.CSV:
            return separated_lines(context, columns)
    raise BadInput("a stream of records is not a table", hint="-o tsv, csv or ndjson, or mq peek")


def _value(record: Any) -> bytes:
    return (record.value or b"") + b"\n"


def _shown_value(record: Any) -> bytes:
    return printable_bytes(record.value or b"", block=True).encode() + b"\n"


def _address(record: Any) -> bytes:
    return f"{record.address}\n".encode()


def separated_lines(context: Context, columns: Sequence[Column[Row]]) -> Lines[Row]:
    """Return how the rows of a table are written in TSV or CSV."""
    output = context.output
    return Lines(
        lambda record: output.row_line(columns, record).encode() + b"\n",
        output.header_line(columns).encode(),
    )
