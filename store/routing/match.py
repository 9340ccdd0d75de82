"""The bindings that a message matches, by RabbitMQ's rules: pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from store.model.exchanges import Match
from store.model.topics import HeaderValue

T = TypeVar("T")
Headers = Mapping[str, HeaderValue]
Typed = tuple[str, HeaderValue]


def split_words(key: str) -> list[str]:
    """Return the words of a key: the empty one has none; others have those between dots, even
    nothing.
    """
    return key.split(".") if key else []


class _Node(dict[str, "_Node"]):
    """A place in a pattern trie: its followers by the pattern's next word, `*` and `#` included."""

    __slots__ = ("ends",)
    ends: tuple[Any, ...]


class PatternTrie(Generic[T]):
    """Topic patterns (`*` one word, `#` any number of words) with a value each.

    A key is followed through all patterns at once, so its cost depends on its words and on the
    places they reach, not on how many patterns there are. A `#` leads to itself, and a place is
    visited once per word: so any number of `#` stays bounded.
    """

    def __init__(self) -> None:
        self._root = _new_node()

    def add(self, pattern: str, value: T) -> None:
        """Add a pattern."""
        node = self._root
        for word in split_words(pattern):
            following = node.get(word)
            if following is None:
                following = node[word] = _new_node()
                if word == "#":
                    following["#"] = following
            node = following
        node.ends = (*node.ends, value)

    def match(self, key: str) -> list[T]:
        """Return the values of the patterns that match a routing key."""
        places = _with_no_words_between([self._root])
        for word in split_words(key):
            places = _with_no_words_between(
                [
                    following
                    for place in places
                    for by in (word, "*")
                    if (following := place.get(by)) is not None
                ]
                + [place for place in places if place.get("#") is place]
            )
        return [value for place in places for value in place.ends]


def _new_node() -> _Node:
    node = _Node()
    node.ends = ()
    return node


def _with_no_words_between(places: list[_Node]) -> list[_Node]:
    """Return the places, each once, with those that lie behind a `#` that stands for no words."""
    found: dict[int, _Node] = {}
    for place in places:
        node: _Node | None = place
        while node is not None and id(node) not in found:
            found[id(node)] = node
            node = node.get("#")
    return list(found.values())


def typed(value: HeaderValue) -> Typed:
    """Return a header's value with its type, so that 1, "1" and true differ (AMQP)."""
    if isinstance(value, bool):
        return "boolean", value
    if isinstance(value, str):
        return "text", value
    return ("null", None) if value is None else ("number", value)


def usable(headers: Headers, match: Match) -> dict[str, HeaderValue]:
    """Return the headers that a binding compares: those named x-… only in the forms with x."""
    if match in {"all-with-x", "any-with-x"}:
        return dict(headers)
    return {name: value for name, value in headers.items() if not name.startswith("x-")}


def agrees(headers: Headers, name: str, wanted: HeaderValue) -> bool:
    """Return whether a message has a header as a binding wants it; null accepts any value."""
    if name not in headers:
        return False
    return wanted is None or typed(headers[name]) == typed(wanted)


def matches_headers(wanted: Headers, match: Match, headers: Headers) -> bool:
    """Return whether a message's headers match a binding's."""
    compared = (agrees(headers, name, value) for name, value in usable(wanted, match).items())
    return all(compared) if match in {"all", "all-with-x"} else any(compared)


class HeadersIndex(Generic[T]):
    """The bindings of a headers exchange, found by a header that they want.

    One that wants all of its headers is found by the first of them, one that wants any by each.
    """

    def __init__(self) -> None:
        self._always: list[T] = []
        self._by_header: dict[tuple[str, Typed], list[tuple[int, Headers, Match, T]]] = {}
        self._count = 0

    def add(self, wanted: Headers, match: Match, value: T) -> None:
        """Add a binding."""
        compared = usable(wanted, match)
        needs_all = match in {"all", "all-with-x"}
        if needs_all and not compared:
            self._always.append(value)
        for name, header in list(compared.items())[: 1 if needs_all else None]:
            found = self._by_header.setdefault((name, typed(header)), [])
            found.append((self._count, wanted, match, value))
        self._count += 1

    def match(self, headers: Headers) -> list[T]:
        """Return the values of the bindings that match."""
        found = {
            number: value
            for name, header in headers.items()
            for place in {(name, typed(header)), (name, typed(None))}
            for number, wanted, match, value in self._by_header.get(place, ())
            if matches_headers(wanted, match, headers)
        }
        return self._always + [found[number] for number in sorted(found)]
