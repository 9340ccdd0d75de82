"""CSV as input: each row is a record."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence

from mq.cli.output import to_json
from mq.text.envelope_inputs import MessageRecord, event_time
from mq.text.envelopes import MESSAGE_COLUMNS, RECORD_COLUMNS
from mq.text.headers import check_header
from mq.text.strict_json import parse_json
from store.model.errors import BadInput
from store.model.text import without_mark
from store.model.topics import HeaderValue, NewRecord

# The columns of our own output; with `value` among them a row is read as such.
_OWN = {column.name for column in RECORD_COLUMNS} | {column.name for column in MESSAGE_COLUMNS}


def read_rows(lines: Iterator[bytes]) -> Iterator[tuple[int, NewRecord]]:
    """Read the rows below the header, with their line numbers, counted from 1.

    A row becomes a JSON object with a text for each column. A file with the columns of `-o csv` is
    read back: its keys, headers, timestamps and values. Raises BadInput, which names the line.
    """
    rows = csv.reader(_texts(lines), strict=True)
    header: list[str] | None = None
    while True:
        try:
            row = next(rows, None)
        except csv.Error as error:
            raise BadInput(f"line {rows.line_num}: not CSV: {error}") from None
        if row is None:
            return
        if not row:
            continue
        if header is None:
            header = _header(row)
            continue
        try:
            yield rows.line_num, _record(header, row)
        except BadInput as error:
            raise BadInput(f"line {rows.line_num}: {error.message}", hint=error.hint) from None


def _texts(lines: Iterator[bytes]) -> Iterator[str]:
    for number, line in enumerate(lines, 1):
        try:
            text = (without_mark(line) if number == 1 else line).decode()
        except UnicodeDecodeError as error:
            problem = f"line {number}: not valid UTF-8 at byte {error.start}"
            raise BadInput(problem) from None
        yield f"{text}\n"


def _header(row: Sequence[str]) -> list[str]:
    names = [name.strip() for name in row]
    if len(set(names)) < len(names) or "" in names:
        raise BadInput("line 1: the header needs a name for each column, each once")
    return names


def _record(header: Sequence[str], row: Sequence[str]) -> NewRecord:
    if len(row) != len(header):
        raise BadInput(f"{len(row)} columns, and the header has {len(header)}")
    fields = dict(zip(header, row, strict=True))
    if "value" not in fields or not fields.keys() <= _OWN:
        return NewRecord(to_json(fields))
    time = fields.get("timestamp")
    record = NewRecord(
        fields["value"],
        fields.get("key") or None,
        _headers(fields),
        event_time(time) if time else None,
    )
    if "message_group" not in fields and "priority" not in fields:
        return record
    return MessageRecord(record, fields.get("message_group") or None, _priority(fields))


def _priority(fields: Mapping[str, str]) -> int:
    text = fields.get("priority") or "0"
    if not (text.isascii() and text.isdecimal()):
        raise BadInput(f"{text!r} is not a priority", hint="a priority is a number from 0 on")
    return int(text)


def _headers(fields: Mapping[str, str]) -> dict[str, HeaderValue] | None:
    text = fields.get("headers")
    if not text:
        return None
    headers = parse_json(text)
    if not isinstance(headers, dict):
        raise BadInput(f"headers are a JSON object, not {text!r}")
    return {name: check_header(name, value) for name, value in headers.items()}
