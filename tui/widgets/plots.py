"""Plots of the last ten minutes as lines of spans: an area, in and out mirrored, and lines.

A plot has 60 samples of ten seconds, each a whole number of dots wide, so that it only shifts and
never wobbles. It starts at 0, and a sample that is unknown leaves its columns empty.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from tui.widgets.spans import EMPTY, SHADES, Line, Span, Tone, fit, line, spread, toned, width_of

SAMPLES = 60
LABELS = 7
"""Cells to the left of a plot: the label, a space, and the axis."""
LEAST_WIDTH = LABELS + SAMPLES // 2
LEAST_ROWS = 4
Values = Sequence[float | None]
_TOPS = (1, 2, 4, 6, 8, 10)
_MINUTE = 6
_NO_SAMPLES = "no samples yet"
_NOTHING_MOVED = "nothing moved in 10 minutes"

# The dots of a braille cell by how many of a column of four are filled, from below and from above.
_UP = ((0, 0x40, 0x44, 0x46, 0x47), (0, 0x80, 0xA0, 0xB0, 0xB8))
_DOWN = ((0, 0x01, 0x03, 0x07, 0x47), (0, 0x08, 0x18, 0x38, 0xB8))
_DOT = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
_BRAILLE = 0x2800


@dataclass(frozen=True, slots=True)
class Curve:
    """A line of a plot of lines: its values, its tone, and whether it is dotted."""

    name: str
    values: Values
    tone: Tone
    is_dotted: bool = False


def plot_width(width: int) -> int:
    """Return how many of so many cells a plot takes, with its labels; 0 where it has no room."""
    dots = 2 * (width - LABELS) // SAMPLES
    return LABELS + dots * SAMPLES // 2 if dots > 0 else 0


def plot_head(name: str, about: str, right: Line, width: int) -> Line:
    """Return the line above a plot of `width` cells: its name, its subject, and the latest."""
    left = line(" ", toned(name, Tone.STRONG), toned(f"  {about}" if about else "", Tone.DIM))
    if width_of(left) + width_of(right) + 2 > width:
        left = line(" ", toned(name, Tone.STRONG))
    return spread(fit(left, max(0, width - width_of(right))), right, width)


def top_of(most: float) -> float:
    """Return the end of the scale for values up to `most`: a round number with a round half."""
    if most <= 0:
        return 1.0
    unit = 1.0
    while unit < most:
        unit *= 10
    while unit / 10 >= most:
        unit /= 10
    unit /= 10
    return next(step * unit for step in _TOPS if step * unit >= most * (1 - 1e-9))


def area_plot(
    values: Values, width: int, rows: int, tone: Tone = Tone.BACKLOG, since: int | None = None
) -> list[Line]:
    """Return a plot of an area with its axis and times, `rows` and two lines high.

    `since` is the sample at which a stall began.
    """
    cells = plot_width(width) - LABELS
    known = [value for value in values if value is not None]
    top = max(2.0, top_of(max(known, default=0.0)))
    dots = [_dots(value, top, 4 * rows, least=1) for value in values]
    bodies = _area(dots, cells, rows, tone)
    half = rows // 2
    labelled = {0: _label(top), half: _label(top / 2)}
    mark = None if since is None else _cell_of(since, cells)
    lines = [
        line(_axis(labelled.get(at)), _behind(body, cells, at in labelled, tone, mark))
        for at, body in enumerate(bodies)
    ]
    if not known:
        lines[half] = line(_axis(labelled[half]), fit(toned(f" {_NO_SAMPLES}", Tone.DIM), cells))
    return [*lines, _base("└", "┴", cells, mark), _times(cells)]


def mirror_plot(arrived: Values, left: Values, width: int, rows: int) -> list[Line]:
    """Return in above the axis and out below it on one scale, `rows` and two lines high."""
    cells = plot_width(width) - LABELS
    known = [value for value in (*arrived, *left) if value is not None]
    half = rows // 2
    top = top_of(max(known, default=0.0))
    above = _area([_dots(v, top, 4 * half) for v in arrived], cells, half, Tone.IN)
    below = _area([_dots(v, top, 4 * half) for v in left], cells, half, Tone.OUT, falls=True)
    lines = [
        line(_axis(_label(top) if at == 0 else None), _behind(body, cells, at == 0, Tone.IN))
        for at, body in enumerate(above)
    ]
    lines.append(_base("┼", "┼", cells))
    last = half - 1
    lines += [
        line(_axis(_label(top) if at == last else None), _behind(body, cells, at == last, Tone.OUT))
        for at, body in enumerate(below)
    ]
    words = "" if any(known) else _NOTHING_MOVED if known else _NO_SAMPLES
    if words:
        lines[half - 1] = line(_axis(None), fit(toned(f" {words}", Tone.DIM), cells))
    return [*lines, _times(cells)]


def lines_plot(curves: Sequence[Curve], width: int, rows: int) -> list[Line]:
    """Return a plot of lines, of which the first lies in front, `rows` and two lines high."""
    cells = plot_width(width) - LABELS
    known = [value for curve in curves for value in curve.values if value is not None]
    top = max(2.0, top_of(max(known, default=0.0)))
    half = rows // 2
    labelled = {0: _label(top), half: _label(top / 2)}
    bits = [[0] * cells for _ in range(rows)]
    tones: dict[tuple[int, int], Tone] = {}
    per = 2 * cells // SAMPLES
    for curve in reversed(curves):
        for sample, value in enumerate(curve.values):
            if value is None:
                continue
            level = min(4 * rows - 1, round(value / top * (4 * rows - 1)))
            row, dot = rows - 1 - level // 4, 3 - level % 4
            for column in range(sample * per, (sample + 1) * per):
                if not curve.is_dotted or column % 2 == 0:
                    bits[row][column // 2] |= _DOT[column % 2][dot]
                    tones[row, column // 2] = curve.tone
    lines = []
    for at, row_bits in enumerate(bits):
        spans = [
            Span(chr(_BRAILLE | bit) if bit else " ", tones.get((at, cell), Tone.TEXT))
            for cell, bit in enumerate(row_bits)
        ]
        label = labelled.get(at)
        lines.append(line(_axis(label), _joined(_with_grid(spans, at in labelled))))
    if not known:
        lines[half] = line(_axis(labelled[half]), fit(toned(f" {_NO_SAMPLES}", Tone.DIM), cells))
    return [*lines, _base("└", "┴", cells), _times(cells)]


def _dots(value: float | None, top: float, most: int, least: int = 0) -> int | None:
    """Return how many dots high a value is; a value that is not 0 has at least one."""
    if value is None:
        return None
    return max(least or int(value > 0), min(most, round(value / top * most)))


def _area(
    dots: Sequence[int | None], cells: int, rows: int, tone: Tone, *, falls: bool = False
) -> list[Line]:
    """Return the rows of an area, top row first; its shades brighten from the axis outwards."""
    per = 2 * cells // SAMPLES
    columns = [dots[column // per] or 0 for column in range(2 * cells)] if per else []
    left_bits, right_bits = _DOWN if falls else _UP
    found: list[Line] = []
    for at in range(rows):
        start = 4 * (at if falls else rows - 1 - at)
        shade = min(SHADES - 1, start // 4 * SHADES // rows)
        text = "".join(
            chr(_BRAILLE | bit) if bit else " "
            for bit in (
                left_bits[max(0, min(4, columns[column] - start))]
                | right_bits[max(0, min(4, columns[column + 1] - start))]
                for column in range(0, 2 * cells, 2)
            )
        )
        found.append((Span(text, tone, None, shade),))
    return found


def _behind(body: Line, cells: int, has_grid: bool, tone: Tone, mark: int | None = None) -> Line:
    """Return a row of an area with what shows where it is empty: grid points, and a stall."""
    text, shade = body[0].text, body[0].shade
    places = {_minute(minute, cells): Span("·", Tone.GRID) for minute in range(11)}
    shown = places if has_grid else {}
    shown.pop(0, None)
    if mark is not None:
        shown[mark] = Span("┊", Tone.BAD)
    parts: list[Span] = []
    at = 0
    for place in sorted(place for place in shown if text[place] == " "):
        parts += [Span(text[at:place], tone, None, shade), shown[place]]
        at = place + 1
    return tuple(part for part in [*parts, Span(text[at:], tone, None, shade)] if part.text)


def _with_grid(spans: list[Span], has_grid: bool) -> list[Span]:
    if has_grid:
        for minute in range(1, 11):
            place = _minute(minute, len(spans))
            if spans[place].text == " ":
                spans[place] = Span("·", Tone.GRID)
    return spans


def _joined(spans: Sequence[Span]) -> Line:
    """Return the spans with neighbours of one tone as one."""
    found: list[Span] = []
    for piece in spans:
        if found and (found[-1].tone == piece.tone or not piece.text.strip()):
            found[-1] = found[-1]._replace(text=found[-1].text + piece.text)
        else:
            found.append(piece)
    return tuple(found)


def _minute(minute: int, cells: int) -> int:
    """Return the cell at which a minute ends, counted from ten minutes ago."""
    return max(0, minute * cells // 10 - 1)


def _cell_of(sample: int, cells: int) -> int:
    return min(cells - 1, max(0, sample * cells // SAMPLES))


def _axis(label: str | None) -> Line:
    if label is None:
        return (Span(f"{'':{LABELS - 1}}│", Tone.AXIS),)
    return (Span(f"{label:>{LABELS - 2}} ", Tone.DIM), Span("┤", Tone.AXIS))


def _every(cells: int) -> int:
    """Return how many minutes lie between two labels."""
    return 5 if cells < 60 else 2 if cells < 90 else 1


def _base(corner: str, tick: str, cells: int, mark: int | None = None) -> Line:
    ticks = {_minute(minute, cells) for minute in range(0, 11, _every(cells))}
    text = "".join(tick if cell in ticks else "─" for cell in range(cells))
    zero = (Span(f"{'0':>{LABELS - 2}} ", Tone.DIM), Span(corner, Tone.AXIS))
    if mark is None:
        return (*zero, Span(text, Tone.AXIS))
    parts = (Span(text[:mark], Tone.AXIS), Span("■", Tone.BAD), Span(text[mark + 1 :], Tone.AXIS))
    return (*zero, *(part for part in parts if part.text))


def _times(cells: int) -> Line:
    text = ""
    for minute in range(0, 11, _every(cells)):
        name = "now" if minute == 10 else f"−{10 - minute}m"
        place = LABELS + _minute(minute, cells)
        start = place - len(name) + 1 if minute == 10 else place - len(name) // 2
        text = f"{text:<{start}}{name}"
    return (Span(f"{text:<{LABELS + cells}}", Tone.DIM),)


def _label(value: float) -> str:
    """Return a round number in at most five characters: `0.2`, `40`, `2k`, `100k`, `6M`."""
    for unit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= unit:
            return f"{value / unit:g}{letter}"
    return f"{value:g}"


_LEVELS = "▁▂▃▄▅▆▇"


def sparkline(values: Values, width: int, tone: Tone = Tone.TREND) -> Line:
    """Return values from 0 as bars, a thin line where nothing moved, and blanks for unknown."""
    if width <= 0 or not values:
        return EMPTY
    shown = [
        _mean(values[at * len(values) // width : max((at + 1) * len(values) // width, 1)])
        for at in range(width)
    ]
    known = [value for value in values if value is not None]
    if not known:
        return EMPTY
    most = max(value for value in (*shown, 0.0) if value is not None)
    if max(known) == min(known):
        return toned("".join(" " if value is None else "─" for value in shown), Tone.AXIS)
    bars = (
        " " if value is None else _LEVELS[max(0, ceil(value / most * len(_LEVELS)) - 1)]
        for value in shown
    )
    return toned("".join(bars), tone)


def _mean(values: Values) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def legend(signs: Mapping[str, tuple[Tone, str]]) -> Line:
    """Return the signs of a plot with their meanings and latest values."""
    parts: Line = EMPTY
    for sign, (tone, text) in signs.items():
        parts = line(parts, "  " if parts else "", toned(sign, tone), f" {text}")
    return parts
