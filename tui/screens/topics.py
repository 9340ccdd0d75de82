"""Screen 2: topics, their partitions, and the positions of groups in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from textual import on
from textual.app import ComposeResult

from store import Overview, Stall, Subject
from store.engine.operations import Operations
from store.model.groups import Lag
from store.model.looks import Show, ShowLag
from store.model.stalls import TopicDetail
from store.model.text import counted, describe_size
from store.model.topics import PartitionStatus
from tui.actions.asking import ask_reset
from tui.keys import Key
from tui.screens.master_detail import MasterDetailView
from tui.screens.records import RecordsView
from tui.screens.stall import StallView
from tui.screens.subject_rows import subject_rank
from tui.view import Question
from tui.widgets.figures import (
    UNKNOWN,
    age_cell,
    count_cell,
    progress_bar,
    rate_cell,
    short_count,
    state_cell,
    trend_cell,
)
from tui.widgets.live_table import LiveTable, TableColumn, TableRow
from tui.widgets.painted import Band
from tui.widgets.spans import EMPTY, Line, Tone, line, toned

_MOST_PARTITIONS = 5_000
_TOPICS = (
    TableColumn("ST", 9),
    TableColumn("TOPIC", 16, grows=3),
    TableColumn("RECORDS", 8, right=True),
    TableColumn("LAG", 7, right=True),
    TableColumn("OLDEST", 7, right=True),
    TableColumn("IN/s", 6, right=True),
    TableColumn("OUT/s", 6, right=True, drop=1),
    TableColumn("TREND", 12, drop=2),
)
_PARTITIONS = (
    TableColumn("", 1),
    TableColumn("P", 4, right=True),
    TableColumn("GROUP", 10, grows=2),
    TableColumn("COMMITTED", 9, right=True),
    TableColumn("READ", 12, grows=2),
    TableColumn("END", 9),
    TableColumn("LAG", 7, right=True),
    TableColumn("TIME LAG", 8, right=True, drop=1),
    TableColumn("OWNER", 14, grows=1, drop=2),
    TableColumn("START", 9, right=True, drop=6),
    TableColumn("RECORDS", 8, right=True, drop=3),
    TableColumn("BYTES", 9, right=True, drop=4),
    TableColumn("RETAINED", 8, right=True, drop=5),
)


def topic_rows(subjects: Sequence[Subject]) -> list[TableRow]:
    """Return a row per topic."""
    return [TableRow(topic.name, _topic_cells(topic), subject_rank(topic)) for topic in subjects]


def _topic_cells(topic: Subject) -> tuple[Line, ...]:
    return (
        state_cell(topic.state, 9),
        toned(topic.name, Tone.STRONG),
        count_cell(topic.depth),
        count_cell(topic.lag),
        age_cell(topic.oldest_seconds),
        rate_cell(topic.in_rate),
        rate_cell(topic.out_rate),
        trend_cell(topic.trend, 12),
    )


def partition_rows(detail: TopicDetail, stalls: Sequence[Stall], bar: int) -> list[TableRow]:
    """Return a row per partition and reading group; one row for a partition without any."""
    by_partition: dict[int, list[Lag]] = {}
    for each in detail.lags:
        by_partition.setdefault(each.partition, []).append(each)
    stalled = {(stall.place, stall.reader) for stall in stalls}
    rows = []
    for status in detail.status.partitions:
        edge = detail.retention_seconds.get(status.partition)
        facts = _partition_cells(status, edge)
        lags: list[Lag | None] = [*by_partition.get(status.partition, [])] or [None]
        for at, lag in enumerate(lags):
            place = f"{detail.status.name}/{status.partition}"
            is_stalled = lag is not None and (place, lag.group) in stalled
            key = f"{status.partition} {lag.group if lag else ''}"
            number = toned(str(status.partition), Tone.STRONG if at == 0 else Tone.DIM)
            reader = _reader_cells(status, lag, bar, is_stalled=is_stalled)
            own = facts if at == 0 else (EMPTY,) * len(facts)
            rows.append(TableRow(key, (_sign(lag, is_stalled), number, *reader, *own)))
    return rows


def _sign(lag: Lag | None, is_stalled: bool) -> Line:
    if is_stalled:
        return toned("■", Tone.STALLED)
    return toned("○", Tone.IDLE) if lag is None else toned("●", Tone.OK)


def _reader_cells(
    status: PartitionStatus, lag: Lag | None, bar: int, *, is_stalled: bool
) -> tuple[Line, ...]:
    end = toned(short_count(status.end), Tone.DIM)
    if lag is None:
        return toned("no group", Tone.DIM), EMPTY, EMPTY, end, EMPTY, EMPTY, EMPTY
    tone = Tone.STALLED if is_stalled else Tone.LAGGING if lag.lag else Tone.OK
    committed = "-" if lag.committed is None else short_count(lag.committed)
    return (
        line(lag.group),
        toned(committed, Tone.TEXT),
        progress_bar(status.start, lag.committed or 0, status.end, bar, tone),
        end,
        count_cell(lag.lag, Tone.STALLED if is_stalled else Tone.TEXT),
        _age_cell(lag),
        toned(lag.member or ("none" if lag.lag else "-"), Tone.TEXT if lag.member else Tone.DIM),
    )


def _age_cell(lag: Lag) -> Line:
    if not lag.lag:
        return EMPTY
    return UNKNOWN if lag.lag_seconds is None else age_cell(lag.lag_seconds)


def _partition_cells(status: PartitionStatus, edge: float | None) -> tuple[Line, ...]:
    return (
        toned(short_count(status.start), Tone.DIM),
        count_cell(status.records),
        toned(describe_size(status.bytes), Tone.DIM),
        age_cell(edge, Tone.DIM) if edge is not None else toned("-", Tone.DIM),
    )


class TopicsView(MasterDetailView):
    """Topics above, the partitions of the selected one below."""

    KEYS = ("peek", "reset", "publish", "copy")
    title = "topics"
    opened_by = Key(
        "topics", "2", "Topics: partitions and where groups stand", command="mq lag", label="Topics"
    )

    def compose(self) -> ComposeResult:
        """Yield two tables."""
        yield LiveTable(
            _TOPICS, "no topics yet: mq topic create NAME", id="topics", classes="masters"
        )
        yield Band(classes="caption")
        yield LiveTable(_PARTITIONS, "no partitions", id="partitions", classes="detail-rows")

    def question(self) -> Question | None:
        """Return the details of the selected topic."""
        name = self.selected
        return None if name is None else lambda store: _detail(store, name)

    def show(self, overview: Overview, detail: Any) -> None:
        """Show the topics, and the partitions of the selected one."""
        topics = [subject for subject in overview.subjects if subject.kind == "topic"]
        self.show_masters(topics, topic_rows(topics))
        if isinstance(detail, TopicDetail) and detail.status.name == self.selected:
            self._show_partitions(detail, overview.stalls)

    def on_live_table_resized(self) -> None:
        """Draw the bars in the new width of their column."""
        overview = self.host.overview
        if overview is not None:
            self.show_known(overview)

    def _show_partitions(self, detail: TopicDetail, stalls: Sequence[Stall]) -> None:
        rows = partition_rows(detail, stalls, self.details.width_for("READ"))
        is_well = {f"{lag.partition} {lag.group}" for lag in detail.lags if not lag.lag}
        self.show_details(rows, is_well)
        partitions = counted(len(detail.status.partitions), "partition")
        groups = counted(len({lag.group for lag in detail.lags}), "group")
        cleanup = detail.status.config.cleanup
        self.show_caption(detail.status.name, f"  {partitions} · {groups} · cleanup {cleanup}")

    @on(LiveTable.Chosen, ".masters")
    def _enter(self) -> None:
        self.details.focus()

    @on(LiveTable.Chosen, ".detail-rows")
    def _open(self) -> None:
        partition, group = self._place()
        place = f"{self.selected}/{partition}"
        overview = self.host.overview
        for stall in overview.stalls if overview else ():
            if (stall.place, stall.reader) == (place, group):
                self.host.open_view(StallView(stall), over=self)
                return
        self.press_peek()

    def _place(self) -> tuple[int | None, str]:
        key = self.details.key
        if key is None:
            return None, ""
        number, _, group = key.partition(" ")
        return int(number), group

    def press_peek(self) -> None:
        """Look at the records of the partition, from the group's position."""
        partition, group = self._place()
        if self.selected is not None and partition is not None:
            self.host.open_view(RecordsView(self.selected, partition, group), over=self)

    def press_reset(self) -> None:
        """Ask for the new position of a group."""
        partition, group = self._place()
        if self.selected is not None:
            only = partition if self.is_below else None
            asking = ask_reset(self.host, group, self.selected, only)
            self.host.begin(asking)

    def step(self) -> ShowLag | Show | None:
        """Return the step that shows the same."""
        if self.selected is None:
            return None
        _, group = self._place()
        if self.is_below and group:
            return ShowLag(group, self.selected)
        return Show("topic", self.selected)


def _detail(store: Operations, name: str) -> TopicDetail:
    return store.topic_detail(name, limit=_MOST_PARTITIONS)
