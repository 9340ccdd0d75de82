"""Headers and properties of every type come back as they were sent."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, strategies

from store import BadRecord, NewMessage, NewRecord, Store
from store.model import header_values
from store.model.encoding import decode_document, encode_document
from store.model.errors import BadInput

HEADERS: dict[str, Any] = {
    "text": "a",
    "number": 1,
    "bytes": b"\xff\x00",
    "time": datetime(2026, 1, 2, 3, 4, 5, 678000, UTC),
    "decimal": Decimal("1.50"),
    "list": ["a", 1, None, [b"\x01"]],
    "table": {"x-first": {"deep": True}, "bytes": b""},
}
PROPERTIES: dict[str, Any] = {"content_type": "text/plain", "correlation_id": b"\x00\xff"}


def simple() -> strategies.SearchStrategy[Any]:
    return (
        strategies.none()
        | strategies.booleans()
        | strategies.integers(-(2**63), 2**63 - 1)
        | strategies.floats(allow_nan=False, allow_infinity=False)
        | strategies.text(strategies.characters(codec="utf-8"))
        | strategies.binary()
        | strategies.decimals(allow_nan=False, allow_infinity=False)
        | strategies.datetimes(timezones=strategies.just(UTC))
    )


def names() -> strategies.SearchStrategy[str]:
    tags = strategies.sampled_from(["base64", "time", "decimal", "table"])
    return tags | strategies.text(strategies.characters(codec="utf-8"), max_size=5)


def values() -> strategies.SearchStrategy[Any]:
    return strategies.recursive(
        simple(),
        lambda inner: (
            strategies.lists(inner, max_size=3)
            | strategies.dictionaries(names(), inner, max_size=3)
        ),
        max_leaves=8,
    )


@given(
    strategies.dictionaries(names(), values(), max_size=4),
    strategies.dictionaries(names(), values(), max_size=4),
)
def test_a_document_holds_every_header_and_property(
    headers: dict[str, Any], properties: dict[str, Any]
) -> None:
    text = encode_document(headers, properties)

    assert decode_document(text) == (headers, properties)


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (b"\xff", {"base64": "/w=="}),
        (datetime(2026, 1, 2, tzinfo=UTC), {"time": "2026-01-02T00:00:00Z"}),
        (Decimal("1.50"), {"decimal": "1.50"}),
        ({"base64": "x"}, {"table": {"base64": "x"}}),
        ({"a": 1}, {"a": 1}),
    ],
)
def test_each_type_has_a_form_in_json(value: Any, plain: Any) -> None:
    assert header_values.to_plain("header a", value) == plain


@pytest.mark.parametrize(
    ("plain", "why"),
    [
        ({"base64": "?"}, "not Base64"),
        ({"time": "today"}, "not a time"),
        ({"decimal": "NaN"}, "not a decimal"),
    ],
)
def test_a_form_with_a_wrong_text_is_refused(plain: Any, why: str) -> None:
    with pytest.raises(BadInput, match=why):
        header_values.from_plain(plain)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (datetime(2026, 1, 2), "a time without a zone"),
        (Decimal("NaN"), "has a Decimal"),
        ([float("inf")], "not a finite number"),
        ({1: "a"}, "a name that is no text"),
        (["\ud800"], "not valid text"),
        ([2**63], "too many digits"),
    ],
)
def test_a_value_that_no_header_can_have_is_refused(value: Any, why: str) -> None:
    with pytest.raises(BadInput, match=why):
        encode_document({"a": value}, None)


def test_values_may_not_lie_in_each_other_without_end() -> None:
    value: list[Any] = []
    for _ in range(40):
        value = [value]

    with pytest.raises(BadInput, match="more than 32 values in each other"):
        encode_document({"a": value}, None)


def test_a_message_keeps_headers_and_properties(store: Store) -> None:
    store.create_queue("mails")

    store.send("mails", "a", headers=HEADERS, properties=PROPERTIES)
    (message,) = store.receive("mails")

    assert (message.headers, message.properties) == (HEADERS, PROPERTIES)


def test_several_messages_keep_their_own_properties(store: Store) -> None:
    store.create_queue("mails")

    store.send_many("mails", [NewMessage("a", properties=PROPERTIES), NewMessage("b")])

    assert [one.properties for one in store.receive("mails", 2)] == [PROPERTIES, {}]


def test_a_record_keeps_headers_and_properties(store: Store) -> None:
    store.create_topic("orders")

    store.produce_many("orders", [NewRecord("a", None, HEADERS, properties=PROPERTIES), "b"])
    store.produce("orders", "c", properties=PROPERTIES)

    first, second, third = store.read("orders")
    assert (first.headers, first.properties) == (HEADERS, PROPERTIES)
    assert (second.properties, third.properties) == ({}, PROPERTIES)


def test_a_share_delivers_properties(store: Store) -> None:
    store.create_topic("orders")
    store.create_share("packers", "orders")
    store.produce("orders", "a", properties=PROPERTIES)

    (record,) = store.acquire("packers")

    assert record.properties == PROPERTIES


def test_an_exchange_carries_properties_to_queues_and_topics(store: Store) -> None:
    store.create_exchange("events", "fanout")
    store.create_queue("mails")
    store.create_topic("orders")
    store.bind("events", "mails")
    store.bind("events", "orders")

    store.publish("events", "k", "a", properties=PROPERTIES)

    assert store.messages("mails")[0].properties == PROPERTIES
    assert store.read("orders")[0].properties == PROPERTIES


def test_properties_go_along_to_the_dlq_and_back(store: Store) -> None:
    store.create_queue("dead")
    store.create_queue("mails", dlq="dead")
    store.send("mails", "a", headers=HEADERS, properties=PROPERTIES)
    (message,) = store.receive("mails")

    store.reject([message.receipt or ""])
    (letter,) = store.messages("dead")
    store.redrive("dead")
    (redriven,) = store.messages("mails")
    store.undo_redrive()
    (undone,) = store.messages("dead")

    for each in (letter, redriven, undone):
        assert (each.headers, each.properties) == (HEADERS, PROPERTIES)


def test_properties_do_not_count_as_size_of_the_message(store: Store) -> None:
    store.create_queue("mails", max_message=10)

    store.send("mails", "x" * 8, headers={"a": "b"}, properties={"content_type": "x" * 100})

    with pytest.raises(BadRecord, match="has 11 bytes"):
        store.send("mails", "x" * 9, headers={"a": "b"})


def test_a_message_without_properties_is_stored_as_ever(store: Store) -> None:
    store.create_queue("mails")
    store.send("mails", "a", headers={"a": "b"})

    with store.transaction() as tx:
        ((text,),) = tx.execute("select headers from mq_records")

    assert json.loads(text) == {"a": "b"}


def test_the_first_delivery_is_told_with_each_later_one(store: Store, clock: Any) -> None:
    store.create_queue("mails")
    store.send("mails", "a")
    (first,) = store.receive("mails")
    began = clock.wall()
    store.nack([first.receipt or ""])
    clock.advance(60)

    (second,) = store.receive("mails")

    assert (first.first_received, second.first_received) == (began, began)
    assert store.messages("mails")[0].first_received == began


def test_a_message_that_was_never_delivered_has_no_first_delivery(store: Store) -> None:
    store.create_queue("mails")
    store.send("mails", "a")

    assert store.messages("mails")[0].first_received is None
