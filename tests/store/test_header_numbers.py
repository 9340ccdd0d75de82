"""Whole numbers in headers: 64 bits with a sign, wherever headers are given."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from store import BadInput, NewMessage, NewRecord, Store

LEAST, MOST = -(2**63), 2**63 - 1
CALLS: dict[str, Callable[[Store, dict[str, int]], object]] = {
    "produce": lambda store, headers: store.produce("orders", b"v", headers=headers),
    "produce_many": lambda store, headers: store.produce_many(
        "orders", [NewRecord(b"v"), NewRecord(b"v", headers=headers)]
    ),
    "send": lambda store, headers: store.send("emails", b"v", headers=headers),
    "send_many": lambda store, headers: store.send_many(
        "emails", [NewMessage(b"v"), NewMessage(b"v", headers=headers)]
    ),
    "publish": lambda store, headers: store.publish("events", "k", b"v", headers=headers),
    "bind": lambda store, headers: store.bind("events", "emails", headers=headers),
    "unbind": lambda store, headers: store.unbind("events", "emails", headers=headers),
    "route": lambda store, headers: store.route("events", "k", headers),
    "explain_route": lambda store, headers: store.explain_route("events", "k", headers),
}


@pytest.fixture
def shop(orders: Store) -> Store:
    """A store with a topic, a queue, and a headers exchange that leads to the queue."""
    orders.create_queue("emails")
    orders.create_exchange("events", "headers")
    for number in (LEAST, MOST):
        orders.bind("events", "emails", headers={"n": number})
    return orders


@pytest.mark.parametrize("number", [LEAST, MOST])
@pytest.mark.parametrize("call", CALLS)
def test_the_least_and_the_greatest_are_taken(shop: Store, call: str, number: int) -> None:
    CALLS[call](shop, {"n": number})


@pytest.mark.parametrize(
    "number", [LEAST - 1, MOST + 1, 2**70, 1 << 20_000], ids=["1", "2", "3", "4"]
)
@pytest.mark.parametrize("call", CALLS)
def test_anything_beyond_is_refused(shop: Store, call: str, number: int) -> None:
    with pytest.raises(BadInput, match="beyond 64 bits"):
        CALLS[call](shop, {"n": number})

    assert shop.messages("emails") == []
    assert len(shop.read("orders")) == 10


@pytest.mark.parametrize("number", [LEAST, MOST])
def test_they_come_back_as_they_were(shop: Store, number: int) -> None:
    shop.publish("events", "k", b"v", headers={"n": number})

    assert shop.receive("emails")[0].headers == {"n": number}
