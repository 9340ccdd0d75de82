"""Screen 3: queues and shares, and who holds which message for how long."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from textual import on
from textual.app import ComposeResult

from store import MqError, Overview, Stall, Subject
from store.addresses import parse_address
from store.watch.models import LeaseRow, QueueDetail
from tui.deeds import prepare_dead_letter, prepare_purge, prepare_release
from tui.figures import age_cell, count_cell, rate_cell, state_cell
from tui.live_table import LiveTable, TableColumn, TableRow
from tui.painted import Band
from tui.poller import Question
from tui.spans import Line, Tone, line, toned
from tui.view import View

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
    """A row per queue and share."""
    return [TableRow(queue.name, _queue_cells(queue)) for queue in subjects]


def _queue_cells(queue: Subject) -> tuple[Line, ...]:
    return (
        state_cell(queue.state, 9),
        line(
            toned(queue.name, Tone.STRONG),
            toned(" (share)" if queue.kind == "share" else "", Tone.DIM),
        ),
        count_cell(queue.ready),
        count_cell(queue.leased),
        count_cell(queue.delayed),
        count_cell(queue.blocked, Tone.LAGGING),
        age_cell(queue.oldest_seconds),
        rate_cell(queue.in_rate),
        rate_cell(queue.out_rate),
    )


def lease_rows(leases: Sequence[LeaseRow], stalls: Sequence[Stall]) -> list[TableRow]:
    """A row per message that is held or waits for its next delivery."""
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


class QueuesView(View):
    """Queues above, the leases of the selected one below."""

    KEYS = ("peek", "release", "dead_letter", "publish", "purge", "copy")
    title = "queues"

    def __init__(self, selected: str | None = None) -> None:
        super().__init__()
        self._wanted = selected

    def compose(self) -> ComposeResult:
        """Two tables."""
        yield LiveTable(_QUEUES, "no queues yet: mq queue create NAME", id="queues")
        yield Band(id="queue-caption", classes="caption")
        yield LiveTable(_LEASES, "nobody holds anything", id="leases")

    def question(self) -> Question | None:
        """The leases of the selected queue."""
        name = self._wanted
        return None if name is None else lambda store: store.queue_detail(name)

    def show(self, overview: Overview, detail: Any) -> None:
        """Show the queues, and the leases of the selected one."""
        queues = [subject for subject in overview.subjects if subject.kind != "topic"]
        well = {queue.name for queue in queues if queue.state in {"ok", "idle"}}
        table = self.query_one("#queues", LiveTable)
        rows = queue_rows(queues)
        table.show_rows(rows if self._is_below() else self.chosen_rows(rows, well))
        table.styles.height = min(len(table.rows), max(3, self.size.height // 3)) + 1
        if self._wanted is None and table.key is not None:
            self._wanted = table.key
            self.dashboard.ask_again()
        elif self._wanted is not None and table.key != self._wanted:
            self._follow(table, self._wanted)
        if isinstance(detail, QueueDetail) and detail.status.name == self._wanted:
            self._show_leases(detail, overview.stalls)

    def _show_leases(self, detail: QueueDetail, stalls: Sequence[Stall]) -> None:
        rows = lease_rows(detail.leases, stalls)
        shown = self.chosen_rows(rows) if self._is_below() else rows
        self.query_one("#leases", LiveTable).show_rows(shown)
        status, config = detail.status, detail.status.config
        most = "no limit" if config.max_deliveries is None else f"at most {config.max_deliveries}"
        said = (
            f"{'FIFO · ' if config.fifo else ''}lease {config.lease / 1000:g}s · {most} deliveries"
        )
        if config.dlq is not None:
            said += f" · DLQ {config.dlq}"
        caption = line(" ", toned(status.name, Tone.TITLE), toned(f"  {said}", Tone.DIM))
        self.query_one("#queue-caption", Band).show_lines([caption])

    def _follow(self, table: LiveTable, name: str) -> None:
        """Put the cursor on the selected row; where the filter hides it, select what it shows."""
        table.move_to(name)
        if table.key not in {None, name}:
            self._wanted = table.key
            self.dashboard.ask_again()

    def _is_below(self) -> bool:
        return self.query_one("#leases").has_focus

    def show_error(self, error: MqError) -> None:
        """The queue is gone: show what there is."""
        self._wanted = None
        self._detail = None
        self.dashboard.ask_again()

    @on(LiveTable.Moved, "#queues")
    def _select(self, event: LiveTable.Moved) -> None:
        if (
            event.key is not None
            and event.key != self._wanted
            and self.query_one("#queues").has_focus
        ):
            self._wanted = event.key
            self.dashboard.ask_again()

    @on(LiveTable.Chosen, "#queues")
    async def _enter(self) -> None:
        await self.press_peek()

    @on(LiveTable.Chosen, "#leases")
    async def _open(self) -> None:
        await self.press_peek()

    async def press_peek(self) -> None:
        """Look at the selected message, or at the messages of the queue."""
        address = self.query_one("#leases", LiveTable).key if self._is_below() else None
        if address is not None:
            self.dashboard.jump(address)
        elif self._wanted is not None:
            await self.dashboard.open_messages(self._wanted)

    def press_release(self) -> None:
        """Take the selected message from its holder."""
        address = self.query_one("#leases", LiveTable).key
        if address is not None:
            where = parse_address(address)
            assert where.offset is not None
            self.dashboard.propose(prepare_release(where.name, where.offset))

    def press_dead_letter(self) -> None:
        """Refuse the selected message for good."""
        address = self.query_one("#leases", LiveTable).key
        if address is not None:
            where = parse_address(address)
            assert where.offset is not None
            self.dashboard.propose(prepare_dead_letter(where.name, where.offset))

    def press_purge(self) -> None:
        """Remove every message of the selected queue."""
        if self._wanted is not None:
            self.dashboard.propose(prepare_purge(self._wanted))

    def destination(self) -> str:
        """The queue."""
        return self._wanted or ""

    def command(self) -> str | None:
        """The command that shows the same."""
        if self._is_below() and (address := self.query_one("#leases", LiveTable).key):
            return f"mq peek {address} -n 1"
        return None if self._wanted is None else f"mq lease list {self._wanted}"
