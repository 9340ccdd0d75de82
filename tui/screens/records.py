"""The records of a partition, or the messages of a queue, and what blocks them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from textual import on
from textual.app import ComposeResult

from store import Message, NotFound, Overview, Record, Stall
from store.engine.broker import Broker
from store.model.errors import Hint
from store.model.looks import Peek, Show
from tui.actions.deeds import excerpt, value_text
from tui.view import View
from tui.widgets.figures import moment_text
from tui.widgets.live_table import LiveTable, TableColumn, TableRow
from tui.widgets.painted import Band
from tui.widgets.spans import EMPTY, Line, Tone, line, toned

_MOST = 500
_BEFORE = 3
_COLUMNS = (
    TableColumn("", 1),
    TableColumn("ADDRESS", 16),
    TableColumn("TIME", 8, drop=1),
    TableColumn("STATE", 8),
    TableColumn("KEY", 12, grows=1),
    TableColumn("VALUE", 20, grows=4),
)


def record_rows(
    records: Sequence[Record], stall: Stall | None, committed: int | None, now: int
) -> list[TableRow]:
    """Return a row per record; a rail runs from the blocker down the records that wait."""
    rows = []
    for record in records:
        if stall is not None and record.offset == stall.offset:
            sign, state = toned("■", Tone.STALLED), toned("blocks", Tone.STALLED)
        elif stall is not None and record.offset > stall.offset:
            sign, state = toned("│", Tone.DIM), toned("blocked", Tone.DIM)
        elif committed is not None and record.offset < committed:
            sign, state = EMPTY, toned("read", Tone.DIM)
        else:
            sign, state = EMPTY, toned("unread" if committed is not None else "", Tone.TEXT)
        rows.append(TableRow(record.address, (sign, *_cells(record, state, now))))
    return rows


def message_rows(messages: Sequence[Message], stalls: Sequence[Stall], now: int) -> list[TableRow]:
    """Return a row per message; a rail joins those that wait for the first of their group."""
    blockers = {stall.blocker for stall in stalls}
    rows = []
    for message in messages:
        tone = _STATES.get(message.state, Tone.TEXT)
        sign = toned("│", Tone.DIM) if message.state == "blocked" else EMPTY
        if message.address in blockers:
            sign, tone = toned("■", Tone.STALLED), Tone.STALLED
        cells = _cells(message, toned(message.state, tone), now)
        rows.append(TableRow(message.address, (sign, *cells)))
    return rows


_STATES = {"leased": Tone.KEY, "delayed": Tone.IDLE, "blocked": Tone.DIM}


def _cells(stored: Record | Message, state: Line, now: int) -> tuple[Line, ...]:
    key = stored.key
    if isinstance(stored, Message) and stored.message_group is not None:
        key = stored.message_group.encode()
    value = value_text(stored)
    return (
        toned(stored.address, Tone.STRONG if stored.value is not None else Tone.DIM),
        toned(moment_text(stored.timestamp, now), Tone.DIM),
        state,
        line(excerpt(key)),
        toned(value, Tone.TEXT if stored.value is not None else Tone.DIM),
    )


class RecordsView(View):
    """The records of a partition, from a little before a group's position."""

    KEYS = ("peek", "publish", "copy")
    title = "records"

    def __init__(self, topic: str, partition: int, group: str = "") -> None:
        super().__init__()
        self._topic, self._partition, self._group = topic, partition, group

    @property
    def crumb(self) -> str:
        """The address of the partition."""
        return self._place

    @property
    def _place(self) -> str:
        return f"{self._topic}/{self._partition}"

    def compose(self) -> ComposeResult:
        """Yield a caption and a table."""
        yield Band(classes="caption")
        yield LiveTable(_COLUMNS, "no records here", id="records")

    def question(self) -> Callable[[Broker], tuple[int | None, list[Record]]]:
        """Return the records around the group's offset, or the newest."""
        return self._look

    def _look(self, store: Broker) -> tuple[int | None, list[Record]]:
        detail = store.topic_detail(self._topic, self._group or None)
        partitions = store.topic(self._topic).partitions
        if self._partition >= len(partitions):
            raise NotFound(
                f"{self._place} does not exist", hint=Hint("{}", Show("topic", self._topic))
            )
        committed = next(
            (lag.committed for lag in detail.lags
             if lag.partition == self._partition and lag.group == self._group), None,
        )  # fmt: skip
        status = partitions[self._partition]
        start = status.end - _MOST if committed is None else committed - _BEFORE
        begin = max(start, status.start)
        records = store.read(self._topic, self._partition, begin, _MOST, mark_damaged=True)
        return committed, records

    def show(self, overview: Overview, detail: Any) -> None:
        """Show the records."""
        if detail is None:
            return
        committed, records = detail
        stall = next(
            (stall for stall in overview.stalls
             if stall.place == self._place and stall.reader == self._group), None,
        )  # fmt: skip
        rows = record_rows(records, stall, committed, overview.taken)
        self.show_chosen(self.query_one("#records", LiveTable), rows)
        self.show_caption(self._place, f" as {self._group} reads it" if self._group else "")

    @on(LiveTable.Chosen)
    def press_peek(self) -> None:
        """Look at the selected record."""
        key = self.query_one("#records", LiveTable).key
        if key is not None:
            self.host.jump(key)

    def destination(self) -> str:
        """Return the topic."""
        return self._topic

    def step(self) -> Peek:
        """Return the step that shows the selected record."""
        key = self.query_one("#records", LiveTable).key
        return Peek(key or self._place)


class MessagesView(View):
    """The messages of a queue, oldest first."""

    KEYS = ("peek", "publish", "copy")
    title = "messages"

    def __init__(self, queue: str) -> None:
        super().__init__()
        self._queue = queue

    @property
    def crumb(self) -> str:
        """The name of the queue."""
        return self._queue

    def compose(self) -> ComposeResult:
        """Yield a caption and a table."""
        yield Band(classes="caption")
        yield LiveTable(_COLUMNS, "no messages", id="messages")

    def question(self) -> Callable[[Broker], list[Message]]:
        """Return the oldest messages."""
        return lambda store: store.messages(self._queue, limit=_MOST)

    def show(self, overview: Overview, detail: Any) -> None:
        """Show the messages."""
        if detail is None:
            return
        stalls = [stall for stall in overview.stalls if stall.source == self._queue]
        rows = message_rows(detail, stalls, overview.taken)
        self.show_chosen(self.query_one("#messages", LiveTable), rows)
        self.show_caption(self._queue, f"  the oldest {_MOST}" if len(detail) == _MOST else "")

    @on(LiveTable.Chosen)
    def press_peek(self) -> None:
        """Look at the selected message."""
        key = self.query_one("#messages", LiveTable).key
        if key is not None:
            self.host.jump(key)

    def destination(self) -> str:
        """Return the queue."""
        return self._queue

    def step(self) -> Peek:
        """Return the step that shows the selected message."""
        key = self.query_one("#messages", LiveTable).key
        return Peek(key or self._queue)
