"""What must hold between the things of a topology: names, references, dead letters."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

from store.routes import EXCHANGE_PREFIX
from store.topology.kinds import names_in
from store.topology.model import Thing, Topology
from store.topology.problems import Problem, Problems
from store.topology.reading import Source, read
from store.watch.doctor.plumbing import circles

CHANNELS = ("topic", "queue", "share")


def validate(sources: Sequence[Source]) -> list[Problem]:
    """Everything that is wrong with files, by place; they must hold together on their own."""
    problems = Problems()
    check(read(sources, problems), Topology(), problems)
    return sorted(problems.found, key=attrgetter("place"))


def check(topology: Topology, present: Topology, problems: Problems) -> None:
    """Check what the files declare against one another and against what is `present`."""
    _Checks(topology, topology.over(present), problems).run()


class _Checks:
    """The checks; `_all` is everything that may be referred to."""

    def __init__(self, declared: Topology, known: Topology, problems: Problems) -> None:
        self._declared = declared
        self._all = known
        self._problems = problems

    def run(self) -> None:
        for thing in self._declared:
            if thing.kind in CHANNELS:
                self._one_name_space(thing)
            match thing.kind:
                case "queue":
                    self._queue(thing)
                case "exchange":
                    self._named(thing, "alternate", ["exchange"])
                case "binding":
                    self._binding(thing)
                case "group":
                    self._group(thing)
                case "share":
                    self._named(thing, "topic", ["topic"])
                    self._named(thing, "dlq", ["queue"])
        self._dead_letter_cycles()

    def _one_name_space(self, thing: Thing) -> None:
        for kind in CHANNELS:
            other = self._all.get(kind, thing.name)
            # Of two in files, the later one is told.
            if other and kind != thing.kind and not (thing.place < other.place):
                self._problems.error(
                    thing.place,
                    f"{thing.name} is a {kind} already ({other.place}): topics, queues and shares"
                    " have one name space",
                )

    def _queue(self, queue: Thing) -> None:
        dlq = self._destination(queue, "dlq", ["queue"])
        if dlq and dlq.kind == "queue" and dlq.settings["fifo"] != queue.settings["fifo"]:
            self._problems.error(
                queue.place_of("dlq"),
                f"{queue.name} is {_type(queue)} and its DLQ {dlq.name} is {_type(dlq)}:"
                " a queue and its DLQ must be of one type",
            )

    def _group(self, group: Thing) -> None:
        for name in names_in(group.settings["topics"]):
            self._find(group, "topics", name, ["topic"])
        self._named(group, "dlq", ["queue"])

    def _binding(self, binding: Thing) -> None:
        self._named(binding, "from", ["exchange"])
        self._destination(binding, "to", ["queue", "topic"])

    def _named(self, thing: Thing, setting: str, kinds: list[str]) -> Thing | None:
        # A required setting can be missing here; that was told.
        name = thing.settings.get(setting, "none")
        return None if name == "none" else self._find(thing, setting, name, kinds)

    def _destination(self, thing: Thing, setting: str, kinds: list[str]) -> Thing | None:
        name = thing.settings[setting]
        if name.startswith(EXCHANGE_PREFIX):
            return self._find(thing, setting, name.removeprefix(EXCHANGE_PREFIX), ["exchange"])
        return self._named(thing, setting, kinds)

    def _find(self, thing: Thing, setting: str, name: str, kinds: list[str]) -> Thing | None:
        for kind in kinds:
            if found := self._all.get(kind, name):
                return found
        self._problems.error(thing.place_of(setting), self._missing(setting, name, kinds))
        return None

    def _missing(self, setting: str, name: str, kinds: list[str]) -> str:
        others = [kind for kind in (*CHANNELS, "exchange") if self._all.get(kind, name)]
        if others == ["exchange"] and "queue" in kinds:
            return f"{setting}: {name} is an exchange: write {EXCHANGE_PREFIX}{name}"
        if others:
            return f"{setting}: {name} is a {others[0]}, not a {' or '.join(kinds)}"
        names = (thing.name for kind in kinds for thing in self._all.of(kind))
        near = self._problems.suggestion(name, names)
        return f"{setting}: there is no {' or '.join(kinds)} {name}{near}"

    def _dead_letter_cycles(self) -> None:
        leads_to = {
            queue.name: queue.settings["dlq"]
            for queue in self._all.of("queue")
            if queue.settings["dlq"] != "none"
        }
        for cycle in circles(leads_to):
            queue = self._declared.get("queue", cycle[0])
            if queue is not None:
                self._problems.warning(
                    queue.place_of("dlq"),
                    f"dead letters go in a circle: {' -> '.join([*cycle, cycle[0]])};"
                    " a message that would go round stays where it is",
                )


def _type(queue: Thing) -> str:
    return "a FIFO queue" if queue.settings["fifo"] == "true" else "a standard queue"
