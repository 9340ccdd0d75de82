"""Base of the screens with a table of names above and the details of one name below."""

from __future__ import annotations

from collections.abc import Sequence

from textual import on

from store import MqError, Subject
from tui.view import View
from tui.widgets.live_table import LiveTable, TableRow


class MasterDetailView(View):
    """Two tables: `.masters` selects the subject, `.detail-rows` shows its details."""

    def __init__(self, selected: str | None = None) -> None:
        super().__init__()
        self._selected = selected

    def on_mount(self) -> None:
        """Mark the selected subject, even while the keys go to its details."""
        self.masters.is_master = True

    @property
    def selected(self) -> str | None:
        """The name whose details are shown."""
        return self._selected

    @property
    def masters(self) -> LiveTable:
        """The upper table."""
        return self.query_one(".masters", LiveTable)

    @property
    def details(self) -> LiveTable:
        """The lower table."""
        return self.query_one(".detail-rows", LiveTable)

    @property
    def is_below(self) -> bool:
        """Whether the keys go to the lower table, and with them the filter."""
        return self.details.has_focus

    def show_masters(self, subjects: Sequence[Subject], rows: Sequence[TableRow]) -> None:
        """Show the subjects, and follow the selected one."""
        well = {subject.name for subject in subjects if subject.state in {"ok", "idle"}}
        table = self.masters
        if self.is_below:
            table.show_rows(rows)
        else:
            self.show_chosen(table, rows, well)
        if self._selected is not None and table.key != self._selected:
            table.move_to(self._selected)
        if table.key is not None:
            # If the filter hides the selected row, select the first visible one instead.
            self._select(table.key)

    def show_details(self, rows: Sequence[TableRow], is_well: set[str] | None = None) -> None:
        """Show the details of the selected subject, filtered while the keys go to them."""
        if self.is_below:
            self.show_chosen(self.details, rows, is_well)
        else:
            self.details.show_rows(rows)

    def _select(self, name: str | None) -> None:
        if name != self._selected:
            self._selected = name
            self.host.ask_again()

    def show_error(self, error: MqError) -> None:
        """Show the remaining subjects when the selected one is gone."""
        self._detail = None
        self._select(None)

    @on(LiveTable.Moved, ".masters")
    def _follow_cursor(self, event: LiveTable.Moved) -> None:
        # Changing rows move the cursor too, but only a person's move is a choice.
        if event.key is not None and event.key == event.table.key and event.table.has_focus:
            self._select(event.key)

    def destination(self) -> str:
        """Return the selected subject, the destination of a message published here."""
        return self._selected or ""
