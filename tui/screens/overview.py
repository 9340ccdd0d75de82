"""Screen 1: everything that holds messages, worst first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal

from store import Overview, Subject
from store.model.looks import Show
from store.model.stalls import SubjectState
from tui.actions.deeds import prepare_purge
from tui.keys import Key
from tui.view import View
from tui.widgets.figures import (
    age_cell,
    count_cell,
    rate_cell,
    short_count,
    short_rate,
    state_cell,
    trend_cell,
)
from tui.widgets.live_table import LiveTable, TableColumn, TableRow
from tui.widgets.painted import Band
from tui.widgets.spans import EMPTY, Line, Tone, line, span, toned

_COLUMNS = (
    TableColumn("ST", 9),
    TableColumn("NAME", 12, grows=2),
    TableColumn("KIND", 5, drop=3),
    TableColumn("DEPTH", 7, right=True),
    TableColumn("READY", 7, right=True, drop=4),
    TableColumn("LEASED", 6, right=True, drop=5),
    TableColumn("LAG", 7, right=True),
    TableColumn("OLDEST", 7, right=True),
    TableColumn("IN/s", 6, right=True),
    TableColumn("OUT/s", 6, right=True),
    TableColumn("TREND", 12, drop=7),
    TableColumn("NOTE", 24, grows=5, drop=6),
)
WIDE = 150
"""From this width on the selected row's details stand beside the table."""
_TREND = next(column.width for column in _COLUMNS if column.name == "TREND")
_TREND_BESIDE = 36


def overview_rows(subjects: Sequence[Subject]) -> list[TableRow]:
    """Return a row per topic, queue and share."""
    return [
        TableRow(subject.name, _cells(subject), subject_rank(subject), _values(subject))
        for subject in subjects
    ]


def subject_rank(subject: Subject) -> tuple[int, str, str]:
    """Return the place of a subject among others: by state, kind and name, and no number."""
    return _CLASSES.index(subject.state), subject.kind, subject.name


_CLASSES: tuple[SubjectState, ...] = ("stalled", "lagging", "dead letters", "ok", "idle")


def _values(subject: Subject) -> dict[str, float]:
    values = {
        "DEPTH": subject.depth, "READY": subject.ready, "LEASED": subject.leased,
        "LAG": subject.lag, "OLDEST": subject.oldest_seconds,
        "IN/s": subject.in_rate, "OUT/s": subject.out_rate,
    }  # fmt: skip
    return {name: value for name, value in values.items() if value is not None}


def _cells(subject: Subject) -> tuple[Line, ...]:
    is_bad = subject.state in {"stalled", "lagging"}
    tone = _TONES.get(subject.state, Tone.TEXT)
    return (
        state_cell(subject.state, 9),
        toned(subject.name, Tone.DIM if subject.state == "idle" else Tone.STRONG),
        toned(subject.kind, Tone.DIM),
        count_cell(subject.depth),
        count_cell(subject.ready),
        count_cell(subject.leased),
        count_cell(subject.lag, tone if is_bad else Tone.TEXT),
        age_cell(subject.oldest_seconds, tone if is_bad else Tone.TEXT),
        rate_cell(subject.in_rate),
        rate_cell(subject.out_rate),
        trend_cell(subject.trend, _TREND),
        toned(subject.note, tone if subject.state == "stalled" else Tone.DIM),
    )


_TONES = {"stalled": Tone.STALLED, "lagging": Tone.LAGGING, "dead letters": Tone.DEAD}


def subject_line(subject: Subject) -> Line:
    """Return in one line the columns of the selected row that a narrow table leaves out."""
    counts = [
        (subject.ready, "ready"), (subject.leased, "leased"),
        (subject.delayed, "delayed"), (subject.blocked, "blocked"),
    ]  # fmt: skip
    parts = " · ".join(f"{short_count(number)} {word}" for number, word in counts if number)
    said = " · ".join(part for part in (parts, subject.note) if part)
    return line(" ", toned(subject.name, Tone.STRONG), toned(f" {subject.kind}  ", Tone.DIM), said)


