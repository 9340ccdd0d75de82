"""Screen 3: queues and shares, and the holder of each message."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult

from store import Overview, Subject
from store.engine.operations import Operations
from store.model.looks import Peek, ShowLeases
from store.model.stalls import Flow, FlowOf, QueueDetail
from store.model.text import counted
from tui.actions.deeds import Prepare, prepare_dead_letter, prepare_purge, prepare_release
from tui.keys import Key
from tui.screens.master_detail import MasterDetailView
from tui.screens.queue_rows import (
    BAR,
    LEASES,
    LEFT,
    QUEUES,
    lease_rows,
    queue_rows,
    queue_scale,
    with_scale,
)
from tui.screens.records import MessagesView
from tui.screens.subject_details import SubjectSight, policy
from tui.screens.tail import TailView
from tui.view import Question
from tui.widgets.bars import labelled_bar, legend, parts_of
from tui.widgets.flow_plots import EXTRA_LINES
from tui.widgets.live_table import LiveTable
from tui.widgets.painted import Band
from tui.widgets.plots import LEAST_ROWS, LEAST_WIDTH
from tui.widgets.spans import EMPTY, Line, Tone, line, toned

_FIXED = 4
"""Lines of legend, caption, and the selected queue's parts with their names."""
_LEAST_LEASES = 8
_MOST_LEASES = 200
_AIRY = 30
"""Lines of the body from which on there is air between its parts."""


@dataclass(frozen=True, slots=True)
class QueueSight:
    """The answer of a look: the selected queue or share, and its last ten minutes."""

    detail: QueueDetail
    flows: Mapping[FlowOf, Flow]


