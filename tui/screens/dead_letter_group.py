"""The letters of one kind: read, sent back, mended or dropped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult

from store import Message, Overview
from store.engine.broker import Broker
from store.model.looks import RedriveLetters
from store.model.text import counted
from tui.actions.dead_letter_choices import Alike, by_ids, dead_letters_alike
from tui.actions.dead_letter_deeds import ask_redrive, prepare_drop
from tui.actions.deeds import excerpt, value_text
from tui.screens.dead_letter_editor import ask_edit
from tui.screens.message import Reading, body_lines, usual_form
from tui.view import View
from tui.widgets.figures import age_cell, count_cell
from tui.widgets.live_table import LiveTable, TableColumn, TableRow
from tui.widgets.painted import Band
from tui.widgets.spans import EMPTY, Line, Tone, line, toned
from tui.widgets.values import wrapped

_MOST = 500
_LEAST_VALUE = 4
LETTERS = (
    TableColumn("ADDRESS", 16, is_name=True),
    TableColumn("DIED", 8, right=True),
    TableColumn("FROM", 14, grows=1, is_name=True),
    TableColumn("DELIVERIES", 10, right=True, drop=2),
    TableColumn("KEY", 10, grows=1, drop=3),
    TableColumn("ERROR", 18, grows=3, drop=1),
    TableColumn("VALUE", 18, grows=3),
)


def letter_rows(letters: Sequence[Message], now: int) -> list[TableRow]:
    """Return a row per dead letter."""
    return [TableRow(letter.address, _letter_cells(letter, now)) for letter in letters]


def _letter_cells(letter: Message, now: int) -> tuple[Line, ...]:
    dead = letter.dead
    assert dead is not None
    is_held = letter.state == "leased"
    return (
        line(toned(letter.address, Tone.STRONG), toned(" leased" if is_held else "", Tone.KEY)),
        ago(dead.at, now),
        line(dead.source),
        count_cell(dead.deliveries),
        line(excerpt(letter.key)),
        error_cell(dead.error),
        line(value_text(letter)),
    )


def error_cell(error: str | None) -> Line:
    """Return the text of an error; for letters without a report it is unknown."""
    return toned("unknown", Tone.DIM) if error is None else line(error)


def ago(milliseconds: int, now: int) -> Line:
    """Return how long ago that was."""
    return age_cell((now - milliseconds) / 1000, Tone.DIM)


class DeadLetterGroupView(View):
    """The letters of one group, oldest first; enter opens one."""

    KEYS = ("release", "edit", "mark", "undo", "purge", "copy")
    LABELS: ClassVar = {"release": "redrive", "purge": "drop"}
    ENTER = "letter"
    title = "letter group"

    def __init__(self, alike: Alike) -> None:
        super().__init__()
        self._alike = alike

    @property
    def crumb(self) -> str:
        """The place that the letters came from."""
        return f"from {self._alike.source}"

    def compose(self) -> ComposeResult:
        """Yield the common properties of the letters, and a table."""
        yield Band(id="letters-caption", classes="caption")
        yield LiveTable(LETTERS, "these dead letters are gone", id="dead-letters")
        yield Band(id="letter-value")

    def question(self) -> Callable[[Broker], list[Message]]:
        """Return the letters of the group."""
        return lambda store: dead_letters_alike(store, [self._alike], _MOST)

    def show(self, overview: Overview, detail: Any) -> None:
        """Show the letters."""
        if detail is None:
            return
        table = self.query_one("#dead-letters", LiveTable)
        self.show_chosen(table, letter_rows(detail, overview.taken))
        self._show_caption()
        self._show_value()

    @on(LiveTable.Moved)
    def _show_value(self) -> None:
        """Show the error and the value of the letter under the cursor, where there is room."""
        table, height = self.query_one("#dead-letters", LiveTable), self.size.height
        letters: Sequence[Message] = self._detail or ()
        letter = next((one for one in letters if one.address == table.key), None)
        table.styles.height = top = max(3, min(len(table.rows) + 1, height * 2 // 3))
        room = height - 2 - top
        lines: list[Line] = []
        if letter is not None and letter.dead is not None and room >= _LEAST_VALUE:
            width = self.app.size.width
            reading = Reading(usual_form(letter.value))
            error = [
                toned(f" {part}", Tone.BAD) for part in wrapped(letter.dead.error or "", width - 2)
            ]
            lines = [EMPTY, *error, *body_lines(letter.value, reading, width, with_keys=False)]
        self.query_one("#letter-value", Band).show_lines(lines[:room])

    def _show_caption(self) -> None:
        alike, table = self._alike, self.query_one("#dead-letters", LiveTable)
        is_cut = len(table.rows) == _MOST
        shown = f"the oldest {_MOST}" if is_cut else counted(len(table.rows), "letter")
        caption = line(
            toned(f" {alike.queue}", Tone.TITLE),
            toned(f"  {shown} from {alike.source} · {alike.reason} · ", Tone.DIM),
            error_cell(alike.error),
            toned(f" · {len(table.marked)} marked" if table.marked else "", Tone.KEY),
        )
        self.query_one("#letters-caption", Band).show_lines([caption])

    def _chosen(self) -> list[str]:
        """Return the addresses of the marked letters, or of the one under the cursor."""
        table = self.query_one("#dead-letters", LiveTable)
        marked = [row.key for row in table.rows if row.key in table.marked]
        return marked or ([table.key] if table.key is not None else [])

    @on(LiveTable.Chosen)
    def press_peek(self) -> None:
        """Look at the letter under the cursor."""
        key = self.query_one("#dead-letters", LiveTable).key
        if key is not None:
            self.host.jump(key)

    def press_mark(self) -> None:
        """Mark the letter, or unmark it."""
        self.query_one("#dead-letters", LiveTable).toggle_mark()
        self._show_caption()

    def press_release(self) -> None:
        """Send the marked letters back, or the one under the cursor."""
        if chosen := self._chosen():
            self.host.begin(ask_redrive(self.host, [self._alike], chosen))

    def press_purge(self) -> None:
        """Remove the marked letters for good, or the one under the cursor."""
        if chosen := self._chosen():
            self.host.propose(prepare_drop(self._alike, chosen))

    def press_edit(self) -> None:
        """Edit the letter under the cursor."""
        key = self.query_one("#dead-letters", LiveTable).key
        if key is not None:
            self.host.begin(ask_edit(self.host, key))

    def step(self) -> RedriveLetters | None:
        """Return the step that sends the chosen letters back."""
        wanted = set(self._chosen())
        ids = [letter.id for letter in self._detail or () if letter.address in wanted]
        return by_ids(self._alike.queue, ids)
