r"""`-F/--format`: one line of text per record, in kcat's notation, compiled once."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mq.text.envelopes import RECORD, Envelope, EnvelopeField, FieldKind
from mq.text.headers import format_header
from store.model.errors import BadInput
from store.model.text import printable, printable_bytes

if TYPE_CHECKING:
    from store import Message, Record

Writer = Callable[[Any], bytes]
# A queue has no partitions, and a cursor does not count deliveries.
_ABSENT = {"%": b"%", "p": b"-", "d": b"-"}
_ESCAPES = {"n": b"\n", "t": b"\t", "r": b"\r", "\\": b"\\"}
_TOKEN = re.compile(r"%(?P<field>.?)|\\(?P<escape>x[0-9A-Fa-f]{2}|.?)|[^%\\]+", re.DOTALL)
_HINT = r"there are %t %p %o %k %s %h %T %d %% and \n \t \r \\ \xHH"


def compile_format(
    text: str, *, terminal: bool = False, envelope: Envelope[Any] = RECORD
) -> Writer:
    """Compile a format to a function from a record to the bytes to write.

    On a terminal outside text is made harmless; the format itself is written as given. Raises
    BadInput for unknown notation.
    """
    fields = envelope.letters()
    pieces: list[bytes | Writer] = []
    for token in _TOKEN.finditer(text):
        letter = token["field"]
        if letter is None:
            pieces.append(_literal(token))
        elif letter in fields:
            pieces.append(_writer(fields[letter], terminal=terminal))
        elif letter in _ABSENT:
            pieces.append(_ABSENT[letter])
        else:
            raise BadInput(f"the format has an unknown field %{letter}", hint=_HINT)
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


def _writer(field: EnvelopeField, *, terminal: bool) -> Writer:
    name, kind, *_ = field
    if kind is FieldKind.NUMBER or kind is FieldKind.TIME:
        return lambda row: b"-" if (number := getattr(row, name)) is None else b"%d" % number
    if kind is FieldKind.HEADERS:
        shown = printable if terminal else str
        return lambda row: shown(_headers_text(row)).encode(errors="backslashreplace")
    if kind is not FieldKind.BYTES:
        return lambda row: getattr(row, name).encode()
    if terminal:
        is_block = name == "value"
        return lambda row: printable_bytes(getattr(row, name) or b"", block=is_block).encode()
    return lambda row: getattr(row, name) or b""


def _headers_text(row: Record | Message) -> str:
    return ",".join(format_header(name, value) for name, value in row.headers.items())