class QueuesView(MasterDetailView):
    """Queues above, the leases of the selected one below."""

    KEYS = ("peek", "tail", "release", "dead_letter", "purge", "publish", "copy")
    TAB: ClassVar = "leases"
    title = "queues"
    opened_by = Key(
        "queues", "3", "Queues and who holds which message", command="mq lease list", label="Queues"
    )

    def compose(self) -> ComposeResult:
        """Yield the queues, the parts and the leases of the selected one, and its plots."""
        yield LiveTable(
            QUEUES, "no queues yet: mq queue create NAME", id="queues", classes="masters"
        )
        yield Band(id="legend")
        yield Band(classes="caption")
        yield Band(id="parts")
        yield LiveTable(LEASES, "nothing is leased", id="leases", classes="detail-rows")
        yield Band(id="queue-plots")

    def question(self) -> Question | None:
        """Return the question for the selected queue, and its last ten minutes."""
        return None if self.selected is None else partial(_look, name=self.selected)

    def show(self, overview: Overview, detail: Any) -> None:
        """Show the queues, and the leases of the selected one."""
        queues = [subject for subject in overview.subjects if subject.kind != "topic"]
        table, scale = self.masters, queue_scale(queues)
        bar = table.room_of(BAR)
        table.columns = with_scale(table.columns, scale, bar)
        self.show_in_view(
            table,
            lambda in_view: queue_rows(queues, scale, bar, self._drawn(in_view)),
            lambda rows: self.show_masters(queues, rows),
        )
        subject = next((one for one in queues if one.name == self.selected), None)
        if isinstance(detail, QueueSight) and detail.detail.status.name == self.selected:
            self._show_selected(detail.detail, subject, overview)
        plots: list[Line] = []
        rows = self._arrange()
        if isinstance(detail, QueueSight) and subject is not None and rows:
            sight = SubjectSight(subject, detail.detail, detail.flows, overview.stalls)
            plots = sight.plots(self.size.width, rows)
        self.query_one("#queue-plots", Band).show_lines(plots)

    def _show_selected(
        self, detail: QueueDetail, subject: Subject | None, overview: Overview
    ) -> None:
        status, table = detail.status, self.details
        most, room = status.config.max_deliveries, table.room_of(LEFT)
        self.show_in_view(
            table,
            lambda in_view: lease_rows(
                detail.leases, overview.stalls, most, room, self._drawn(in_view)
            ),
            self.show_details,
        )
        self.show_caption(
            status.name,
            f"  {' · '.join(policy(status))}",
            _count(detail, None if subject is None else subject.leased),
        )
        parts: Sequence[Line] = ()
        if subject is not None:
            of = parts_of(
                subject.ready, subject.leased, subject.delayed,
                0 if subject.kind == "share" else subject.blocked,
                is_stalled=subject.state == "stalled",
            )  # fmt: skip
            parts = [line(" ", row) for row in labelled_bar(of, self.size.width - 2)]
        air = [EMPTY] if self.is_airy else []
        self.query_one("#parts", Band).show_lines([*parts, *air])
        self.query_one("#legend", Band).show_lines([line(" ", legend(parts_of(1, 1, 1, 1))), *air])

    def _drawn(self, in_view: Container[str]) -> Container[str] | None:
        """Return the rows to draw: those in view, or all while a filter searches their figures."""
        return None if self.host.filter_text else in_view

    @property
    def is_airy(self) -> bool:
        """Whether there are so many lines that some may stay empty."""
        return self.size.height >= _AIRY

    def _arrange(self) -> int:
        """Give the queues at most half of the lines; return the rows that are left for plots."""
        (width, height), masters, leases = self.size, self.masters, self.details
        top = max(3, min(len(masters.rows) + 1, height // 2))
        rest = height - top - _FIXED - 2 * self.is_airy
        wanted = max(3, len(leases.rows) + 1)
        plots = EXTRA_LINES + self.is_airy
        rows = (rest - min(wanted, max(_LEAST_LEASES, rest // 2)) - plots) // 2 * 2
        if rows < LEAST_ROWS or width < 2 * LEAST_WIDTH:
            rows = 0
        if not rows:
            # Without plots the queues take what the leases do not need.
            grown = max(top, min(len(masters.rows) + 1, top + rest - wanted))
            rest -= grown - top
            top = grown
        masters.styles.height = top
        leases.styles.height = max(3, rest - rows - (EXTRA_LINES if rows else 0))
        return rows

    @on(LiveTable.Resized)
    def on_resize(self) -> None:
        """Lay the parts out for the lines and columns there are."""
        self.host.show_again()

    @on(LiveTable.Chosen)
    def press_peek(self) -> None:
        """Look at the selected message, or at the messages of the queue."""
        address = self.details.key if self.is_below else None
        if address is not None:
            self.host.jump(address)
        elif self._is_share():
            self.host.say(f"a share keeps nothing itself: mq share show {self.selected}")
        elif self.selected is not None:
            self.host.open_view(MessagesView(self.selected), over=self)

    def _is_share(self) -> bool:
        overview = self.host.overview
        subjects = overview.subjects if overview else ()
        return any(one.kind == "share" and one.name == self.selected for one in subjects)

    def press_tail(self) -> None:
        """Follow what comes into the selected queue."""
        if self._is_share():
            self.host.say("a share keeps nothing itself: follow its topic")
        elif self.selected is not None:
            self.host.open_view(TailView(self.selected, is_topic=False), over=self)

    def press_release(self) -> None:
        """Take the selected message from its holder."""
        self._propose_for_lease(prepare_release)

    def press_dead_letter(self) -> None:
        """Refuse the selected message for good."""
        self._propose_for_lease(prepare_dead_letter)

    def _propose_for_lease(self, prepare: Callable[[str, str], Prepare]) -> None:
        if self.selected is not None and self.details.key is not None:
            self.host.propose(prepare(self.selected, self.details.key))

    def press_purge(self) -> None:
        """Remove every message of the selected queue."""
        if self._is_share():
            self.host.say("only a queue is purged; a share goes on: mq share reset")
        elif self.selected is not None:
            self.host.propose(prepare_purge(self.selected))

    def destination(self) -> str:
        """Return the queue; a share can't be published to."""
        return "" if self._is_share() else super().destination()

    def step(self) -> Peek | ShowLeases | None:
        """Return the step that shows the same."""
        if self.is_below and (address := self.details.key):
            return Peek(address, limit=1)
        return None if self.selected is None else ShowLeases(self.selected)


def _look(store: Operations, *, name: str) -> QueueSight:
    return QueueSight(store.queue_detail(name, limit=_MOST_LEASES), store.flows([FlowOf(name)]))


def _count(detail: QueueDetail, leased: int | None) -> Line:
    """Return how many of the leases are shown, in which order."""
    held = sum(lease.holder is not None for lease in detail.leases)
    if leased is None:
        return toned("leases unknown", Tone.DIM)
    shown = counted(leased, "lease") if held >= leased else f"{held:,} of {leased:,} leases"
    return toned(f"{shown}, the next to expire first" if leased > 1 else shown, Tone.DIM)
