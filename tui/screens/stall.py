"""The stall card: the blocker, the messages behind it, the cause, and the ways out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Literal

from textual import on
from textual.app import ComposeResult

from store import Overview, Stall
from store.engine.operations import Operations
from store.model.stalls import Flow, FlowOf, Remedy, RemedyKind, StallDetail
from tui.actions.remedies import KEY_IDS, prepare, remedy_for
from tui.keys import BY_ID
from tui.screens.stall_card import (
    delivery_lines,
    facts_beside,
    over_line,
    title_line,
    window_line,
)
from tui.view import Question, View
from tui.widgets.bands import is_same_stall
from tui.widgets.flow_plots import (
    EXTRA_LINES,
    NO_FLOW,
    backlog_plot,
    flow_plot,
    side_by_side,
    stall_sample,
)
from tui.widgets.live_table import LiveTable, TableColumn, TableRow
from tui.widgets.outlook import growth, rates_of
from tui.widgets.painted import Band
from tui.widgets.plots import LEAST_ROWS, LEAST_WIDTH
from tui.widgets.spans import EMPTY, Ground, Line, Tone, fit, grounded, line, shortened, toned

_COLUMNS = (
    TableColumn("", 1),
    TableColumn("DO", 30, grows=2, most=62),
    TableColumn("COMMAND", 50, grows=1, drop=1),
)
_AIRY = 22
_LEAST_FACTS = 3
_MOST_FACTS = 8


@dataclass(frozen=True, slots=True)
class StallSight:
    """The answer of a look: the blocker's deliveries, and its place's last ten minutes."""

    detail: StallDetail
    flow: Flow


def card_lines(
    stall: Stall, sight: StallSight, now: int, size: tuple[int, int], *, is_over: bool = False
) -> list[Line]:
    """Return the card above its ways out, in `size` cells and lines; plots take what is left."""
    width, height = size
    is_airy = height >= _AIRY
    air = [EMPTY] if is_airy else []
    title = over_line(stall) if is_over else title_line(stall, width)
    lines = [
        grounded(fit(title, width), Ground.CAPTION), *air, window_line(stall, width), *air,
        *delivery_lines(stall, sight.detail, now, width), *air,
    ]  # fmt: skip
    room = max(_LEAST_FACTS, height - len(lines))
    lines += facts_beside(stall, sight.detail, now, width, min(room, _MOST_FACTS))
    # In and out are as tall, so that the rows of both plots end on one line.
    rows = (height - len(lines) - 2 * len(air) - EXTRA_LINES) // 2 * 2
    if rows >= LEAST_ROWS and width >= 2 * LEAST_WIDTH:
        lines += [*air, *_plots(stall, sight.flow, width, rows)]
    return lines


def _plots(stall: Stall, flow: Flow, width: int, rows: int) -> list[Line]:
    half = width // 2
    noun = "messages" if stall.partition is None else "records"
    since = stall_sample([stall], stall.place)
    slope = growth(flow)
    reader = "out" if stall.kind == "fifo" else stall.reader
    name, about = "WAITING BEHIND IT", noun
    if stall.kind == "fifo":
        name, about = "BACKLOG", f"messages in {stall.source}"
    waits = backlog_plot(flow, about, flow.backlog[-1], slope, half, rows, since=since, name=name)
    moved = flow_plot(
        flow, rates_of(flow), ("in", shortened(reader, 16)), width - half, rows,
        about=f"{noun} per second, {stall.place}",
    )  # fmt: skip
    return side_by_side(waits, moved, half)


def remedy_rows(stall: Stall) -> list[TableRow]:
    """Return a row per way out: its key, its effect, and the command."""
    return [TableRow(remedy.command, _remedy_cells(remedy)) for remedy in stall.remedies]


def _remedy_cells(remedy: Remedy) -> tuple[Line, ...]:
    id = KEY_IDS.get(remedy.kind)
    cap = toned(BY_ID[id].cap if id else "y", Tone.KEY if id else Tone.DIM)
    return cap, line(remedy.effect), toned(remedy.command, Tone.DIM)


class StallView(View):
    """A stall with its ways out; each asks before it changes anything."""

    KEYS = ("peek", "copy")
    LABELS: ClassVar = {"purge": "delete"}
    title = "stall"

    def __init__(self, stall: Stall) -> None:
        super().__init__()
        self.stall = stall
        self._is_over = False

    def compose(self) -> ComposeResult:
        """Yield the card, and the ways out below it."""
        yield Band(id="card")
        yield LiveTable(_COLUMNS, "no way out is known", id="remedies")
        yield Band(id="remedy-command", classes="caption")

    @property
    def crumb(self) -> str:
        """The place that is stuck."""
        return f"stall of {self.stall.place}"

    def key_ids(self) -> tuple[str, ...]:
        """Return the keys of the present ways out."""
        ways = () if self._is_over else self.stall.remedies
        ids = (KEY_IDS[remedy.kind] for remedy in ways if remedy.kind in KEY_IDS)
        return (*ids, *self.KEYS)

    def follow(self, stall: Stall) -> None:
        """Show another stall."""
        self.stall, self._is_over, self._detail = stall, False, None
        self.host.ask_again()

    def question(self) -> Question:
        """Return the question for the blocker's deliveries, and for the last ten minutes."""
        return partial(_look, stall=self.stall)

    def on_resize(self) -> None:
        """Lay the card out for the lines there are."""
        self.host.show_again()

    def show(self, overview: Overview, detail: Any) -> None:
        """Follow the stall, until it is over."""
        for stall in overview.stalls:
            if is_same_stall(stall, self.stall):
                self.stall, self._is_over = stall, False
                break
        else:
            # Nothing is known of stalls that were left out.
            self._is_over = overview.stall_count == len(overview.stalls)
        rows = [] if self._is_over else remedy_rows(self.stall)
        table = self.query_one("#remedies", LiveTable)
        table.show_rows(rows)
        table.styles.height = len(rows) + 1 if rows else 3
        height = self.size.height - len(rows) - 2
        sight = detail if isinstance(detail, StallSight) else StallSight(_NO_DETAIL, NO_FLOW)
        lines = card_lines(
            self.stall, sight, overview.taken, (self.app.size.width, height), is_over=self._is_over
        )
        air = [EMPTY] * max(0, height - len(lines)) if height >= _AIRY else []
        self.query_one("#card", Band).show_lines([*lines, *air])
        self._show_command()

    @on(LiveTable.Moved)
    def _show_command(self) -> None:
        command = self.command()
        shown = line(toned(" $ ", Tone.DIM), toned(command, Tone.STRONG)) if command else EMPTY
        self.query_one("#remedy-command", Band).show_lines([shown])

    @on(LiveTable.Chosen)
    def _choose(self, event: LiveTable.Chosen) -> None:
        ways = (remedy for remedy in self.stall.remedies if remedy.command == event.key)
        remedy = next(ways, None)
        if remedy is None:
            # The stall has other ways out now.
            return
        if remedy.kind not in KEY_IDS:
            self.host.copy_command()
        elif self.host.may_write(KEY_IDS[remedy.kind]):
            self.host.propose(prepare(self.stall, remedy))

    def _propose(self, kind: RemedyKind) -> None:
        remedy = remedy_for(self.stall, kind)
        if self._is_over:
            self.host.say("this stall is over")
        elif remedy is not None:
            self.host.propose(prepare(self.stall, remedy))
        elif kind == "dead-letter" and remedy_for(self.stall, "policy"):
            self.host.say(f"{self.stall.reader} has no dead-letter queue: o sets one")
        else:
            self.host.say("that is no way out of this stall")

    def press_dead_letter(self) -> None:
        """Move the blocker to the DLQ, and go on."""
        self._propose("dead-letter")

    def press_release(self) -> None:
        """Take the blocker from its holder."""
        self._propose("release")

    def press_skip(self) -> None:
        """Skip the blocker."""
        self._propose("skip")

    def press_policy(self) -> None:
        """Set a policy that keeps the stall from coming again."""
        self._propose("policy")

    def press_create(self) -> None:
        """Create the queue for dead letters."""
        self._propose("create")

    def press_reset(self) -> None:
        """Reset the group to the newest records."""
        self._propose("reset")

    def press_purge(self) -> None:
        """Delete the group."""
        self._propose("delete")

    def press_peek(self) -> None:
        """Look at the blocker."""
        self.host.jump(self.stall.blocker)

    def command(self) -> str | None:
        """Return the command of the selected way out."""
        return self.query_one("#remedies", LiveTable).key


_NO_DETAIL = StallDetail((), 0, None, None)


def _look(store: Operations, *, stall: Stall) -> StallSight:
    place = FlowOf(stall.source)
    if stall.partition is not None:
        kind: Literal["group", "share"] = "share" if stall.kind == "share" else "group"
        place = FlowOf(stall.source, stall.partition, stall.reader, kind)
    return StallSight(store.stall_detail(stall), store.flows([place]).get(place, NO_FLOW))
