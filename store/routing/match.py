"""Which bindings a message matches: RabbitMQ's rules, computed from nothing but their arguments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

from store.models import HeaderValue
from store.routes import Match

T = TypeVar("T")
Headers = Mapping[str, HeaderValue]
Typed = tuple[str, HeaderValue]


def split_words(key: str) -> list[str]:
    """The words of a key: the empty one has none; else what stands between dots, even nothing."""
    return key.split(".") if key else []


class _Node(Generic[T]):
    """A place in a pattern trie; at `any_words` any number of words may pass."""

    __slots__ = ("any_word", "any_words", "is_loop", "values", "words")

    def __init__(self, is_loop: bool = False) -> None:
        self.words: dict[str, _Node[T]] = {}
        self.any_word: _Node[T] | None = None
        self.any_words: _Node[T] | None = None
        self.is_loop = is_loop
        self.values: list[T] = []

    def child(self, word: str) -> _Node[T]:
        """The place after one more word of a pattern, made if it is not there."""
        if word == "*":
            self.any_word = self.any_word or _Node()
            return self.any_word
        if word == "#":
            self.any_words = self.any_words or _Node(is_loop=True)
            return self.any_words
        node = self.words.get(word)
        if node is None:
            node = self.words[word] = _Node()
        return node


class PatternTrie(Generic[T]):
    """Topic patterns (`*` one word, `#` any number of words) with a value each.

    A key is followed through all patterns at once, so its cost depends on its words and on the
    places they reach, not on how many patterns there are; a place is visited once per word,
    whatever number of `#` leads to it.
    """

    def __init__(self) -> None:
        self._root: _Node[T] = _Node()

    def add(self, pattern: str, value: T) -> None:
        """Add a pattern."""
        node = self._root
        for word in split_words(pattern):
            node = node.child(word)
        node.values.append(value)

    def match(self, key: str) -> list[T]:
        """The values of the patterns that match a routing key."""
        places = _closed([self._root])
        for word in split_words(key):
            places = _closed(_steps(places, word))
        return [value for place in places for value in place.values]


def _steps(places: list[_Node[T]], word: str) -> Iterator[_Node[T]]:
    for place in places:
        if place.is_loop:
            yield place
        if place.any_word is not None:
            yield place.any_word
        node = place.words.get(word)
        if node is not None:
            yield node


def _closed(places: Iterator[_Node[T]] | list[_Node[T]]) -> list[_Node[T]]:
    """The places, each once, with those that lie behind a `#` that stands for no words."""
    seen: dict[_Node[T], None] = {}
    for place in places:
        node: _Node[T] | None = place
        while node is not None and node not in seen:
            seen[node] = None
            node = node.any_words
    return list(seen)


def typed(value: HeaderValue) -> Typed:
    """A header's value with its type, so that 1, "1" and true differ (AMQP)."""
    if isinstance(value, bool):
        return "boolean", value
    if isinstance(value, str):
        return "text", value
    return ("null", None) if value is None else ("number", value)


def usable(headers: Headers, match: Match) -> dict[str, HeaderValue]:
    """The headers that a binding compares: those named x-… only in the forms with x."""
    if match in {"all-with-x", "any-with-x"}:
        return dict(headers)
    return {name: value for name, value in headers.items() if not name.startswith("x-")}


def agrees(headers: Headers, name: str, wanted: HeaderValue) -> bool:
    """Whether a message has a header as a binding wants it; null wants it only to be there."""
    if name not in headers:
        return False
    return wanted is None or typed(headers[name]) == typed(wanted)


def matches_headers(wanted: Headers, match: Match, headers: Headers) -> bool:
    """Whether a message's headers match a binding's."""
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
        """The values of the bindings that match."""
        found = {
            number: value
            for name, header in headers.items()
            for place in {(name, typed(header)), (name, typed(None))}
            for number, wanted, match, value in self._by_header.get(place, ())
            if matches_headers(wanted, match, headers)
        }
        return self._always + [found[number] for number in sorted(found)]
