"""The doctor's look at topology files: findings from settings alone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, cast

from store.advice import objectives, plumbing
from store.advice.objectives import Objective
from store.advice.plumbing import Ending, Kind, Plumbing
from store.model.addresses import EXCHANGE_PREFIX
from store.model.diagnoses import Diagnosis, worst_first
from store.model.exchanges import Binding, Exchange
from store.topology.checks import check
from store.topology.kinds import KINDS, names_in
from store.topology.model import Resource, Topology
from store.topology.problems import Problems
from store.topology.reading import TopologyFile, read


def examine(sources: Sequence[TopologyFile]) -> list[Diagnosis]:
    """Return the findings about files, worst first; raises `InvalidTopology` for bad ones."""
    problems = Problems()
    topology = read(sources, problems)
    check(topology, Topology(), problems)
    problems.raise_errors()
    found = [*plumbing.examine(_plumbing(topology)), *objectives.examine(_objectives(topology))]
    return worst_first(found)


def _plumbing(topology: Topology) -> Plumbing:
    kinds: tuple[Kind, ...] = ("queue", "group", "share")
    endings = [_ending(kind, thing) for kind in kinds for thing in topology.of(kind)]
    exchanges = [_exchange(thing) for thing in topology.of("exchange")]
    bindings = [_binding(thing, topology) for thing in topology.of("binding")]
    return Plumbing(tuple(endings), tuple(exchanges), tuple(bindings))


def _values(thing: Resource) -> dict[str, Any]:
    return KINDS[thing.kind].values(thing.settings)


def _ending(kind: Kind, thing: Resource) -> Ending:
    values = _values(thing)
    is_queue = kind == "queue"
    return Ending(
        kind=kind,
        name=thing.name,
        fifo=values.get("fifo", False),
        max_deliveries=values["max_deliveries"],
        dlq=values["dlq"],
        dlq_key=values.get("dlq_key"),
        drop_exhausted=values.get("drop_exhausted", False),
        retention=values["retention"] if is_queue else None,
    )


def _exchange(thing: Resource) -> Exchange:
    values = _values(thing)
    return Exchange(thing.name, values["type"], values["alternate"], created=0)


def _binding(thing: Resource, topology: Topology) -> Binding:
    settings = thing.settings
    target = settings["to"]
    kind = "topic" if topology.get("topic", target) else "queue"
    return Binding(
        exchange=settings["from"],
        destination=target,
        kind="exchange" if target.startswith(EXCHANGE_PREFIX) else cast(Any, kind),
        key=settings["key"],
        headers=json.loads(settings["headers"]),
        match=cast(Any, settings["match"]),
    )


def _objectives(topology: Topology) -> Iterator[Objective]:
    for group in topology.of("group"):
        longest = _values(group)["max_lag_time"]
        for name in names_in(group.settings["topics"]):
            topic = topology.get("topic", name)
            values = _values(topic) if topic is not None else {}
            retention = values.get("retention")
            if longest is not None and retention is not None and values["cleanup"] != "compact":
                yield Objective(group.name, name, longest, retention)
