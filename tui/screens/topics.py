"""Screen 2: topics, their partitions as lanes, and the position of each group on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Container, Vertical

from store import Overview, Stall, Subject
from store.engine.broker import Broker
from store.model.looks import Show, ShowLag
from store.model.stalls import Flow, FlowOf, TopicDetail
from tui.actions.asking import ask_reset
from tui.keys import Key
from tui.screens.group_rows import lanes_of
from tui.screens.master_detail import MasterDetailView
from tui.screens.records import RecordsView
from tui.screens.stall import StallView
from tui.screens.subject_rows import flow_of
from tui.screens.tail import TailView
from tui.screens.topic_panes import Panes
from tui.screens.topic_rows import (
    LANE,
    LANES,
    NARROW_LANE,
    NARROW_LANES,
    TOPICS,
    TOPICS_BESIDE,
    is_well,
    lane_rows,
    readers_of,
    topic_rows,
    with_lane_scale,
    worst_lane,
)
from tui.view import Question
from tui.widgets.frame import NARROW
from tui.widgets.lanes import Lane, lane_legend, window_of
from tui.widgets.live_table import LiveTable
from tui.widgets.painted import Band
from tui.widgets.spans import line

LEFT_WIDTH = 38
"""Cells of the topics where the lanes stand beside them."""
_MOST_PARTITIONS = 5_000
_MOST_READERS = 8


@dataclass(frozen=True, slots=True)
class TopicsSight:
    """The answer of a look: the selected topic, and the flows in view."""

    detail: TopicDetail | None
    flows: dict[FlowOf, Flow]


@dataclass(frozen=True, slots=True)
class TopicsQuestion:
    """A question about a topic, one of its partitions, and the flows of what is in view."""

    topic: str
    partition: int | None
    flows: tuple[FlowOf, ...]

    def __call__(self, store: Broker) -> TopicsSight:
        """Ask the store."""
        detail = store.topic_detail(self.topic, limit=_MOST_PARTITIONS)
        return TopicsSight(detail, store.flows(self.flows))


class TopicsView(MasterDetailView):
    """Topics, and the partitions of the selected one as lanes with a flag for each group."""

    KEYS = ("peek", "tail", "reset", "publish", "sort", "copy")
    ENTER: ClassVar = "partition"
    title = "topics"
    opened_by = Key(
        "topics", "2", "Topics: partitions and where groups stand", command="mq lag",
        label="Topics",
    )  # fmt: skip

    def __init__(self, selected: str | None = None) -> None:
        super().__init__(selected)
        self._asked: TopicsQuestion | None = None
        self._lanes_of: str | None = None

    def compose(self) -> ComposeResult:
        """Yield topics and facts, and lanes and readers below or beside them."""
        with Container(id="topics-body"):
            with Vertical(id="topics-left"):
                yield LiveTable(
                    TOPICS, "no topics yet: mq topic create NAME", id="topics", classes="masters"
                )
                yield Band(id="topic-facts")
            with Vertical(id="topics-right"):
                yield Band(classes="caption")
                yield LiveTable(LANES, "no partitions", id="partitions", classes="detail-rows")
                yield Band(id="readers")

    @property
    def _is_beside(self) -> bool:
        return self.app.size.width >= NARROW

    def question(self) -> Question | None:
        """Return the question for the selected topic and what is in view of it."""
        self._asked = self._wanted()
        return self._asked

    def _wanted(self) -> TopicsQuestion | None:
        name, overview = self.selected, self.host.overview
        if name is None or overview is None:
            return None
        topics = {topic.name: topic for topic in overview.subjects if topic.kind == "topic"}
        in_view = [topics[key] for key in self.masters.keys_in_view if key in topics]
        flows = [flow_of(topic) for topic in (in_view if not self._is_beside else [])]
        if self._is_beside and name in topics:
            flows.append(flow_of(topics[name]))
        partition = self._partition()
        if partition is not None and isinstance(self._detail, TopicsSight) and self._detail.detail:
            lags = readers_of(self._detail.detail, partition, overview.stalls)[:_MOST_READERS]
            flows += [FlowOf(name, partition, lag.group) for lag in lags]
        return TopicsQuestion(name, partition, tuple(dict.fromkeys(flows)))

    def show(self, overview: Overview, detail: Any) -> None:
        """Show the topics, and the lanes and readers of the selected one."""
        topics = [subject for subject in overview.subjects if subject.kind == "topic"]
        sight = detail if isinstance(detail, TopicsSight) else TopicsSight(None, {})
        self._arrange()
        table, beside = self.masters, self._is_beside
        rows = topic_rows(topics, sight.flows, table.room_of(1), table.room_of(4), beside=beside)
        self.show_masters(topics, rows)
        table.styles.height = min(len(table.rows), max(3, self.size.height // 3)) + 1
        topic = next((topic for topic in topics if topic.name == self.selected), None)
        if topic is not None and sight.detail and sight.detail.status.name == topic.name:
            self._show_topic(topic, sight.detail, sight, overview.stalls)
        elif topic is None:
            self.details.show_rows([])
            self.query_one("#readers", Band).show_lines([])
            self.query_one("#topic-facts", Band).show_lines([])
        if self._asked != self._wanted():
            self.host.ask_again()

    def _arrange(self) -> None:
        """Put the lanes below the topics, or beside them where there is room."""
        beside = self._is_beside
        body, left = self.query_one("#topics-body"), self.query_one("#topics-left")
        body.styles.layout = "horizontal" if beside else "vertical"
        left.styles.width = LEFT_WIDTH if beside else "100%"
        left.styles.height = "100%" if beside else "auto"
        self.query_one("#topics-right").set_class(beside, "-beside")
        self.masters.set_columns(TOPICS_BESIDE if beside else TOPICS)

    def _show_topic(
        self, topic: Subject, detail: TopicDetail, sight: TopicsSight, stalls: Sequence[Stall]
    ) -> None:
        lanes = lanes_of(detail, stalls)
        panes = Panes(topic, detail, sight.flows, stalls)
        beside, width, height = self._is_beside, self.app.size.width, self.size.height
        right = width - LEFT_WIDTH - 1 if beside else width
        if not beside:
            height -= min(len(self.masters.rows), max(3, height // 3)) + 1
        shown_at = self._partition() if self._lanes_of == topic.name else None
        if shown_at is None and (worst := worst_lane(lanes)) is not None:
            shown_at = worst.partition
        readers = panes.readers(shown_at, right)
        tall = self._show_lanes(detail, lanes, height - 1, len(readers))
        if self._lanes_of != topic.name and shown_at is not None:
            self._lanes_of = topic.name
            self.details.move_to(str(shown_at))
        used = len(lanes) * tall + 1
        legend = [line("     ", lane_legend(lanes))] if tall == 1 and not beside else []
        room = max(3, height - 1 - used - len(legend))
        self.query_one("#readers", Band).show_lines(
            [*legend, *panes.below(shown_at, right, room, readers)]
        )
        facts = panes.facts(LEFT_WIDTH - 1, self.size.height - len(self.masters.rows) - 1)
        self.query_one("#topic-facts", Band).show_lines(facts if beside else [])
        self.show_caption(
            topic.name,
            "  a lane for each partition, a flag for each group: records before the end"
            if beside and right > 90 else "  records before the end",
        )  # fmt: skip

    def _show_lanes(
        self, detail: TopicDetail, lanes: Sequence[Lane], height: int, readers: int
    ) -> int:
        """Show the lanes, as tall as there is room for beside the readers; return how tall."""
        table, beside = self.details, self._is_beside
        room_left = height - readers - 2
        most = 3 if self.size.height >= 42 else 2
        heights = range(most, 1, -1) if beside else ()
        tall = next((rows for rows in heights if len(lanes) * rows + 1 <= room_left), 1)
        table.set_tall(tall)
        table.styles.height = max(3, min(len(lanes) * tall + 1, max(height // 2, room_left)))
        window = window_of(lanes)
        columns, lane = (LANES, LANE) if beside else (NARROW_LANES, NARROW_LANE)
        room = table.room_for(columns, lane)
        table.set_columns(with_lane_scale(columns, lane, window, room))
        well = {str(one.partition) for one in lanes if is_well(one)}
        self.show_in_view(
            table,
            lambda in_view: lane_rows(
                lanes, detail.in_rates, window, room, tall, beside=beside, in_view=in_view
            ),
            lambda rows: self.show_details(rows, well),
        )
        return tall

    @on(LiveTable.Resized)
    @on(LiveTable.Moved, ".detail-rows")
    def _show_again(self) -> None:
        """Fit the lanes to their column, and follow the selected partition."""
        overview = self.host.overview
        if overview is not None:
            self.show_known(overview)

    def _partition(self) -> int | None:
        key = self.details.key
        return None if key is None else int(key)

    def _reader(self) -> str:
        """Return the worst reader of the selected partition."""
        partition, overview = self._partition(), self.host.overview
        sight = self._detail
        if partition is None or overview is None or not isinstance(sight, TopicsSight):
            return ""
        if sight.detail is None:
            return ""
        lags = readers_of(sight.detail, partition, overview.stalls)
        return lags[0].group if lags else ""

    @on(LiveTable.Chosen, ".masters")
    def _enter(self) -> None:
        self.details.focus()

    @on(LiveTable.Chosen, ".detail-rows")
    def _open(self) -> None:
        place, group = f"{self.selected}/{self._partition()}", self._reader()
        overview = self.host.overview
        for stall in overview.stalls if overview else ():
            if (stall.place, stall.reader) == (place, group):
                self.host.open_view(StallView(stall), over=self)
                return
        self.press_peek()

    def press_peek(self) -> None:
        """Look at the records of the partition, from the worst reader's position."""
        partition = self._partition()
        if self.selected is not None and partition is not None:
            view = RecordsView(self.selected, partition, self._reader())
            self.host.open_view(view, over=self)

    def press_tail(self) -> None:
        """Follow what comes into the selected topic."""
        if self.selected is not None:
            self.host.open_view(TailView(self.selected, is_topic=True), over=self)

    def press_reset(self) -> None:
        """Ask for the new position of a group."""
        if self.selected is not None:
            only = self._partition() if self.is_below else None
            self.host.begin(ask_reset(self.host, self._reader(), self.selected, only))

    def step(self) -> ShowLag | Show | None:
        """Return the step that shows the same."""
        if self.selected is None:
            return None
        group = self._reader()
        if self.is_below and group:
            return ShowLag(group, self.selected)
        return Show("topic", self.selected)
