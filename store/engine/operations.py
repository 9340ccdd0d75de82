"""The protocol of operations: the calls of an operator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from store.engine.features import Feature, Featured, lacking
from store.model.clock import IDLE_AFTER, OVER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from store.model.actions import Action, Result_co
    from store.model.addresses import Address, Kind
    from store.model.diagnoses import Diagnosis
    from store.model.maintenance import PlaceStatus
    from store.model.metrics import Family
    from store.model.stalls import (
        Explanation,
        Flow,
        FlowOf,
        LetterRow,
        Overview,
        QueueDetail,
        Stall,
        StallDetail,
        TopicDetail,
    )


class Operations(Featured, Protocol):
    """The operator's questions: contents, stalls, problems."""

    def now(self) -> int:
        """Return store time in milliseconds: the time of deadlines and of a `Member`."""
        raise lacking(self, Feature.DASHBOARD)

    def status(self) -> PlaceStatus:
        """Return the engine, and the contents in counts; of a file its size as well."""
        raise lacking(self, Feature.STATUS)

    def snapshot(self, over: float = OVER, idle_after: float = IDLE_AFTER) -> Overview:
        """Return the dashboard's data: the store, its stalls, and all holders of messages."""
        raise lacking(self, Feature.DASHBOARD)

    def stalls(self, over: float = OVER, idle_after: float = IDLE_AFTER) -> list[Stall]:
        """Return everything stuck for `over` seconds, worst first, with the ways out."""
        raise lacking(self, Feature.STALLS)

    def doctor(self, *, thorough: bool = False) -> list[Diagnosis]:
        """Return present and possible problems with their remedies, the worst first."""
        raise lacking(self, Feature.DOCTOR)

    def explain(
        self, address: Address, over: float = OVER, idle_after: float = IDLE_AFTER
    ) -> list[Explanation]:
        """Explain what a partition, record or message blocks, or what blocks it."""
        raise lacking(self, Feature.EXPLAIN)

    def perform(self, action: Action[Result_co]) -> Result_co:
        """Perform an action that a stall, a finding or an error names; return its result."""
        raise lacking(self, Feature.PERFORM)

    def metrics(self, over: float = OVER, idle_after: float = IDLE_AFTER) -> list[Family]:
        """Return depths, lags, ages, stalls and sizes; `operations.metrics` writes them as text."""
        raise lacking(self, Feature.METRICS)

    def topic_detail(self, name: str, group: str | None = None, limit: int = 500) -> TopicDetail:
        """Return a topic's partitions and the positions of groups in them, up to `limit` each."""
        raise lacking(self, Feature.TOPICS)

    def queue_detail(self, name: str, limit: int = 500) -> QueueDetail:
        """Return a queue or share with up to `limit` leases and waits, the next to lapse first."""
        raise lacking(self, Feature.QUEUES)

    def stall_detail(self, stall: Stall, limit: int = 60) -> StallDetail:
        """Return the last `limit` deliveries of a stall's blocker, and when it is tried again."""
        raise lacking(self, Feature.STALLS)

    def flows(self, wanted: Sequence[FlowOf]) -> dict[FlowOf, Flow]:
        """Return what came into and left each place in the last ten minutes, as far as it is known.

        Nothing is known where an engine keeps no samples.
        """
        return {}

    def letter_rows(self, queue: str | None = None, limit: int = 500) -> list[LetterRow]:
        """Return dead letters counted by source, reason and kind of error, most first."""
        raise lacking(self, Feature.DLQ_PEEK)

    def kind(self, name: str, *wanted: Kind) -> str | None:
        """Return the kind of a name: `topic`, `queue`, `share`, or `None` for an unknown one."""
        raise lacking(self, Feature.STATUS)
