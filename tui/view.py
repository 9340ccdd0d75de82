"""Base of all views of the body, and the protocol of the dashboard that hosts them."""

from __future__ import annotations

from collections.abc import Callable, Container, Coroutine, Mapping, Sequence
from typing import Any, ClassVar, Protocol, TypeVar, cast

from textual.containers import Vertical
from textual.notifications import SeverityLevel
from textual.screen import ModalScreen

from store import MqError, Overview
from store.engine.broker import Broker
from store.model.actions import WayOut
from store.model.shell_texts import as_command
from tui.keys import Key
from tui.widgets.dialogs import ProposedAction
from tui.widgets.live_table import LiveTable, TableRow
from tui.widgets.painted import Band
from tui.widgets.spans import EMPTY, Line, Tone, line, plain, spread, toned

Question = Callable[[Broker], Any]
"""A view's question to the store besides the overview; it runs in the poller's thread."""
Answer = TypeVar("Answer")


class ViewHost(Protocol):
    """The dashboard as a view sees it."""

    overview: Overview | None
    filter_text: str
    faults_only: bool
    findings: int | None
    """The number of problems that the doctor finds, once it was asked."""

    @property
    def crumbs(self) -> tuple[str, ...]:
        """The names of the views below the present one, the screen first."""

    def say(self, text: str, severity: SeverityLevel = "information") -> None:
        """Show a text in a toast."""

    def report(self, error: MqError) -> None:
        """Show an error and its hint."""

    def jump(self, place: str) -> None:
        """Go to a screen, a name or an address."""

    def open_view(self, view: View, over: View) -> None:
        """Open a view over another one, unless the person has left that one by then."""

    async def press_back(self) -> None:
        """Give up a pending question; without one drop the filter; without a filter go back."""

    def show_again(self) -> None:
        """Show the last answer again, after a change of the filter or of a form."""

    def ask_again(self) -> None:
        """Ask the store the view's present question."""

    async def fetch(self, question: Callable[[Broker], Answer]) -> Answer:
        """Ask the store something in the poller's thread; raises what the question raises."""

    async def ask(self, dialog: ModalScreen[Answer]) -> Answer | None:
        """Show a dialog and wait for its answer; only the work of `begin` may call this."""

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin work that asks the person."""

    def propose(self, prepare: Callable[[Broker], ProposedAction]) -> None:
        """Prepare an action, show its preview and its command, and do it if the person agrees."""

    def may_write(self, key: str) -> bool:
        """Return whether the key with this id may be used; say why if it may not."""

    def copy_command(self) -> None:
        """Copy the command for the selection."""


class View(Vertical):
    """A view: its question to the store, its display of the answer, and its keys.

    A key of the registry with the id `peek` calls the view's `press_peek`, if it has one.
    """

    KEYS: ClassVar[tuple[str, ...]] = ()
    """The ids of the keys that work here, for the footer."""
    LABELS: ClassVar[Mapping[str, str]] = {}
    """The footer's names for keys, where they differ from the usual ones."""

    ENTER: ClassVar[str] = ""
    """The footer's name for enter, where it opens something."""
    TAB: ClassVar[str] = ""
    """The footer's name for tab, where the view has two tables."""

    title = ""
    opened_by: ClassVar[Key | None] = None
    """The key that opens the view, if it is one of the screens."""
    _detail: Any = None
    _told: str | None = None

    @property
    def host(self) -> ViewHost:
        """The dashboard that shows the view."""
        return cast("ViewHost", self.app)

    def question(self) -> Question | None:
        """Return the question for the store besides the overview, or `None`."""
        return None

    def show(self, overview: Overview, detail: Any) -> None:
        """Show the result of a look at the store; `detail` is `None` before the first answer."""

    def receive(self, overview: Overview, detail: Any) -> None:
        """Take the answer to the question and show it; the answer may be an error."""
        if isinstance(detail, MqError):
            # An engine refuses the same question at each look.
            if detail.message != self._told:
                self._told = detail.message
                self.show_error(detail)
            return
        self._told = None
        self._detail = detail
        self.show(overview, detail)

    def show_known(self, overview: Overview) -> None:
        """Show the last answer again."""
        self.show(overview, self._detail)

    def show_error(self, error: MqError) -> None:
        """Say that the question can't be answered, such as for a queue that is gone."""
        self.host.report(error)

    def key_ids(self) -> tuple[str, ...]:
        """Return the ids of the keys for the footer, in the present state."""
        return self.KEYS

    @property
    def crumb(self) -> str:
        """The name of the view in the path of one that lies over it."""
        return self.title.capitalize()

    def destination(self) -> str:
        """Return the destination of a message published here, or nothing."""
        return ""

    def step(self) -> WayOut | None:
        """Return the step whose command shows, or mends, the selection."""
        return None

    def command(self) -> str | None:
        """Return the command line for the selection."""
        step = self.step()
        return None if step is None else as_command(step)

    def show_caption(self, name: str, more: str, right: Line = EMPTY) -> None:
        """Show above the table the way to its subject, its name, and more about it."""
        path = "".join(f"{crumb} › " for crumb in self.host.crumbs)
        left = line(" ", toned(path, Tone.DIM), toned(name, Tone.TITLE), toned(more, Tone.DIM))
        caption = spread(left, line(right, " "), self.app.size.width) if right else left
        self.query_one(".caption", Band).show_lines([caption])

    @property
    def table(self) -> LiveTable | None:
        """The table that keys go to: the focused one, or the first."""
        tables = list(self.query(LiveTable))
        focused = next((table for table in tables if table.has_focus), None)
        return focused or (tables[0] if tables else None)

    def press_sort(self) -> None:
        """Sort the table anew."""
        self._sort(0)

    def press_sort_next(self) -> None:
        """Sort by the next column."""
        self._sort(1)

    def press_sort_previous(self) -> None:
        """Sort by the column before."""
        self._sort(-1)

    def _sort(self, by: int) -> None:
        table = self.table
        if table is None:
            self.host.say("there is nothing to sort here")
            return
        name = table.sort_anew(by)
        self.host.say(f"sorted anew by {name}" if name else "sorted anew")

    def refocus(self) -> None:
        """Give the focus to the view's table."""
        tables = self.query(LiveTable)
        if tables:
            self.screen.set_focus(tables.first())

    def show_chosen(
        self, table: LiveTable, rows: Sequence[TableRow], is_well: set[str] | None = None
    ) -> None:
        """Show the rows that pass the filter and `faults only`; `is_well` are sound keys."""
        host = self.host
        rows = table.arranged(rows)
        found: Sequence[TableRow] = rows
        if wanted := host.filter_text:
            found = [row for row in rows if matches((*row.cells, line(row.words)), wanted)]
        chosen = found
        if host.faults_only and is_well is not None:
            chosen = [row for row in found if row.key not in is_well]
        empty = ""
        if found and not chosen:
            empty = "all is well; z shows everything"
        elif rows and not found:
            empty = f"no row for the filter {host.filter_text}; esc drops it"
        table.show_rows(chosen, empty, len(rows))

    def show_in_view(
        self, table: LiveTable, draw: Callable[[Container[str]], Sequence[TableRow]],
        show: Callable[[Sequence[TableRow]], None],
    ) -> None:  # fmt: skip
        """Show rows of which only those that are in view, by their keys, are drawn in full."""
        in_view = frozenset(table.keys_in_view)
        # Others may be in view once they are shown, by a filter for example.
        for _ in range(2):
            show(draw(in_view))
            if in_view >= (shown := frozenset(table.keys_in_view)):
                break
            in_view = shown


def matches(cells: Sequence[Line], wanted: str) -> bool:
    """Return whether a row contains the text, in any letter case; `!text` negates."""
    inverted = wanted.startswith("!")
    text = wanted.removeprefix("!").casefold()
    if not text:
        return True
    found = any(text in plain(cell).casefold() for cell in cells)
    return found != inverted
