"""A topology: the wanted or the present things, with their settings as text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain

from store.topology.kinds import Settings
from store.topology.problems import SourcePosition

NOWHERE = SourcePosition("the store", 1, 1)


@dataclass(frozen=True, slots=True)
class Resource:
    """A topic, queue, group or the like with all its settings, in the notation of files.

    `label` names the topology that owns it; `places` are the places of its settings in a file, or
    of those that are set at all where an engine tells them from its defaults. `native` are settings
    that only the engine knows.
    """

    kind: str
    name: str
    settings: Settings
    label: str | None = None
    place: SourcePosition = NOWHERE
    places: Mapping[str, SourcePosition] = field(default_factory=dict)
    native: Mapping[str, str] = field(default_factory=dict)

    def place_of(self, setting: str) -> SourcePosition:
        """Return the place of a setting; that of the thing for an omitted one."""
        return self.places.get(setting, self.place)


class Topology:
    """Things by kind and name. `labels` are those of the files that it was read from."""

    def __init__(self, things: Iterable[Resource] = (), labels: Iterable[str] = ()) -> None:
        self.labels = frozenset(labels)
        self._things: dict[str, dict[str, Resource]] = {}
        for thing in things:
            self._things.setdefault(thing.kind, {})[thing.name] = thing

    def __iter__(self) -> Iterator[Resource]:
        return chain.from_iterable(things.values() for things in self._things.values())

    def get(self, kind: str, name: str) -> Resource | None:
        """Return one thing, or `None`."""
        return self._things.get(kind, {}).get(name)

    def of(self, kind: str) -> Iterable[Resource]:
        """Return the things of one kind, in order."""
        return self._things.get(kind, {}).values()

    def over(self, other: Topology) -> Topology:
        """Return the things of both; of two with the same name, this one's."""
        return Topology([*other, *self], self.labels)

    def without(self, others: Iterable[Resource]) -> Topology:
        """Return the things that are not among the others."""
        gone = {(thing.kind, thing.name) for thing in others}
        return Topology(
            (thing for thing in self if (thing.kind, thing.name) not in gone), self.labels
        )
