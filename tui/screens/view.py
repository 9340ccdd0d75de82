"""What every view of the body has in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.containers import Vertical

from store import MqError, Overview
from tui.poller import Question
from tui.widgets.live_table import LiveTable, TableRow
from tui.widgets.painted import Band
from tui.widgets.spans import Line, Tone, line, plain, toned

if TYPE_CHECKING:
    from tui.app import Dashboard


class View(Vertical):
    """A view: what it asks the store, how it shows the answer, and what it does with keys.

    A key of the registry with the id `peek` calls the view's `press_peek`, if it has one.
    """

    KEYS: ClassVar[tuple[str, ...]] = ()
    """The ids of the keys that do something here, for the footer."""
    LABELS: ClassVar[Mapping[str, str]] = {}
    """What the footer calls a key here, where that is something else than elsewhere."""

    title = ""
    _detail: Any = None

    @property
    def dashboard(self) -> Dashboard:
        """The app that the view is part of."""
        return cast("Dashboard", self.app)

    def question(self) -> Question | None:
        """What to ask the store besides the overview: a function of the store, or nothing."""
        return None

    def show(self, overview: Overview, detail: Any) -> None:
        """Show what a look at the store found; `detail` is `None` before the first answer."""

    def receive(self, overview: Overview, detail: Any) -> None:
        """Take the answer to the question and show it; an error stands for one."""
        if isinstance(detail, MqError):
            self.show_error(detail)
            return
        self._detail = detail
        self.show(overview, detail)

    def show_known(self, overview: Overview) -> None:
        """Show once more what was answered last."""
        self.show(overview, self._detail)

    def show_error(self, error: MqError) -> None:
        """Say that the question can't be answered, such as for a queue that is gone."""
        self.dashboard.report(error)

    def key_ids(self) -> tuple[str, ...]:
        """The ids of the keys for the footer, as things stand."""
        return self.KEYS

    def destination(self) -> str:
        """Where a message that is published here would go, or nothing."""
        return ""

    def command(self) -> str | None:
        """The command line for what is selected."""
        return None

    def show_caption(self, name: str, more: str) -> None:
        """Say above the table whose rows it shows, and what else is to be known of it."""
        caption = line(" ", toned(name, Tone.TITLE), toned(more, Tone.DIM))
        self.query_one(".caption", Band).show_lines([caption])

    def refocus(self) -> None:
        """Let the keys go to the view's table."""
        tables = self.query(LiveTable)
        if tables:
            self.screen.set_focus(tables.first())

    def show_chosen(
        self, table: LiveTable, rows: Sequence[TableRow], is_well: set[str] | None = None
    ) -> None:
        """Show the rows that filter and `faults only` leave; `is_well` are keys without fault."""
        dashboard = self.dashboard
        found = [row for row in rows if matches(row.cells, dashboard.filter_text)]
        chosen = found
        if dashboard.faults_only and is_well is not None:
            chosen = [row for row in found if row.key not in is_well]
        empty = ""
        if found and not chosen:
            empty = "all is well; z shows everything"
        elif rows and not found:
            empty = f"no row for the filter {dashboard.filter_text}; esc drops it"
        table.show_rows(chosen, empty)


def matches(cells: Sequence[Line], wanted: str) -> bool:
    """Whether a row contains the text, in any letter case; `!text`: whether it does not."""
    inverted = wanted.startswith("!")
    text = wanted.removeprefix("!").casefold()
    if not text:
        return True
    found = any(text in plain(cell).casefold() for cell in cells)
    return found != inverted
