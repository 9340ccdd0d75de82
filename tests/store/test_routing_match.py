"""Matching: the trie and the index of headers agree with the rules read literally."""

from __future__ import annotations

import random
from itertools import product
from time import process_time

import pytest

from store.model.exchanges import MATCHES, Match
from store.model.topics import HeaderValue
from store.routing.match import HeadersIndex, PatternTrie, matches_headers, split_words
from store.routing.reasons import why_not_pattern

WORDS = ["", "a", "b", "*", "#", "a*"]


def matches(pattern: list[str], words: list[str]) -> bool:
    """The rule as it is told: `*` is one word, `#` any number of words."""
    if not pattern:
        return not words
    first, rest = pattern[0], pattern[1:]
    if first == "#":
        return any(matches(rest, words[taken:]) for taken in range(len(words) + 1))
    return bool(words) and first in {"*", words[0]} and matches(rest, words[1:])


def random_key(source: random.Random) -> str:
    return ".".join(source.choices(WORDS, k=source.randint(0, 5)))


@pytest.mark.parametrize("seed", range(20))
def test_the_trie_finds_what_the_rule_says(seed: int) -> None:
    source = random.Random(seed)
    patterns = [random_key(source) for _ in range(source.randint(1, 40))]
    trie: PatternTrie[int] = PatternTrie()
    for number, pattern in enumerate(patterns):
        trie.add(pattern, number)

    for _ in range(100):
        key = random_key(source)
        expected = [
            number
            for number, pattern in enumerate(patterns)
            if matches(split_words(pattern), split_words(key))
        ]
        assert sorted(trie.match(key)) == expected, (patterns, key)


def test_many_hashes_stay_bounded() -> None:
    trie: PatternTrie[int] = PatternTrie()
    trie.add(".".join(["#"] * 60), 0)
    trie.add(".".join(["#", "a"] * 30), 1)
    trie.add(".".join(["#", "*"] * 60), 2)
    key = ".".join(["a"] * 100)
    began = process_time()

    assert sorted(trie.match(key)) == [0, 1, 2]
    assert process_time() - began < 5


@pytest.mark.parametrize("seed", range(20))
def test_the_index_of_headers_finds_what_the_rule_says(seed: int) -> None:
    source = random.Random(seed)
    values: list[HeaderValue] = [1, 1.5, "1", True, None, "x"]

    def some_headers() -> dict[str, HeaderValue]:
        names = source.sample(["a", "b", "x-a", "x-b"], source.randint(0, 3))
        return {name: source.choice(values) for name in names}

    bindings = [(some_headers(), source.choice(MATCHES)) for _ in range(30)]
    index: HeadersIndex[int] = HeadersIndex()
    for number, (wanted, match) in enumerate(bindings):
        index.add(wanted, match, number)

    for _ in range(100):
        headers = some_headers()
        expected = [
            number
            for number, (wanted, match) in enumerate(bindings)
            if matches_headers(wanted, match, headers)
        ]
        assert sorted(index.match(headers)) == expected, (bindings, headers)


@pytest.mark.parametrize(("wanted", "given"), [*product([1, "1", True], repeat=2)])
def test_headers_of_different_types_differ(wanted: HeaderValue, given: HeaderValue) -> None:
    same = type(wanted) is type(given)
    assert matches_headers({"a": wanted}, "all", {"a": given}) is same


@pytest.mark.parametrize(("match", "expected"), [("all", True), ("any", False)])
def test_a_binding_without_headers_matches_all_or_nothing(match: Match, expected: bool) -> None:
    assert matches_headers({}, match, {"a": 1}) is expected


@pytest.mark.parametrize(
    ("pattern", "key", "why"),
    [
        ("order.us", "order.eu", "word 2 'eu' is not 'us'"),
        ("order.*", "order", "the key has 1 word, not 2"),
        ("order.*", "", "the key has 0 words, not 2"),
        ("order.#", "user.eu", "word 1 'user' is not 'order'"),
        ("#.created", "order.deleted", "word 2 'deleted' is not 'created'"),
        ("a.#.b.c", "a.b", "the key has 2 words, at least 3 are needed"),
        ("a.#.b.#.c", "a.x.c", "nothing in between is '#.b.#'"),
    ],
)
def test_a_pattern_that_does_not_match_says_why(pattern: str, key: str, why: str) -> None:
    assert why_not_pattern(pattern, key) == why
