"""The frame of every screen: tabs, vitals, and the keys at the foot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from store import Overview
from store.model.maintenance import StoreStatus
from store.model.text import describe_size
from tui.keys import Key
from tui.widgets.figures import clock_text, rate_text, short_count
from tui.widgets.spans import (
    EMPTY,
    Ground,
    Line,
    Span,
    Tone,
    fit,
    grounded,
    joined,
    line,
    shortened,
    spread,
    toned,
    width_of,
)

NARROW = 100
"""Below so many columns words are shortened, and keys of everywhere lose their labels."""
_MOST_ONLY = 30


def tab_line(
    screens: Sequence[Key], open_id: str, width: int, counts: Mapping[str, Line]
) -> tuple[Line, list[tuple[int, str]]]:
    """Return the tabs in one line, and the column at which each ends, with the id of its screen."""
    is_narrow = width < NARROW
    content = toned(" mq " if is_narrow else " mq  ", Tone.TITLE)
    ends = []
    for screen in screens:
        is_open = screen.id == open_id
        name = screen.label.split()[0] if is_narrow else screen.label
        label = line(
            toned(f"{screen.cap} ", Tone.KEY), toned(name, Tone.STRONG if is_open else Tone.DIM),
            line(" ", counts[screen.id]) if screen.id in counts else EMPTY,
        )  # fmt: skip
        if not is_narrow:
            label = line(" ", label, " ")
        left, right = (_EDGE_LEFT, _EDGE_RIGHT) if is_open else (line(" "), line(" "))
        content = line(content, left, grounded(label, Ground.BASE) if is_open else label, right)
        ends.append((width_of(content), screen.id))
    return fit(content, width), ends


# The colour of a tab in the foreground, and that of the bar behind it: otherwise a seam shows.
_EDGE_LEFT = (Span("▐", Tone.BASE, Ground.BAR),)
_EDGE_RIGHT = (Span("▌", Tone.BASE, Ground.BAR),)


def tab_counts(overview: Overview | None, findings: int | None) -> dict[str, Line]:
    """Return the counts on tabs: of what the strip does not say."""
    counts = {}
    if overview is not None and overview.dead_letters:
        counts["letters"] = toned(f"◆{short_count(overview.dead_letters)}", Tone.DEAD)
    if findings:
        counts["advice"] = toned(f"▲{short_count(findings)}", Tone.LAGGING)
    return counts


def shown_rows(filter_text: str, *, faults_only: bool) -> str:
    """Return which rows are shown, when some are left out."""
    parts = [f"/{filter_text}"] if filter_text else []
    return "  ".join([*parts, "faults only"] if faults_only else parts)


def vitals_line(
    overview: Overview, width: int, *, is_paused: bool, read_only: bool, pace: float, only: str = ""
) -> Line:
    """Return the store at a glance: file, rates, size of the log, counts, and the time of the look.

    `only` says which rows are shown when some are left out. Counts yield first, then the pace,
    then the size of the log.
    """
    status = overview.status
    state = ("○ PAUSED", Tone.LAGGING) if is_paused else ("● LIVE", Tone.OK)
    right = line(
        toned(f"  {shortened(only, _MOST_ONLY)}", Tone.LAGGING) if only else "",
        toned("  read-only", Tone.DIM) if read_only else "",
        "   ", toned(*state), toned(f" {clock_text(overview.taken)} ", Tone.STRONG),
    )  # fmt: skip
    rates = line(
        toned("in ", Tone.DIM), toned(f"{rate_text(overview.in_rate)}/s", Tone.TEXT),
        toned("  out ", Tone.DIM), toned(f"{rate_text(overview.out_rate)}/s", Tone.TEXT),
    )  # fmt: skip
    wal = EMPTY
    if isinstance(status, StoreStatus):
        wal = line(toned("WAL ", Tone.DIM), describe_size(status.wal_bytes))
    looks = toned(f"looks every {pace:g}s", Tone.DIM)
    counts = toned(" · ".join(_counts(overview)), Tone.DIM)
    room = width - width_of(right)
    left = _store_and(status.location, [rates, wal, counts], room)
    if width_of(left) + width_of(looks) + 3 <= room:
        right = line(looks, right)
    return fit(spread(left, right, width), width)


def _store_and(location: str, parts: Sequence[Line], room: int) -> Line:
    """Return the store and as much as fits: the last parts yield first, then the folders."""
    # The options of a server's URL say least.
    location = location.partition("?")[0] if "://" in location else location
    path = Path(location)
    left = EMPTY
    for name in (location, f"{path.parent.name}/{path.name}", path.name):
        for most in range(len(parts), 0, -1):
            left = line(" ", joined([toned(name, Tone.STRONG), *parts[:most]], "   "))
            if width_of(left) <= room:
                return left
    return line(" ", toned(shortened(path.name, max(3, room - 1)), Tone.STRONG))


def _counts(overview: Overview) -> list[str]:
    status = overview.status
    things = [
        (status.topics, "topic"), (status.queues, "queue"), (status.shares, "share"),
        (status.groups, "group"),
    ]  # fmt: skip
    return [
        f"{short_count(number)} {noun if number == 1 else noun + 's'}"
        for number, noun in things
        if number
    ]


def trouble_line(message: str, last: Overview | None) -> Line:
    """Return the reason that a look failed, and the time of the last picture, which stays."""
    since = "" if last is None else f" since {clock_text(last.taken)}"
    return line(" ", toned(f"■ can't look{since}: ", Tone.STALLED), message)


def footer_line(
    of_view: Sequence[Key], everywhere: Sequence[Key], width: int, *, read_only: bool
) -> Line:
    """Return the keys of the view to the left, and those of everywhere to the right.

    Where narrow the keys of everywhere lose their labels; keys that write are dim where writing is
    off.
    """
    own = [_key(key, read_only) for key in of_view]
    right = line(joined([_key(key, read_only) for key in everywhere], "  "), " ")
    if width < NARROW or width_of(joined(own, "  ")) + width_of(right) + 3 > width:
        right = line(joined([toned(key.cap, Tone.KEY) for key in everywhere], "  "), " ")
    room = width - width_of(right) - 2
    while own and width_of(joined(own, "  ")) + 1 > room:
        own.pop()
    return fit(spread(line(" ", joined(own, "  ")), right, width), width)


def _key(key: Key, read_only: bool) -> Line:
    is_off = read_only and key.writes
    cap = toned(key.cap, Tone.DIM if is_off else Tone.KEY)
    return line(cap, toned(f" {key.label}", Tone.DIM if is_off else Tone.TEXT))
