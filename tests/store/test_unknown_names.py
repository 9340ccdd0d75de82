"""What a call with a name that nothing has is answered."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from store import NotFound, Store

CALLS: dict[str, Callable[[Store], object]] = {
    "orders": lambda store: store.topic("order"),
    "Orders": lambda store: store.topic("orders"),
    "emails": lambda store: store.send("email", b"v"),
    "packers": lambda store: store.acquire("paker"),
    "billing": lambda store: store.group("biling"),
    "events": lambda store: store.publish("event", "key", b"v"),
    "graves": lambda store: store.create_queue("another", dlq="grave"),
    "exchange:events": lambda store: store.bind("events", "evnts"),
}


@pytest.fixture
def shop(store: Store) -> Store:
    """A store with one thing of each kind."""
    store.create_queue("graves")
    store.create_queue("emails")
    store.create_exchange("events", "topic")
    return store


@pytest.mark.parametrize("meant", CALLS)
def test_its_hint_begins_with_the_nearest_name(shop: Store, meant: str) -> None:
    shop.create_topic("Orders" if meant == "Orders" else "orders")
    shop.create_share("packers", "Orders" if meant == "Orders" else "orders")
    shop.create_group("billing")

    with pytest.raises(NotFound) as raised:
        CALLS[meant](shop)

    assert raised.value.hint.startswith(f"did you mean {meant}?")


def test_in_a_transaction_too_and_what_went_before_it_stays(orders: Store) -> None:
    with orders.transaction() as tx:
        tx.produce("orders", b"kept")
        with pytest.raises(NotFound) as raised:
            tx.produce("order", b"lost")

    assert raised.value.hint.startswith("did you mean orders?")
    assert orders.topic("orders").partitions[0].records == 11


def test_a_thing_is_found_once_it_exists_though_it_was_missed_before(store: Store) -> None:
    for _ in range(2):
        with pytest.raises(NotFound):
            store.topic("orders")
    store.create_topic("orders")

    assert store.topic("orders").name == "orders"


def test_a_thing_is_missed_once_it_is_deleted_by_another_process(
    store: Store, open_store: Callable[..., Store]
) -> None:
    store.create_queue("emails")
    store.send("emails", b"v")
    open_store().delete_queue("emails")

    with pytest.raises(NotFound):
        store.send("emails", b"v")
