"""The things to create for a workload: the content of a topology file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from store.advice.placements import Placement
from store.advice.sizing import Sizing
from store.advice.workload import DAY, DEAD_LETTERS, UNROUTED, Control, Order, Routing, Workload
from store.model.text import format_duration
from store.model.topics import DELIVERIES_WITH_DLQ

Topology = Mapping[str, Any]
_Settings = dict[str, Any]

_PRIORITIES = 3
_LEASE = 30_000
# As AWS advises for a queue whose consumer has a known time limit.
_LEASE_FACTOR = 6
_RETRY_DELAYS = ("5s", "1m", "10m")
_OBJECTIVE = 300_000
_DEAD_LETTERS_STAY = 14 * DAY
_EXCHANGE_TYPES = {Routing.NONE: "fanout", Routing.KEY: "topic", Routing.HEADERS: "headers"}


def topology(workload: Workload, place: Placement, sizing: Sizing) -> Topology:
    """Return the things to create, as a topology file has them; durations are text."""
    plan = _Plan(workload, place)
    if sizing.partitions is not None:
        plan.topics[workload.name] = _topic(workload, sizing.partitions)
    match place:
        case Placement.LOG:
            plan.read_by_groups()
        case Placement.SHARE:
            plan.read_by_shares()
        case Placement.QUEUE | Placement.FIFO_QUEUE | Placement.LOG_AND_QUEUE:
            plan.read_from_queues()
    return plan.document()


class _Plan:
    """Collects the sections of a file."""

    def __init__(self, workload: Workload, place: Placement) -> None:
        self._workload, self._place = workload, place
        self._fifo = place is not Placement.QUEUE and workload.order is not Order.NONE
        self.topics: dict[str, _Settings] = {}
        self._queues: dict[str, _Settings] = {}
        self._groups: dict[str, _Settings] = {}
        self._shares: dict[str, _Settings] = {}

    def read_by_groups(self) -> None:
        """Add a consumer group for each reader, with an objective and, unless all records must stay
        in order, a DLQ for records that can't be processed.
        """
        ends = {} if self._workload.order is Order.ALL else self._ends(fifo=False)
        for name in self._readers():
            self._groups[name] = self._objective() | ends

    def read_by_shares(self) -> None:
        """Add a share for each reader."""
        for name in self._readers():
            settings = {"topic": self._workload.name, "lease": _lease(self._workload)}
            self._shares[name] = settings | self._ends(fifo=False)

    def read_from_queues(self) -> None:
        """Add a queue for each reader; a topic beside them has no reader at first."""
        for name in self._readers():
            self._queues[name] = self._queue() | self._ends(fifo=self._fifo)
        # A queue's own settings precede those of its DLQ.
        self._queues[self._dlq] = self._queues.pop(self._dlq)

    def document(self) -> Topology:
        """Return the file without empty sections."""
        found: dict[str, Any] = {"version": 1}
        sections = {
            "topics": self.topics,
            "queues": self._queues,
            "groups": self._groups,
            "shares": self._shares,
        }
        found |= {name: things for name, things in sections.items() if things}
        if self._needs_exchange():
            found |= self._exchange(found)
        return found

    @property
    def _dlq(self) -> str:
        return f"{self._workload.name}.{DEAD_LETTERS}"

    def _readers(self) -> list[str]:
        name = self._workload.name
        alone = len(self._workload.readers) == 1
        if alone and self._place in {Placement.QUEUE, Placement.FIFO_QUEUE}:
            return [name]
        return [f"{name}.{reader}" for reader in self._workload.readers]

    def _queue(self) -> _Settings:
        settings: _Settings = {"lease": _lease(self._workload)}
        if self._fifo:
            settings |= {"fifo": True, "dedup": "5m"}
        if Control.RETRY in self._workload.per_message:
            settings["retry_delays"] = list(_RETRY_DELAYS)
        if Control.PRIORITY in self._workload.per_message:
            settings["priorities"] = _PRIORITIES
        return settings

    def _ends(self, *, fifo: bool) -> _Settings:
        dead: _Settings = {"retention": format_duration(_DEAD_LETTERS_STAY)}
        self._queues[self._dlq] = {"fifo": True} | dead if fifo else dead
        return {"max_deliveries": DELIVERIES_WITH_DLQ, "dlq": self._dlq}

    def _objective(self) -> _Settings:
        latency = self._workload.latency or _OBJECTIVE
        return {"topics": [self._workload.name], "max_lag_time": format_duration(latency)}

    def _needs_exchange(self) -> bool:
        routed = self._workload.routing is not Routing.NONE
        queues = self._place in {Placement.QUEUE, Placement.FIFO_QUEUE}
        several = queues and len(self._workload.readers) > 1
        return routed or several or self._place is Placement.LOG_AND_QUEUE

    def _exchange(self, found: Mapping[str, Any]) -> dict[str, Any]:
        name, routing = self._workload.name, self._workload.routing
        exchanges = {name: {"type": _EXCHANGE_TYPES[routing]}}
        targets = [*self.topics, *(one for one in self._queues if one != self._dlq)]
        bindings = [{"from": name, "to": to} | self._match(to) for to in targets]
        queues = dict(found.get("queues", {}))
        if routing is not Routing.NONE and not self.topics:
            unrouted = f"{name}.{UNROUTED}"
            exchanges[name]["alternate"] = unrouted
            exchanges[unrouted] = {"type": "fanout"}
            queues[unrouted] = {"retention": format_duration(_DEAD_LETTERS_STAY)}
            bindings.append({"from": unrouted, "to": unrouted})
        return {"queues": queues, "exchanges": exchanges, "bindings": bindings}

    def _match(self, target: str) -> _Settings:
        """Return the binding's match: everything for a topic, the reader's name for a queue until
        real keys are known.
        """
        reader = target.removeprefix(f"{self._workload.name}.")
        everything = target in self.topics
        match self._workload.routing:
            case Routing.KEY:
                return {"key": "#" if everything else f"{reader}.#"}
            case Routing.HEADERS:
                return {"headers": {} if everything else {"for": reader}, "match": "all"}
            case _:
                return {}


def _topic(workload: Workload, partitions: int) -> _Settings:
    settings: _Settings = {"partitions": partitions}
    if workload.latest_only:
        return settings | {"cleanup": "compact"}
    return settings | {"retention": retention(workload)}


def retention(workload: Workload) -> str:
    """Return how long a topic keeps its records for this workload."""
    if workload.source_of_truth:
        return "forever"
    if workload.retention is not None:
        return format_duration(workload.retention)
    # Without a replay the retention only has to outlast an outage over a weekend.
    return "7d" if workload.replay else "3d"


def _lease(workload: Workload) -> str:
    """Return six times the processing time of a message, 30 seconds at least, in whole seconds."""
    seconds = max(_LEASE, round(workload.processing * _LEASE_FACTOR)) // 1000
    return format_duration(seconds * 1000)
