"""Screen 1: everything that holds messages, and the last ten minutes of the selected row."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from store import NotFound, Overview, Subject
from store.engine.broker import Broker
from store.model.looks import Show
from store.model.stalls import Flow, FlowOf, QueueDetail, TopicDetail
from tui.actions.deeds import prepare_purge
from tui.keys import Key
from tui.screens.records import MessagesView
from tui.screens.subject_details import LEAST_LINES, SubjectSight
from tui.screens.subject_rows import (
    LONGEST_NAME,
    NAME,
    SUBJECTS,
    TREND,
    flow_of,
    subject_rows,
)
from tui.screens.tail import TailView
from tui.view import Question, View
from tui.widgets.live_table import LiveTable
from tui.widgets.painted import Band

WIDE = 180
"""From this width on the plots stand beside the table."""
_BESIDE = 73
_MOST_GROUPS = 8
_MOST_PARTITIONS = 200


@dataclass(frozen=True, slots=True)
class OverviewSight:
    """The answer of a look: the flows of the rows in view, and more about the selected one."""

    flows: dict[FlowOf, Flow]
    detail: TopicDetail | QueueDetail | None


@dataclass(frozen=True, slots=True)
class OverviewQuestion:
    """A question about the rows in view, and about the selected one."""

    rows: tuple[FlowOf, ...]
    selected: str | None
    kind: str

    def __call__(self, store: Broker) -> OverviewSight:
        """Ask the store; a subject that is gone has no detail."""
        detail: TopicDetail | QueueDetail | None = None
        wanted = list(self.rows)
        if self.selected is not None:
            with suppress(NotFound):
                if self.kind == "topic":
                    detail = store.topic_detail(self.selected, limit=_MOST_PARTITIONS)
                    wanted += self._of_topic(detail)
                else:
                    detail = store.queue_detail(self.selected, limit=1)
        return OverviewSight(store.flows(wanted), detail)

    def _of_topic(self, detail: TopicDetail) -> list[FlowOf]:
        name = detail.status.name
        groups = list(dict.fromkeys(lag.group for lag in detail.lags))[:_MOST_GROUPS]
        return [FlowOf(name, None, group) for group in groups]


class OverviewView(View):
    """Everything that holds messages; enter opens it."""

    KEYS = ("peek", "tail", "publish", "sort", "faults", "copy")
    ENTER = "open"
    title = "overview"
    opened_by = Key(
        "overview", "1", "Everything that holds messages, worst first", command="mq status",
        label="Overview",
    )  # fmt: skip

    def compose(self) -> ComposeResult:
        """Yield the table, and below or beside it what is known of the selected row."""
        with Horizontal(id="overview"):
            with Vertical():
                yield LiveTable(
                    SUBJECTS, "nothing here yet: mq topic create NAME, or mq queue create NAME",
                    id="subjects",
                )  # fmt: skip
                yield Band(id="subject-detail")
            yield Band(id="subject-plots")

    def on_mount(self) -> None:
        """Begin without a subject."""
        self._subjects: dict[str, Subject] = {}
        self._asked: OverviewQuestion | None = None

    def question(self) -> Question | None:
        """Return the question for the flows of the rows in view, and for the selected subject."""
        self._asked = self._wanted()
        return self._asked

    def _wanted(self) -> OverviewQuestion:
        subject = self.selected()
        keys = self.query_one("#subjects", LiveTable).keys_in_view
        rows = tuple(flow_of(self._subjects[key]) for key in keys if key in self._subjects)
        name, kind = (None, "") if subject is None else (subject.name, subject.kind)
        return OverviewQuestion(rows, name, kind)

    def show(self, overview: Overview, detail: Any) -> None:
        """Show the subjects, and what is known of the selected one."""
        self._subjects = {subject.name: subject for subject in overview.subjects}
        well = {s.name for s in overview.subjects if s.state in {"ok", "idle"}}
        table = self.query_one("#subjects", LiveTable)
        longest = max((len(name) for name in self._subjects), default=0)
        width = min(LONGEST_NAME if self.app.size.width >= 100 else 12, max(12, longest))
        table.set_columns(
            tuple(
                replace(column, width=width) if at == NAME else column
                for at, column in enumerate(SUBJECTS)
            )
        )
        flows = detail.flows if isinstance(detail, OverviewSight) else {}
        name, trend = table.room_of(NAME), table.room_of(TREND)
        self.show_in_view(
            table,
            lambda in_view: subject_rows(overview.subjects, flows, name, trend, in_view),
            lambda rows: self.show_chosen(table, rows, well),
        )
        self._show_selected(overview)

    def selected(self) -> Subject | None:
        """Return the subject under the cursor."""
        key = self.query_one("#subjects", LiveTable).key
        return None if key is None else self._subjects.get(key)

    @on(LiveTable.Moved)
    @on(LiveTable.Resized)
    def _follow(self) -> None:
        overview = self.host.overview
        if overview is not None:
            self.show_known(overview)

    def _show_selected(self, overview: Overview) -> None:
        subject, table = self.selected(), self.query_one("#subjects", LiveTable)
        below = self.query_one("#subject-detail", Band)
        beside = self.query_one("#subject-plots", Band)
        width, height = self.app.size.width, self.size.height
        is_wide = width >= WIDE and subject is not None
        beside.display = is_wide
        if subject is None:
            table.styles.height = "1fr"
            below.show_lines([])
            return
        top = min(len(table.rows) + 1, max(4, height // 2, height - LEAST_LINES))
        table.styles.height = top
        seen = self._detail if isinstance(self._detail, OverviewSight) else OverviewSight({}, None)
        detail = seen.detail
        if detail is not None and detail.status.name != subject.name:
            detail = None
        sight = SubjectSight(subject, detail, seen.flows, overview.stalls)
        if is_wide:
            below.show_lines(sight.left(width - _BESIDE - 2, height - top))
            beside.show_lines(sight.stacked(_BESIDE, height))
        else:
            below.show_lines(sight.below(width, height - top))
        if self._asked != self._wanted():
            self.host.ask_again()

    @on(LiveTable.Chosen)
    def _open(self) -> None:
        subject = self.selected()
        if subject is not None:
            self.host.jump(subject.name)

    def destination(self) -> str:
        """Return the destination of a message that is published here."""
        subject = self.selected()
        return "" if subject is None or subject.kind == "share" else subject.name

    def press_peek(self) -> None:
        """Look at the messages of the selected queue, or at the topic."""
        subject = self.selected()
        if subject is None:
            self.host.say("nothing is selected")
        elif subject.kind == "queue":
            self.host.open_view(MessagesView(subject.name), over=self)
        else:
            self.host.jump(subject.name)

    def press_tail(self) -> None:
        """Follow what comes into the selected topic or queue."""
        subject = self.selected()
        if subject is not None and subject.kind != "share":
            view = TailView(subject.name, is_topic=subject.kind == "topic")
            self.host.open_view(view, over=self)
        elif subject is not None:
            self.host.say(f"a share keeps nothing itself: follow {subject.topic}")

    def press_purge(self) -> None:
        """Remove every message of the selected queue."""
        subject = self.selected()
        if subject is not None and subject.kind == "queue":
            self.host.propose(prepare_purge(subject.name))
        else:
            self.host.say("only a queue is purged; topics are trimmed: mq topic trim")

    def step(self) -> Show | None:
        """Return the step that shows the selected row."""
        subject = self.selected()
        return None if subject is None else Show(subject.kind, subject.name)
