"""Whether calls take longer when a store grows: the measurement, its table and its picture.

A subject is something that grows, with the calls that are made on it. It is filled once for every
size, in a store of its own, and the sizes take turns at every call, so that all see the same
machine. What counts is the median of the calls, and its ratio to that of the smallest size.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import median

import harness
from side_by_side import svg

from store import Store
from store.model.clock import Clock, SystemClock

GOAL = 1.5
SIZES = (1_000, 100_000, 1_000_000)


@dataclass(frozen=True)
class Call:
    """A call to be timed; its time is divided by `parts` where it is for so many things.

    What looks at much is made `alone`, when the others are done: they would have to drop the
    cache that it fills.
    """

    name: str
    make: Callable[[], object]
    parts: int = 1
    alone: bool = False


@dataclass(frozen=True)
class Subject:
    """What grows: how it is filled to a size, and the calls on it, which are made in their order.

    `sizes` are its own in place of those asked for; `most` bounds those.
    """

    name: str
    fill: Callable[[Store, int], None]
    calls: Callable[[Store, int], Sequence[Call]]
    sizes: Sequence[int] = ()
    most: int = sys.maxsize
    clock: Callable[[], Clock] = SystemClock


@dataclass(frozen=True)
class Row:
    """The median of one call at one size, and its ratio to the smallest size."""

    subject: str
    call: str
    size: int
    microseconds: float
    ratio: float


def measure(subject: Subject, sizes: Sequence[int], trials: int) -> list[Row]:
    """Fill a store for every size, then make the calls on them in turn."""
    chosen = subject.sizes or sorted({min(size, subject.most) for size in sizes})
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        calls = []
        for size in chosen:
            path = Path(folder) / f"{size}.db"
            store = stack.enter_context(
                Store.open(path, create=True, durability="normal", clock=subject.clock())
            )
            subject.fill(store, size)
            # What filling left in the write-ahead log would be the smallest one's advantage.
            store.vacuum()
            calls.append(subject.calls(store, size))
        return _rows(subject.name, chosen, _times(calls, trials))


def _times(calls: Sequence[Sequence[Call]], trials: int) -> dict[str, list[list[float]]]:
    """By call: for every size, how long each trial took."""
    times: dict[str, list[list[float]]] = {}
    together = [same for same in zip(*calls, strict=True) if not same[0].alone]
    loops = [together, *([same] for same in zip(*calls, strict=True) if same[0].alone)]
    for loop, trial in product(loops, range(trials)):
        for same in loop:
            of_sizes = times.setdefault(same[0].name, [[] for _ in same])
            # Another one first each time: it finds the processor's caches full of other things.
            for turn in range(len(same)):
                number = (trial + turn) % len(same)
                call = same[number]
                of_sizes[number].append(harness.microseconds(call.make) / call.parts)
    return times


def _rows(name: str, sizes: Sequence[int], times: dict[str, list[list[float]]]) -> list[Row]:
    rows = []
    for call, of_sizes in times.items():
        medians = [median(taken) for taken in of_sizes]
        rows += [
            Row(name, call, size, round(found, 1), round(found / medians[0], 3))
            for size, found in zip(sizes, medians, strict=True)
        ]
    return rows


def main(
    description: str | None,
    subjects: Sequence[Subject],
    *,
    sizes: Sequence[int] = SIZES,
    trials: int = 300,
) -> int:
    """Measure what was asked for and say what came of it; 1 when a ratio is above the goal."""
    parser = harness.options(description)
    names = [subject.name for subject in subjects]
    parser.add_argument("--trials", type=int, default=trials, help=f"calls of each ({trials})")
    parser.add_argument("--only", choices=names, action="append", help="measure no other")
    parser.add_argument("size", type=int, nargs="*", default=list(sizes))
    given = parser.parse_args()
    where = harness.machine()
    rows: list[Row] = []
    for subject in subjects:
        if subject.name in (given.only or names):
            rows += measure(subject, given.size, given.trials)
            print(f"{subject.name}: done", file=sys.stderr)
    harness.publish(
        given, table(rows), {"machine": where, "goal": GOAL, "rows": rows}, picture(rows)
    )
    return int(any(row.ratio > GOAL for row in rows))


def table(rows: Sequence[Row]) -> str:
    """A line for every call: microseconds from the smallest size on, and the worst ratio."""
    parts = []
    for sizes, subjects in _by_sizes(rows).items():
        lines = []
        for subject, call in dict.fromkeys((row.subject, row.call) for row in rows):
            if subject in subjects:
                found = [row for row in rows if (row.subject, row.call) == (subject, call)]
                ratio = max(row.ratio for row in found)
                verdict = "" if ratio <= GOAL else "above the goal"
                lines.append((subject, call, *(row.microseconds for row in found), ratio, verdict))
        heads = ["us a call", "", *(f"{size:,}" for size in sizes), "ratio", ""]
        parts.append(harness.columns(heads, lines))
    return "\n\n".join(parts)


def _by_sizes(rows: Sequence[Row]) -> dict[tuple[int, ...], list[str]]:
    """The subjects that were measured at the same sizes."""
    found: dict[tuple[int, ...], list[str]] = {}
    for subject in dict.fromkeys(row.subject for row in rows):
        sizes = tuple(sorted({row.size for row in rows if row.subject == subject}))
        found.setdefault(sizes, []).append(subject)
    return found


_CELL, _LINE, _LEFT, _TOP, _NARROWEST = 104, 84, 132, 62, 500
_BAR, _GAP, _GOAL_HEIGHT, _HIGHEST = 18, 3, 42, 1.75


def picture(rows: Sequence[Row]) -> str:
    """A line for every subject, a cell for every call, in it a bar for every size."""
    subjects = list(dict.fromkeys(row.subject for row in rows))
    calls = list(dict.fromkeys(row.call for row in rows))
    note = f"Median time of a call by size, the smallest to the left. Dashed: {GOAL:g} times it."
    parts = [svg.text(12, 20, note, colour=svg.DIM)]
    for column, call in enumerate(calls):
        parts.append(svg.text(_LEFT + column * _CELL, _TOP - 18, call, weight="bold"))
    for line, subject in enumerate(subjects):
        base = _TOP + line * _LINE + _GOAL_HEIGHT + 14
        own = [row for row in rows if row.subject == subject]
        sizes = sorted({row.size for row in own})
        parts.append(svg.text(12, base - 26, subject, weight="bold"))
        parts.append(
            svg.text(12, base - 10, ", ".join(map(in_short, sizes)), colour=svg.DIM, size=10)
        )
        for column, call in enumerate(calls):
            cell = [row for row in own if row.call == call]
            parts += _cell(_LEFT + column * _CELL, base, cell) if cell else []
    width = max(_NARROWEST, _LEFT + len(calls) * _CELL + 12)
    return svg.picture(width, _TOP + len(subjects) * _LINE + 8, parts)


def _cell(x: int, base: int, rows: Sequence[Row]) -> list[str]:
    parts = []
    for number, row in enumerate(rows):
        height = round(min(row.ratio, _HIGHEST) / GOAL * _GOAL_HEIGHT, 1)
        colour = svg.OURS if row.ratio <= GOAL else svg.FAULT
        parts.append(svg.bar(x + number * (_BAR + _GAP), base - height, _BAR, height, colour))
    width = len(rows) * (_BAR + _GAP) - _GAP
    first, last = rows[0].microseconds, rows[-1].microseconds
    parts.append(svg.line(x - 2, base - _GOAL_HEIGHT, width + 4, dashes="3 2"))
    parts.append(svg.line(x - 2, base, width + 4))
    parts.append(svg.text(x, base + 13, between(first, last), colour=svg.DIM, size=10))
    return parts


def between(first: float, last: float) -> str:
    """From the smallest's time to the largest's."""
    if max(first, last) < 10_000:
        return f"{first:,.0f} → {last:,.0f} µs"
    return f"{first / 1000:,.0f} → {last / 1000:,.0f} ms"


def in_short(size: int) -> str:
    """1k, 100k, 5M."""
    for unit, letter in ((1_000_000, "M"), (1_000, "k")):
        if size >= unit and size % (unit // 10) == 0:
            return f"{size / unit:g}{letter}"
    return str(size)
