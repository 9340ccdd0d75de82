"""Screen 4: dead letters, counted by source, reason and error; and the letters of one group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult

from store import Message, Overview
from store.engine.broker import Broker
from store.model.looks import RedriveLetters
from store.model.stalls import Flow, FlowOf, LetterRow
from store.model.text import counted
from tui.actions.dead_letter_choices import Alike, dead_letters_alike, redrive_step
from tui.actions.dead_letter_deeds import ask_redrive
from tui.actions.deeds import prepare_purge
from tui.keys import Key
from tui.screens.dead_letter_editor import ask_edit
from tui.screens.dead_letter_group import (
    LETTERS,
    DeadLetterGroupView,
    ago,
    error_cell,
    letter_rows,
)
from tui.screens.subject_details import SubjectSight
from tui.view import Question, View
from tui.widgets.figures import short_count
from tui.widgets.flow_plots import EXTRA_LINES
from tui.widgets.live_table import LiveTable, TableColumn, TableRow
from tui.widgets.painted import Band
from tui.widgets.plots import LEAST_ROWS, LEAST_WIDTH
from tui.widgets.spans import EMPTY, Ground, Line, Tone, grounded, line, spread, toned

_MOST = 500
_MOST_SHOWN = 30
_AIRY = 24
_TALLEST = 12
_GROUPS = (
    TableColumn("COUNT", 7, right=True),
    TableColumn("SOURCE", 14, grows=1, is_name=True),
    TableColumn("REASON", 14),
    TableColumn("ERROR", 22, grows=4),
    TableColumn("DLQ", 12, grows=1, drop=3, is_name=True),
    TableColumn("FIRST", 8, right=True, drop=4),
    TableColumn("LAST", 8, right=True),
    TableColumn("SAMPLE", 16, grows=1, drop=2, is_name=True),
)


def group_rows(groups: Sequence[LetterRow], now: int) -> list[TableRow]:
    """Return a row per source, reason and error, the most letters first."""
    return [
        TableRow(
            str(Alike.of(group)), _group_cells(group, now), (0, -group.count, str(Alike.of(group))),
            {"COUNT": group.count, "FIRST": now - group.first, "LAST": now - group.last},
        )
        for group in groups
    ]  # fmt: skip


def _group_cells(group: LetterRow, now: int) -> tuple[Line, ...]:
    return (
        toned(short_count(group.count), Tone.DEAD),
        toned(group.source, Tone.STRONG),
        line(group.reason),
        error_cell(group.error),
        toned(group.queue, Tone.DIM),
        ago(group.first, now),
        ago(group.last, now),
        line(group.sample),
    )


@dataclass(frozen=True, slots=True)
class DeadLettersSight:
    """The answer of a look: the groups, and of the selected one its oldest letters and its queue's
    last ten minutes.
    """

    groups: Sequence[LetterRow]
    letters: Sequence[Message]
    flows: Mapping[FlowOf, Flow]


class DeadLettersView(View):
    """Dead letters in groups; enter opens the letters of one."""

    KEYS = ("release", "mark", "undo", "purge", "copy")
    LABELS: ClassVar = {"release": "redrive"}
    ENTER = "letters"
    title = "letters"
    opened_by = Key(
        "letters",
        "4",
        "Dead letters by source, reason and error",
        command="mq dlq list",
        label="Dead letters",
    )

    def __init__(self) -> None:
        super().__init__()
        self._groups: dict[str, LetterRow] = {}
        self._asked: Alike | None = None
        self._oldest = _OldestDeadLetters()

    @property
    def crumb(self) -> str:
        """The name of the screen's tab."""
        return "Dead letters"

    def compose(self) -> ComposeResult:
        """Yield the groups, the letters of the selected one, and the plots of its queue."""
        yield Band(id="groups-caption", classes="caption")
        yield LiveTable(_GROUPS, "● no dead letters", id="letter-groups", classes="masters")
        yield Band(id="letters-of")
        letters = LiveTable(LETTERS, "these dead letters are gone", id="group-letters")
        letters.can_focus = False
        yield letters
        yield Band(id="letter-plots")

    def question(self) -> Question:
        """Return the question for the groups, and for the selected one."""
        self._asked = self._alike()
        return partial(_look, alike=self._asked, oldest=self._oldest)

    def _alike(self) -> Alike | None:
        group = self._selected()
        return None if group is None else Alike.of(group)

    def show(self, overview: Overview, detail: Any) -> None:
        """Show the groups, most letters first, and the letters of the selected one."""
        if detail is None:
            return
        self._groups = {str(Alike.of(group)): group for group in detail.groups}
        table = self.query_one("#letter-groups", LiveTable)
        self.show_chosen(table, group_rows(detail.groups, overview.taken))
        self._show_caption()
        self._show_selected(overview, detail)
        if self._alike() != self._asked:
            self.host.ask_again()

    def _show_selected(self, overview: Overview, sight: DeadLettersSight) -> None:
        """Show the letters of the selected group, and the plots of its queue if they fit."""
        group, (width, height) = self._selected(), self.size
        masters, letters = (
            self.query_one(f"#{id}", LiveTable) for id in ("letter-groups", "group-letters")
        )
        masters.styles.height = top = max(3, min(len(masters.rows) + 1, height // 3))
        is_airy = height >= _AIRY
        room = height - 1 - top - 1 - is_airy
        letters.show_rows(letter_rows(sight.letters, overview.taken) if group else [])
        wanted = max(2, len(letters.rows) + 1)
        rows = min(_TALLEST, (room - min(wanted, room // 2) - EXTRA_LINES - is_airy) // 2 * 2)
        subject = next(
            (one for one in overview.subjects if group and one.name == group.queue), None
        )
        plots: list[Line] = []
        if subject is not None and rows >= LEAST_ROWS and width >= 2 * LEAST_WIDTH:
            of = SubjectSight(subject, None, sight.flows, overview.stalls)
            plots = [EMPTY, *of.plots(width, rows)] if is_airy else of.plots(width, rows)
        letters.display = group is not None
        letters.styles.height = max(2, room - len(plots))
        caption: list[Line] = []
        if group is not None:
            caption = [*([EMPTY] if is_airy else []), _caption_of(group, sight, width)]
        self.query_one("#letters-of", Band).show_lines(caption)
        self.query_one("#letter-plots", Band).show_lines(plots)

    @on(LiveTable.Moved, "#letter-groups")
    def _follow(self) -> None:
        self.host.ask_again()

    def _show_caption(self) -> None:
        letters = sum(group.count for group in self._groups.values())
        queues = len({group.queue for group in self._groups.values()})
        said = f"  {counted(letters, 'letter')} in {counted(queues, 'queue')}"
        caption = line(toned(" dead letters", Tone.TITLE), toned(said, Tone.DIM))
        marked = self.query_one("#letter-groups", LiveTable).marked
        chosen = sum(self._groups[key].count for key in marked if key in self._groups)
        if marked:
            caption = line(caption, toned(f" · {counted(chosen, 'letter')} marked", Tone.KEY))
        self.query_one("#groups-caption", Band).show_lines([caption])

    def _selected(self) -> LetterRow | None:
        key = self.query_one("#letter-groups", LiveTable).key
        return None if key is None else self._groups.get(key)

    def chosen(self) -> list[Alike]:
        """Return the marked groups, or the one under the cursor."""
        table = self.query_one("#letter-groups", LiveTable)
        marked = [row.key for row in table.rows if row.key in table.marked]
        keys = marked or ([] if table.key is None else [table.key])
        return [Alike.of(self._groups[key]) for key in keys if key in self._groups]

    @on(LiveTable.Chosen)
    def _open(self) -> None:
        group = self._selected()
        if group is not None:
            self.host.open_view(DeadLetterGroupView(Alike.of(group)), over=self)

    def press_mark(self) -> None:
        """Mark the group, or unmark it."""
        self.query_one("#letter-groups", LiveTable).toggle_mark()
        self._show_caption()

    def press_release(self) -> None:
        """Send the letters of the marked groups back, or of the one under the cursor."""
        chosen = self.chosen()
        if not chosen:
            self.host.say("there are no dead letters")
        elif len({alike.queue for alike in chosen}) > 1:
            self.host.say("the marked groups lie in several queues: mark those of one")
        else:
            self.host.begin(ask_redrive(self.host, chosen))

    def press_purge(self) -> None:
        """Remove every message of the DLQ of the group under the cursor."""
        group = self._selected()
        if group is not None:
            self.host.propose(prepare_purge(group.queue))

    async def press_peek(self) -> None:
        """Look at the sample of the group."""
        group = self._selected()
        if group is not None:
            self.host.jump(group.sample)

    def press_edit(self) -> None:
        """Edit the sample of the group."""
        group = self._selected()
        if group is not None:
            self.host.begin(ask_edit(self.host, group.sample))

    def step(self) -> RedriveLetters | None:
        """Return the step that sends the chosen groups back."""
        chosen = self.chosen()
        return redrive_step(chosen, self._groups.values()) if chosen else None


class _OldestDeadLetters:
    """The oldest letters of a group, read again only when the group has changed.

    A kind that is rare among many letters takes a walk through all of them.
    """

    def __init__(self) -> None:
        self._of: LetterRow | None = None
        self._letters: list[Message] = []

    def of(self, store: Broker, group: LetterRow) -> list[Message]:
        """Return the letters of a group; called in the poll thread."""
        if group != self._of:
            self._letters = dead_letters_alike(store, [Alike.of(group)], _MOST_SHOWN)
            self._of = group
        return self._letters


def _look(store: Broker, *, alike: Alike | None, oldest: _OldestDeadLetters) -> DeadLettersSight:
    groups = store.letter_rows(limit=_MOST)
    group = next((one for one in groups if Alike.of(one) == alike), None)
    if group is None:
        return DeadLettersSight(groups, [], {})
    return DeadLettersSight(groups, oldest.of(store, group), store.flows([FlowOf(group.queue)]))


def _caption_of(group: LetterRow, sight: DeadLettersSight, width: int) -> Line:
    shown = len(sight.letters)
    many = counted(group.count, "letter")
    right = f"{shown:,} of {many}, the oldest first" if shown < group.count else many
    left = line(
        toned(f" {group.queue}", Tone.TITLE),
        toned(f"  from {group.source} · {group.reason} · ", Tone.DIM), error_cell(group.error),
    )  # fmt: skip
    return grounded(spread(left, toned(f"  {right} ", Tone.DIM), width), Ground.CAPTION)
