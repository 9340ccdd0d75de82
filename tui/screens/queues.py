"""Screen 3: queues and shares, and the holder of each message."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from textual import on
from textual.app import ComposeResult

from store import Overview, Stall, Subject
from store.model.looks import Peek, ShowLeases
from store.model.messages import QueueConfig
from store.model.shares import ShareConfig
from store.model.stalls import LeaseRow, QueueDetail
from store.model.text import counted
from tui.actions.deeds import Prepare, prepare_dead_letter, prepare_purge, prepare_release
from tui.keys import Key
from tui.screens.master_detail import MasterDetailView
from tui.screens.records import MessagesView
from tui.view import Question
from tui.widgets.figures import age_cell, count_cell, known_cell, rate_cell, state_cell
from tui.widgets.live_table import LiveTable, TableColumn, TableRow
from tui.widgets.painted import Band
from tui.widgets.spans import Line, Tone, line, toned

_QUEUES = (
    TableColumn("ST", 9),
    TableColumn("QUEUE", 14, grows=3),
    TableColumn("READY", 7, right=True),
    TableColumn("LEASED", 7, right=True),
    TableColumn("DELAYED", 7, right=True),
    TableColumn("BLOCKED", 7, right=True),
    TableColumn("OLDEST", 7, right=True),
    TableColumn("IN/s", 6, right=True, drop=1),
    TableColumn("OUT/s", 6, right=True, drop=2),
)
_LEASES = (
    TableColumn("", 1),
    TableColumn("MSG", 16, grows=2),
    TableColumn("HOLDER", 16, grows=2),
    TableColumn("HELD", 7, right=True),
    TableColumn("EXPIRES-IN", 10, right=True),
    TableColumn("DELIVERIES", 10, right=True),
    TableColumn("GROUP", 12, grows=1, drop=1),
)
_SOON = 5.0


def queue_rows(subjects: Sequence[Subject]) -> list[TableRow]:
    """Return a row per queue and share."""
    return [TableRow(queue.name, _queue_cells(queue)) for queue in subjects]


def _queue_cells(queue: Subject) -> tuple[Line, ...]:
    return (
        state_cell(queue.state, 9),
        line(
            toned(queue.name, Tone.STRONG),
            toned(" (share)" if queue.kind == "share" else "", Tone.DIM),
        ),
        count_cell(queue.ready),
        known_cell(queue.leased),
        known_cell(queue.delayed),
        count_cell(queue.blocked, Tone.LAGGING),
        age_cell(queue.oldest_seconds),
        rate_cell(queue.in_rate),
        rate_cell(queue.out_rate),
    )


def lease_rows(leases: Sequence[LeaseRow], stalls: Sequence[Stall]) -> list[TableRow]:
    """Return a row per message that is leased or waits for its next delivery."""
    blockers = {stall.blocker for stall in stalls}
    return [TableRow(lease.address, _lease_cells(lease, blockers)) for lease in leases]


def _lease_cells(lease: LeaseRow, blockers: set[str]) -> tuple[Line, ...]:
    is_blocker = lease.address in blockers
    holder = line(lease.holder) if lease.holder else toned("waits for a retry", Tone.DIM)
    tone = Tone.LAGGING if lease.seconds_left < _SOON else Tone.TEXT
    return (
        toned("■", Tone.STALLED) if is_blocker else toned("●" if lease.holder else "○", Tone.DIM),
        toned(lease.address, Tone.STALLED if is_blocker else Tone.STRONG),
        holder,
        age_cell(lease.held_seconds),
        age_cell(lease.seconds_left, tone),
        count_cell(lease.deliveries, Tone.LAGGING if lease.deliveries > 1 else Tone.TEXT),
        toned(lease.message_group or "", Tone.DIM),
    )


class QueuesView(MasterDetailView):
    """Queues above, the leases of the selected one below."""

    KEYS = ("peek", "release", "dead_letter", "publish", "purge", "copy")
    title = "queues"
    opened_by = Key(
        "queues", "3", "Queues and who holds which message", command="mq lease list", label="Queues"
    )

    def compose(self) -> ComposeResult:
        """Yield two tables."""
        yield LiveTable(
            _QUEUES, "no queues yet: mq queue create NAME", id="queues", classes="masters"
        )
        yield Band(classes="caption")
        yield LiveTable(_LEASES, "nothing is leased", id="leases", classes="detail-rows")

    def question(self) -> Question | None:
        """Return the leases of the selected queue."""
        name = self.selected
        return None if name is None else lambda store: store.queue_detail(name)

    def show(self, overview: Overview, detail: Any) -> None:
        """Show the queues, and the leases of the selected one."""
        queues = [subject for subject in overview.subjects if subject.kind != "topic"]
        self.show_masters(queues, queue_rows(queues))
        if isinstance(detail, QueueDetail) and detail.status.name == self.selected:
            self.show_details(lease_rows(detail.leases, overview.stalls))
            self.show_caption(detail.status.name, f"  {_policy(detail.status.config)}")

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


def _policy(config: QueueConfig | ShareConfig) -> str:
    most = config.max_deliveries
    limit = "no limit of deliveries" if most is None else f"at most {counted(most, 'delivery')}"
    parts = [f"lease {config.lease / 1000:g}s", limit]
    if isinstance(config, QueueConfig) and config.fifo:
        parts.insert(0, "FIFO")
    if config.dlq is not None:
        parts.append(f"DLQ {config.dlq}")
    return " · ".join(parts)
