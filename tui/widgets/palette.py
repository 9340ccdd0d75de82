"""The palette: every key by what it does, and every topic, queue and share by its name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input

from store import Subject
from tui.keys import Key
from tui.widgets.dialogs import Dialog
from tui.widgets.live_table import LiveTable, TableColumn, TableRow
from tui.widgets.spans import Line, Tone, line, plain, toned

_COLUMNS = (
    TableColumn("", 6, right=True),
    TableColumn("", 34, grows=2),
    TableColumn("", 20, grows=3, drop=1),
)
_PLACE = "go to "


def offer_rows(
    keys: Iterable[Key], subjects: Iterable[Subject], *, read_only: bool
) -> list[TableRow]:
    """Return a row per usable key, keyed by its id, and per name, keyed by `go to NAME`."""
    usable = [key for key in keys if not (key.writes and read_only)]
    return [
        *(TableRow(key.id, _cells(key.cap, key.help, key.command)) for key in usable),
        *(TableRow(_PLACE + one.name, _cells("", _PLACE + one.name, one.kind)) for one in subjects),
    ]


def place_of(key: str) -> str | None:
    """Return the name that a row leads to; `None` for the row of a key."""
    return key.removeprefix(_PLACE) if key.startswith(_PLACE) else None


def _cells(cap: str, text: str, more: str) -> tuple[Line, ...]:
    return toned(cap, Tone.KEY), line(text), toned(more, Tone.DIM)


def matching(rows: Sequence[TableRow], typed: str) -> list[TableRow]:
    """Return the rows that contain every typed word, in any letter case."""
    words = typed.casefold().split()
    texts = [" ".join(map(plain, row.cells)).casefold() for row in rows]
    return [row for row, text in zip(rows, texts, strict=True) if all(w in text for w in words)]


class Palette(Dialog[str]):
    """An input and its matches below; answers the key of the chosen row."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Up", priority=True),
        Binding("down", "move(1)", "Down", priority=True),
    ]

    def __init__(self, rows: Sequence[TableRow]) -> None:
        super().__init__()
        self._rows = rows

    def compose(self) -> ComposeResult:
        """Yield the line, and the table."""
        with Vertical(classes="dialog", id="palette") as dialog:
            dialog.border_title = "↑↓ choose · enter do it · esc leave it"
            yield Input(id="wanted", placeholder="what to do, or where to go")
            yield LiveTable(_COLUMNS, "nothing by that name", id="offers")

    @property
    def _offers(self) -> LiveTable:
        return self.query_one("#offers", LiveTable)

    def fill(self) -> None:
        """Offer all rows."""
        self._offers.can_focus = False
        self._offers.show_rows(self._rows)

    @on(Input.Changed)
    def _narrow(self, event: Input.Changed) -> None:
        self._offers.show_rows(matching(self._rows, event.value))

    def action_move(self, by: int) -> None:
        """Move the choice."""
        self._offers.action_move(by)

    @on(Input.Submitted)
    @on(LiveTable.Chosen)
    def _choose(self) -> None:
        if self._offers.key is not None:
            self.dismiss(self._offers.key)
