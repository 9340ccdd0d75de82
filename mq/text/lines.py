"""The notation of a stream of records: as values, in a format, as envelopes, TSV or addresses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Generic, NamedTuple

from mq.cli.context import Context
from mq.cli.output import Column, Format, Row
from mq.text.envelopes import MESSAGE, RECORD, Envelope
from store.model.errors import BadInput
from store.model.text import printable_bytes

if TYPE_CHECKING:
    from store.model.messages import Message
    from store.model.topics import Record

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
