"""What remains when a transaction is rolled back, and of the errors that did it: nothing."""

# The block as a whole, from its begin to its commit, is what raises.
# ruff: noqa: PT012

from __future__ import annotations

import pytest
from invariants import check_all

from store import LeaseLost, Store


class Undone(Exception):
    """Raised in a transaction that shall be rolled back."""


@pytest.fixture
def jobs(orders: Store) -> Store:
    """The topic `orders` with a share `packers`, and a standard and a FIFO queue, never read."""
    orders.create_share("packers", "orders")
    orders.create_queue("jobs")
    orders.create_queue("steps", fifo=True)
    orders.send_many("jobs", ["1", "2"])
    orders.send("steps", "1", message_group="g")
    return orders


def test_a_first_receive_that_was_undone_is_done_by_a_later_one(jobs: Store) -> None:
    with pytest.raises(Undone), jobs.transaction() as tx:
        tx.receive("jobs")
        tx.receive("jobs")
        raise Undone

    assert [m.deliveries for m in jobs.receive("jobs", 10)] == [1, 1]
    check_all(jobs)


@pytest.mark.parametrize("source", ["jobs", "steps"])
def test_an_ack_of_a_receive_that_was_undone_is_refused(jobs: Store, source: str) -> None:
    with pytest.raises(Undone), jobs.transaction() as tx:
        (taken,) = tx.receive(source)
        raise Undone

    with pytest.raises(LeaseLost, match="rolled back"):
        jobs.ack([taken.receipt or ""])
    assert jobs.message(source, 0).state == "ready"


def test_an_ack_of_a_record_whose_acquire_was_undone_is_refused(jobs: Store) -> None:
    with pytest.raises(Undone), jobs.transaction() as tx:
        (taken,) = tx.acquire("packers")
        raise Undone

    with pytest.raises(LeaseLost, match="rolled back"):
        jobs.ack([taken.receipt])
    assert jobs.acquire("packers")[0].offset == 0
