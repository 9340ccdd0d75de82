"""Cutting a stream of bytes into records, a piece at a time."""

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from mq.cli.output import to_json
from store.model.errors import BadInput
from store.model.text import without_mark
from store.model.topics import NewRecord

if TYPE_CHECKING:
    from typing import Protocol

    from mq.text.strict_json import ValuePath

    class ByteStream(Protocol):
        """A stream of records: `sys.stdin.buffer`, a file opened with "rb", `io.BytesIO`."""

        def read(self, size: int = -1, /) -> bytes:
            """Read up to that many bytes."""

        def read1(self, size: int = -1, /) -> bytes:
            """Read the available bytes, up to that many; wait only while there are none."""


LARGEST_RECORD = 64 << 20
_CHUNK = 1 << 16


class Framing(StrEnum):
    """The values of `--framing`: where one record ends and the next begins."""

    LINES = "lines"
    NUL = "nul"
    NDJSON = "ndjson"
    WHOLE = "whole"
    CSV = "csv"


class InputForm(NamedTuple):
    """The way from input to records.

    `key_delimiter` splits key from value at its first occurrence, as kcat's -K does: a line
    without it has no key. `key_from` and `timestamp_from` lead into a JSON value. With `messages`
    envelopes are those of messages.
    """

    framing: Framing = Framing.LINES
    key_delimiter: bytes | None = None
    key_from: "ValuePath | None" = None
    timestamp_from: "ValuePath | None" = None
    messages: bool = False

    def checked(self) -> "InputForm":
        """Return this form; raises BadInput when it contradicts itself."""
        if self.key_delimiter is not None:
            if not self.key_delimiter:
                raise BadInput("the key delimiter is empty")
            if self.framing is Framing.NDJSON:
                raise BadInput("an envelope has its own key", hint="leave out -K")
            if self.framing is Framing.CSV:
                raise BadInput("a row has columns", hint="--key-from value.COLUMN instead of -K")
            if self.key_from is not None:
                raise BadInput("the key comes from one place", hint="give -K or --key-from")
        return self


def read_records(stream: "ByteStream", form: InputForm) -> Iterator[tuple[int, NewRecord]]:
    """Read records with their line numbers, counted from 1; BadInput names the line.

    At the end of a stream the last record needs no delimiter. Empty lines are empty records,
    except between envelopes, where they mean nothing.
    """
    if form.framing is Framing.WHOLE:
        yield 1, _with_fields_from_value(_draft(_whole(stream), form), form)
        return
    if form.framing is Framing.CSV:
        from mq.text.csv_rows import read_rows

        for number, record in read_rows(_split(stream, b"\n", "line")):
            yield number, _named(f"line {number}", record, form)
        return
    delimiter = b"\0" if form.framing is Framing.NUL else b"\n"
    noun = "record" if form.framing is Framing.NUL else "line"
    for number, item in enumerate(_split(stream, delimiter, noun), 1):
        if form.framing is Framing.NDJSON:
            item = without_mark(item)
            if not item.strip():
                continue
        try:
            record = _with_fields_from_value(_draft(item, form), form)
        except BadInput as error:
            raise BadInput(f"{noun} {number}: {error.message}", hint=error.hint) from None
        yield number, record


def _named(name: str, record: NewRecord, form: InputForm) -> NewRecord:
    try:
        return _with_fields_from_value(record, form)
    except BadInput as error:
        raise BadInput(f"{name}: {error.message}", hint=error.hint) from None


def _draft(item: bytes, form: InputForm) -> NewRecord:
    if form.framing is Framing.NDJSON:
        return _envelope_parser(form)(item)
    if form.key_delimiter is not None:
        key, delimiter, value = item.partition(form.key_delimiter)
        if delimiter:
            return NewRecord(value, key)
    return NewRecord(item)


def _envelope_parser(form: InputForm) -> Callable[[bytes], NewRecord]:
    if form.messages:
        from mq.text.envelope_inputs import parse_message_envelope

        return parse_message_envelope
    from mq.text.envelope_inputs import parse_envelope

    return parse_envelope


def _with_fields_from_value(record: NewRecord, form: InputForm) -> NewRecord:
    if form.key_from is None and form.timestamp_from is None:
        return record
    from mq.text.envelope_inputs import event_time
    from mq.text.strict_json import parse_json

    document = None if record.value is None else parse_json(record.value)
    if form.key_from is not None:
        record.key = _as_key(_required(document, form.key_from))
    if form.timestamp_from is not None:
        time = _required(document, form.timestamp_from)
        record.timestamp = None if time is None else event_time(time)
    return record


def _required(document: Any, path: "ValuePath") -> Any:
    from mq.text.strict_json import MISSING

    value = path.find(document)
    if value is MISSING:
        raise BadInput(f"there is no {path.text}")
    return value


def _as_key(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else to_json(value)


def _split(stream: "ByteStream", delimiter: bytes, noun: str) -> Iterator[bytes]:
    pending: list[bytes] = []
    size = 0
    number = 1
    while chunk := stream.read1(_CHUNK):
        first, *others = chunk.split(delimiter)
        pending.append(first)
        size += len(first)
        if size > LARGEST_RECORD:
            raise BadInput(f"{noun} {number}: a record can't be larger than 64 MiB")
        for item in others:
            yield b"".join(pending)
            pending, size = [item], len(item)
        number += len(others)
    if size:
        yield b"".join(pending)


def _whole(stream: "ByteStream") -> bytes:
    data = stream.read(LARGEST_RECORD + 1)
    if len(data) > LARGEST_RECORD:
        raise BadInput("a record can't be larger than 64 MiB")
    return data
