"""Text with a meaning instead of a colour: the material of every cell and line.

A span is no markup, and its text is made harmless when it is made, so no payload, key, name or
error can change anything outside its cell.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size

from store.model.text import printable

SHADES = 6
"""Steps of an area from its axis outwards: decoration, without a meaning."""


class Tone(StrEnum):
    """The meaning of a piece of text; the theme maps it to a colour.

    `STALLED` is bold and for where a stall is told, `BAD` for all else of it.
    """

    TEXT = "text"
    STRONG = "strong"
    DIM = "dim"
    TITLE = "title"
    KEY = "key"
    OK = "ok"
    LAGGING = "lagging"
    STALLED = "stalled"
    BAD = "bad"
    BEHIND = "behind"
    DEAD = "dead"
    IDLE = "idle"
    IN = "in"
    OUT = "out"
    BACKLOG = "backlog"
    TREND = "trend"
    DELAYED = "delayed"
    BLOCKED = "blocked"
    AXIS = "axis"
    GRID = "grid"
    BASE = "base"


class Ground(StrEnum):
    """The meaning of the background of a piece of text, where it is not that of its widget."""

    BASE = "base"
    BAR = "bar"
    VITALS = "vitals"
    CAPTION = "caption"
    ROW = "row"
    STRIP = "strip"
    STRIP_ON = "strip-on"


class Span(NamedTuple):
    """A run of text in one tone, in one of its shades; the brightest is that of words."""

    text: str
    tone: Tone
    ground: Ground | None = None
    shade: int = SHADES - 1


Line = tuple[Span, ...]
"""A line of spans; also a table's cell."""

EMPTY: Line = ()


def span(text: str, tone: Tone = Tone.TEXT) -> Span:
    """Return a span of untrusted text, made harmless."""
    return Span(printable(text), tone)


def line(*parts: str | Span | Line) -> Line:
    """Return a line of strings (in the plain tone), spans and other lines."""
    spans: list[Span] = []
    for part in parts:
        if isinstance(part, str):
            spans.append(span(part))
        elif isinstance(part, Span):
            spans.append(part)
        else:
            spans.extend(part)
    return tuple(piece for piece in spans if piece.text)


def toned(text: str, tone: Tone) -> Line:
    """Return a line of one span."""
    return (span(text, tone),) if text else EMPTY


def joined(parts: Iterable[Line], separator: str) -> Line:
    """Return the lines that are not empty, with a dim separator between them."""
    found: list[Span] = []
    for part in parts:
        if part and found:
            found.append(span(separator, Tone.DIM))
        found.extend(part)
    return tuple(found)


def plain(content: Line) -> str:
    """Return the text of a line."""
    return "".join(piece.text for piece in content)


def width_of(content: Line) -> int:
    """Return how many cells of the terminal a line takes."""
    return sum(cell_len(piece.text) for piece in content)


def fit(content: Line, width: int, *, right: bool = False) -> Line:
    """Return the line in exactly `width` cells: padded, or cut with an ellipsis."""
    excess = width_of(content) - width
    if excess == 0:
        return content
    if excess > 0:
        return _cut(content, width)
    padding = span(" " * -excess)
    return line(padding, content) if right else line(content, padding)


def grounded(content: Line, ground: Ground) -> Line:
    """Return the line on this ground, except for the parts that have one."""
    return tuple(piece if piece.ground else piece._replace(ground=ground) for piece in content)


def spread(left: Line, right: Line, width: int) -> Line:
    """Return two lines as one of `width` cells: one to the left, the other to the right."""
    return line(fit(left, max(0, width - width_of(right))), right)


def shortened(name: str, width: int) -> str:
    """Return a name in at most `width` cells, shortened in the middle: ends tell names apart."""
    text = printable(name)
    if cell_len(text) <= width:
        return text
    if width < 3:
        return set_cell_size(text, max(0, width))
    head = (width - 1) // 2
    tail = ""
    for char in reversed(text):
        if cell_len(char + tail) > width - 1 - head:
            break
        tail = char + tail
    return f"{set_cell_size(text, head)}…{tail}"


def narrowed(content: Line, width: int) -> Line:
    """Return the line in at most `width` cells, its longest part shortened in the middle."""
    excess = width_of(content) - width
    if excess <= 0:
        return content
    longest = max(range(len(content)), key=lambda at: cell_len(content[at].text))
    text = content[longest].text
    short = content[longest]._replace(text=shortened(text, max(3, cell_len(text) - excess)))
    return (*content[:longest], short, *content[longest + 1 :])


def _cut(content: Line, width: int) -> Line:
    if width <= 0:
        return EMPTY
    kept: list[Span] = []
    room = width - 1
    for piece in content:
        length = cell_len(piece.text)
        if length > room:
            # A space replaces a two-cell character that would be cut in half.
            kept.append(piece._replace(text=set_cell_size(piece.text, room) + "…"))
            break
        kept.append(piece)
        room -= length
    return tuple(kept)
