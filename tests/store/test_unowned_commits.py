"""Offsets that are committed in a transaction on behalf of a group without members."""

import pytest

from store import BadInput, NotFound, Store


def test_a_commit_makes_its_group_where_there_is_none(orders: Store) -> None:
    with orders.transaction() as tx:
        tx.produce("orders", "output")
        tx.commit("billing", {("orders", 0): 4})

    assert (orders.group("billing").state, orders.lag("billing")[0].committed) == ("empty", 4)
    with orders.consumer("billing", ["orders"]) as consumer:
        assert consumer.poll(1, timeout=0)[0].offset == 4


@pytest.mark.parametrize("place", [("order", 0), ("orders", 1)])
def test_a_commit_to_what_is_not_there_makes_no_group(
    orders: Store, place: tuple[str, int]
) -> None:
    with orders.transaction() as tx, pytest.raises(NotFound):
        tx.commit("billing", {("orders", 0): 4, place: 0})

    assert orders.groups() == []


def test_a_commit_outside_the_log_makes_no_group(orders: Store) -> None:
    with orders.transaction() as tx, pytest.raises(BadInput):
        tx.commit("billing", {("orders", 0): 99})

    assert orders.groups() == []
