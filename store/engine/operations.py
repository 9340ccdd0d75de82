"""What an engine offers to who operates it."""

from __future__ import annotations

from typing import Protocol

from store.model.actions import Action, Result_co
from store.model.addresses import Address, Kind
from store.model.clock import IDLE_AFTER, OVER
from store.model.diagnoses import Diagnosis
from store.model.maintenance import StoreStatus
from store.model.metrics import Family
from store.model.stalls import Explanation, LetterRow, Overview, QueueDetail, Stall, TopicDetail


class Operations(Protocol):
    """What an operator asks: what is there, what is stuck, what is wrong."""

    def now(self) -> int:
        """Store time in milliseconds: what deadlines, and the times of a `Member`, are kept in."""

    def status(self) -> StoreStatus:
        """What is in the store, and how large it is."""

    def snapshot(self, over: float = OVER, idle_after: float = IDLE_AFTER) -> Overview:
        """What the dashboard begins with: the store, its stalls and all that holds messages."""

    def stalls(self, over: float = OVER, idle_after: float = IDLE_AFTER) -> list[Stall]:
        """What has been stuck for `over` seconds, worst first, and how to get it going."""

    def doctor(self, *, thorough: bool = False) -> list[Diagnosis]:
        """What is wrong, or may go wrong, and what mends it: the worst first."""

    def explain(
        self, address: Address, over: float = OVER, idle_after: float = IDLE_AFTER
    ) -> list[Explanation]:
        """What a partition, record or message blocks, what blocks it, or that nothing does."""

    def perform(self, action: Action[Result_co]) -> Result_co:
        """Carry out an action that a stall, a finding or an error names; what its call returns."""

    def metrics(self, over: float = OVER, idle_after: float = IDLE_AFTER) -> list[Family]:
        """Depths, lags, ages, stalls and sizes; `operations.metrics` writes them as text."""

    def topic_detail(self, name: str, group: str | None = None, limit: int = 500) -> TopicDetail:
        """A topic's partitions and where groups stand in them, up to `limit` each."""

    def queue_detail(self, name: str, limit: int = 500) -> QueueDetail:
        """A queue or share with up to `limit` leases and waits, the next to change first."""

    def letter_rows(self, queue: str | None = None, limit: int = 500) -> list[LetterRow]:
        """Dead letters counted by source, reason and what is alike in their errors, most first."""

    def kind(self, name: str, *wanted: Kind) -> str | None:
        """What a name stands for: `topic`, `queue`, `share`, or `None` for nothing."""
