"""Screen 5: exchanges and bindings, the way of a routing key, and the drift from files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Input

from store import Binding, Exchange, NotFound, Overview, RouteExplanation, Subject
from store.engine.broker import Broker
from store.engine.exchanges import Exchanges
from store.model.looks import ExplainRoute, PlanTopology, Show
from store.model.shell_texts import header_text
from store.model.stalls import Flow, FlowOf
from store.model.text import counted
from tui.cached_query import CachedQuery
from tui.keys import Key
from tui.screens.branches import Branch, RouteQuery, Ways, branches, parse_route_query
from tui.screens.drift import Drift, drift_of, step_texts
from tui.screens.subject_details import SubjectSight
from tui.view import View
from tui.widgets.figures import count_cell, state_cell
from tui.widgets.flow_plots import EXTRA_LINES
from tui.widgets.live_table import LiveTable, TableColumn, TableRow
from tui.widgets.painted import Band
from tui.widgets.plots import LEAST_ROWS, LEAST_WIDTH
from tui.widgets.spans import EMPTY, Line, Tone, line, toned, width_of

_MOST = 500
_DRIFT_SECONDS = 5.0
_TALLEST = 14
_TREE = (
    TableColumn("", 1),
    TableColumn("EXCHANGE · BINDING → DESTINATION", 38, grows=3, is_name=True),
    TableColumn("KIND", 8, drop=2),
    TableColumn("DEPTH", 7, right=True),
    TableColumn("ST", 9, drop=1),
    TableColumn("", 18, grows=3),
)
_DRIFT = (TableColumn("", 1), TableColumn("TOPOLOGY FILES", 60, grows=1))


@dataclass(frozen=True, slots=True)
class Wiring:
    """The contents of the screen: exchanges, bindings, the way of the message, and drift."""

    exchanges: Sequence[Exchange]
    bindings: Sequence[Binding]
    asked: RouteQuery | None
    found: RouteExplanation | None
    drift: Sequence[Drift]
    flows: Mapping[FlowOf, Flow]


def tree_rows(
    tree: Sequence[Branch], subjects: Mapping[str, Subject], ways: Ways | None
) -> list[TableRow]:
    """Return a row per exchange and binding; with `ways`, lines not taken are dim."""
    return [TableRow(branch.key, _tree_cells(branch, subjects, ways)) for branch in tree]


def _tree_cells(
    branch: Branch, subjects: Mapping[str, Subject], ways: Ways | None
) -> tuple[Line, ...]:
    subject = None
    if branch.binding is not None and branch.binding.kind != "exchange":
        subject = subjects.get(branch.binding.name)
    is_taken = ways is not None and ways.takes(branch)
    sign, tone = EMPTY, Tone.STRONG
    if ways is not None:
        sign, tone = (toned("●", Tone.OK), Tone.OK) if is_taken else (EMPTY, Tone.DIM)
    why = "" if ways is None else ways.why_not(branch)
    return (
        sign,
        line(toned(branch.rail, Tone.DIM), _named(branch, tone)),
        toned(branch.binding.kind if branch.binding else "exchange", Tone.DIM),
        EMPTY if subject is None else count_cell(subject.depth),
        EMPTY if subject is None else state_cell(subject.state, 9),
        toned(why, Tone.LAGGING) if why else toned(_note(branch), Tone.DIM),
    )


def _named(branch: Branch, tone: Tone) -> Line:
    binding = branch.binding
    if binding is None:
        return toned(branch.exchange.name if branch.exchange else "", tone)
    return line(
        toned(binding_text(binding), Tone.KEY if tone is Tone.STRONG else tone),
        toned(" → ", Tone.DIM),
        toned(binding.name, tone),
    )


def binding_text(binding: Binding) -> str:
    """Return the key or the headers that a binding requires."""
    if binding.alternate:
        return "(else)"
    told = [binding.key] if binding.key else []
    if binding.headers:
        headers = (header_text(name, value) for name, value in binding.headers.items())
        told.append(f"{binding.match}: {' '.join(headers)}")
    return " ".join(told) or "(any)"


def _note(branch: Branch) -> str:
    if branch.seen:
        return "↑ above"
    if branch.exchange is None:
        return ""
    return f"{branch.exchange.type} exchange"


def drift_rows(drift: Sequence[Drift]) -> list[TableRow]:
    """Return a line per applied file and per step, and one for the files that are not applied."""
    rows: list[TableRow] = []
    for one in drift:
        if not one.is_applied:
            continue
        if one.error is not None:
            rows.append(_drift_row(one.file, "■", Tone.STALLED, f"{one.file}: {one.error}"))
        elif not one.steps:
            rows.append(_drift_row(one.file, "●", Tone.OK, f"in step with {one.file}"))
        else:
            steps = counted(len(one.steps), "step")
            rows.append(_drift_row(one.file, "▲", Tone.LAGGING, f"{steps} from {one.file}"))
            rows += [
                TableRow(f"{one.file} {at}", (EMPTY, line(toned(f"{sign} ", Tone.KEY), text)))
                for at, (sign, text) in enumerate(step_texts(one.steps))
            ]
    if others := [one.file for one in drift if not one.is_applied]:
        rows.append(_drift_row(others[0], "○", Tone.IDLE, f"not applied: {', '.join(others)}"))
    return rows


def _drift_row(key: str, sign: str, tone: Tone, text: str) -> TableRow:
    is_quiet = tone is Tone.IDLE
    return TableRow(key, (toned(sign, tone), toned(text, tone if is_quiet else Tone.TEXT)))


class TopologyView(View):
    """The tree of exchanges, with a key to try on it, and the drift from files below."""

    KEYS = ("route", "publish", "faults", "copy")
    title = "topology"
    opened_by = Key(
        "topology",
        "5",
        "Exchanges, bindings and destinations",
        command="mq binding list",
        label="Topology",
    )

    def __init__(self, exchange: str = "") -> None:
        super().__init__()
        self._wanted = exchange
        self._asked: RouteQuery | None = None
        self._drift = CachedQuery(drift_of(Path.cwd()), _DRIFT_SECONDS)
        self._tree: dict[str, Branch] = {}
        self._looked = ""

    def compose(self) -> ComposeResult:
        """Yield a caption, the question, the tree, and the drift."""
        yield Band(id="topology-caption", classes="caption")
        with Horizontal(id="route-row", classes="ask-row"):
            yield Band(id="route-label")
            yield Input(id="route", placeholder="order.eu.created   header=text")
        yield LiveTable(
            _TREE,
            "no exchanges yet: mq exchange create events -t topic, and mq bind events QUEUE",
            id="tree",
        )
        yield Band(id="branch-caption")
        yield Band(id="branch-plots")
        yield LiveTable(
            _DRIFT,
            "none beside the store or here: mq export > topology.yaml writes one",
            id="drift",
        )

    def question(self) -> Callable[[Broker], Wiring]:
        """Return the question for exchanges and bindings, the way of the message, and the drift."""
        asked, place = self._asked, self._destination()
        self._looked = place

        def look(store: Broker) -> Wiring:
            found = None
            if asked is not None:
                found = _explained(store, asked)
            flows = store.flows([FlowOf(place)]) if place else {}
            return Wiring(
                store.exchanges(), store.bindings(), asked, found, self._drift(store), flows
            )

        return look

    def show(self, overview: Overview, detail: Any) -> None:
        """Show the tree with the way lit up, and the drift."""
        if detail is None:
            return
        lines = branches(detail.exchanges, detail.bindings)
        tree = lines[:_MOST]
        self._tree = {branch.key: branch for branch in tree}
        subjects = {subject.name: subject for subject in overview.subjects}
        ways = None
        if detail.asked is not None and detail.found is not None:
            ways = Ways(detail.asked, detail.found)
        rows = tree_rows(tree, subjects, ways)
        self.show_chosen(self.query_one("#tree", LiveTable), rows, _well(tree, subjects))
        self._begin_at_wanted()
        drift = self.query_one("#drift", LiveTable)
        drift.show_rows(drift_rows(detail.drift))
        below = min(max(2, len(drift.rows)), max(3, self.size.height // 3)) + 1
        drift.styles.height = below
        self._show_destination(overview, detail.flows, below)
        caption = _caption(detail, ways)
        if len(lines) > _MOST:
            left = f" · the first {_MOST} lines, {len(lines) - _MOST:,} left out"
            caption = line(caption, toned(left, Tone.LAGGING))
        self.query_one("#topology-caption", Band).show_lines([caption])

    def _show_destination(
        self, overview: Overview, flows: Mapping[FlowOf, Flow], below: int
    ) -> None:
        """Show the plots of the place that the selected branch leads to, where there is room."""
        tree, (width, height) = self.query_one("#tree", LiveTable), self.size
        name = self._destination()
        subject = next((one for one in overview.subjects if one.name == name), None)
        wanted = max(3, len(tree.rows) + 1)
        asking = 1 if self.query_one("#route-row").display else 0
        rows = min(_TALLEST, (height - 3 - asking - wanted - below - EXTRA_LINES) // 2 * 2)
        caption: list[Line] = []
        plots: list[Line] = []
        if subject is not None and rows >= LEAST_ROWS and width >= 2 * LEAST_WIDTH:
            sight = SubjectSight(subject, None, flows, overview.stalls)
            caption, plots = [EMPTY, sight.caption(width)], [*sight.plots(width, rows), EMPTY]
        self.query_one("#branch-caption", Band).show_lines(caption)
        self.query_one("#branch-plots", Band).show_lines(plots)
        if name != self._looked:
            self.host.ask_again()

    def _destination(self) -> str:
        """Return the queue or topic that the selected branch leads to, or nothing."""
        branch = self._selected() if self.is_mounted else None
        binding = None if branch is None else branch.binding
        return "" if binding is None or binding.kind == "exchange" else binding.name

    @on(LiveTable.Moved, "#tree")
    def _follow_branch(self) -> None:
        self.host.show_again()

    def on_resize(self) -> None:
        """Lay the parts out for the lines there are."""
        self.host.show_again()

    def _begin_at_wanted(self) -> None:
        for branch in self._tree.values() if self._wanted else ():
            if branch.exchange is not None and branch.exchange.name == self._wanted:
                self.query_one("#tree", LiveTable).move_to(branch.key)
                break
        self._wanted = ""

    def _selected(self) -> Branch | None:
        key = self.query_one("#tree", LiveTable).key
        return None if key is None else self._tree.get(key)

    @on(LiveTable.Chosen, "#tree")
    def _open(self) -> None:
        branch = self._selected()
        if branch is not None and branch.binding is not None and branch.exchange is None:
            self.host.jump(branch.binding.name)
        elif branch is not None and branch.exchange is not None:
            self._ask(branch.exchange.name)

    @on(LiveTable.Chosen, "#drift")
    def _copy_plan(self) -> None:
        self.host.copy_command()

    def press_route(self) -> None:
        """Ask for a routing key, and show where it leads from the selected exchange."""
        branch = self._selected()
        if branch is None:
            self.host.say("there is no exchange yet: mq exchange create events -t topic")
        else:
            self._ask(branch.starts_at)

    def _ask(self, exchange: str) -> None:
        label = line(toned(f" {exchange}", Tone.STRONG), toned(" key ", Tone.DIM))
        band, entry = self.query_one("#route-label", Band), self.query_one("#route", Input)
        band.styles.width = width_of(label)
        band.show_lines([label])
        self.query_one("#route-row").display = True
        self._asked = parse_route_query(exchange, entry.value)
        self.host.ask_again()
        self.screen.set_focus(entry)

    @on(Input.Changed, "#route")
    def _follow(self, event: Input.Changed) -> None:
        if self._asked is not None:
            self._asked = parse_route_query(self._asked.exchange, event.value)
            self.host.ask_again()

    @on(Input.Submitted, "#route")
    def _keep(self) -> None:
        self.query_one("#route-row").display = False
        self.refocus()

    async def press_back(self) -> None:
        """Forget the routing key, or go back."""
        if self._asked is None:
            await self.host.press_back()
            return
        self._asked = None
        self.query_one("#route-row").display = False
        self.query_one("#route", Input).value = ""
        self.refocus()
        self.host.ask_again()

    def destination(self) -> str:
        """Return the selected exchange."""
        branch = self._selected()
        return "" if branch is None else f"exchange:{branch.starts_at}"

    def step(self) -> PlanTopology | ExplainRoute | Show | None:
        """Return the step that shows the same."""
        drift = self.query_one("#drift", LiveTable)
        if drift.has_focus and drift.key is not None:
            return PlanTopology(_file_of(drift.key, self._detail))
        if self._asked is not None:
            return self._asked.step
        branch = self._selected()
        return None if branch is None else Show("exchange", branch.starts_at)


def _explained(store: Exchanges, asked: RouteQuery) -> RouteExplanation | None:
    try:
        return store.explain_route(asked.exchange, asked.key, asked.headers)
    except NotFound:
        # The exchange was deleted meanwhile.
        return None


def _well(tree: Sequence[Branch], subjects: Mapping[str, Subject]) -> set[str]:
    states = {name: subject.state for name, subject in subjects.items()}
    return {
        branch.key
        for branch in tree
        if branch.binding is not None
        if branch.exchange is None and states.get(branch.binding.name, "ok") in {"ok", "idle"}
    }


def _file_of(key: str, wiring: Wiring | None) -> str:
    files = [drift.file for drift in wiring.drift] if wiring else []
    return next((file for file in files if key == file or key.startswith(f"{file} ")), key)


def _caption(wiring: Wiring, ways: Ways | None) -> Line:
    if wiring.asked is None or ways is None:
        exchanges = counted(len(wiring.exchanges), "exchange")
        bindings = counted(len(wiring.bindings), "binding")
        said = toned(f"  {exchanges} · {bindings}", Tone.DIM)
        return line(toned(" topology", Tone.TITLE), said)
    asked = wiring.asked
    headers = " ".join(header_text(*pair) for pair in asked.headers.items())
    told = " ".join(part for part in (asked.key or "(no key)", headers) if part)
    if ways.destinations:
        goes = toned(f"reaches {', '.join(ways.destinations)}", Tone.OK)
    else:
        goes = toned("goes nowhere: no binding leads it to a queue or topic", Tone.LAGGING)
    return line(toned(f" {asked.exchange} ", Tone.TITLE), toned(told, Tone.KEY), "  ", goes)
