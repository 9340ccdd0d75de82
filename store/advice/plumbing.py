"""The ends of messages that can't be processed, or that match nothing: pure, also for files.

It needs the settings only, so it judges a topology before it is applied as well as a store.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from store.model.actions import Bind, Create, WayOut, alter, create
from store.model.addresses import EXCHANGE_PREFIX
from store.model.diagnoses import Diagnosis, advice, warning
from store.model.exchanges import Binding, Exchange
from store.model.text import format_duration
from store.model.topics import DELIVERIES_WITH_DLQ
from store.routing.match import PatternTrie
from store.routing.walk import ends, walk

_GATHERED = timedelta(days=14)
Kind = Literal["queue", "group", "share"]


@dataclass(frozen=True, slots=True)
class Ending:
    """How messages of a queue, group or share end that can't be processed.

    `retention`, in milliseconds, is a queue's; `stuck` is how many used up their deliveries and
    are still there.
    """

    kind: Kind
    name: str
    fifo: bool = False
    max_deliveries: int | None = None
    dlq: str | None = None
    dlq_key: str | None = None
    drop_exhausted: bool = False
    retention: int | None = None
    stuck: int = 0


@dataclass(frozen=True, slots=True)
class Plumbing:
    """Everything that says where messages go."""

    endings: tuple[Ending, ...]
    exchanges: tuple[Exchange, ...]
    bindings: tuple[Binding, ...]


def examine(plumbing: Plumbing) -> Iterator[Diagnosis]:
    """Find everything that is wrong with where messages go."""
    routing = _Routing(plumbing)
    queues = {ending.name: ending for ending in plumbing.endings if ending.kind == "queue"}
    for ending in lacking(plumbing):
        yield from _without_dlq(ending)
    for ending in plumbing.endings:
        if ending.dlq is None:
            continue
        if ending.dlq.startswith(EXCHANGE_PREFIX):
            yield from _dlq_exchange(ending, routing)
        elif ending.dlq not in queues:
            yield _missing_dlq(ending)
        else:
            yield from _short_dlq(ending, queues[ending.dlq])
    yield from _cycles(queues)
    yield from routing.examine()


def lacking(plumbing: Plumbing) -> list[Ending]:
    """Find what has no DLQ and does not itself gather messages for people."""
    collectors = _collectors(plumbing)
    return [
        ending
        for ending in plumbing.endings
        if ending.dlq is None and (ending.kind == "group" or ending.name not in collectors)
    ]


def _collectors(plumbing: Plumbing) -> set[str]:
    """Find the queues that only gather messages for people: DLQs, and what alternates feed."""
    found = {ending.dlq for ending in plumbing.endings if ending.dlq is not None}
    alternates = {exchange.alternate for exchange in plumbing.exchanges}
    targets = [f"{EXCHANGE_PREFIX}{one}" for one in alternates if one] + sorted(found)
    gathering = {t.removeprefix(EXCHANGE_PREFIX) for t in targets if t.startswith(EXCHANGE_PREFIX)}
    feeds = Counter(binding.destination for binding in plumbing.bindings)
    fed = Counter(b.destination for b in plumbing.bindings if b.exchange in gathering)
    return found | {name for name, times in fed.items() if times == feeds[name]}


def _without_dlq(ending: Ending) -> Iterator[Diagnosis]:
    dlq = f"{ending.name}.dlq"
    dlq_queue = _collecting_queue(dlq, fifo=ending.fifo)
    policy = alter(ending.kind, ending.name, max_deliveries=DELIVERIES_WITH_DLQ, dlq=dlq)
    if ending.kind == "group":
        yield advice(
            "no_dlq", ending.name, "no limit of deliveries and no DLQ",
            "a record that can't be processed stalls its partition until it is skipped",
            dlq_queue, policy,
        )  # fmt: skip
    elif ending.kind == "share" and ending.max_deliveries is not None:
        yield warning(
            "no_dlq", ending.name, f"{ending.max_deliveries} deliveries at most, and no DLQ",
            "a record that fails so often is passed over, and no person hears of it",
            dlq_queue, alter("share", ending.name, dlq=dlq),
        )  # fmt: skip
    elif ending.drop_exhausted:
        yield advice(
            "drops_exhausted", ending.name,
            f"messages are dropped after {ending.max_deliveries} deliveries",
            "it was asked for; a DLQ would keep them, with the error",
            dlq_queue, policy,
        )  # fmt: skip
    else:
        yield warning(
            "no_dlq", ending.name, "no limit of deliveries and no DLQ",
            "a message that can't be processed comes back for ever, and takes the others' time",
            dlq_queue, policy,
        )  # fmt: skip


def _collecting_queue(name: str, *, fifo: bool = False) -> Create:
    """Name the step that creates a queue where messages wait for people: it keeps them longer."""
    if fifo:
        return create("queue", name, fifo=True, retention=_GATHERED)
    return create("queue", name, retention=_GATHERED)


def _missing_dlq(ending: Ending) -> Diagnosis:
    return warning(
        "dlq_missing", ending.name, f"its DLQ {ending.dlq} does not exist",
        "dead letters stay where they are until it does",
        _collecting_queue(str(ending.dlq), fifo=ending.fifo),
    )  # fmt: skip


def _short_dlq(ending: Ending, dlq: Ending) -> Iterator[Diagnosis]:
    # A FIFO DLQ counts from the arrival, and a group or share writes a new message. A DLQ that has
    # one itself is a step of a ladder.
    if ending.kind != "queue" or ending.fifo or dlq.dlq is not None:
        return
    mine, its = ending.retention, dlq.retention
    if mine is not None and its is not None and its <= mine:
        yield advice(
            "dlq_retention", dlq.name,
            f"keeps messages {format_duration(its)}, its source {ending.name}"
            f" {format_duration(mine)}",
            "retention counts from the first send: a letter that dies late is gone soon after",
            alter("queue", dlq.name, retention=timedelta(milliseconds=mine * 4)),
        )  # fmt: skip


def _dlq_exchange(ending: Ending, routing: _Routing) -> Iterator[Diagnosis]:
    name = str(ending.dlq).removeprefix(EXCHANGE_PREFIX)
    if routing.leads_somewhere(name, ending.dlq_key):
        return
    with_key = f" with key {ending.dlq_key}" if ending.dlq_key else ""
    yield warning(
        "dlq_routes_nowhere", ending.name,
        f"its dead letters go to exchange {name}{with_key}, which leads to no queue or topic",
        "dead letters stay where they are until it does",
        _collecting_queue(f"{ending.name}.dlq", fifo=ending.fifo),
        Bind(name, f"{ending.name}.dlq", ending.dlq_key or ""),
    )  # fmt: skip


def _cycles(queues: dict[str, Ending]) -> Iterator[Diagnosis]:
    leads_to = {name: one.dlq for name, one in queues.items() if one.dlq in queues}
    for cycle in circles(leads_to):
        stuck = sum(queues[name].stuck for name in cycle)
        held = f"; {stuck:,} used up their deliveries and stay" if stuck else ""
        last = queues[cycle[-1]]
        end = f"{cycle[0]}.parked"
        yield warning(
            "dlq_cycle", cycle[0], f"{' -> '.join([*cycle, cycle[0]])}{held}",
            "a letter that comes round stays where it is, and is looked at again and again",
            _collecting_queue(end, fifo=last.fifo),
            alter("queue", last.name, dlq=end),
        )  # fmt: skip


def circles(leads_to: Mapping[str, str | None]) -> Iterator[list[str]]:
    """Find the circles in a graph in which every node has at most one way out."""
    seen: set[str] = set()
    for start in leads_to:
        path: list[str] = []
        at: str | None = start
        while at is not None and at not in seen:
            seen.add(at)
            path.append(at)
            at = leads_to.get(at)
        if at in path:
            yield path[path.index(at) :]


class _Routing:
    """The graph of exchanges."""

    def __init__(self, plumbing: Plumbing) -> None:
        self._exchanges = {exchange.name: exchange for exchange in plumbing.exchanges}
        self._bindings: dict[str, list[Binding]] = {}
        for binding in plumbing.bindings:
            self._bindings.setdefault(binding.exchange, []).append(binding)
        self._used = set(self._alternates())

    def examine(self) -> Iterator[Diagnosis]:
        """Find exchanges that drop some or all of what is published."""
        for name, exchange in self._exchanges.items():
            if not self.leads_somewhere(name, None):
                unrouted = f"{name}.unrouted"
                yield warning(
                    "unbound_exchange", f"{EXCHANGE_PREFIX}{name}",
                    "no binding and no alternate of it leads to a queue or topic",
                    "whatever is published to it is confirmed and dropped",
                    _collecting_queue(unrouted),
                    Bind(name, unrouted, "#" if exchange.type == "topic" else ""),
                )  # fmt: skip
            elif exchange.alternate is not None and exchange.alternate not in self._exchanges:
                yield warning(
                    "alternate_missing", f"{EXCHANGE_PREFIX}{name}",
                    f"its alternate {exchange.alternate} does not exist",
                    "what matches no binding is confirmed and dropped",
                    create("exchange", exchange.alternate, type="fanout"),
                )  # fmt: skip
            elif exchange.alternate is None and self._can_miss(exchange):
                yield advice(
                    "no_alternate", f"{EXCHANGE_PREFIX}{name}",
                    f"{len(self._bindings.get(name, ()))} bindings and no alternate",
                    "an unforeseen key is confirmed and dropped;"
                    " an alternate would gather it",
                    *_gathering(name),
                )  # fmt: skip

    def leads_somewhere(self, name: str, key: str | None) -> bool:
        """Say whether any message, or one with this key, gets from an exchange to a destination."""
        if name not in self._exchanges:
            return False
        if key is None:
            return any(step.kind != "exchange" for step in self._reachable(name))
        return bool(ends(walk(name, lambda at: self._matching(at, key), self._alternate)))

    def _reachable(self, name: str) -> Iterator[Binding]:
        reached = [name]
        for at in reached:
            steps = self._bindings.get(at, [])
            yield from steps
            targets = [step.name for step in steps if step.kind == "exchange"]
            other = self._alternate(at)
            targets += [other] if other is not None else []
            reached += [target for target in targets if target not in reached]

    def _matching(self, name: str, key: str) -> list[Binding]:
        exchange, bindings = self._exchanges.get(name), self._bindings.get(name, [])
        if exchange is None:
            return []
        if exchange.type == "direct":
            return [binding for binding in bindings if binding.key == key]
        if exchange.type == "topic":
            trie: PatternTrie[Binding] = PatternTrie()
            for binding in bindings:
                trie.add(binding.key, binding)
            return list(trie.match(key))
        # Headers are the letter's own: any binding may match.
        return bindings

    def _alternate(self, name: str) -> str | None:
        exchange = self._exchanges.get(name)
        alternate = None if exchange is None else exchange.alternate
        return alternate if alternate in self._exchanges else None

    def _alternates(self) -> Iterable[str]:
        return (one.alternate for one in self._exchanges.values() if one.alternate is not None)

    def _can_miss(self, exchange: Exchange) -> bool:
        """Say whether a message may match none of its bindings; last resorts are left alone."""
        if exchange.type == "fanout" or exchange.name in self._used:
            return False
        takes_all = "#" if exchange.type == "topic" else None
        return not any(
            binding.key == takes_all
            or (exchange.type == "headers" and not binding.headers and binding.match == "all")
            for binding in self._bindings.get(exchange.name, ())
        )


def _gathering(name: str) -> tuple[WayOut, ...]:
    """Name the steps that give an exchange a last resort."""
    unrouted = f"{name}.unrouted"
    return (
        create("exchange", unrouted, type="fanout"),
        _collecting_queue(unrouted),
        Bind(unrouted, unrouted),
        alter("exchange", name, alternate=unrouted),
    )
