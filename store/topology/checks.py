"""The rules between the things of a topology: names, references, dead letters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import attrgetter

from store.advice.plumbing import circles
from store.model.addresses import EXCHANGE_PREFIX
from store.topology.kinds import KINDS, names_in
from store.topology.model import NOWHERE, Resource, Topology
from store.topology.problems import Problem, Problems
from store.topology.reading import TopologyFile, read

CHANNELS = ("topic", "queue", "share")


def validate(sources: Sequence[TopologyFile]) -> list[Problem]:
    """Return every problem of files, by place; the files must be consistent on their own."""
    problems = Problems()
    check(read(sources, problems), Topology(), problems)
    return sorted(problems.found, key=attrgetter("place"))


def check(topology: Topology, present: Topology, problems: Problems) -> None:
    """Check what the files declare against one another and against what is `present`."""
    _Checks(topology, present, problems).run()


def references(thing: Resource) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield the references of a thing: the setting, the name, and the kinds that it may be of."""
    notations = KINDS[thing.kind].notations
    for setting, kinds in _REFERENCES.get(thing.kind, {}).items():
        # A required setting may be missing here; that was reported before.
        text, notation = thing.settings.get(setting), notations[setting]
        if text is None or text == notation.nothing:
            continue
        for name in names_in(text) if notation.many else [text]:
            if name.startswith(EXCHANGE_PREFIX) and thing.kind in ("queue", "binding"):
                yield setting, name.removeprefix(EXCHANGE_PREFIX), ("exchange",)
            else:
                yield setting, name, kinds


_REFERENCES: dict[str, dict[str, tuple[str, ...]]] = {
    "queue": {"dlq": ("queue",)},
    "exchange": {"alternate": ("exchange",)},
    "binding": {"from": ("exchange",), "to": ("queue", "topic")},
    "group": {"topics": ("topic",), "dlq": ("queue",)},
    "share": {"topic": ("topic",), "dlq": ("queue",)},
}


class _Checks:
    """The checks; `_all` is everything that may be referred to."""

    def __init__(self, declared: Topology, present: Topology, problems: Problems) -> None:
        self._declared = declared
        self._present = present
        self._all = declared.over(present)
        self._problems = problems

    def run(self) -> None:
        for thing in self._declared:
            if thing.kind in CHANNELS:
                self._one_name_space(thing)
            found = {
                setting: self._find(thing, setting, name, kinds)
                for setting, name, kinds in references(thing)
            }
            if thing.kind == "binding":
                self._headers(thing, found.get("from"))
            if thing.kind == "queue":
                self._dead_letter_queue(thing, found.get("dlq"))
        self._dead_letter_cycles()

    def _one_name_space(self, thing: Resource) -> None:
        for kind in CHANNELS:
            other = self._all.get(kind, thing.name)
            if other is None or kind == thing.kind:
                continue
            # The later one of two in files is reported.
            if other.place is NOWHERE or other.place < thing.place:
                where, way_out = str(other.place), ""
                if other.place is NOWHERE:
                    where, way_out = "in the store", f"; mq {kind} delete {thing.name} first"
                self._problems.error(
                    thing.place,
                    f"{thing.name} is a {kind} already ({where}): topics, queues and shares have"
                    f" one name space{way_out}",
                )

    def _headers(self, binding: Resource, exchange: Resource | None) -> None:
        if exchange is None or exchange.settings.get("type") in (None, "headers"):
            return
        for setting in ("headers", "match"):
            if setting in binding.places:
                self._problems.warning(
                    binding.place_of(setting),
                    f"{exchange.name} is a {exchange.settings['type']} exchange, which does not"
                    f" look at {setting}",
                )

    def _dead_letter_queue(self, queue: Resource, dlq: Resource | None) -> None:
        if dlq is None or dlq.kind != "queue":
            return
        if dlq.settings["fifo"] != queue.settings["fifo"]:
            self._problems.error(
                queue.place_of("dlq"),
                f"{queue.name} is {_type(queue)} and its DLQ {dlq.name} is {_type(dlq)}:"
                " a queue and its DLQ must be of one type",
            )
        before = self._present.get("queue", queue.name)
        if before is not None and before.settings["dlq"] == dlq.name:
            # Queues that use it already go on, as in SQS.
            return
        allowed = dlq.settings["redrive_allow"]
        if allowed != "all" and queue.name not in allowed.split(","):
            self._problems.error(
                queue.place_of("dlq"),
                f"queue {dlq.name} does not let {queue.name} dead-letter into it: its redrive_allow"
                f" is {allowed}",
            )

    def _find(
        self, thing: Resource, setting: str, name: str, kinds: tuple[str, ...]
    ) -> Resource | None:
        for kind in kinds:
            if found := self._all.get(kind, name):
                return found
        place, missing = thing.place_of(setting), self._missing(setting, name, kinds)
        if setting == "alternate":
            # An alternate is kept by name and may be created later (RabbitMQ).
            self._problems.warning(
                place, f"{missing}; until then what no binding of {thing.name} matches is dropped"
            )
        else:
            self._problems.error(place, missing)
        return None

    def _missing(self, setting: str, name: str, kinds: tuple[str, ...]) -> str:
        others = [kind for kind in (*CHANNELS, "exchange") if self._all.get(kind, name)]
        if others == ["exchange"] and "queue" in kinds:
            return f"{setting}: {name} is an exchange: write {EXCHANGE_PREFIX}{name}"
        if others:
            return f"{setting}: {name} is {_one_of(others[:1])}, not {_one_of(kinds)}"
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


def _one_of(kinds: Sequence[str]) -> str:
    return f"{'an' if kinds[0] == 'exchange' else 'a'} {' or '.join(kinds)}"


def _type(queue: Resource) -> str:
    return "a FIFO queue" if queue.settings["fifo"] == "true" else "a standard queue"
