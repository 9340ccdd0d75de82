"""The values that exchanges take and give, all frozen, and what they may be."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypedDict, get_args

from store.model.addresses import EXCHANGE_PREFIX, check_name
from store.model.encoding import encode_headers
from store.model.errors import BadInput, Hint
from store.model.messages import MessageId
from store.model.topics import Headers, HeaderValue, RecordId

ExchangeType = Literal["direct", "topic", "fanout", "headers"]
EXCHANGE_TYPES: tuple[ExchangeType, ...] = get_args(ExchangeType)
Match = Literal["all", "any", "all-with-x", "any-with-x"]
MATCHES: tuple[Match, ...] = get_args(Match)
LONGEST_KEY = 255


class Exchange(NamedTuple):
    """An exchange; `alternate` gets the messages that none of its bindings matches.

    `bindings` counts those that lead out of it, `created` is Unix milliseconds. `labels` are names
    and values of its user's own.
    """

    name: str
    type: ExchangeType
    alternate: str | None
    created: int | None
    bindings: int = 0
    labels: tuple[tuple[str, str], ...] = ()


class ExchangeSettings(TypedDict, total=False):
    """The settings of an exchange as callers give them."""

    alternate: str | None
    labels: Mapping[str, str] | None


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
        """Return whether it compares the same; headers that differ in type, as 1 and true, do
        not.
        """
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
    """The destinations of a message, and the bindings on the way that did not match."""

    routes: tuple[Route, ...]
    unmatched: tuple[Unmatched, ...]


Placed = RecordId | MessageId


def check_alternate(name: str, alternate: str | None) -> None:
    """Raise `BadInput` for an alternate that an exchange can't have."""
    if alternate is None:
        return
    check_name(alternate, "exchange name")
    if alternate == name:
        raise BadInput(f"exchange {name} can't be its own alternate")


def check_binding(key: str, headers: Headers | None, match: str) -> None:
    """Raise `BadInput` for what no binding can be made of."""
    checked_key(key)
    binding_arguments(headers)
    checked_match(match)


def checked_key(key: str) -> str:
    """Return a binding key; raises `BadInput` for one that can't be."""
    if not isinstance(key, str):
        raise BadInput(f"a binding key must be text, not {type(key).__name__}")
    try:
        size = len(key.encode())
    except UnicodeEncodeError as error:
        raise BadInput(f"the binding key is not valid text: {error.reason}") from error
    if size > LONGEST_KEY:
        raise BadInput(f"a binding key has at most {LONGEST_KEY} bytes, not {size}")
    return key


def checked_match(match: str) -> str:
    """Return a way to match headers; raises `BadInput` for another word."""
    if match not in MATCHES:
        raise BadInput(f"not a way to match: {match!r}", hint="one of " + ", ".join(MATCHES))
    return match


def binding_arguments(headers: Headers | None) -> str:
    """Return the headers of a binding as text, the same for the same headers; raises `BadInput`."""
    encode_headers(headers)
    if "x-match" in (headers or {}):
        raise BadInput("x-match is not a header here", hint=Hint("say how to match: {match any}"))
    for name, value in (headers or {}).items():
        if not (value is None or isinstance(value, str | int | float)):
            raise BadInput(
                f"header {name} of a binding has a {type(value).__name__}",
                hint="bindings compare text, numbers, true, false and null",
            )
    return json.dumps(dict(headers or {}), sort_keys=True, separators=(",", ":"))


def routing_key(key: bytes | None) -> str:
    """Return a message's key as a routing key: none is the empty one; raises `BadInput` over 255
    bytes.
    """
    if key is None:
        return ""
    if len(key) > LONGEST_KEY:
        raise BadInput(f"a routing key has at most {LONGEST_KEY} bytes, not {len(key)}")
    return key.decode(errors="surrogateescape")
