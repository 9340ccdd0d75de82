"""What remains when a transaction is rolled back, and of the errors that did it: nothing."""

# The block as a whole, from its begin to its commit, is what raises.
# ruff: noqa: PT012

from __future__ import annotations

import os
import sqlite3

import pytest

from store import LeaseLost, MqError, Store, StoreUnusable, Transaction
from tests.support.invariants import check_all


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

    with pytest.raises(LeaseLost, match="undone"):
        jobs.ack([taken.receipt or ""])
    assert jobs.message(source, 0).state == "ready"


def test_an_ack_of_a_record_whose_acquire_was_undone_is_refused(jobs: Store) -> None:
    with pytest.raises(Undone), jobs.transaction() as tx:
        (taken,) = tx.acquire("packers")
        raise Undone

    with pytest.raises(LeaseLost, match="undone"):
        jobs.ack([taken.receipt])
    assert jobs.acquire("packers")[0].offset == 0


@pytest.mark.parametrize("kind", [sqlite3.IntegrityError, sqlite3.OperationalError, ValueError])
def test_an_error_of_the_callers_own_comes_out_as_it_is(jobs: Store, kind: type[Exception]) -> None:
    mine = kind("of another database")
    with pytest.raises(kind) as caught, jobs.transaction() as tx:
        tx.produce("orders", "never")
        raise mine

    assert caught.value is mine
    assert jobs.topic("orders").partitions[0].end == 10


def test_a_store_is_not_closed_inside_its_own_transaction(jobs: Store) -> None:
    with jobs.transaction() as tx:
        with pytest.raises(MqError, match="has a transaction open"):
            jobs.close()
        tx.produce("orders", "kept")

    assert jobs.topic("orders").partitions[0].end == 11


def test_a_child_of_fork_does_not_end_its_parents_transaction(jobs: Store) -> None:
    with jobs.transaction() as tx:
        tx.produce("orders", "parent")
        child = os.fork()
        if not child:
            os._exit(_refusals(jobs, tx) ^ 2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        tx.produce("orders", "parent too")

    assert [r.value for r in jobs.read("orders", offset=10)] == [b"parent", b"parent too"]
    check_all(jobs)


def _refusals(store: Store, tx: Transaction) -> int:
    refused = 0
    for attempt in (lambda: tx.produce("orders", "child"), lambda: tx.__exit__(None, None, None)):
        try:
            attempt()
        except StoreUnusable:
            refused += 1
    store.close()
    return refused
