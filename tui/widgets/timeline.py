"""The deliveries of a message on an axis of time: held, failed, waiting, and the next try."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from store.model.queues import Attempt
from store.model.stalls import StallDetail
from tui.widgets.figures import clock_text, moment_text
from tui.widgets.spans import Line, Span, Tone, fit, line, toned

_SECOND, _MINUTE, _HOUR, _DAY = 1_000, 60_000, 3_600_000, 86_400_000
_STEPS = (
    *(n * _SECOND for n in (1, 2, 5, 10, 20, 30)),
    *(n * _MINUTE for n in (1, 2, 5, 10, 20, 30)),
    *(n * _HOUR for n in (1, 2, 6, 12)),
    *(n * _DAY for n in (1, 2, 5, 10, 30, 100, 365)),
)
_LABEL_ROOM = 14
_GAP = 2


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """A linear axis of so many cells from one time to another, in Unix milliseconds.

    Where it ends after now, its last cell is for the end alone.
    """

    begin: int
    end: int
    width: int
    now: int

    def cell(self, at: int) -> int:
        """Return the cell of a time; the first or the last one for a time outside."""
        span = max(1, self.end - self.begin)
        last = self.width - (2 if at <= self.now < self.end else 1)
        return max(0, min(last, round((at - self.begin) * (self.width - 1) / span)))

    def ticks(self) -> Iterator[int]:
        """Yield the round times on it, in the local zone, that have room for labels."""
        span = max(1, self.end - self.begin)
        step = next((s for s in _STEPS if s * self.width >= span * _LABEL_ROOM), _STEPS[-1])
        zone = datetime.fromtimestamp(self.begin / 1000).astimezone().utcoffset()
        shift = 0 if zone is None else int(zone.total_seconds()) * 1000
        at = -(-(self.begin + shift) // step) * step - shift
        while at <= self.end:
            yield at
            at += step


def axis_of(detail: StallDetail, produced: int | None, now: int, width: int) -> TimeAxis:
    """Return the axis from the blocker's production to its next try, or to now.

    It begins with the first delivery that is shown where others came before, or where the wait for
    it would leave less than half of the axis to the deliveries.
    """
    times = [at for one in detail.attempts for at in (one.started, one.ended) if at is not None]
    times += [] if detail.held_since is None else [detail.held_since]
    first = min([*times, now])
    end = max([*times, now, detail.next_try or now])
    begin = first
    if produced is not None and not detail.earlier and first - (end - first) <= produced < first:
        begin = produced
    return TimeAxis(begin, max(end, begin + 1), width, now)


def timeline(detail: StallDetail, axis: TimeAxis) -> list[Line]:
    """Return the axis with what happened on it, under the numbers and over the times."""
    cells = [Span("─", Tone.AXIS)] * axis.width
    for tick in axis.ticks():
        cells[axis.cell(tick)] = Span("┴", Tone.AXIS)
    marks: list[tuple[int, int]] = []
    for one in detail.attempts:
        at = axis.cell(one.ended)
        _hold(cells, one.started, one.ended, axis)
        marks.append((at, one.number))
    here = axis.cell(axis.now)
    if detail.held_since is not None:
        _hold(cells, detail.held_since, axis.now, axis)
    for at, _ in marks:
        cells[at] = Span("✗", Tone.STALLED)
    for at in range(here + 1, axis.width):
        cells[at] = Span("┄", Tone.AXIS)
    if not any(at == here for at, _ in marks):
        cells[here] = Span("┃", Tone.STRONG)
    following = _next_number(detail)
    if detail.next_try is not None and detail.next_try > axis.now:
        marks.append((axis.cell(detail.next_try), following))
        cells[axis.cell(detail.next_try)] = Span("○", Tone.KEY)
    return [_numbers(marks, following, axis.width), tuple(cells), _times(axis)]


def _next_number(detail: StallDetail) -> int:
    last = detail.attempts[-1].number if detail.attempts else detail.earlier
    return last + 1 + (detail.held_since is not None)


def _hold(cells: list[Span], started: int | None, ended: int, axis: TimeAxis) -> None:
    if started is None:
        return
    for at in range(axis.cell(started), axis.cell(ended)):
        cells[at] = Span("━", Tone.OUT)


def _numbers(marks: list[tuple[int, int]], following: int, width: int) -> Line:
    """Return the number of each delivery over its end, as far as there is room; the last first."""
    texts: list[tuple[int, str, Tone]] = []
    edge = width
    for at, number in reversed(marks):
        text = str(number)
        begin = at - len(text) + 1
        if begin < 0 or at >= edge:
            continue
        texts.insert(0, (begin, text, Tone.KEY if number == following else Tone.STRONG))
        edge = begin - 1
    return _placed(texts, width)


def _times(axis: TimeAxis) -> Line:
    """Return the times at the begin, at now and at ticks, as far as there is room."""
    first = moment_text(axis.begin, axis.now)
    here = f"{clock_text(axis.now)} now"
    begin = max(0, min(axis.cell(axis.now) - len(here) + 5, axis.width - len(here)))
    texts = [(begin, here, Tone.DIM)]
    if len(first) + _GAP <= begin:
        texts.insert(0, (0, first, Tone.DIM))
    for tick in axis.ticks():
        text = _tick_text(tick)
        at = axis.cell(tick)
        free = all(at + len(text) + _GAP <= b or at >= b + len(t) + _GAP for b, t, _ in texts)
        if free and at + len(text) <= axis.width:
            texts.append((at, text, Tone.DIM))
    return _placed(sorted(texts), axis.width)


def _tick_text(at: int) -> str:
    moment = datetime.fromtimestamp(at / 1000)
    if (moment.hour, moment.minute, moment.second) == (0, 0, 0):
        return f"{moment:%m-%d}"
    return f"{moment:%H:%M:%S}" if moment.second else f"{moment:%H:%M}"


def _placed(texts: list[tuple[int, str, Tone]], width: int) -> Line:
    row: list[str | Line] = []
    at = 0
    for begin, text, tone in texts:
        row += [" " * (begin - at), toned(text, tone)]
        at = begin + len(text)
    return fit(line(*row), width)


def waits(attempts: tuple[Attempt, ...], produced: int | None) -> list[int | None]:
    """Return how long each delivery was waited for, in milliseconds; `None` where unknown."""
    ends = [produced, *(one.ended for one in attempts)]
    return [
        None if one.started is None or end is None else max(0, one.started - end)
        for one, end in zip(attempts, ends, strict=False)
    ]
