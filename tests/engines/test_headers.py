"""Typed headers on engines that carry text alone."""

from __future__ import annotations

import pytest

from store import BadInput
from store.engine.headers import TYPES, from_texts, to_texts
from store.kafka.headers import from_pairs, to_pairs
from store.model.topics import Headers

HEADERS: list[Headers] = [
    {},
    {"text": "é", "empty": "", "nothing": None},
    {"n": 2, "least": -(2**63), "f": 1.5, "yes": True, "no": False},
    {"a b:c%": 1, "": 2},
]


@pytest.mark.parametrize("headers", HEADERS)
def test_a_round_trip_gives_equal_headers(headers: Headers) -> None:
    back = from_texts(to_texts(headers).items())
    assert back == headers
    assert list(map(type, back.values())) == list(map(type, headers.values()))


KAFKA: list[Headers] = [
    *HEADERS,
    {"raw": b"\xff", "text": b"plain", "n": 1},
    {"repeated": ["a", None, "b"], "list": [1, b"a"], "table": {"x": None}},
]


@pytest.mark.parametrize("headers", KAFKA)
def test_as_kafka_carries_them_a_round_trip_gives_equal_headers(headers: Headers) -> None:
    back = from_pairs(to_pairs(headers))
    assert back == headers
    assert list(map(type, back.values())) == list(map(type, headers.values()))


def test_kafka_carries_bytes_and_repeated_headers_as_its_own_programs_do() -> None:
    assert to_pairs({"raw": b"\xff", "a": ["1", "2"]}) == [
        ("raw", b"\xff"), ("a", b"1"), ("a", b"2"), (TYPES, b"raw:bytes"),
    ]  # fmt: skip
    assert from_pairs([("a", b"1"), ("b", b"\xff"), ("a", None)]) == {
        "a": ["1", None],
        "b": b"\xff",
    }


def test_text_alone_needs_no_other_header() -> None:
    assert to_texts({"a": "1"}) == {"a": "1"}


def test_other_values_are_json_and_named_by_type() -> None:
    assert to_texts({"n": 2, "yes": True}) == {"n": "2", "yes": "true", TYPES: "n:int yes:bool"}


def test_of_another_program_what_has_not_its_type_stays_text() -> None:
    texts = [("n", "two"), ("m", "1.5"), (TYPES, "n:int m:int k:int x"), ("k", None)]
    assert from_texts(texts) == {"n": "two", "m": "1.5", "k": None}


def test_the_header_of_types_can_not_be_given() -> None:
    with pytest.raises(BadInput):
        to_texts({TYPES: "n:int"})


def test_bytes_lists_and_tables_keep_their_types() -> None:
    headers: Headers = {"raw": b"\xff", "list": [1, b"a"], "table": {"x": None}}

    assert from_texts(to_texts(headers).items()) == headers
