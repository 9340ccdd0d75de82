"""Exchanges as a tree: their bindings, and the branches that a message would take."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from store import Binding, Exchange, RouteExplanation
from store.model.looks import ExplainRoute
from store.model.topics import HeaderValue


@dataclass(frozen=True, slots=True)
class RouteQuery:
    """A message to route without publishing it: its exchange, key and headers."""

    exchange: str
    key: str
    headers: dict[str, HeaderValue]

    @property
    def step(self) -> ExplainRoute:
        """The step that answers the same."""
        return ExplainRoute(self.exchange, self.key, tuple(self.headers.items()))


def parse_route_query(exchange: str, text: str) -> RouteQuery:
    """Read `KEY NAME=TEXT NAME:=JSON …`; the key may be left out before headers."""
    try:
        words = shlex.split(text)
    except ValueError:
        words = text.split()
    key = words.pop(0) if words and "=" not in words[0] else ""
    return RouteQuery(exchange, key, dict(_parse_header(word) for word in words))


def _parse_header(word: str) -> tuple[str, HeaderValue]:
    name, equals, text = word.partition("=")
    if not name.endswith(":"):
        return name, text if equals else None
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    is_header = value is None or isinstance(value, bool | int | float | str)
    return name.removesuffix(":"), value if is_header else text


@dataclass(frozen=True, slots=True)
class Branch:
    """A line of the tree: an exchange at its root, or a binding under its source exchange.

    `rail` is drawn before it. `seen` says that its exchange was shown further up.
    """

    rail: str
    exchange: Exchange | None
    binding: Binding | None
    seen: bool = False

    @property
    def key(self) -> str:
        """The identity of the line; each binding is in the tree once."""
        if self.binding is None:
            return f"exchange:{self.exchange.name}" if self.exchange else ""
        return repr(_sign(self.binding))

    @property
    def starts_at(self) -> str:
        """The exchange that it leads from."""
        if self.binding is not None:
            return self.binding.exchange
        return self.exchange.name if self.exchange else ""


def branches(exchanges: Sequence[Exchange], bindings: Sequence[Binding]) -> list[Branch]:
    """Return the tree, line by line: exchanges that nothing leads to first."""
    known = {exchange.name: exchange for exchange in exchanges}
    ways: dict[str, list[Binding]] = {}
    for binding in bindings:
        ways.setdefault(binding.exchange, []).append(binding)
    for exchange in exchanges:
        if exchange.alternate is not None:
            ways.setdefault(exchange.name, []).append(_alternate(exchange))
    led_to = {way.name for some in ways.values() for way in some if way.kind == "exchange"}
    shown: set[str] = set()
    lines: list[Branch] = []
    for name in sorted(known, key=lambda name: (name in led_to, name)):
        if name not in shown:
            lines.append(Branch("", known[name], None))
            lines.extend(_below(name, "", known, ways, shown))
    return lines


def _alternate(exchange: Exchange) -> Binding:
    return Binding(exchange.name, f"exchange:{exchange.alternate}", "exchange", alternate=True)


def _below(
    name: str, rail: str, known: Mapping[str, Exchange], ways: Mapping[str, Sequence[Binding]],
    shown: set[str],
) -> Iterator[Branch]:  # fmt: skip
    shown.add(name)
    here = ways.get(name, [])
    for number, way in enumerate(here, 1):
        is_last = number == len(here)
        target = known.get(way.name) if way.kind == "exchange" else None
        is_seen = target is not None and way.name in shown
        yield Branch(rail + ("└─ " if is_last else "├─ "), target, way, is_seen)
        if target is not None and not is_seen:
            deeper = rail + ("   " if is_last else "│  ")
            yield from _below(way.name, deeper, known, ways, shown)


class Ways:
    """The branches that a message takes, and the reasons why it does not take the others."""

    def __init__(self, asked: RouteQuery, found: RouteExplanation) -> None:
        self.destinations = [route.destination for route in found.routes]
        taken = [step for route in found.routes for step in route.via]
        self._taken = {_sign(step) for step in taken}
        self._why = {_sign(missed.binding): missed.why for missed in found.unmatched}
        self._reached = {
            asked.exchange,
            *(step.name for step in taken if step.kind == "exchange"),
            *(missed.binding.exchange for missed in found.unmatched),
        }

    def takes(self, branch: Branch) -> bool:
        """Return whether the message goes along this line."""
        binding = branch.binding
        if binding is None:
            return branch.exchange is not None and branch.exchange.name in self._reached
        if binding.alternate:
            return _sign(binding) in self._taken
        return binding.exchange in self._reached and _sign(binding) not in self._why

    def why_not(self, branch: Branch) -> str:
        """Return why the message does not take this line, as far as it comes near."""
        return "" if branch.binding is None else self._why.get(_sign(branch.binding), "")


def _sign(binding: Binding) -> tuple[object, ...]:
    headers = tuple((name, type(value), value) for name, value in binding.headers.items())
    return (
        binding.exchange, binding.destination, binding.key, headers, binding.match,
        binding.alternate,
    )  # fmt: skip
