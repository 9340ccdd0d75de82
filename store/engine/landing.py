"""Where the answers of an advice land on an engine, and the topology to begin with there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from store.advice.creation import topology as things_of
from store.advice.placements import TITLES, Placement
from store.advice.sizing import size
from store.advice.workload import Control, Order, Routing, Workload
from store.engine.features import Feature, Features, Level, Support

if TYPE_CHECKING:
    from store.advice.advice import Advice
    from store.topology.fitting import LeftOut
    from store.topology.model import Resource, Topology
    from store.topology.target import Refusal

_LOGS = {Placement.LOG, Placement.SHARE, Placement.LOG_AND_QUEUE}
_QUEUES = {Placement.QUEUE, Placement.FIFO_QUEUE, Placement.LOG_AND_QUEUE}
_PLACES = {
    Placement.LOG: (Feature.TOPICS, Feature.GROUPS),
    Placement.SHARE: (Feature.SHARES,),
    Placement.LOG_AND_QUEUE: (Feature.TOPICS, Feature.QUEUES, Feature.EXCHANGES),
    Placement.FIFO_QUEUE: (Feature.FIFO,),
    Placement.QUEUE: (Feature.QUEUES,),
}
_CONTROLS = {
    Control.RETRY: ("retries after delays", Feature.RETRY_DELAYS),
    Control.DELAY: ("delays of single messages", Feature.DELAY),
    Control.PRIORITY: ("priorities", Feature.PRIORITIES),
}


class EngineRules(NamedTuple):
    """An engine as an advice looks at it: its features, its refusals, and its names of queues."""

    features: Features
    refusal: Refusal
    name_of: Callable[[Resource], str]


class Landed(NamedTuple):
    """An answer of an advice, and how an engine has it."""

    answer: str
    support: Support


class Landing(NamedTuple):
    """An advice on an engine: `topology` plans there cleanly; `left_out` is not in it, and why."""

    features: Features
    place: Placement
    answers: list[Landed]
    topology: Topology
    left_out: list[LeftOut]


def land(workload: Workload, advice: Advice, rules: EngineRules) -> Landing:
    """Say where each answer lands on an engine, and what to create there."""
    from store.topology import fitting

    place = nearest_place(workload, advice.place, rules.features)
    wanted = _read(workload, place, rules)
    fitted = fitting.fit(wanted, rules.refusal)
    needs = [*_needs(workload, advice), *_settings(wanted)]
    answers = [Landed(answer, rules.features[feature]) for answer, feature in needs]
    return Landing(rules.features, place, answers, fitted.topology, fitted.left_out)


def nearest_place(workload: Workload, place: Placement, features: Features) -> Placement:
    """Return the place that an engine has nearest to another one."""
    if place in _LOGS and features.lacks(Feature.TOPICS):
        return Placement.QUEUE if workload.order is Order.NONE else Placement.FIFO_QUEUE
    shares = not features.lacks(Feature.SHARES)
    if place in _QUEUES and features.lacks(Feature.QUEUES):
        return Placement.SHARE if shares and workload.order is Order.NONE else Placement.LOG
    if place is Placement.SHARE and not shares:
        return Placement.LOG_AND_QUEUE if workload.kept else Placement.QUEUE
    return place


def _read(workload: Workload, place: Placement, rules: EngineRules) -> Topology:
    """Return the things that are wanted at a place, by names that the engine has."""
    from store.topology import fitting, problems, reading, writing

    document = things_of(workload, place, size(workload, place))
    file = reading.TopologyFile(reading.STANDARD_INPUT, writing.yaml_of(document).encode())
    wrong = problems.Problems()
    wanted = reading.read([file], wrong, rules.features.engine)
    wrong.raise_errors()
    return fitting.renamed(wanted, rules.name_of)


def _needs(workload: Workload, advice: Advice) -> Iterator[tuple[str, Feature]]:
    """Yield what a workload asks for, with the feature that it is on an engine."""
    for feature in _PLACES[advice.place]:
        yield f"{TITLES[advice.place]}: {feature.word}", feature
    if workload.kept:
        yield "going back to what was read", Feature.TOPICS
    if workload.latest_only:
        yield "the newest value of each key", Feature.COMPACTION
    if workload.order is not Order.NONE and advice.place not in _LOGS:
        yield "order", Feature.FIFO
    if workload.routing is not Routing.NONE or "exchanges" in advice.topology:
        yield "routing", Feature.EXCHANGES
    for control, (answer, feature) in _CONTROLS.items():
        if control in workload.per_message:
            yield answer, feature


def _settings(wanted: Topology) -> Iterator[tuple[str, Feature]]:
    """Yield what the things to create need beside."""
    named = {(thing.kind, setting) for thing in wanted for setting in thing.places}
    if ("queue", "lease") in named:
        yield "a lease", Feature.LEASE
    if any(setting == "dlq" for _, setting in named):
        yield "dead letters", Feature.DLQ
        yield "a limit of deliveries", Feature.MAX_DELIVERIES
    if ("queue", "dedup") in named:
        yield "deduplication", Feature.DEDUP
    if ("group", "topics") in named:
        yield "objectives of groups", Feature.GROUP_SETTINGS


def is_missing(landed: Landed) -> bool:
    """Return whether an engine lacks what an answer needs."""
    return landed.support.level is Level.ABSENT
