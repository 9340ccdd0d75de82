r"""`-F/--format`: one line of text per record, in kcat's notation, compiled once."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from mq.text.records import format_header
from store.model.errors import BadInput
from store.model.text import printable, printable_bytes

if TYPE_CHECKING:
    from store import Message, Record

Field = Callable[[Any], bytes]
Fields = Mapping[str, Field]
_ESCAPES = {"n": b"\n", "t": b"\t", "r": b"\r", "\\": b"\\"}
_TOKEN = re.compile(r"%(?P<field>.?)|\\(?P<escape>x[0-9A-Fa-f]{2}|.?)|[^%\\]+", re.DOTALL)
_HINT = r"there are %t %p %o %k %s %h %T %d %% and \n \t \r \\ \xHH"


def compile_format(text: str, *, terminal: bool = False, fields: Fields | None = None) -> Field:
    """Compile a format to a function from a record to the bytes to write.

    `fields` are those of records unless others are given.

    On a terminal what came from outside is made harmless; the format itself is written as given.
    Raises BadInput for what the notation does not know.
    """
    fields = fields or RECORD_FIELDS
    if terminal:
        fields = {**fields, **_TERMINAL_FIELDS}
    pieces: list[bytes | Field] = []
    for token in _TOKEN.finditer(text):
        if (field := token["field"]) is not None:
            if field != "%" and field not in fields:
                raise BadInput(f"the format has an unknown field %{field}", hint=_HINT)
            pieces.append(b"%" if field == "%" else fields[field])
        else:
            pieces.append(_literal(token))
    return lambda record: b"".join(
        piece if isinstance(piece, bytes) else piece(record) for piece in pieces
    )


def parse_delimiter(text: str) -> bytes:
    r"""Read a delimiter, in which `\n \t \r \\ \xHH` stand for bytes."""
    tokens = re.finditer(r"\\(?P<escape>x[0-9A-Fa-f]{2}|.?)|[^\\]+", text, re.DOTALL)
    return b"".join(_literal(token) for token in tokens)


def _literal(token: re.Match[str]) -> bytes:
    escape = token["escape"]
    if escape is None:
        return os.fsencode(token[0])
    if escape in _ESCAPES:
        return _ESCAPES[escape]
    if len(escape) == 3:
        return bytes.fromhex(escape[1:])
    raise BadInput(f"\\{escape} is an unknown escape", hint=_HINT)


def _headers_text(record: Record | Message) -> str:
    return ",".join(format_header(name, value) for name, value in record.headers.items())


RECORD_FIELDS: Fields = {
    "t": lambda record: record.topic.encode(),
    "p": lambda record: b"%d" % record.partition,
    "o": lambda record: b"%d" % record.offset,
    "k": lambda record: record.key or b"",
    "s": lambda record: record.value or b"",
    "h": lambda record: _headers_text(record).encode(errors="backslashreplace"),
    "T": lambda record: b"%d" % record.timestamp,
    # A cursor does not count deliveries.
    "d": lambda _record: b"-",
}
MESSAGE_FIELDS: Fields = {
    **RECORD_FIELDS,
    "t": lambda message: message.queue.encode(),
    # A queue has no partitions.
    "p": lambda _message: b"-",
    "o": lambda message: b"%d" % message.sequence,
    "d": lambda message: b"%d" % message.deliveries,
}
_TERMINAL_FIELDS: Fields = {
    "k": lambda record: printable_bytes(record.key or b"").encode(),
    "s": lambda record: printable_bytes(record.value or b"", block=True).encode(),
    "h": lambda record: printable(_headers_text(record)).encode(),
}
