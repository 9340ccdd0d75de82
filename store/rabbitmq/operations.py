"""The operator's questions: what a server knows of its queues, at most five seconds old."""

from __future__ import annotations

from functools import cached_property
from time import monotonic
from typing import TYPE_CHECKING

from store import rabbitmq
from store.model.clock import IDLE_AFTER, OVER
from store.model.errors import NotFound
from store.rabbitmq.queues import COLUMNS, is_ours, listed_config
from store.rabbitmq.super_streams import is_super_stream, listed_topic_config, stream_name
from store.rabbitmq.topology import ServerTopologies

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from store.model.addresses import Kind
    from store.model.diagnoses import Diagnosis
    from store.model.maintenance import PlaceStatus
    from store.model.metrics import Family
    from store.model.stalls import (
        Flow,
        FlowOf,
        Overview,
        QueueDetail,
        Stall,
        StallDetail,
        TopicDetail,
    )

# Figures of the management API are as old.
PACE = 5.0


class ServerOperations(ServerTopologies):
    """Status, overview, stalls, findings, metrics."""

    _entries: Sequence[Mapping[str, Any]] = ()
    _looked = 0.0

    @cached_property
    def _memory(self) -> rabbitmq.memory.Memory:
        return rabbitmq.memory.Memory()

    def now(self) -> int:
        """Return this machine's wall clock in milliseconds."""
        return self.wall()

    def status(self) -> PlaceStatus:
        """Return the server's version, and what its vhost holds; unknown without management."""
        if not self._has_management:
            return self._place_status(None, None, None)
        queues = [one for one in self._listed("queues", COLUMNS) if is_ours(one)]
        return self._place_status(queues, len(self.exchanges()), len(self._super_streams()))

    def snapshot(self, over: float = OVER, idle_after: float = IDLE_AFTER) -> Overview:
        """Return the overview by two requests: the queues, and the exchanges."""
        from store.model.stalls import Overview

        found = self._watched()
        self._memory.take(found)
        exchanges = self._listed("exchanges", "name,type,arguments")
        topics = {one["name"] for one in exchanges if is_super_stream(one)}
        stalls = tuple(rabbitmq.figures.stalls(found, over))
        number = sum(map(rabbitmq.routes.is_of_type, exchanges))
        return Overview(
            taken=self.wall(),
            status=self._place_status([queue.entry for queue in found], number, len(topics)),
            in_rate=sum(queue.incoming for queue in found),
            out_rate=sum(queue.outgoing for queue in found),
            dead_letters=sum(queue.ready for queue in found if queue.is_dlq),
            stall_count=len(stalls),
            stalls=stalls,
            subjects=tuple(
                rabbitmq.figures.subjects(
                    found, {stall.source for stall in stalls}, self._streams_of(topics)
                )
            ),
        )

    def flows(self, wanted: Sequence[FlowOf]) -> dict[FlowOf, Flow]:
        """Return the last ten minutes of queues as the looks of this process saw them."""
        known = {one: self._memory.flow(one.name) for one in wanted}
        return {one: flow for one, flow in known.items() if flow is not None}

    def stalls(self, over: float = OVER, idle_after: float = IDLE_AFTER) -> list[Stall]:
        """Return queues without a reader, and those whose readers acknowledge nothing.

        The server does not tell which messages are held: the blocker is the queue.
        """
        return rabbitmq.figures.stalls(self._watched(), over)

    def stall_detail(self, stall: Stall, limit: int = 60) -> StallDetail:
        """Return nothing: the server keeps no deliveries."""
        from store.model.stalls import StallDetail

        return StallDetail((), 0, None, None)

    def metrics(self, over: float = OVER, idle_after: float = IDLE_AFTER) -> list[Family]:
        """Return depths and stalls, as far as they are known."""
        from store.model.metrics import Family

        info = Family("mq_store_info", "gauge", "The store and how it is set; always 1.")
        version = self.features.version
        info.add(1, path=self._place.name, engine=self.features.engine, version=version)
        return [info, *rabbitmq.figures.metrics(self._watched(), over)]

    def doctor(self, *, thorough: bool = False) -> list[Diagnosis]:
        """Return what is wrong or may go wrong, as far as the user may see it, the worst first."""
        return rabbitmq.checkup.findings(self)

    def queue_detail(self, name: str, limit: int = 500) -> QueueDetail:
        """Return a queue; which messages are leased the server does not tell."""
        from store.model.stalls import QueueDetail

        entry = self._seen(name)
        if entry is None:
            return QueueDetail(self.queue(name), ())
        return QueueDetail(self._status(entry, listed_config(entry), False), ())

    def topic_detail(self, name: str, group: str | None = None, limit: int = 500) -> TopicDetail:
        """Return a topic's partitions; no groups are known."""
        from store.model.stalls import TopicDetail

        entry = self._seen(stream_name(name, 0))
        if entry is None:
            return TopicDetail(self.topic(name), {}, ())
        return TopicDetail(self._topic_status(name, listed_topic_config(entry)), {}, ())

    def kind(self, name: str, *wanted: Kind) -> str | None:
        """Return `queue` or `topic` for the name of one; raises `NotFound` where one is wanted."""
        if self._is_queue(name):
            return "queue"
        if self._count_partitions(name):
            return "topic"
        if wanted:
            kinds = [kind for kind in wanted if kind in {"queue", "topic"}] or ["queue"]
            raise NotFound(
                f"{' or '.join(kinds)} {name} does not exist", hint=f"mq {kinds[0]} create {name}"
            )
        return None

    def _place_status(
        self,
        queues: Sequence[Mapping[str, Any]] | None,
        exchanges: int | None,
        topics: int | None,
    ) -> PlaceStatus:
        from store.model.maintenance import PlaceStatus

        records = None
        if queues is not None:
            records = sum(one.get("messages_ready") or 0 for one in queues)
            records += sum(one.get("messages_unacknowledged") or 0 for one in queues)
        return PlaceStatus(
            location=self._place.url,
            engine=self.features.engine,
            version=self.features.version,
            topics=topics,
            queues=None if queues is None else len(queues),
            shares=None,
            groups=None,
            exchanges=exchanges,
            records=records,
        )

    def _seen(self, name: str) -> Mapping[str, Any] | None:
        """Return a queue or stream as the last look saw it: the server has nothing newer yet."""
        if monotonic() - self._looked > PACE:
            return None
        return next((one for one in self._entries if one["name"] == name), None)

    def _watched(self) -> list[rabbitmq.figures.WatchedQueue]:
        self._looked = monotonic()
        self._entries = self._listed("queues", rabbitmq.figures.WATCHED)
        return rabbitmq.figures.of([one for one in self._entries if is_ours(one)])

    def _streams_of(self, topics: set[str]) -> dict[str, list[Mapping[str, Any]]]:
        """Return the streams of topics, as of the last look at the queues."""
        found: dict[str, list[Mapping[str, Any]]] = {topic: [] for topic in topics}
        for entry in self._entries:
            topic, _, number = entry["name"].rpartition("-")
            if topic in found and number.isdecimal():
                found[topic].append(entry)
        return found
