"""The values that exchanges take and give. All are frozen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypedDict, get_args

from store.model.addresses import EXCHANGE_PREFIX
from store.model.messages import MessageId
from store.model.topics import HeaderValue, RecordId

ExchangeType = Literal["direct", "topic", "fanout", "headers"]
EXCHANGE_TYPES: tuple[ExchangeType, ...] = get_args(ExchangeType)
Match = Literal["all", "any", "all-with-x", "any-with-x"]
MATCHES: tuple[Match, ...] = get_args(Match)


class Exchange(NamedTuple):
    """An exchange; `alternate` is where goes what none of its bindings matches.

    `bindings` counts those that lead out of it, `created` is Unix milliseconds.
    """

    name: str
    type: ExchangeType
    alternate: str | None
    created: int
    bindings: int = 0


class ExchangeSettings(TypedDict, total=False):
    """The settings of an exchange as callers give them."""

    alternate: str | None


@dataclass(frozen=True, slots=True)
class Binding:
    """One way out of an exchange, to a queue, a topic, or `exchange:NAME`.

    `match` says how a headers exchange compares `headers`. An `alternate` step is no binding: it
    leads to the exchange's alternate.
    """

    exchange: str
    destination: str
    kind: Literal["queue", "topic", "exchange"]
    key: str = ""
    headers: dict[str, HeaderValue] = field(default_factory=dict, hash=False)
    match: Match = "all"
    alternate: bool = False

    def is_same(self, key: str, headers: Mapping[str, HeaderValue], match: str) -> bool:
        """Whether it compares the same; headers that differ in type, as 1 and true, do not."""
        return (self.key, self.match, _typed(self.headers)) == (key, match, _typed(headers))

    @property
    def name(self) -> str:
        """The destination's name, without the prefix of an exchange."""
        return self.destination.removeprefix(EXCHANGE_PREFIX)


def _typed(headers: Mapping[str, HeaderValue]) -> dict[str, tuple[type, HeaderValue]]:
    return {name: (type(value), value) for name, value in headers.items()}


class Route(NamedTuple):
    """A queue or topic that is reached, and all bindings on the ways to it, in the order walked."""

    destination: str
    kind: Literal["queue", "topic"]
    via: tuple[Binding, ...]


class Unmatched(NamedTuple):
    """A binding of an exchange on the way that did not match, and why."""

    binding: Binding
    why: str


class RouteExplanation(NamedTuple):
    """Where a message would go, and which bindings on the way keep it from going elsewhere."""

    routes: tuple[Route, ...]
    unmatched: tuple[Unmatched, ...]


Placed = RecordId | MessageId
