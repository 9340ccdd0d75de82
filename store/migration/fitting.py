"""A topology made to fit another engine: without what that can't have, each part of it a loss."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from store.engine.features import Feature
from store.migration.losses import Loss
from store.topology import writing
from store.topology.checks import references
from store.topology.kinds import KINDS, names_in
from store.topology.model import Resource, Topology
from store.topology.problems import Problems
from store.topology.reading import TopologyFile, read

if TYPE_CHECKING:
    from store.engine.topologies import Topologies


def topology_of(source: Topologies, location: str) -> Topology:
    """Return the things of a place, with their settings."""
    problems = Problems()
    text = writing.yaml_of(source.export_document())
    topology = read([TopologyFile(location, text.encode())], problems)
    problems.raise_errors()
    return topology


def as_file(topology: Topology, location: str) -> TopologyFile:
    """Return things as a topology file of any engine."""
    return TopologyFile(location, writing.yaml(topology).encode())


def fitted(topology: Topology, target: Topologies) -> tuple[Topology, list[Loss]]:
    """Return the things and settings that the target can have, and the losses."""
    losses: list[Loss] = []
    dropped: set[tuple[str, str]] = set()
    things = [*topology]
    for thing in topology:
        reason = target.refusal(thing, None)
        if reason is not None:
            losses += _losses_of(thing, reason, target)
            dropped.add((thing.kind, thing.name))
    while homeless := {
        (thing.kind, thing.name): reference
        for thing in _staying(things, dropped)
        if (reference := _needed(thing, dropped)) is not None
    }:
        for (kind, name), (_, missing) in homeless.items():
            reason = f"{missing} is not there"
            losses.append(Loss(KINDS[kind].section, f"{kind} {name}", reason))
        dropped |= homeless.keys()
    staying = [_fitted(thing, dropped, target, losses) for thing in _staying(things, dropped)]
    return Topology(staying), losses


def _losses_of(thing: Resource, reason: str, target: Topologies) -> list[Loss]:
    """Return the losses of a thing that can't be declared at the target.

    A group is there by its offsets all the same, where the engine has groups at all.
    """
    if thing.kind != "group" or target.features.lacks(Feature.GROUPS):
        return [Loss(KINDS[thing.kind].section, _called(thing), reason)]
    settings = KINDS["group"].named(thing.settings)
    return [Loss(name, _called(thing), reason) for name in settings if name != "topics"]


def _called(thing: Resource) -> str:
    return f"{thing.kind} {thing.name}"


def _staying(things: list[Resource], dropped: set[tuple[str, str]]) -> list[Resource]:
    return [thing for thing in things if (thing.kind, thing.name) not in dropped]


def _missing(thing: Resource, dropped: set[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Yield the settings that refer to a dropped thing, with its name."""
    for setting, name, kinds in references(thing):
        if any((kind, name) in dropped for kind in kinds):
            yield setting, name


def _needed(thing: Resource, dropped: set[tuple[str, str]]) -> tuple[str, str] | None:
    """Return the reference without which the thing is nothing, where its end is dropped."""
    required = KINDS[thing.kind].required
    for setting, name in _missing(thing, dropped):
        is_all = names_in(thing.settings[setting]) == [name]
        if setting in required and (is_all or not KINDS[thing.kind].notations[setting].many):
            return setting, name
    return None


def _fitted(
    thing: Resource, dropped: set[tuple[str, str]], target: Topologies, losses: list[Loss]
) -> Resource:
    kind = KINDS[thing.kind]
    settings = dict(thing.settings)
    for setting, name in _missing(thing, dropped):
        losses.append(Loss(setting, _called(thing), f"{name} is not there"))
        others = [other for other in names_in(settings[setting]) if other != name]
        settings[setting] = ",".join(others) or kind.defaults[setting]
    for setting in kind.named(settings):
        reason = target.refusal(replace(thing, settings=settings), setting)
        if reason is not None:
            losses.append(Loss(setting, _called(thing), reason))
            settings[setting] = kind.defaults[setting]
    return replace(thing, settings=settings)
