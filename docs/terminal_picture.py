"""Pictures of a terminal as SVG: each word at its place, dots, blocks and lines as shapes.

Programs that show SVG differ in fonts, and some ignore `textLength`, so nothing that must line up
is left to a font.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from rich.cells import cell_len
from rich.color import Color
from rich.segment import Segment

WIDE, TALL = 12, 23
"""The pixels of a cell."""
_MARGIN = 10
_FONT = "'DejaVu Sans Mono', Menlo, Consolas, monospace"
_EIGHTHS = {sign: number for number, sign in enumerate("▁▂▃▄▅▆▇█", 1)}
# The arms of a line from the middle of its cell: left, right, up, down; 2 is thick.
_ARMS = {
    "─": (1, 1, 0, 0), "━": (2, 2, 0, 0), "╸": (2, 0, 0, 0), "│": (0, 0, 1, 1), "┃": (0, 0, 2, 2),
    "┴": (1, 1, 1, 0), "┬": (1, 1, 0, 1), "┼": (1, 1, 1, 1), "┤": (1, 0, 1, 1), "├": (0, 1, 1, 1),
    "└": (0, 1, 1, 0), "┌": (0, 1, 0, 1), "┐": (1, 0, 0, 1), "┘": (1, 0, 1, 0), "┫": (2, 0, 2, 2),
    "┻": (2, 2, 2, 0), "┏": (0, 2, 0, 2), "┓": (2, 0, 0, 2), "╭": (0, 1, 0, 1), "╮": (1, 0, 0, 1),
    "╰": (0, 1, 1, 0), "╯": (1, 0, 1, 0),
}  # fmt: skip
_DASHES = {"┄": (4, 2), "┊": (3, 3)}


@dataclass
class _Canvas:
    """The parts of a picture: grounds lie below, shapes and words above."""

    grounds: list[str] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)


def picture(strips: Sequence[Iterable[Segment]], base: str, text: str) -> str:
    """Return lines of a terminal as SVG, over a base colour; `text` is the colour of plain text."""
    canvas, width = _Canvas(), 0
    for y, strip in enumerate(strips):
        x = 0
        for segment in strip:
            x += _segment(canvas, segment, x, y, base, text)
        width = max(width, x)
    wide, tall = width * WIDE + 2 * _MARGIN, len(strips) * TALL + 2 * _MARGIN
    body = "\n".join([*canvas.grounds, *canvas.marks])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {tall}" width="{wide}">\n'
        f"<style>text{{font:19px {_FONT};white-space:pre}}.b{{font-weight:bold}}"
        ".d{fill:none;stroke-width:3;stroke-dasharray:3 9}.e{fill:none;stroke-width:3;"
        "stroke-dasharray:3 3}.l{fill:none}</style>\n"
        f'<rect width="{wide}" height="{tall}" rx="8" fill="{base}"/>\n'
        f'<g transform="translate({_MARGIN} {_MARGIN})">\n{body}\n</g>\n</svg>\n'
    )


def _segment(canvas: _Canvas, segment: Segment, x: int, y: int, base: str, text: str) -> int:
    style, width = segment.style, cell_len(segment.text)
    ink = _hex(style.color if style else None, text)
    ground = _hex(style.bgcolor if style else None, base)
    if style is not None and style.reverse:
        ink, ground = ground, ink
    if ground != base:
        canvas.grounds.append(
            f'<rect x="{x * WIDE}" y="{y * TALL}" width="{width * WIDE}" height="{TALL}"'
            f' fill="{ground}"/>'
        )
    bold = bool(style and style.bold)
    for run in _runs(segment.text):
        canvas.marks += _run(run, x * WIDE, y * TALL, ink, bold=bold)
        x += cell_len(run)
    return width


def _hex(color: Color | None, otherwise: str) -> str:
    if color is None or color.is_default:
        return otherwise
    return color.get_truecolor().hex


def _runs(text: str) -> Iterator[str]:
    """Yield the words of a text, its spaces, and its runs of one shape."""
    for _, run in groupby(text, key=lambda char: char if _is_shape(char) or char == " " else ""):
        yield "".join(run)


def _is_shape(char: str) -> bool:
    return (
        "\u2800" <= char <= "\u28ff"
        or char in _EIGHTHS
        or char in "▌▐"
        or (char in _ARMS or char in _DASHES)
    )


def _run(run: str, x: int, y: int, ink: str, *, bold: bool) -> Iterator[str]:
    char, count = run[0], len(run)
    if char == " " or char == "\u2800":
        return
    if "\u2800" < char <= "\u28ff":
        yield from _dots(ord(char) - 0x2800, count, x, y, ink)
    elif char in _EIGHTHS:
        tall = round(TALL * _EIGHTHS[char] / 8)
        yield _block(x, y + TALL - tall, count * WIDE, tall, ink)
    elif char in "▌▐":
        for at in range(count):
            left = x + at * WIDE + (WIDE // 2 if char == "▐" else 0)
            yield _block(left, y, WIDE // 2, TALL, ink)
    elif char in _DASHES:
        on, off = _DASHES[char]
        middle = f"M{x} {y + TALL // 2}h{count * WIDE}"
        path = middle if char == "┄" else f"M{x + WIDE // 2} {y}v{TALL}"
        yield f'<path class="l" stroke="{ink}" stroke-dasharray="{on} {off}" d="{path}"/>'
    elif char in _ARMS:
        yield from _lines(_ARMS[char], count, x, y, ink)
    else:
        weight = ' class="b"' if bold else ""
        yield (
            f'<text{weight} x="{x}" y="{y + 17}" fill="{ink}"'
            f' textLength="{cell_len(run) * WIDE}">{html.escape(run, quote=False)}</text>'
        )


def _block(x: int, y: int, wide: int, tall: int, ink: str) -> str:
    return f'<rect x="{x}" y="{y}" width="{wide}" height="{tall}" fill="{ink}"/>'


def _dots(bits: int, count: int, x: int, y: int, ink: str) -> Iterator[str]:
    """Yield the dots of equal braille cells: each row of them is one dashed line."""
    left, right = (0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80)
    both, single = "", ""
    for row in range(4):
        middle = y + 4 + row * 5
        if bits & left[row] and bits & right[row]:
            both += f"M{x + 2} {middle}h{count * WIDE - 2}"
        elif bits & (left[row] | right[row]):
            start = x + (2 if bits & left[row] else 8)
            single += f"M{start} {middle}h{(count - 1) * WIDE + 3}"
    if both:
        yield f'<path class="e" stroke="{ink}" d="{both}"/>'
    if single:
        yield f'<path class="d" stroke="{ink}" d="{single}"/>'


def _lines(arms: tuple[int, int, int, int], count: int, x: int, y: int, ink: str) -> Iterator[str]:
    left, right, up, down = arms
    middle = y + TALL // 2
    for weight in (1, 2):
        path = ""
        if left == right == weight:
            path += f"M{x} {middle}h{count * WIDE}"
        for at in range(count):
            centre = x + at * WIDE + WIDE // 2
            if left == weight != right:
                path += f"M{centre} {middle}h-{WIDE // 2}"
            if right == weight != left:
                path += f"M{centre} {middle}h{WIDE // 2}"
            if up == weight:
                path += f"M{centre} {middle}v-{TALL // 2}"
            if down == weight:
                path += f"M{centre} {middle}v{TALL - TALL // 2}"
        if path:
            thick = ' stroke-width="3"' if weight == 2 else ""
            yield f'<path class="l" stroke="{ink}"{thick} d="{path}"/>'
