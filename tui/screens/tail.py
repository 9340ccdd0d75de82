"""A live tail: the records of a topic or messages of a queue as they come, newest last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from textual import on
from textual.app import ComposeResult

from store import Message, Overview, Record
from store.model.looks import Consume, Peek
from tui.actions.deeds import excerpt, value_text
from tui.tails import MOST, QueueTail, TopicTail
from tui.view import Question, View
from tui.widgets.figures import moment_text
from tui.widgets.live_table import LiveTable, TableColumn, TableRow
from tui.widgets.painted import Band
from tui.widgets.spans import Line, Tone, line, shortened, toned

ADDRESS = 1
_COLUMNS = (
    TableColumn("TIME", 8),
    TableColumn("ADDRESS", 16, grows=1, most=26),
    TableColumn("KEY", 12, grows=1, most=24),
    TableColumn("VALUE", 20, grows=6),
)


def tail_rows(
    stored: Sequence[Record] | Sequence[Message], now: int, address: int
) -> list[TableRow]:
    """Return a row per record or message."""
    return [TableRow(one.address, _cells(one, now, address)) for one in stored]


def _cells(stored: Record | Message, now: int, address: int) -> tuple[Line, ...]:
    key = stored.key
    if isinstance(stored, Message) and stored.message_group is not None:
        key = stored.message_group.encode()
    return (
        toned(moment_text(stored.timestamp, now)[-8:], Tone.DIM),
        toned(shortened(stored.address, address), Tone.STRONG),
        line(excerpt(key)),
        line(value_text(stored)),
    )


class TailView(View):
    """Shows records as they come in; moving up stops following, and the end follows again."""

    KEYS = ("peek", "publish", "pause", "copy")
    ENTER = "open"
    title = "tail"

    def __init__(self, name: str, *, is_topic: bool) -> None:
        super().__init__()
        self._followed, self._is_topic = name, is_topic
        self._tail = TopicTail(name) if is_topic else QueueTail(name)

    @property
    def crumb(self) -> str:
        """The name, and that it is followed."""
        return f"{self._followed} live"

    def compose(self) -> ComposeResult:
        """Yield a caption and a table."""
        yield Band(classes="caption")
        yield LiveTable(_COLUMNS, "nothing has come in yet", id="tail")

    def question(self) -> Question:
        """Return the tail, which remembers how far it has read."""
        return self._tail

    def show(self, overview: Overview, detail: Any) -> None:
        """Show what came, and stay at the end if the cursor is there."""
        if detail is None:
            return
        table = self.query_one("#tail", LiveTable)
        follows = not table.rows or table.key == table.rows[-1].key
        self.show_chosen(table, tail_rows(detail, overview.taken, table.room_of(ADDRESS)))
        if follows and table.rows:
            table.cursor = len(table.rows) - 1
        self._show_caption(is_following=follows)

    def _show_caption(self, *, is_following: bool) -> None:
        kind = "records" if self._is_topic else "messages, those that have left it too"
        right = (
            toned("● follows", Tone.OK)
            if is_following
            else line(toned("G", Tone.KEY), toned(" follows again", Tone.DIM))
        )
        self.show_caption(self._followed, f"  live: the newest {MOST} {kind}", right)

    @on(LiveTable.Moved)
    def _stop_or_follow(self) -> None:
        table = self.query_one("#tail", LiveTable)
        is_last = bool(table.rows) and table.key == table.rows[-1].key
        self._show_caption(is_following=is_last or not table.rows)

    @on(LiveTable.Chosen)
    def press_peek(self) -> None:
        """Look at the selected one."""
        key = self.query_one("#tail", LiveTable).key
        if key is not None:
            self.host.jump(key)

    def destination(self) -> str:
        """Return the topic or queue."""
        return self._followed

    def step(self) -> Consume | Peek:
        """Return the step that shows the same."""
        return Consume(self._followed) if self._is_topic else Peek(self._followed)
