"""Any printable name of another system has one name here, which is one address."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies

from store import BadInput, Store
from store.model.addresses import (
    Address,
    check_name,
    parse_address,
    quote_name,
    unquote_name,
)


def printable() -> strategies.SearchStrategy[str]:
    texts = strategies.text(strategies.characters(codec="utf-8"), min_size=1, max_size=60)
    return texts.filter(lambda text: text.isprintable() and len(text.encode()) <= 255)


@given(printable(), strategies.integers(0, 9), strategies.integers(0, 2**40 - 1))
def test_a_name_of_another_system_comes_back_from_an_address(
    text: str, partition: int, offset: int
) -> None:
    address = Address(quote_name(text), partition, offset)

    assert parse_address(str(address)) == address
    assert unquote_name(address.name) == text


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("celery@host.celery.pidbox", "celery%40host.celery.pidbox"),
        ("urn:a/b#c", "urn%3Aa%2Fb%23c"),
        ("_schemas", "_schemas"),
        (".hidden", "%2Ehidden"),
        ("-x", "%2Dx"),
        ("50%", "50%25"),
        ("ä b", "%C3%A4%20b"),
    ],
)
def test_what_means_something_to_an_address_is_quoted(text: str, name: str) -> None:
    assert quote_name(text) == name
    assert unquote_name(name) == text


@pytest.mark.parametrize("name", ["%61", "%2f", "%2", "a%", "%FF", "%0A", "%", "a@b", "a%20 b"])
def test_there_is_no_second_way_to_write_a_name(name: str) -> None:
    with pytest.raises(BadInput):
        check_name(name)


@pytest.mark.parametrize("text", ["", "a\n", "a" * 256, "ä" * 128, "\u200b"])
def test_a_name_that_is_not_printable_or_too_long_has_none(text: str) -> None:
    with pytest.raises(BadInput):
        quote_name(text)


def test_the_way_to_write_it_is_told() -> None:
    with pytest.raises(BadInput) as caught:
        check_name("celery@host")

    assert str(caught.value.hint).endswith("write it as celery%40host")


def test_every_kind_of_thing_may_have_such_a_name(store: Store) -> None:
    name = quote_name("é" * 127)
    store.create_topic(name)
    store.create_queue("_q")
    store.create_queue("%2Edead", dlq="_q", max_deliveries=2)
    store.create_share("_s", name)
    store.create_group("_g", topics=[name])
    store.create_exchange("%3Ax", "fanout")
    store.bind("%3Ax", "%2Edead")

    store.publish("%3Ax", "k", "v")

    (message,) = store.receive("%2Edead")
    assert message.address == "%2Edead@0"
    assert store.produce(name, "v").topic == name
