"""The rows of screen 3: queues as stacked parts, and leases that run down."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import replace

from store import Stall, Subject
from store.model.stalls import LeaseRow
from tui.screens.subject_rows import oldest_cell, subject_rank
from tui.widgets.bars import countdown, parts_of, scale_for, stacked_bar
from tui.widgets.figures import (
    UNKNOWN,
    age_cell,
    count_cell,
    known_cell,
    state_cell,
)
from tui.widgets.live_table import TableColumn, TableRow
from tui.widgets.outlook import outlook
from tui.widgets.spans import EMPTY, Line, Tone, line, toned

BAR = 3
QUEUES = (
    TableColumn("STATE", 9),
    TableColumn("QUEUE", 13, grows=1, most=24, is_name=True),
    TableColumn("IN IT", 7, right=True),
    TableColumn("0", 16, grows=3),
    TableColumn("READY", 7, right=True),
    TableColumn("LEASED", 6, right=True),
    TableColumn("DELAYED", 7, right=True, drop=1),
    TableColumn("BLOCKED", 7, right=True, drop=2),
    TableColumn("OLDEST", 7, right=True),
    TableColumn("OUTLOOK", 20, drop=3),
)
LEFT = 4
LEASES = (
    TableColumn("LEASED MESSAGE", 17, grows=1, most=26, is_name=True),
    TableColumn("HOLDER", 14, grows=1, most=20, is_name=True),
    TableColumn("SEEN", 6, right=True, drop=1),
    TableColumn("HELD", 6, right=True),
    TableColumn("TIME LEFT", 16, grows=6),
    TableColumn("", 6, right=True),
    TableColumn("TRY", 8, right=True),
)
_LAST = 0.2
"""The part of a lease from which on its end is near."""
_QUIET = 0.5
"""The part of a lease for which its holder may be quiet."""


def with_scale(columns: Sequence[TableColumn], scale: int, room: int) -> tuple[TableColumn, ...]:
    """Return the columns with the ends of the bars' scale over the bars."""
    header = _bar_header(scale, room)
    return tuple(
        replace(column, name=header) if at == BAR else column for at, column in enumerate(columns)
    )


def _bar_header(scale: int, room: int) -> str:
    return f"0{short_scale(scale):>{max(1, room - 1)}}" if room else "0"


def short_scale(number: int) -> str:
    """Return the end of a scale: `20`, `2.5k`, `10k`, `1.2M`."""
    for size, unit in ((10**9, "G"), (10**6, "M"), (1000, "k")):
        if number >= size:
            return f"{number / size:g}{unit}"
    return str(number)


def queue_scale(subjects: Sequence[Subject]) -> int:
    """Return the one scale of the bars of all queues."""
    return scale_for(subject.depth for subject in subjects)


def queue_rows(
    subjects: Sequence[Subject], scale: int, bar: int, in_view: Container[str] | None = None
) -> list[TableRow]:
    """Return a row per queue and share, with bars of so many cells.

    Rows that are not in view have no figures, only the words and numbers to sort them by.
    """
    header, rows = _bar_header(scale, bar), []
    for queue in subjects:
        is_drawn = in_view is None or queue.name in in_view
        figures = _queue_figures(queue, scale, bar) if is_drawn else _NO_QUEUE_FIGURES
        values = {header: float(queue.depth), **_queue_values(queue)}
        cells = (*_queue_words(queue), *figures)
        rows.append(TableRow(queue.name, cells, subject_rank(queue), values))
    return rows


def _queue_words(queue: Subject) -> tuple[Line, ...]:
    share = toned(" share", Tone.DIM) if queue.kind == "share" else EMPTY
    return state_cell(queue.state, 9), line(toned(queue.name, Tone.STRONG), share)


_NO_QUEUE_FIGURES = (EMPTY,) * (len(QUEUES) - 2)


