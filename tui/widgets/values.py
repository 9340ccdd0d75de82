"""A value as lines to read: wrapped text, JSON that is coloured and folds, or hex."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from rich.cells import cell_len

from store.model.text import counted, printable, printable_bytes
from tui.widgets.spans import EMPTY, Line, Tone, fit, line, toned, width_of

MOST_BYTES = 64 * 1024
_MOST_JSON_BYTES = 1024 * 1024
_MOST_LINES = 2_000
_MOST_OPEN = 100
"""Lines of JSON up to which nothing is folded at first."""
_DEEPEST = 40
_SHORT = 60
_USUAL_WIDTH = 100
_HEX_WIDTH = 16
_INDENT = "  "


def text_lines(value: bytes, width: int) -> list[Line]:
    """Return the beginning of a value as text, each line wrapped to so many cells."""
    text = printable_bytes(value[:MOST_BYTES], block=True).replace("\t", "    ")
    return [line(part) for row in text.split("\n") for part in wrapped(row, width)]


def wrapped(text: str, width: int) -> Iterator[str]:
    """Yield a text in lines of so many cells, broken at spaces where there are any."""
    text = printable(text)
    at = 0
    while True:
        # No more characters than that are on a line, so a long text costs no more than its length.
        ahead = text[at : at + width + 1]
        if at + len(ahead) == len(text) and cell_len(ahead) <= width:
            yield ahead
            return
        fits = _fitting(ahead, width)
        space = ahead.rfind(" ", 0, fits + 1)
        if space > 0 and ahead[:space].strip():
            yield ahead[:space]
            at += space + 1
        else:
            yield ahead[:fits]
            at += fits


def _fitting(text: str, width: int) -> int:
    """Return how many characters fit in so many cells, at least one."""
    cells = 0
    for at, char in enumerate(text):
        cells += cell_len(char)
        if cells > width:
            return max(1, at)
    return len(text)


def hex_lines(value: bytes) -> list[Line]:
    """Return the beginning of a value in hex, beside what of it is printable."""
    shown = value[:MOST_BYTES]
    return [_hex_line(shown[at : at + _HEX_WIDTH], at) for at in range(0, len(shown), _HEX_WIDTH)]


def _hex_line(row: bytes, at: int) -> Line:
    text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
    digits = f"{row.hex(' '):<{_HEX_WIDTH * 3}} "
    return line(toned(f"{at:08x}  ", Tone.DIM), digits, toned(text, Tone.IN))


@dataclass(frozen=True, slots=True)
class _Number:
    """A number as it is written: reading it would round it."""

    text: str


class _Pairs(list[tuple[str, Any]]):
    """The members of an object in their order, those of one name too."""


class Json:
    """A value that is JSON; its objects and arrays fold from some depth on."""

    def __init__(self, value: Any) -> None:
        self._value = value
        self.depth = min(_depth(value), _DEEPEST)
        """The depth at which nothing is folded."""

    def usual_fold(self) -> int:
        """Return the depth from which it is folded at first: the deepest that is not too long."""
        depths = range(self.depth, 1, -1)
        return next((n for n in depths if len(self.lines(n, _USUAL_WIDTH)) <= _MOST_OPEN), 1)

    def lines(self, fold: int, width: int) -> list[Line]:
        """Return it in lines of at most so many cells, folded from a depth on."""
        found: list[Line] = []
        for content in _rows(self._value, EMPTY, "", 0, max(1, fold), width):
            if len(found) == _MOST_LINES:
                found.append(toned("… more lines: fold it, or mq peek shows it whole", Tone.DIM))
                break
            found.append(content)
        return found


@lru_cache(4)
def read_json(value: bytes) -> Json | None:
    """Return the JSON of a value; `None` where it is none, or is too large to be shown so."""
    if value[:1] not in {b"{", b"[", b'"'} or len(value) > _MOST_JSON_BYTES:
        return None
    try:
        return Json(
            json.loads(
                value, parse_float=_Number, parse_int=_Number, parse_constant=_Number,
                object_pairs_hook=_Pairs,
            )
        )  # fmt: skip
    except (ValueError, RecursionError):
        return None


def _depth(value: Any) -> int:
    """Return how deep objects and arrays lie in each other; without recursion."""
    level, deepest = [value], 0
    while level and deepest <= _DEEPEST:
        inner = [child for one in level for child in _children(one)]
        deepest += any(isinstance(one, list) for one in level)
        level = inner
    return deepest


def _children(value: Any) -> list[Any]:
    if isinstance(value, _Pairs):
        return [child for _, child in value]
    return list(value) if isinstance(value, list) else []


def _rows(value: Any, name: Line, comma: str, depth: int, fold: int, width: int) -> Iterator[Line]:
    indent = _INDENT * depth
    if not isinstance(value, list):
        yield from _scalar_rows(line(indent, name), value, comma, width)
        return
    opening, closing = "{}" if isinstance(value, _Pairs) else "[]"
    short = _short(value)
    if short is not None and width_of(short) + len(indent) + width_of(name) < width:
        yield line(indent, name, short, toned(comma, Tone.DIM))
    elif depth >= fold:
        what = counted(len(value), "key" if opening == "{" else "item")
        folded = toned(f"{opening}… {what}{closing}{comma}", Tone.DIM)
        yield _with_end(line(indent, name), folded, width)
    else:
        yield line(indent, name, toned(opening, Tone.DIM))
        for at, child in enumerate(value, 1):
            end = "," if at < len(value) else ""
            if isinstance(value, _Pairs):
                yield from _rows(child[1], _name(child[0]), end, depth + 1, fold, width)
            else:
                yield from _rows(child, EMPTY, end, depth + 1, fold, width)
        yield line(indent, toned(closing + comma, Tone.DIM))


def _with_end(content: Line, end: Line, width: int) -> Line:
    """Return a line with an end that stays, where the line is too long."""
    room = width - width_of(end)
    return line(content if width_of(content) <= room else fit(content, max(0, room)), end)


def _name(name: str) -> Line:
    return line(toned(json.dumps(name, ensure_ascii=False), Tone.IN), toned(": ", Tone.DIM))


def _short(value: list[Any]) -> Line | None:
    """Return an object or array of a few scalars in one line, if it is short enough."""
    is_object = isinstance(value, _Pairs)
    if len(value) > _SHORT // 4 or any(isinstance(one, list) for one in _children(value)):
        return None
    parts: list[Line] = []
    for at, one in enumerate(value):
        separator = toned(", ", Tone.DIM) if at else EMPTY
        name = _name(one[0]) if is_object else EMPTY
        parts.append(line(separator, name, _scalar(one[1] if is_object else one)))
    opening, closing = "{}" if is_object else "[]"
    row = line(toned(opening, Tone.DIM), *parts, toned(closing, Tone.DIM))
    return row if width_of(row) <= _SHORT else None


def _scalar_rows(head: Line, value: Any, comma: str, width: int) -> Iterator[Line]:
    shown = _scalar(value)
    room = max(20, width - width_of(head))
    for at, part in enumerate(wrapped(shown[0].text + comma, room)):
        yield line(line(" " * (width - room)) if at else head, toned(part, shown[0].tone))


def _scalar(value: Any) -> Line:
    if isinstance(value, str):
        return toned(json.dumps(value, ensure_ascii=False), Tone.TEXT)
    if isinstance(value, _Number):
        return toned(value.text, Tone.OUT)
    return toned(json.dumps(value), Tone.OUT)
