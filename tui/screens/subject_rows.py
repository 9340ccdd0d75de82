"""The rows of the overview: a topic, queue or share each, and what a look knows of it."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

from store import Subject
from store.model.stalls import Flow, FlowOf, SubjectKind, SubjectState
from store.model.text import counted
from tui.widgets.figures import age_cell, rate_cell, short_count, state_cell
from tui.widgets.flow_plots import trend_cell
from tui.widgets.live_table import TableColumn, TableRow
from tui.widgets.outlook import outlook
from tui.widgets.spans import EMPTY, Line, Tone, shortened, toned

NAME, TREND = 1, 4
"""Columns whose cells follow their width."""
SUBJECTS = (
    TableColumn("STATE", 9),
    TableColumn("NAME", 12),
    TableColumn("KIND", 5, drop=4),
    TableColumn("BACKLOG", 7, right=True),
    TableColumn("LAST 10 MIN", 12, grows=1, drop=1),
    TableColumn("OUTLOOK", 20),
    TableColumn("OLDEST", 7, right=True),
    TableColumn("IN/s", 6, right=True, drop=3),
    TableColumn("OUT/s", 6, right=True, drop=3),
    TableColumn("MADE OF", 22, drop=5),
)
_NO_FIGURES = (EMPTY,) * 6
LONGEST_NAME = 24
_KINDS: tuple[SubjectKind, ...] = ("topic", "queue", "share")
_CLASSES: tuple[SubjectState, ...] = ("stalled", "lagging", "dead letters", "ok", "idle")


def flow_of(subject: Subject) -> FlowOf:
    """Return the flow that a row shows: of a topic that of the reader whose lag is its backlog."""
    return FlowOf(subject.name, None, subject.reader if subject.kind == "topic" else None)


def subject_rank(subject: Subject) -> tuple[int, int, str]:
    """Return the place of a subject among others: by state, kind and name, and no number."""
    return _CLASSES.index(subject.state), _KINDS.index(subject.kind), subject.name


def subject_rows(
    subjects: Sequence[Subject], flows: Mapping[FlowOf, Flow], name: int, trend: int,
    in_view: Container[str] | None = None,
) -> list[TableRow]:  # fmt: skip
    """Return a row per topic, queue and share, with names and trends of so many cells.

    Rows that are not in view have no figures, only the words to find and to sort them by.
    """
    shares = {subject.topic: subject.name for subject in subjects}
    rows = []
    for subject in subjects:
        share = shares.get(subject.name)
        if in_view is None or subject.name in in_view:
            rows.append(subject_row(subject, flows.get(flow_of(subject)), name, trend, share))
        else:
            words = (subject.state, subject.name, subject.kind, made_of(subject, share))
            *head, last = (toned(word, Tone.TEXT) for word in words)
            cells: tuple[Line, ...] = (*head, *_NO_FIGURES, last)
            rows.append(TableRow(subject.name, cells, subject_rank(subject), _values(subject)))
    return rows


def subject_row(
    subject: Subject, flow: Flow | None, name: int, trend: int, share: str | None = None
) -> TableRow:
    """Return the row of a topic, queue or share, whose topic a share may read."""
    cells = _cells(subject, flow, name, trend, share)
    return TableRow(subject.name, cells, subject_rank(subject), _values(subject))


def _cells(
    subject: Subject, flow: Flow | None, name: int, trend: int, share: str | None
) -> tuple[Line, ...]:
    return (
        state_cell(subject.state, 9),
        toned(shortened(subject.name, name), Tone.DIM if subject.state == "idle" else Tone.STRONG),
        toned(subject.kind, Tone.DIM),
        backlog_cell(subject.backlog),
        trend_cell(flow, trend),
        outlook_cell(subject),
        oldest_cell(subject),
        rate_cell(subject.in_rate),
        EMPTY if subject.kind == "topic" and not subject.groups else rate_cell(subject.out_rate),
        toned(made_of(subject, share), Tone.DIM),
    )


def oldest_cell(subject: Subject) -> Line:
    """Return the age of the oldest waiting message, and a dash when it is unknown."""
    if subject.oldest_seconds is None and subject.ready:
        return toned("-", Tone.DIM)
    return age_cell(subject.oldest_seconds)


def backlog_cell(backlog: int | None) -> Line:
    """Return how much waits, dim when nothing does and a dash when it is unknown."""
    if backlog is None:
        return toned("-", Tone.DIM)
    return toned(short_count(backlog), Tone.TEXT if backlog else Tone.DIM)


def outlook_cell(subject: Subject) -> Line:
    """Return whether the backlog of a subject grows or drains; a topic without a group has none."""
    if subject.kind == "topic" and subject.groups == 0:
        return EMPTY
    return outlook(subject.backlog, subject.growth)


def made_of(subject: Subject, share: str | None = None) -> str:
    """Return what the backlog of a subject is made of, or the share that reads a topic."""
    if subject.kind == "topic":
        if subject.reader is None:
            by = f"share {share}" if share else "no group reads it"
            return by if subject.groups == 0 else ""
        groups = "" if subject.groups is None else counted(subject.groups, "group")
        return " · ".join(part for part in (subject.reader, groups) if part)
    if subject.state == "dead letters":
        return subject.note
    parts = [f"on {subject.topic}"] if subject.topic else []
    counts = (
        (subject.leased, "leased"),
        (subject.delayed, "delayed"),
        (subject.blocked, "blocked"),
    )
    parts += [f"{short_count(number)} {word}" for number, word in counts if number]
    return " · ".join(parts)


def _values(subject: Subject) -> dict[str, float]:
    values = {
        "BACKLOG": subject.backlog, "OLDEST": subject.oldest_seconds,
        "IN/s": subject.in_rate, "OUT/s": subject.out_rate,
        "OUTLOOK": float("-inf") if subject.growth is None else subject.growth,
    }  # fmt: skip
    return {name: value for name, value in values.items() if value is not None}