def _queue_figures(queue: Subject, scale: int, bar: int) -> tuple[Line, ...]:
    is_stalled = queue.state == "stalled"
    parts = parts_of(
        queue.ready, queue.leased, queue.delayed,
        0 if queue.kind == "share" else queue.blocked, is_stalled=is_stalled,
    )  # fmt: skip
    return (
        count_cell(queue.depth),
        stacked_bar(parts, scale, bar) if bar else EMPTY,
        known_cell(queue.ready),
        known_cell(queue.leased),
        known_cell(queue.delayed),
        EMPTY if queue.kind == "share" else known_cell(
            queue.blocked, Tone.BAD if is_stalled else Tone.TEXT
        ),
        oldest_cell(queue),
        outlook(queue.backlog, queue.growth),
    )  # fmt: skip


def _queue_values(queue: Subject) -> dict[str, float]:
    values = {
        "IN IT": queue.depth, "READY": queue.ready, "LEASED": queue.leased,
        "DELAYED": queue.delayed, "BLOCKED": queue.blocked, "OLDEST": queue.oldest_seconds,
        "OUTLOOK": float("-inf") if queue.growth is None else queue.growth,
    }  # fmt: skip
    return {name: value for name, value in values.items() if value is not None}


def lease_rows(
    leases: Sequence[LeaseRow], stalls: Sequence[Stall], most: int | None, bar: int,
    in_view: Container[str] | None = None,
) -> list[TableRow]:  # fmt: skip
    """Return a row per message that is leased, or waits for its next delivery.

    A blocker is red; `most` is the limit of deliveries. Rows that are not in view have no figures,
    only the words and numbers to sort them by.
    """
    blockers, rows = {stall.blocker for stall in stalls}, []
    for lease in leases:
        is_blocker = lease.address in blockers
        is_drawn = in_view is None or lease.address in in_view
        figures = (
            _lease_figures(lease, most, bar, is_blocker=is_blocker)
            if is_drawn
            else _NO_LEASE_FIGURES
        )
        cells = (*_lease_words(lease, is_blocker=is_blocker), *figures)
        rows.append(TableRow(lease.address, cells, (), _lease_values(lease)))
    return rows


def _lease_words(lease: LeaseRow, *, is_blocker: bool) -> tuple[Line, ...]:
    sign = toned(
        "■ " if is_blocker else "  " if lease.holder else "○ ", Tone.BAD if is_blocker else Tone.DIM
    )
    address = toned(lease.address, Tone.BAD if is_blocker else Tone.STRONG)
    holder = toned("waits", Tone.DIM) if lease.holder is None else line(lease.holder)
    return line(sign, address), holder


_NO_LEASE_FIGURES = (EMPTY,) * (len(LEASES) - 2)


def _lease_figures(
    lease: LeaseRow, most: int | None, bar: int, *, is_blocker: bool
) -> tuple[Line, ...]:
    whole, seen = lease.lease_seconds, lease.seen_seconds
    tone, number = Tone.OUT, Tone.TEXT
    if is_blocker:
        tone = number = Tone.BAD
    elif whole and lease.seconds_left < _LAST * whole:
        tone = number = Tone.LAGGING
    quiet = EMPTY
    if lease.holder is not None:
        is_quiet = seen is not None and whole is not None and seen > _QUIET * whole
        quiet = UNKNOWN if seen is None else age_cell(seen, Tone.LAGGING if is_quiet else Tone.DIM)
    tries = UNKNOWN if not lease.deliveries else line(str(lease.deliveries))
    limit = toned(f" of {most:,}", Tone.DIM) if most and lease.deliveries else EMPTY
    return (
        quiet,
        age_cell(lease.held_seconds),
        countdown(lease.seconds_left, whole, bar, tone),
        age_cell(lease.seconds_left, number if lease.holder else Tone.DIM),
        line(tries, limit),
    )


def _lease_values(lease: LeaseRow) -> dict[str, float]:
    values = {
        "SEEN": lease.seen_seconds, "HELD": lease.held_seconds,
        "TIME LEFT": lease.seconds_left, "TRY": lease.deliveries,
    }  # fmt: skip
    return {name: value for name, value in values.items() if value is not None}
