"""States of a store that several tests begin with."""

from __future__ import annotations

import pytest

from store import Store


@pytest.fixture
def read_three(orders: Store) -> Store:
    """A store whose group `billing` committed three records of ten, and left."""
    with orders.consumer("billing", ["orders"]) as consumer:
        consumer.poll(3, timeout=0)
        consumer.commit()
    return orders