def subject_panel(subject: Subject) -> list[Line]:
    """Return the selected row's details, for the panel beside a wide table."""
    facts = [
        ("depth", subject.depth), ("ready", subject.ready), ("leased", subject.leased),
        ("delayed", subject.delayed), ("blocked", subject.blocked), ("lag", subject.lag),
    ]  # fmt: skip
    lines = [
        line(" ", toned(subject.name, Tone.TITLE), toned(f"  {subject.kind}", Tone.DIM)),
        line(" ", state_cell(subject.state)),
        EMPTY,
    ]
    lines += [_fact(name, f"{number:,}") for name, number in facts if number is not None]
    if subject.oldest_seconds is not None:
        lines.append(line(_label("oldest"), age_cell(subject.oldest_seconds)))
    lines += [
        EMPTY,
        _fact("in", f"{short_rate(subject.in_rate)}/s"),
        _fact("out", f"{short_rate(subject.out_rate)}/s"),
        EMPTY,
        line(" ", trend_cell(subject.trend, _TREND_BESIDE)),
        toned(
            " came in, last 10 minutes" if subject.trend else " nothing came in for 10 minutes",
            Tone.DIM,
        ),
        EMPTY,
    ]
    return [
        *lines,
        *(toned(f" {note}", Tone.TEXT) for note in _wrapped(subject.note, _TREND_BESIDE)),
    ]


def _fact(name: str, value: str) -> Line:
    return line(_label(name), value)


def _label(name: str) -> Line:
    return line(span(f" {name:<9}", Tone.DIM))


def _wrapped(text: str, width: int) -> list[str]:
    from textwrap import wrap

    return wrap(text, width)


class OverviewView(View):
    """Everything that holds messages, worst first; enter opens it."""

    KEYS = ("publish", "sort", "purge", "faults", "copy")
    ENTER = "open"
    title = "overview"
    opened_by = Key(
        "overview",
        "1",
        "Everything that holds messages, worst first",
        command="mq status",
        label="Overview",
    )

    def compose(self) -> ComposeResult:
        """Yield the table, its line of details, and a panel that wide terminals have room for."""
        with Horizontal(id="overview"):
            yield LiveTable(
                _COLUMNS, "nothing here yet: mq topic create NAME, or mq queue create NAME",
                id="subjects",
            )  # fmt: skip
            yield Band(id="subject-panel")
        yield Band(id="subject-line")

    def on_mount(self) -> None:
        """Begin without a subject."""
        self._subjects: dict[str, Subject] = {}

    def show(self, overview: Overview, detail: Any) -> None:
        """Show the subjects, and the details of the selected one."""
        self._subjects = {subject.name: subject for subject in overview.subjects}
        well = {s.name for s in overview.subjects if s.state in {"ok", "idle"}}
        table = self.query_one("#subjects", LiveTable)
        self.show_chosen(table, overview_rows(overview.subjects), well)
        self._show_selected()

    def selected(self) -> Subject | None:
        """Return the subject under the cursor."""
        key = self.query_one("#subjects", LiveTable).key
        return None if key is None else self._subjects.get(key)

    @on(LiveTable.Moved)
    def _show_selected(self) -> None:
        subject = self.selected()
        is_wide = self.app.size.width >= WIDE
        panel, below = self.query_one("#subject-panel", Band), self.query_one("#subject-line", Band)
        panel.display = is_wide and subject is not None
        panel.show_lines(subject_panel(subject) if subject and is_wide else [])
        below.show_lines([subject_line(subject)] if subject and not is_wide else [])

    @on(LiveTable.Chosen)
    def _open(self) -> None:
        subject = self.selected()
        if subject is not None:
            self.host.jump(subject.name)

    def destination(self) -> str:
        """Return the destination of a message that is published here."""
        subject = self.selected()
        return "" if subject is None or subject.kind == "share" else subject.name

    def press_purge(self) -> None:
        """Remove every message of the selected queue."""
        subject = self.selected()
        if subject is not None and subject.kind == "queue":
            self.host.propose(prepare_purge(subject.name))
        else:
            self.host.say("only a queue is purged; topics are trimmed: mq topic trim")

    def step(self) -> Show | None:
        """Return the step that shows the selected row."""
        subject = self.selected()
        return None if subject is None else Show(subject.kind, subject.name)
