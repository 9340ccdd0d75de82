"""Screen 3: queues and shares, and the holder of each message."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult

from store import Overview, Subject
from store.engine.operations import Operations
from store.model.looks import Peek, ShowLeases
from store.model.messages import QueueConfig
from store.model.queues import QueueStatus
from store.model.shares import ShareStatus
from store.model.stalls import Flow, FlowOf, QueueDetail
from store.model.text import counted, format_duration
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
from tui.view import Question
from tui.widgets.bars import labelled_bar, legend, parts_of
from tui.widgets.live_table import LiveTable
from tui.widgets.painted import Band
from tui.widgets.spans import EMPTY, Line, Tone, line, toned

_FIXED = 4
"""Lines of legend, caption, and the selected queue's parts with their names."""
_AIRY = 30
"""Lines of the body from which on there is air between its parts."""


@dataclass(frozen=True, slots=True)
class QueueSight:
    """The answer of a look: the selected queue or share, and its last ten minutes."""

    detail: QueueDetail
    flow: Flow | None


class QueuesView(MasterDetailView):
    """Queues above, the leases of the selected one below."""

    KEYS = ("peek", "release", "dead_letter", "purge", "publish", "copy")
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

    def question(self) -> Question | None:
        """Return the question for the selected queue, and its last ten minutes."""
        return None if self.selected is None else partial(_look, name=self.selected)

    def show(self, overview: Overview, detail: Any) -> None:
        """Show the queues, and the leases of the selected one."""
        queues = [subject for subject in overview.subjects if subject.kind != "topic"]
        table, scale = self.masters, queue_scale(queues)
        name, bar = table.room_of(1), table.room_of(BAR)
        table.columns = with_scale(table.columns, scale, bar)
        self.show_masters(queues, queue_rows(queues, scale, name, bar))
        subject = next((one for one in queues if one.name == self.selected), None)
        if isinstance(detail, QueueSight) and detail.detail.status.name == self.selected:
            self._show_selected(detail.detail, subject, overview)
        self._arrange()

    def _show_selected(
        self, detail: QueueDetail, subject: Subject | None, overview: Overview
    ) -> None:
        status, table = detail.status, self.details
        rows = lease_rows(
            detail.leases, overview.stalls, status.config.max_deliveries,
            table.room_of(0), table.room_of(LEFT),
        )  # fmt: skip
        self.show_details(rows)
        self.show_caption(
            status.name,
            f"  {policy(status)}",
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

    @property
    def is_airy(self) -> bool:
        """Whether there are so many lines that some may stay empty."""
        return self.size.height >= _AIRY

    def _arrange(self) -> None:
        """Give the queues at most half of the lines, and the plots what the leases leave."""
        height, masters, leases = self.size.height, self.masters, self.details
        top = min(len(masters.rows) + 1, max(4, height // 2))
        masters.styles.height = top
        rest = height - top - _FIXED - 2 * self.is_airy
        leases.styles.height = max(2, min(rest, len(leases.rows) + 1))

    @on(LiveTable.Resized)
    def _fit(self) -> None:
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
    place = FlowOf(name)
    return QueueSight(store.queue_detail(name), store.flows([place]).get(place))


def policy(status: QueueStatus | ShareStatus) -> str:
    """Return the rules of a queue or share: its order, lease, tries, and what comes then."""
    config = status.config
    most = config.max_deliveries
    tries = "no limit of tries" if most is None else f"{most:,} {'try' if most == 1 else 'tries'}"
    if config.dlq is not None and most is not None:
        tries += f", then {config.dlq}"
    parts = [tries]
    if isinstance(status, ShareStatus) or "lease" not in status.lacking:
        parts.insert(0, f"lease {format_duration(config.lease)}")
    if isinstance(config, QueueConfig):
        if config.fifo:
            parts.insert(0, "FIFO")
        if config.retry_delays:
            parts.append(f"retries after {', '.join(map(format_duration, config.retry_delays))}")
    return " · ".join(parts)


def _count(detail: QueueDetail, leased: int | None) -> Line:
    """Return how many of the leases are shown, in which order."""
    held = sum(lease.holder is not None for lease in detail.leases)
    if leased is None:
        return toned("leases unknown", Tone.DIM)
    shown = counted(leased, "lease") if held >= leased else f"{held:,} of {leased:,} leases"
    return toned(f"{shown}, the next to expire first" if leased > 1 else shown, Tone.DIM)
