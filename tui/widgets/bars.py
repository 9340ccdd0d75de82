"""Bars: the parts of a queue side by side, and what is left of a lease."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tui.widgets.figures import short_count
from tui.widgets.spans import EMPTY, Line, Span, Tone, fit, line, toned, width_of

_STEPS = (1, 1.2, 1.5, 2, 2.5, 3, 4, 6, 8, 10)
_LEAST_SCALE = 10
_GAP = 2


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a queue. Its count may be unknown; each word has a sign of its own height."""

    word: str
    count: int | None
    sign: str
    tone: Tone


def parts_of(
    ready: int | None, leased: int | None, delayed: int | None, blocked: int | None, *,
    is_stalled: bool = False,
) -> tuple[Part, ...]:  # fmt: skip
    """Return the parts of a queue or share; what is blocked is red where the queue is stalled."""
    return (
        Part("ready", ready, "▆", Tone.IN),
        Part("leased", leased, "▄", Tone.OUT),
        Part("delayed", delayed, "▂", Tone.DELAYED),
        Part("blocked", blocked, "╳", Tone.STALLED if is_stalled else Tone.BLOCKED),
    )


def scale_for(numbers: Iterable[int]) -> int:
    """Return a round number that is at least the greatest of some."""
    most = max(numbers, default=0)
    unit = 1
    while unit * 10 < max(most, _LEAST_SCALE):
        unit *= 10
    return next(int(step * unit) for step in _STEPS if step * unit >= max(most, _LEAST_SCALE))


def part_cells(counts: Sequence[int], scale: int, width: int) -> list[int]:
    """Return the cells of each part on a scale that fills `width` cells.

    A part that is not empty has at least one.
    """
    places = range(len(counts))
    cells = [max(1, width * count // scale) if count else 0 for count in counts]
    room = min(width, max(sum(map(bool, counts)), width * sum(counts) // scale))

    def missing(at: int) -> int:
        return width * counts[at] - cells[at] * scale

    while sum(cells) < room:
        cells[max(places, key=missing)] += 1
    while sum(cells) > room:
        cells[min((at for at in places if cells[at] > 1), key=missing)] -= 1
    return cells


def stacked_bar(parts: Sequence[Part], scale: int, width: int) -> Line:
    """Return the parts side by side; a rest that is unknown ends the bar in `┄`."""
    known = [part for part in parts if part.count is not None]
    is_open = len(known) < len(parts)
    room = width - is_open
    if room < len(known):
        return EMPTY
    cells = part_cells([part.count or 0 for part in known], scale, room)
    bar = [Span(part.sign * number, part.tone) for part, number in zip(known, cells, strict=True)]
    return line(*bar, Span("┄", Tone.AXIS) if is_open else "")


def labelled_bar(parts: Sequence[Part], width: int) -> list[Line]:
    """Return the parts over the whole width, and below each its name and its number."""
    total = sum(part.count or 0 for part in parts)
    if not total:
        unknown = any(part.count is None for part in parts)
        return [toned("─" * width, Tone.AXIS), toned("unknown" if unknown else "empty", Tone.DIM)]
    bar = stacked_bar(parts, total, width)
    return [bar, _labels(parts, bar, width)]


def _labels(parts: Sequence[Part], bar: Line, width: int) -> Line:
    """Return each label where its part begins, or as far left of that as those after it need."""
    begins, at = {}, 0
    for piece in bar:
        begins[piece.text[0]] = at
        at += len(piece.text)
    shown = [part for part in parts if part.count != 0]
    texts = [f"{part.word} {_number(part.count)}" for part in shown]
    edge = width
    places: list[int] = []
    for number in reversed(range(len(shown))):
        least = sum(len(earlier) + _GAP for earlier in texts[:number])
        begin = min(begins.get(shown[number].sign, edge), edge - len(texts[number]))
        places.insert(0, max(least, begin))
        edge = places[0] - _GAP
    row: Line = EMPTY
    for begin, part, text in zip(places, shown, texts, strict=True):
        tone = Tone.DIM if part.count is None else part.tone
        row = line(row, " " * (begin - width_of(row)), toned(text, tone))
    return fit(row, width)


def _number(count: int | None) -> str:
    return "-" if count is None else short_count(count)


def legend(parts: Sequence[Part]) -> Line:
    """Return the sign of each part beside its name."""
    row: Line = EMPTY
    for part in parts:
        gap = "   " if row else ""
        row = line(row, gap, Span(part.sign * 2, part.tone), toned(f" {part.word}", Tone.DIM))
    return row


def countdown(left: float, whole: float | None, width: int, tone: Tone) -> Line:
    """Return what is left of a whole, in half cells; empty where the whole is unknown.

    As long as anything is left, at least half a cell is.
    """
    if not whole or whole <= 0:
        return EMPTY
    share = min(1.0, max(0.0, left / whole))
    halves = round(2 * width * share)
    if left > 0:
        halves = max(halves, 1)
    full, half = divmod(halves, 2)
    return line(Span("━" * full + "╸" * half, tone), Span("─" * (width - full - half), Tone.AXIS))
