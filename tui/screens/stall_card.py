"""The stall card as lines: where it is stuck, the deliveries on an axis of time, and the facts."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from store import Stall
from store.model.letter_groups import normalise_error
from store.model.queues import Attempt
from store.model.stalls import StallDetail
from store.model.text import counted, describe_duration, printable_bytes
from tui.screens.stall_facts import cause_of, fact_lines
from tui.widgets.bands import where
from tui.widgets.figures import UNKNOWN, age_cell, moment_text
from tui.widgets.live_table import TableColumn, layout
from tui.widgets.spans import (
    EMPTY,
    Ground,
    Line,
    Tone,
    fit,
    grounded,
    joined,
    line,
    spread,
    toned,
    width_of,
)
from tui.widgets.timeline import axis_of, timeline, waits

BESIDE = 130
"""From this width on the deliveries stand in a table beside the facts."""
_ENDS = {
    "failed": "failed", "nacked": "failed", "rejected": "rejected", "expired": "ran out",
    "released": "released", "abandoned": "abandoned",
}  # fmt: skip
_SHORT = 24
_COLUMNS = (
    TableColumn("#", 3, right=True),
    TableColumn("AT", 8),
    TableColumn("WAITED", 6, right=True),
    TableColumn("HELD", 6, right=True),
    TableColumn("HOLDER", 9, grows=1, most=16),
    TableColumn("OUTCOME", 11),
    TableColumn("ERROR", 10, grows=3),
)


def title_line(stall: Stall, width: int) -> Line:
    """Return the place, its reader, the cause, and for how long nothing has moved."""
    moved = "nothing committed for " if stall.kind == "group" else "stuck for "
    threshold = f" · a stall after {describe_duration(stall.threshold)}"
    age = line(toned(moved, Tone.DIM), toned(describe_duration(stall.seconds), Tone.STALLED))
    place = line(toned(" ■ ", Tone.STALLED), _place(stall, max(20, width // 3)))
    cause = toned(f"   {stall.cause.upper()}", Tone.STRONG)
    said = toned(f"  {cause_of(stall)}", Tone.DIM)
    right = line(age, toned(threshold, Tone.DIM), " ")
    if width_of(line(place, cause, said, right)) + 2 > width:
        said, right = EMPTY, line(age, " ")
    return spread(line(place, cause, said), right, width)


def over_line(stall: Stall) -> Line:
    """Return the line of a stall that is over."""
    return line(toned(" ● ok", Tone.OK), f"  {stall.blocker} blocks nothing any more")


def _place(stall: Stall, width: int) -> Line:
    return tuple(
        piece._replace(tone=Tone.TITLE) if piece.tone is not Tone.DIM else piece
        for piece in where(stall, width)
    )


def window_line(stall: Stall, width: int) -> Line:
    """Return the blocker between the finished and the waiting part, up to the end."""
    blocker = grounded(
        line(
            toned("▐", Tone.BAD), toned(f"■ {stall.offset:,}", Tone.STALLED), toned("▌", Tone.BAD)
        ),
        Ground.STRIP_ON,
    )
    if stall.kind == "queue":
        waits = f" {counted(stall.blocked, 'message')} in {stall.source}; the first one is not told"
        return fit(toned(waits, Tone.DIM), width)
    if stall.kind == "fifo":
        key = printable_bytes(stall.key or b"")
        waits = f"  {counted(stall.blocked, 'message')} of {key} wait behind it"
        return fit(line(" ", blocker, toned(waits, Tone.DIM)), width)
    done = stall.offset - 1
    left = line(
        toned(" committed ", Tone.DIM), f"{done:,} " if done >= 0 else toned("nothing ", Tone.DIM),
        blocker, " ",
    )  # fmt: skip
    end = line(toned(f"{stall.end:,}", Tone.STRONG), toned(" end ", Tone.DIM))
    room = width - width_of(left) - width_of(end)
    numbers = ""
    for offset in range(stall.offset + 1, stall.end):
        if len(numbers) + len(f"{offset:,} ") + 4 > room:
            break
        numbers += f"{offset:,} "
    rest = "┄" * max(0, room - len(numbers) - 1) if stall.end - stall.offset > 1 else ""
    return line(
        left, fit(line(toned(numbers, Tone.DIM), toned(rest, Tone.AXIS)), max(0, room)), end
    )


def delivery_lines(stall: Stall, detail: StallDetail, now: int, width: int) -> list[Line]:
    """Return the head of the deliveries, and their axis of time if there is anything on it."""
    head = _head(stall, detail, now, width)
    if not detail.attempts and detail.held_since is None:
        return [head]
    axis = axis_of(detail, stall.produced, now, width - 2)
    return [head, *(line(" ", row) for row in timeline(detail, axis))]


def _head(stall: Stall, detail: StallDetail, now: int, width: int) -> Line:
    """Return what is told of the deliveries, and the signs; where narrow only the next try."""
    left = line(toned(" DELIVERIES", Tone.STRONG), toned(f"  {_told(stall, detail)}", Tone.DIM))
    following = _next(stall, detail, now, is_short=width < BESIDE)
    signs = [] if not detail.attempts else [line(toned("✗", Tone.BAD), toned(" ended", Tone.DIM))]
    if detail.held_since is not None or any(one.started is not None for one in detail.attempts):
        signs.insert(0, line(toned("━", Tone.OUT), toned(" held", Tone.DIM)))
    right = joined([*signs, following], "  ")
    if width_of(left) + width_of(right) + 3 > width:
        right = following
    return spread(left, line("  ", right, " "), width)


def _told(stall: Stall, detail: StallDetail) -> str:
    if not detail.attempts:
        if detail.held_since is None:
            is_unknown = stall.deliveries or stall.kind == "queue"
            return "none is known" if is_unknown else "it was never delivered"
        return "none has ended yet"
    ends = Counter(_ENDS.get(one.outcome, one.outcome) for one in detail.attempts)
    parts = [f"{number:,} {word}" for word, number in ends.items()]
    told = [f"… {detail.earlier:,} before, then {parts[0]}" if detail.earlier else parts[0]]
    told += parts[1:]
    if len(detail.attempts) > 1 and stall.same_errors >= len(detail.attempts):
        told.append("the same way")
    known = [wait for wait in waits(detail.attempts, None)[1:] if wait is not None]
    if len(known) > 1 and all(one < two for one, two in pairwise(known)):
        told.append("each wait longer")
    return ", ".join(told)


def _next(stall: Stall, detail: StallDetail, now: int, *, is_short: bool) -> Line:
    if detail.next_try is not None and detail.next_try > now:
        left = toned(describe_duration((detail.next_try - now) / 1000), Tone.STRONG)
        unless = "" if detail.held_since is None or is_short else ", unless it is finished"
        return line(toned("○", Tone.KEY), toned(" next try in ", Tone.DIM), left,
                    toned(unless, Tone.DIM))  # fmt: skip
    if stall.kind != "group" or stall.cause == "damaged":
        return EMPTY
    is_alone = stall.cause in {"unassigned", "abandoned"}
    reads = "a member joins" if is_alone else f"{stall.reader} polls again"
    return toned("" if is_short and len(reads) > _SHORT else f"next when {reads}", Tone.DIM)


def table_lines(stall: Stall, detail: StallDetail, now: int, width: int, most: int) -> list[Line]:
    """Return the last deliveries as a table of up to `most` lines, and the next one."""
    rooms = layout(_COLUMNS, width - 2)
    rows = [_cells(one, wait, now) for one, wait in _attempts(stall, detail)]
    for at in range(len(rows) - 1, 0, -1):
        if _is_same(detail.attempts[at], detail.attempts[at - 1]):
            rows[at] = (*rows[at][:-1], toned("the same", Tone.DIM))
    rows += _under_way(stall, detail, now)
    shown = rows[-(most - 1) :] if most > 1 else []
    header = tuple(toned(column.name, Tone.DIM) for column in _COLUMNS)
    return [_across(cells, rooms) for cells in (header, *shown)] if rows else []


def _across(cells: tuple[Line, ...], rooms: list[tuple[int, int]]) -> Line:
    parts = [fit(cells[at], room, right=_COLUMNS[at].right) for at, room in rooms]
    return line(*(piece for part in parts for piece in (" " if part is parts[0] else "  ", part)))


def _attempts(stall: Stall, detail: StallDetail) -> list[tuple[Attempt, int | None]]:
    produced = None if detail.earlier else stall.produced
    return list(zip(detail.attempts, waits(detail.attempts, produced), strict=True))


def _cells(one: Attempt, wait: int | None, now: int) -> tuple[Line, ...]:
    at = one.ended if one.started is None else one.started
    held = None if one.started is None else (one.ended - one.started) / 1000
    word = _ENDS.get(one.outcome, one.outcome)
    return (
        toned(f"{one.number}", Tone.STRONG),
        toned(moment_text(at, now)[-8:], Tone.TEXT),
        UNKNOWN if wait is None else age_cell(wait / 1000, Tone.DIM),
        UNKNOWN if held is None else age_cell(held),
        line(one.holder or "-"),
        toned(f"✗ {word}", Tone.BAD if word != "released" else Tone.DIM),
        toned("unknown" if one.error is None else one.error, Tone.DIM),
    )


def _is_same(one: Attempt, other: Attempt) -> bool:
    if one.error is None or other.error is None:
        return False
    return normalise_error(one.error) == normalise_error(other.error)


def _under_way(stall: Stall, detail: StallDetail, now: int) -> list[tuple[Line, ...]]:
    """Return the delivery that has not ended, and the next one, where it is known."""
    last = detail.attempts[-1].number if detail.attempts else detail.earlier
    rows: list[tuple[Line, ...]] = []
    if detail.held_since is not None:
        last += 1
        rows.append((
            toned(f"{last}", Tone.STRONG), line(moment_text(detail.held_since, now)[-8:]),
            EMPTY, age_cell((now - detail.held_since) / 1000), line(stall.holder or "-"),
            toned("━ has it", Tone.OUT), EMPTY,
        ))  # fmt: skip
    if detail.next_try is not None and detail.next_try > now:
        ended = detail.attempts[-1].ended if detail.attempts and not rows else None
        wait = UNKNOWN if ended is None else age_cell((detail.next_try - ended) / 1000, Tone.DIM)
        left = describe_duration((detail.next_try - now) / 1000)
        rows.append((
            toned(f"{last + 1}", Tone.KEY), toned(moment_text(detail.next_try, now)[-8:], Tone.KEY),
            EMPTY if rows else wait, EMPTY, EMPTY,
            line(toned("○", Tone.KEY), toned(" next", Tone.KEY)), toned(f"in {left}", Tone.DIM),
        ))  # fmt: skip
    return rows


def facts_beside(stall: Stall, detail: StallDetail, now: int, width: int, most: int) -> list[Line]:
    """Return the facts, and from some width on the table of deliveries to their left."""
    half = width // 2
    table = table_lines(stall, detail, now, half, most) if width >= BESIDE else []
    if not table:
        return fact_lines(stall, now, width, most)
    facts = fact_lines(stall, now, width - half, most)
    height = max(len(table), len(facts))
    pairs = zip(
        [*table, *[EMPTY] * (height - len(table))], [*facts, *[EMPTY] * (height - len(facts))],
        strict=True,
    )  # fmt: skip
    return [line(fit(left, half), right) for left, right in pairs]
