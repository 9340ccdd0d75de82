"""A table that takes all its rows at each look, and repaints only the lines that changed.

It paints only the visible rows, so a thousand cost as much as twenty. Rows have keys: the cursor
and the marks stay with their row while others come, go and change places.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.reactive import var
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.widgets.order import FrozenOrder
from tui.widgets.painted import Painted
from tui.widgets.spans import EMPTY, Ground, Line, Tone, fit, line, narrowed, plain, toned, width_of

_GAP = "  "


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column: `width` cells, more if it `grows`; columns with the highest `drop` go first.

    A column whose `drop` is 0 always stays, and one with a `most` never grows beyond that. Names
    are shortened in the middle, other texts at their end.
    """

    name: str
    width: int
    right: bool = False
    grows: int = 0
    drop: int = 0
    most: int = 0
    is_name: bool = False


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row: its key, and a cell for each column.

    `rank` is what the table sorts by, its class first; without one rows stay as they come. `values`
    are the numbers, by column, that a person may sort by instead. `over` are the cells of the line
    above it, in a table whose rows are more than one line tall. `words` are found by a filter too.
    """

    key: str
    cells: tuple[Line, ...]
    rank: tuple[Any, ...] = ()
    values: Mapping[str, float] = field(default_factory=dict)
    over: tuple[Line, ...] = ()
    words: str = ""


def layout(columns: Sequence[TableColumn], width: int) -> list[tuple[int, int]]:
    """Choose the columns for `width` cells, as (index, cells); growing ones share the rest."""
    shown = list(range(len(columns)))

    def taken() -> int:
        return sum(columns[at].width for at in shown) + len(_GAP) * (len(shown) - 1)

    for at in sorted(shown, key=lambda at: -columns[at].drop):
        if taken() <= width or columns[at].drop == 0:
            break
        shown.remove(at)
    spare, shares = max(0, width - taken()), sum(columns[at].grows for at in shown)
    widths = []
    for at in shown:
        more = spare * columns[at].grows // shares if shares else 0
        if columns[at].most:
            more = min(more, columns[at].most - columns[at].width)
        spare, shares = spare - more, shares - columns[at].grows
        widths.append((at, columns[at].width + more))
    return widths


class LiveTable(ScrollView, Painted, can_focus=True):
    """A table of lines of spans with a cursor and marks, kept by the keys of its rows."""

    class Resized(Message):
        """Other rows are in view, or the widths of the columns have changed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Up", show=False),
        Binding("down", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home,g", "edge(0)", "First row", show=False),
        Binding("end,G", "edge(1)", "Last row", show=False),
        Binding("enter", "choose", "Open", show=False),
    ]

    cursor: var[int] = var(0)
    is_master = False
    """Whether the chosen row is marked even while the keys go elsewhere."""

    class Moved(Message):
        """The cursor has moved to another row."""

        def __init__(self, table: LiveTable, key: str | None) -> None:
            super().__init__()
            self.table = table
            self.key = key

        @property
        def control(self) -> LiveTable:
            """The table of the event."""
            return self.table

    class Chosen(Moved):
        """Enter was pressed on a row, or the row was clicked twice."""

    def __init__(
        self, columns: Sequence[TableColumn], empty: str = "nothing here", *,
        id: str | None = None, classes: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(id=id, classes=classes)
        self.columns = tuple(columns)
        self.marked: set[str] = set()
        self._empty = empty
        self._empty_now = ""
        self._rows: tuple[TableRow, ...] = ()
        self._is_known = False
        self._order = FrozenOrder()
        self._sorted_by: int | None = None
        self._note: Line = EMPTY
        self._of: int | None = None
        self._tall = 1

    @property
    def rows(self) -> tuple[TableRow, ...]:
        """The rows shown, in order."""
        return self._rows

    @property
    def key(self) -> str | None:
        """The key of the row under the cursor."""
        return self._rows[self.cursor].key if self.cursor < len(self._rows) else None

    def set_columns(self, columns: tuple[TableColumn, ...]) -> None:
        """Lay the rows out by other columns."""
        if columns != self.columns:
            self.columns = columns
            self.refresh()

    def set_tall(self, lines: int) -> None:
        """Give each row so many lines: its own is the last, and `over` is above it."""
        if lines != self._tall:
            self._tall = lines
            self._size_to_rows()
            self.refresh()

    def arranged(self, rows: Sequence[TableRow]) -> Sequence[TableRow]:
        """Return the rows in the table's order, which holds until a person sorts anew."""
        return self._order.arrange(rows)

    def show_rows(self, rows: Sequence[TableRow], empty: str = "", of: int | None = None) -> None:
        """Show these rows, out of `of`; the cursor and the marks stay with their keys.

        Without rows it shows `empty`, or its default text.
        """
        rows = self.arranged(rows)
        self._of = of
        self._say(len(rows), of)
        before, key = self._rows, self.key
        if not rows and empty != self._empty_now:
            self._empty_now = empty
            self.refresh()
        self._rows = tuple(rows)
        is_news = not self._is_known
        self._is_known = True
        self.marked &= {row.key for row in rows}
        self._size_to_rows()
        if key is None or not (self.cursor < len(rows) and rows[self.cursor].key == key):
            at = next((at for at, row in enumerate(rows) if row.key == key), None)
            self.cursor = min(self.cursor, max(0, len(rows) - 1)) if at is None else at
        if self.key != key:
            self.post_message(self.Moved(self, self.key))
        if is_news or len(before) != len(rows):
            self.refresh()
            return
        top = self.scroll_offset.y // self._tall
        for at in range(top, min(top + self.size.height, len(rows))):
            if before[at] != rows[at]:
                self._refresh_row(at)

    def _refresh_row(self, at: int) -> None:
        self.refresh_lines(at * self._tall + 1, self._tall)

    def _say(self, shown: int, of: int | None) -> None:
        counts = "" if of is None or of == shown else f" {shown:,} of {of:,} "
        stale = " s sort anew " if self._order.is_stale else ""
        note = line(toned(counts, Tone.STRONG), toned(stale, Tone.LAGGING))
        if note != self._note:
            self._note = note
            self.refresh_lines(0)

    def sort_anew(self, by: int = 0) -> str:
        """Sort the rows as they are now, by the next column if `by` is 1; return its name."""
        names = [at for at, column in enumerate(self.columns) if column.name]
        if by:
            choices = [None, *names]
            self._sorted_by = choices[(choices.index(self._sorted_by) + by) % len(choices)]
        at = self._sorted_by
        self._order.sort_anew(None if at is None else lambda row: self._rank(row, at))
        self.show_rows(self._rows, of=self._of)
        self.refresh()
        return "" if at is None else self.columns[at].name

    def _rank(self, row: TableRow, at: int) -> tuple[Any, ...]:
        """Return a row's rank in a column: the greatest number first, words by the alphabet."""
        name, is_number = self.columns[at].name, self.columns[at].right
        if is_number or name in row.values:
            number = row.values.get(name)
            return (0, number is None, -(number or 0.0), row.key)
        return (0, plain(row.cells[at]).casefold(), row.key)

    def move_to(self, key: str) -> None:
        """Put the cursor on the row with this key, if there is one."""
        for at, row in enumerate(self._rows):
            if row.key == key:
                self.cursor = at

    def toggle_mark(self) -> None:
        """Mark the row under the cursor, or take its mark away, and go on to the next."""
        if self.key is not None:
            self.marked ^= {self.key}
            self.refresh()
            self.action_move(1)

    def watch_cursor(self, before: int, after: int) -> None:
        """Repaint the two rows and keep the cursor in view."""
        self._refresh_row(before)
        self._refresh_row(after)
        visible = max(1, self.scrollable_content_region.height - 1)
        first, top = after * self._tall, self.scroll_offset.y
        if first < top:
            self.scroll_to(y=first, animate=False)
        elif first + self._tall > top + visible:
            self.scroll_to(y=first + self._tall - visible, animate=False)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Notify the view, which may draw only what is in view."""
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) != round(new_value):
            self.post_message(self.Resized())

    def action_move(self, by: int) -> None:
        """Move the cursor by so many rows."""
        at = max(0, min(self.cursor + by, len(self._rows) - 1))
        if at != self.cursor:
            # Before the cursor scrolls the table: a view must not lead it back to the row it knows.
            self.post_message(self.Moved(self, self._rows[at].key))
            self.cursor = at

    def action_page(self, by: int) -> None:
        """Move the cursor by so many pages."""
        self.action_move(by * max(1, (self.size.height - 2) // self._tall))

    def action_edge(self, last: int) -> None:
        """Move the cursor to the first row, or to the last."""
        self.action_move(len(self._rows) if last else -len(self._rows))

    def action_choose(self) -> None:
        """Open the row under the cursor."""
        if self.key is not None:
            self.post_message(self.Chosen(self, self.key))

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on a row; a second click opens it."""
        at = (event.y - 1 + self.scroll_offset.y) // self._tall
        if event.y == 0 or at >= len(self._rows):
            return
        self.action_move(at - self.cursor)
        if event.chain == 2:
            self.action_choose()

    def on_resize(self) -> None:
        """Lay the columns out anew, and notify the view that fits its cells to them."""
        self._size_to_rows()
        self.post_message(self.Resized())

    def render_line(self, y: int) -> Strip:
        """Return the header, which stays, or one of the visible rows."""
        width = self.scrollable_content_region.width
        if y == 0:
            return self.paint(self._header(width), width, self.rich_style)
        at, part = divmod(y - 1 + self.scroll_offset.y, self._tall)
        if self._is_known and not self._rows and y == 2:
            text = toned(f"  {self._empty_now or self._empty}", Tone.DIM)
            return self.paint(text, width, self.rich_style)
        if at >= len(self._rows):
            return self.paint(EMPTY, width, self.rich_style)
        is_chosen = at == self.cursor and self.has_focus
        content = self._line(self._rows[at], width, part, is_cursor=at == self.cursor)
        return self.paint(content, width, self.rich_style, Ground.ROW if is_chosen else None)

    def _header(self, width: int) -> Line:
        cells = tuple(
            toned(column.name, Tone.KEY if at == self._sorted_by else Tone.DIM)
            for at, column in enumerate(self.columns)
        )
        return line(fit(self._across(cells, width), width - width_of(self._note)), self._note)

    def _line(self, row: TableRow, width: int, part: int, *, is_cursor: bool) -> Line:
        mark = toned("✓", Tone.KEY) if row.key in self.marked else line(" ")
        edge = mark
        if is_cursor and self.has_focus:
            edge = toned("▌", Tone.KEY)
        elif is_cursor and self.is_master:
            edge = toned("│", Tone.DIM)
        if part < self._tall - 1:
            is_over = part == self._tall - 2 and row.over
            return line(edge, self._across(row.over, width)[1:] if is_over else EMPTY)
        return line(edge, self._across(row.cells, width)[1:], mark)

    def _across(self, cells: tuple[Line, ...], width: int) -> Line:
        parts: list[Line] = []
        for at, room in layout(self.columns, width - 2):
            cell = narrowed(cells[at], room) if self.columns[at].is_name else cells[at]
            parts.append(fit(cell, room, right=self.columns[at].right))
        return line(" ", *(line(_GAP if number else "", part) for number, part in enumerate(parts)))

    def width_for(self, name: str) -> int:
        """Return how many cells the column of this name has now; 0 when it is not shown."""
        places = (at for at, column in enumerate(self.columns) if column.name == name)
        return self.room_of(next(places, -1))

    def room_of(self, column: int) -> int:
        """Return how many cells a column has now; 0 when it is not shown."""
        return self.room_for(self.columns, column)

    def room_for(self, columns: Sequence[TableColumn], column: int) -> int:
        """Return how many cells a column would have among these columns."""
        return dict(layout(columns, self.scrollable_content_region.width - 2)).get(column, 0)

    @property
    def keys_in_view(self) -> list[str]:
        """The keys of the rows that are visible."""
        top = self.scroll_offset.y // self._tall
        return [row.key for row in self._rows[top : top + max(1, self.size.height // self._tall)]]

    def _size_to_rows(self) -> None:
        width = self.scrollable_content_region.width
        self.virtual_size = Size(width, len(self._rows) * self._tall + 1)

    def on_focus(self) -> None:
        """Show the cursor."""
        self.refresh()

    def on_blur(self) -> None:
        """Hide the cursor, which shows where keys go."""
        self.refresh()
