"""Screen 6: the doctor's findings, why they matter, and the commands that help."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import Any

from textual import on
from textual.app import ComposeResult

from store import Diagnosis, Overview, Severity
from store.engine.operations import Operations
from store.model.actions import WayOut
from store.model.looks import Doctor
from tui.cached_query import CachedQuery
from tui.keys import Key
from tui.view import Question, View
from tui.widgets.live_table import LiveTable, TableColumn, TableRow
from tui.widgets.painted import Band
from tui.widgets.spans import EMPTY, Line, Tone, joined, line, toned

_EVERY_SECONDS = 5.0
_FINDINGS = (
    TableColumn("SEVERITY", 10),
    TableColumn("WHERE", 14, grows=1, is_name=True),
    TableColumn("WHAT", 36, grows=4),
    TableColumn("DO", 30, grows=3, drop=1),
)
_COMMANDS = (TableColumn("DO", 60, grows=1),)
SEVERITIES: dict[Severity, tuple[str, Tone]] = {
    Severity.CRITICAL: ("■", Tone.STALLED),
    Severity.WARNING: ("▲", Tone.LAGGING),
    Severity.ADVICE: ("◇", Tone.KEY),
    Severity.OK: ("●", Tone.OK),
}
"""Glyph and tone of a severity; its word is shown beside them."""


def severity_cell(severity: Severity) -> Line:
    """Return a severity as glyph, word and colour."""
    glyph, tone = SEVERITIES[severity]
    return toned(f"{glyph} {severity}", tone)


def finding_rows(findings: Sequence[Diagnosis]) -> list[TableRow]:
    """Return a row per finding, worst first."""
    return [TableRow(_key(finding), _cells(finding)) for finding in findings]


def _key(finding: Diagnosis) -> str:
    return f"{finding.code} {finding.address}"


def _cells(finding: Diagnosis) -> tuple[Line, ...]:
    more = f"  +{len(finding.do) - 1}" if len(finding.do) > 1 else ""
    do = line(finding.do[0], toned(more, Tone.DIM)) if finding.do else EMPTY
    is_well = finding.severity is Severity.OK
    return (
        severity_cell(finding.severity),
        toned(finding.address, Tone.DIM if is_well else Tone.STRONG),
        toned(finding.evidence, Tone.DIM if is_well else Tone.TEXT),
        do,
    )


def finding_lines(finding: Diagnosis, width: int) -> list[Line]:
    """Return the whole finding: its text, its numbers, and why it matters."""
    head = line(
        " ", severity_cell(finding.severity), "  ", toned(finding.address, Tone.STRONG),
        toned(f"  {finding.code}", Tone.DIM),
    )  # fmt: skip
    return [
        head,
        EMPTY,
        *_paragraph("WHAT", finding.evidence, width),
        *_paragraph("WHY", finding.why, width),
        EMPTY,
    ]


def _paragraph(name: str, text: str, width: int) -> list[Line]:
    lines = wrap(line(text)[0].text if text else "", max(20, width - 9))
    return [
        line(toned(f" {name if at == 0 else '':<6} ", Tone.DIM), one)
        for at, one in enumerate(lines)
    ]


def summary_line(findings: Sequence[Diagnosis]) -> Line:
    """Return the number of findings of each severity."""
    counts = [(severity, sum(f.severity is severity for f in findings)) for severity in Severity]
    told = [
        toned(f"{SEVERITIES[severity][0]} {number} {severity}", SEVERITIES[severity][1])
        for severity, number in counts
        if number
    ]
    return line(toned(" mq doctor  ", Tone.TITLE), joined(told, "  "))


class AdviceView(View):
    """The findings, worst first; enter shows one with all its commands."""

    KEYS = ("faults", "copy")
    title = "advice"
    opened_by = Key(
        "advice",
        "6",
        "The findings of mq doctor",
        command="mq doctor",
        label="Advice",
    )

    def __init__(self) -> None:
        super().__init__()
        self._findings: dict[str, Diagnosis] = {}
        self._question: Question = CachedQuery(_findings, _EVERY_SECONDS)

    def compose(self) -> ComposeResult:
        """Yield a caption, the table, and why the selected finding matters."""
        yield Band(id="advice-caption", classes="caption")
        yield LiveTable(_FINDINGS, "the doctor looks…", id="findings")
        yield Band(id="finding", classes="details")

    def question(self) -> Question:
        """Return the question for the doctor's findings, asked at most every few seconds."""
        return self._question

    def show(self, overview: Overview, detail: Any) -> None:
        """Show the findings."""
        if detail is None:
            return
        self._findings = {_key(finding): finding for finding in detail}
        well = {key for key, one in self._findings.items() if one.severity is Severity.OK}
        table = self.query_one("#findings", LiveTable)
        self.show_chosen(table, finding_rows(detail), well)
        self.host.findings = len(detail) - len(well)
        self.query_one("#advice-caption", Band).show_lines([summary_line(detail)])
        self._show_selected()

    def _selected(self) -> Diagnosis | None:
        key = self.query_one("#findings", LiveTable).key
        return None if key is None else self._findings.get(key)

    @on(LiveTable.Moved)
    def _show_selected(self) -> None:
        finding = self._selected()
        lines: list[Line] = []
        if finding is not None:
            width, room = self.app.size.width, max(3, self.size.height // 3)
            lines = [
                *_paragraph("WHAT", finding.evidence, width),
                *_paragraph("WHY", finding.why, width),
            ]
            lines += [
                line(toned(f" {'' if at else 'DO':<6} ", Tone.DIM), toned(command, Tone.STRONG))
                for at, command in enumerate(finding.do)
            ]
            lines = lines[:room]
        self.query_one("#finding", Band).show_lines(lines)

    @on(LiveTable.Chosen)
    def _open(self) -> None:
        finding = self._selected()
        if finding is not None:
            self.host.open_view(FindingView(finding), over=self)

    def step(self) -> WayOut | None:
        """Return the step that mends the selected finding, or otherwise shows it."""
        finding = self._selected()
        if finding is None:
            return None
        return finding.fixes[0] if finding.fixes else Doctor(explain=True)


def _findings(store: Operations) -> list[Diagnosis]:
    return store.doctor()


class FindingView(View):
    """One finding with every command that helps; enter or y copies one."""

    KEYS = ("copy",)
    title = "finding"

    def __init__(self, finding: Diagnosis) -> None:
        super().__init__()
        self._finding = finding

    def compose(self) -> ComposeResult:
        """Yield the finding, and its commands."""
        yield Band(id="finding-page")
        yield LiveTable(_COMMANDS, "there is nothing to do", id="finding-commands")

    def show(self, overview: Overview, detail: Any) -> None:
        """Show it."""
        lines = finding_lines(self._finding, self.app.size.width)
        self.query_one("#finding-page", Band).show_lines([EMPTY, *lines])
        rows = [TableRow(command, (line(command),)) for command in self._finding.do]
        self.query_one("#finding-commands", LiveTable).show_rows(rows)

    @on(LiveTable.Chosen)
    def _copy(self) -> None:
        self.host.copy_command()

    def command(self) -> str | None:
        """Return the selected command."""
        return self.query_one("#finding-commands", LiveTable).key
