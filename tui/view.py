"""What every view of the body has in common, and what it may ask of the dashboard."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, ClassVar, Protocol, TypeVar, cast

from textual.containers import Vertical
from textual.notifications import SeverityLevel
from textual.screen import ModalScreen

from store import MqError, Overview
from store.engine.broker import Broker
from tui.keys import Key
from tui.widgets.dialogs import Deed
from tui.widgets.live_table import LiveTable, TableRow
from tui.widgets.painted import Band
from tui.widgets.spans import Line, Tone, line, plain, toned

Question = Callable[[Broker], Any]
"""What a view asks the store besides the overview; it runs in the poller's thread."""
Answer = TypeVar("Answer")


class ViewHost(Protocol):
    """What a view may ask of the dashboard that shows it."""

    overview: Overview | None
    filter_text: str
    faults_only: bool

    def say(self, text: str, severity: SeverityLevel = "information") -> None:
        """Say something in a toast."""

    def report(self, error: MqError) -> None:
        """Say what went wrong, and the way out."""

    def jump(self, place: str) -> None:
        """Go to a screen, a name or an address."""

    def open_view(self, view: View, over: View) -> None:
        """Open a view over another one, unless the person has left that one by then."""

    async def press_back(self) -> None:
        """Give up what was asked for and has not come; else drop the filter; else go back."""

    def show_again(self) -> None:
        """Show what is known once more, after a change of the filter or of a form."""

    def ask_again(self) -> None:
        """Ask the store the view's question as it is now."""

    async def fetch(self, question: Callable[[Broker], Answer]) -> Answer:
        """Ask the store something in the poller's thread; raises what the question raises."""

    async def ask(self, dialog: ModalScreen[Answer]) -> Answer | None:
        """Show a dialog and wait for its answer; to be called by what `begin` runs."""

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin something that asks the person."""

    def propose(self, prepare: Callable[[Broker], Deed]) -> None:
        """Prepare a deed, show its preview and its command, and do it if the person agrees."""

    def may_write(self, key: str) -> bool:
        """Whether the key with this id may be used; if it may not, say why."""

    def copy_command(self) -> None:
        """Copy the command for what is selected."""


class View(Vertical):
    """A view: what it asks the store, how it shows the answer, and what it does with keys.

    A key of the registry with the id `peek` calls the view's `press_peek`, if it has one.
    """

    KEYS: ClassVar[tuple[str, ...]] = ()
    """The ids of the keys that do something here, for the footer."""
    LABELS: ClassVar[Mapping[str, str]] = {}
    """What the footer calls a key here, where that is something else than elsewhere."""

    title = ""
    opened_by: ClassVar[Key | None] = None
    """The key that opens it, of a view that is one of the screens."""
    _detail: Any = None

    @property
    def host(self) -> ViewHost:
        """The dashboard that shows the view."""
        return cast("ViewHost", self.app)

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
        self.host.report(error)

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
        host = self.host
        found = [row for row in rows if matches(row.cells, host.filter_text)]
        chosen = found
        if host.faults_only and is_well is not None:
            chosen = [row for row in found if row.key not in is_well]
        empty = ""
        if found and not chosen:
            empty = "all is well; z shows everything"
        elif rows and not found:
            empty = f"no row for the filter {host.filter_text}; esc drops it"
        table.show_rows(chosen, empty)


def matches(cells: Sequence[Line], wanted: str) -> bool:
    """Whether a row contains the text, in any letter case; `!text`: whether it does not."""
    inverted = wanted.startswith("!")
    text = wanted.removeprefix("!").casefold()
    if not text:
        return True
    found = any(text in plain(cell).casefold() for cell in cells)
    return found != inverted
