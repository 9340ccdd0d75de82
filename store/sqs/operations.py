"""The operator's questions: what the service tells of its queues."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from store import sqs
from store.model.clock import IDLE_AFTER, OVER
from store.model.errors import BadInput, Hint, NotFound
from store.sqs import limits
from store.sqs.topology import AccountTopologies

if TYPE_CHECKING:
    from collections.abc import Sequence

    from store.model.addresses import Kind
    from store.model.diagnoses import Diagnosis
    from store.model.maintenance import PlaceStatus
    from store.model.metrics import Family
    from store.model.stalls import Flow, FlowOf, Overview, QueueDetail


class AccountOperations(AccountTopologies):
    """Status, overview, findings, metrics."""

    @cached_property
    def _memory(self) -> sqs.memory.SeenDepths:
        return sqs.memory.SeenDepths()

    def now(self) -> int:
        """Return this machine's wall clock in milliseconds."""
        return self.wall()

    def status(self) -> PlaceStatus:
        """Return how many queues there are; counting their messages would take a call for each."""
        return self._place_status(len(self._names()), None)

    def snapshot(self, over: float = OVER, idle_after: float = IDLE_AFTER) -> Overview:
        """Return the overview: a call for the names, and one for each queue; each has a price."""
        from store.model.stalls import Overview

        queues = self.queues()
        self._memory.take(queues)
        return Overview(
            taken=self.wall(),
            status=self._place_status(len(queues), sum(queue.messages for queue in queues)),
            in_rate=None,
            out_rate=None,
            dead_letters=sum(queue.dead_letters or 0 for queue in queues),
            stall_count=0,
            stalls=(),
            subjects=tuple(sqs.figures.subjects(queues, self._memory.growth())),
        )

    def flows(self, wanted: Sequence[FlowOf]) -> dict[FlowOf, Flow]:
        """Return the depths of the last ten minutes as the looks of this process saw them."""
        known = {one: self._memory.flow(one.name) for one in wanted}
        return {one: flow for one, flow in known.items() if flow is not None}

    def metrics(self, over: float = OVER, idle_after: float = IDLE_AFTER) -> list[Family]:
        """Return depths, as far as they are known."""
        from store.model.metrics import Family

        info = Family("mq_store_info", "gauge", "The store and how it is set; always 1.")
        version = self.features.version
        info.add(1, path=self._place.name, engine=self.features.engine, version=version)
        return [info, *sqs.figures.metrics(self.queues())]

    def doctor(self, *, thorough: bool = False) -> list[Diagnosis]:
        """Return what is wrong or may go wrong with the queues, the worst first."""
        return sqs.checkup.findings(self.queues())

    def queue_detail(self, name: str, limit: int = 500) -> QueueDetail:
        """Return a queue; who holds its leased messages the service does not tell."""
        from store.model.stalls import QueueDetail

        return QueueDetail(self.queue(name), ())

    def kind(self, name: str, *wanted: Kind) -> str | None:
        """Return `queue` for the name of one; raises `NotFound` where one is wanted."""
        try:
            limits.check_name(name, self._prefix)
            if self._exists(name):
                return "queue"
        except BadInput:
            if wanted:
                raise
        if wanted:
            from store.model.actions import create

            raise NotFound(f"queue {name} does not exist", Hint("{}", create("queue", name)))
        return None

    def _place_status(self, queues: int, records: int | None) -> PlaceStatus:
        from store.model.maintenance import PlaceStatus

        return PlaceStatus(
            location=self._place.url,
            engine=self.features.engine,
            version=self.features.version,
            topics=None,
            queues=queues,
            shares=None,
            groups=None,
            exchanges=None,
            records=records,
        )
