"""Lanes: a partition as a line that ends at its end, and every group as a flag on it.

All lanes of a topic have one scale. A lane is thin where every group has read it, thick where one
has not, and red behind the record that a stalled group waits at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tui.widgets.figures import short_count
from tui.widgets.spans import EMPTY, Line, Span, Tone, line, shortened, toned, width_of

_STEPS = (1, 1.2, 1.5, 2, 2.5, 3, 4, 6, 8, 10)
_PARTS = {1: 2, 1.2: 3, 1.5: 3, 2: 2, 2.5: 5, 3: 3, 4: 4, 6: 3, 8: 4, 10: 2}
_LEAST_WINDOW = 20
_NEAR = 2
"""Cells within which groups share a flag."""
_LONGEST_NAME = 24


@dataclass(frozen=True, slots=True)
class GroupFlag:
    """A group on a lane: by how much it is behind, and whether it is stalled or lagging."""

    group: str
    behind: int
    is_stalled: bool = False
    is_lagging: bool = False

    @property
    def tone(self) -> Tone:
        """The tone of the flag."""
        return Tone.BAD if self.is_stalled else Tone.LAGGING if self.is_lagging else Tone.IN


@dataclass(frozen=True, slots=True)
class Lane:
    """A partition with the groups that read it."""

    partition: int
    start: int
    end: int
    flags: tuple[GroupFlag, ...]

    @property
    def worst(self) -> int:
        """By how much the group that is furthest behind is behind."""
        return max((flag.behind for flag in self.flags), default=0)


def window_of(lanes: Sequence[Lane]) -> int:
    """Return how many records before the end the lanes of a topic show: a round number."""
    most = max(_LEAST_WINDOW, max((lane.worst for lane in lanes), default=0))
    unit = 1
    while unit * 10 < most:
        unit *= 10
    return next(round(step * unit) for step in _STEPS if step * unit >= most)


def lane_scale(window: int, width: int) -> Line:
    """Return the scale over lanes of so many cells."""
    unit = 1
    while unit * 10 <= window:
        unit *= 10
    parts = _PARTS.get(window / unit, 2)
    text = ""
    for part in range(parts):
        behind = window * (parts - part) // parts
        name = f"−{short_count(behind)}"
        place = _cell(behind, window, width)
        if not text or (place > len(text) + 1 and place + len(name) + 5 < width):
            text = f"{text:<{place}}{name}"
    return toned(f"{text:<{max(len(text) + 1, width - 3)}}end", Tone.DIM)


def _cell(behind: int, window: int, width: int) -> int:
    """Return the cell of a position; only what is at the end lies in the last but one."""
    if behind <= 0:
        return width - 2
    return max(0, min(width - 2, round((width - 2) * (1 - behind / window))))


def lane_line(lane: Lane, window: int, width: int, *, letters: bool = False) -> Line:
    """Return a lane; `letters` stand for the groups where there is no line for their flags."""
    flags = _placed(lane, window, width)
    first = min((place for place, _ in flags), default=width - 1)
    stalled = min((p for p, at in flags if any(f.is_stalled for f in at)), default=width)
    begin = _cell(lane.end - lane.start, window, width) if lane.end - lane.start < window else 0
    if lane.end == lane.start:
        runs = [(" ", Tone.AXIS, width - 1)]
    else:
        sign = "├" if lane.end - lane.start < window else "┄"
        thin, thick = max(begin, min(first, width - 1)), max(begin, min(stalled, width - 1))
        thick = max(thin, thick)
        runs = [
            (" ", Tone.AXIS, begin), ("─", Tone.AXIS, thin - begin),
            ("━", Tone.TREND, thick - thin), ("━", Tone.BEHIND, width - 1 - thick),
        ]  # fmt: skip
    text = "".join(char * count for char, _, count in runs)
    tones = [tone for _, tone, count in runs for _ in range(count)]
    chars = list(text)
    if lane.end > lane.start and begin < width - 1:
        chars[begin] = sign
    for place, at in flags:
        tones[place] = at[0].tone
        if any(flag.is_stalled for flag in at):
            chars[place], tones[place] = "■", Tone.BAD
        elif letters:
            letter = str(len(at)) if len(at) > 1 else at[0].group[:1].upper()
            chars[place] = letter if len(at) < 10 else "+"
        else:
            chars[place] = "┻"
    return _runs([*chars, "┫"], [*tones, Tone.TREND])


def flag_line(lane: Lane, window: int, width: int) -> Line:
    """Return the line over a lane with the names of its groups, as far as they fit."""
    row: Line = EMPTY
    flags = _placed(lane, window, width)
    for number, (place, at) in enumerate(flags):
        edge = flags[number + 1][0] - 1 if number + 1 < len(flags) else width
        row = _with_flag(row, place, at, edge)
    return row


def _with_flag(row: Line, place: int, at: Sequence[GroupFlag], edge: int) -> Line:
    """Return a row with one more flag: its text left of the pole, or right of it, or the pole."""
    used = width_of(row)
    behind = f" −{short_count(at[0].behind)}" if at[0].behind else ""
    names = ", ".join(shortened(flag.group, _LONGEST_NAME) for flag in at)
    tone = next((flag.tone for flag in at if flag.is_stalled), at[0].tone)
    texts = [names + behind, *([f"{len(at)} groups{behind}"] if len(at) > 1 else [])]
    for text in texts:
        if used + (2 if used else 0) + len(text) + 1 <= place:
            gap = " " * (place - used - width_of(line(text)) - 1)
            return line(row, gap, toned(f"{text} ┓", tone))
        if used <= place and place + 2 + width_of(line(text)) + 1 < edge:
            return line(row, " " * (place - used), toned(f"┏ {text}", tone))
    if used <= place:
        return line(row, " " * (place - used), toned("┓", tone))
    return row


def _placed(lane: Lane, window: int, width: int) -> list[tuple[int, list[GroupFlag]]]:
    """Return the flags by cell, from the left; groups that are near each other share one."""
    placed: list[tuple[int, list[GroupFlag]]] = []
    flags = sorted(lane.flags, key=lambda flag: (-flag.behind, flag.group))
    for flag in flags:
        cell = _cell(flag.behind, window, width)
        if (
            placed
            and cell - placed[-1][0] <= _NEAR
            and not (flag.is_stalled or any(other.is_stalled for other in placed[-1][1]))
        ) or (placed and cell == placed[-1][0]):
            placed[-1] = (cell, [*placed[-1][1], flag])
        else:
            placed.append((cell, [flag]))
    return placed


def lane_legend(lanes: Sequence[Lane]) -> Line:
    """Return the letters of lanes of one row with the names of their groups."""
    names = sorted({flag.group for lane in lanes for flag in lane.flags})
    row: Line = EMPTY
    for name in names:
        row = line(row, "   " if row else "", toned(name[:1].upper(), Tone.IN),
                   toned(f" {shortened(name, _LONGEST_NAME)}", Tone.DIM))  # fmt: skip
    more = line("   ", toned("2", Tone.IN), toned(" two at one place", Tone.DIM), "   ",
                toned("■", Tone.BAD), toned(" stalled", Tone.DIM))  # fmt: skip
    return line(row, more) if names else EMPTY


def _runs(chars: Sequence[str], tones: Sequence[Tone]) -> Line:
    """Return characters as spans, neighbours of one tone in one."""
    found: list[Span] = []
    begin = 0
    for at in range(1, len(chars) + 1):
        if at == len(chars) or tones[at] is not tones[begin]:
            found.append(Span("".join(chars[begin:at]), tones[begin]))
            begin = at
    return tuple(found)
