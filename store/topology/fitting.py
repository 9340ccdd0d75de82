"""A topology as far as an engine can have it, and what is left out, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from store.model.addresses import EXCHANGE_PREFIX
from store.topology.checks import references
from store.topology.kinds import KINDS, binding_name, names_in
from store.topology.model import Resource, Topology
from store.topology.target import Refusal


class LeftOut(NamedTuple):
    """A thing, or a setting of it, that an engine can't have, and why."""

    kind: str
    name: str
    setting: str | None
    why: str

    def __str__(self) -> str:
        setting = "" if self.setting is None else f"{self.setting} of "
        return f"{setting}{self.kind} {self.name}: {self.why}"


class Fitted(NamedTuple):
    """The part of a topology that an engine can have, which plans there without a problem."""

    topology: Topology
    left_out: list[LeftOut]


def fit(wanted: Topology, refusal: Refusal) -> Fitted:
    """Leave out what an engine refuses, and then what refers to it."""
    left_out: list[LeftOut] = []
    things: dict[tuple[str, str], Resource] = {}
    for thing in wanted:
        if (why := refusal(thing, None)) is not None:
            left_out.append(LeftOut(thing.kind, thing.name, None, why))
        else:
            things[thing.kind, thing.name] = _allowed(thing, refusal, left_out)
    while missing := _missing(things):
        for thing, setting, name in missing:
            _let_go(things, thing, setting, f"there is no {name}", left_out)
    return Fitted(Topology(things.values(), wanted.labels), left_out)


def renamed(topology: Topology, name_of: Callable[[Resource], str]) -> Topology:
    """Return a topology with other names for its queues, and references that follow."""
    names = {queue.name: name_of(queue) for queue in topology.of("queue")}
    return Topology((_renamed(thing, names) for thing in topology), topology.labels)


def _allowed(thing: Resource, refusal: Refusal, left_out: list[LeftOut]) -> Resource:
    allowed = thing
    for setting in thing.places:
        # A setting that went with another one is named already.
        if setting in allowed.places and (why := refusal(thing, setting)) is not None:
            allowed = _without(allowed, setting, why, left_out)
    return allowed


def _without(thing: Resource, setting: str, why: str, left_out: list[LeftOut]) -> Resource:
    """Return a thing with the default of a setting, and of those that mean nothing without it."""
    defaults = KINDS[thing.kind].defaults
    gone = {setting, *_MEANT_FOR.get((thing.kind, setting), ())}
    left_out.append(LeftOut(thing.kind, thing.name, setting, why))
    left_out += [
        LeftOut(thing.kind, thing.name, one, f"it means nothing without {setting}")
        for one in thing.places
        if one in gone and one != setting
    ]
    return replace(
        thing,
        settings={**thing.settings, **{name: defaults[name] for name in gone if name in defaults}},
        places={name: place for name, place in thing.places.items() if name not in gone},
    )


# Settings that another one needs.
_MEANT_FOR = {
    ("queue", "dlq"): ("max_deliveries", "dlq_key"),
    ("queue", "fifo"): ("dedup", "content_dedup", "dedup_scope"),
    ("queue", "drop_exhausted"): ("max_deliveries",),
    ("group", "dlq"): ("max_deliveries",),
    ("share", "dlq"): ("max_deliveries",),
}


def _missing(things: dict[tuple[str, str], Resource]) -> list[tuple[Resource, str, str]]:
    """Return which settings refer to a thing that is left out."""
    return [
        (thing, setting, f"{kinds[0]} {name}")
        for thing in things.values()
        for setting, name, kinds in references(thing)
        if not any((kind, name) in things for kind in kinds)
    ]


def _let_go(
    things: dict[tuple[str, str], Resource], thing: Resource, setting: str, why: str,
    left_out: list[LeftOut],
) -> None:  # fmt: skip
    """Leave out a reference, or the whole thing where it is nothing without."""
    key = thing.kind, thing.name
    if key not in things:
        return
    if setting in KINDS[thing.kind].defaults:
        things[key] = _without(things[key], setting, why, left_out)
    else:
        left_out.append(LeftOut(*key, None, why))
        del things[key]


def _renamed(thing: Resource, names: dict[str, str]) -> Resource:
    settings = dict(thing.settings)
    for setting, name, kinds in references(thing):
        if "queue" in kinds and name in names and not settings[setting].startswith(EXCHANGE_PREFIX):
            settings[setting] = ",".join(names.get(one, one) for one in names_in(settings[setting]))
    if thing.kind == "binding":
        return replace(thing, name=binding_name(settings), settings=settings)
    return replace(
        thing,
        name=names.get(thing.name, thing.name) if thing.kind == "queue" else thing.name,
        settings=settings,
    )
