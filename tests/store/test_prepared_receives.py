"""A receive and an ack that go by what was prepared before see every change since."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest

from store import Damaged, LeaseLost, Message, NewMessage, NotFound, Store
from store.model.clock import ManualClock
from tests.support.queue_invariants import check_queue_invariants


def receipt(store: Store) -> str:
    (message,) = store.receive("jobs")
    assert message.receipt is not None
    return message.receipt


def received(store: Store, number: int = 1, *, auto_ack: bool = False) -> list[Message]:
    return store.receive("jobs", number, auto_ack=auto_ack)


@pytest.fixture
def jobs(store: Store) -> Store:
    """A queue of which a message was received and acknowledged just now, by hand and by itself."""
    store.create_queue("jobs", lease=30)
    store.send_many("jobs", [b"v"] * 20)
    for _ in range(2):
        store.ack([receipt(store)])
        received(store, auto_ack=True)
    return store


@pytest.fixture
def other(jobs: Store, clock: ManualClock) -> Iterator[Store]:
    """The same file, opened by another process as it were."""
    with Store.open(jobs.path, clock=clock) as store:
        yield store


def test_a_lease_that_was_altered_elsewhere_counts(jobs: Store, other: Store) -> None:
    other.alter_queue("jobs", lease=5)

    receipt(jobs)

    assert [lease.seconds_left for lease in jobs.leases("jobs")] == [5.0]


def test_a_queue_that_was_deleted_elsewhere_is_not_found(jobs: Store, other: Store) -> None:
    held = receipt(jobs)
    other.delete_queue("jobs")

    with pytest.raises(NotFound):
        received(jobs)
    with pytest.raises(LeaseLost):
        jobs.ack([held])


def test_a_single_active_consumer_that_was_set_elsewhere_is_alone(
    jobs: Store, other: Store
) -> None:
    other.alter_queue("jobs", single_active=True)
    assert other.receive("jobs", holder="first")

    assert received(jobs) == []


def test_messages_that_others_received_are_passed_over(jobs: Store, other: Store) -> None:
    first = received(jobs)
    theirs = received(other, 3)
    second = received(jobs, 2)

    sequences = [message.sequence for message in (*first, *theirs, *second)]
    assert sequences == list(range(sequences[0], sequences[0] + 6))


@pytest.mark.parametrize("auto_ack", [False, True])
def test_a_message_that_was_given_back_comes_first(jobs: Store, auto_ack: bool) -> None:
    (first,) = received(jobs)
    received(jobs, 2)
    jobs.nack([first.receipt or ""], 0)

    assert [m.id for m in received(jobs, auto_ack=auto_ack)] == [first.id]


@pytest.mark.parametrize("auto_ack", [False, True])
def test_a_lapsed_message_comes_first(jobs: Store, clock: ManualClock, auto_ack: bool) -> None:
    (first,) = jobs.receive("jobs", lease=0.002)
    received(jobs)
    clock.advance(0.003)

    (again,) = received(jobs, auto_ack=auto_ack)

    assert (again.id, again.deliveries) == (first.id, 2)


@pytest.mark.parametrize("auto_ack", [False, True])
@pytest.mark.parametrize("number", [1, 4])
def test_a_damaged_message_is_passed_over(jobs: Store, number: int, auto_ack: bool) -> None:
    damaged = jobs.messages("jobs")[0].sequence
    with closing(sqlite3.connect(jobs.path, isolation_level=None)) as connection:
        connection.execute(
            "update mq_records set value = x'00' where id & 0xffffffffff = ?", (damaged,)
        )

    messages = received(jobs, number, auto_ack=auto_ack)

    assert len(messages) == number
    assert damaged not in [message.sequence for message in messages]
    check_queue_invariants(jobs.path)


def test_nothing_but_a_damaged_message_is_reported(jobs: Store) -> None:
    received(jobs, 20, auto_ack=True)
    jobs.send("jobs", b"v")
    jobs.send("jobs", b"w")
    received(jobs)
    with closing(sqlite3.connect(jobs.path, isolation_level=None)) as connection:
        connection.execute("update mq_records set value = x'00' where value = x'77'")

    with pytest.raises(Damaged):
        received(jobs)


@pytest.mark.parametrize("auto_ack", [False, True])
@pytest.mark.parametrize("number", [1, 20])
def test_an_expired_message_is_passed_over(
    jobs: Store, clock: ManualClock, number: int, auto_ack: bool
) -> None:
    received(jobs, 20, auto_ack=True)
    jobs.send_many("jobs", [NewMessage(b"v", ttl=0.004), NewMessage(b"w"), NewMessage(b"x")])
    received(jobs, auto_ack=False)
    clock.advance(0.005)

    messages = received(jobs, number, auto_ack=auto_ack)

    assert messages[0].value == b"w"
    assert len(messages) == min(number, 2)


def test_a_dead_letter_comes_with_its_history(jobs: Store) -> None:
    jobs.create_queue("work", dlq="jobs")
    received(jobs, 20, auto_ack=True)
    jobs.send("work", b"v")
    jobs.send("jobs", b"w")
    jobs.reject([m.receipt or "" for m in jobs.receive("work")], "why")
    received(jobs)

    (letter,) = received(jobs)

    assert letter.dead is not None
    jobs.ack([letter.receipt or ""])
    check_queue_invariants(jobs.path)


def test_a_receive_that_was_rolled_back_left_nothing(jobs: Store) -> None:
    first = jobs.messages("jobs")[0].sequence
    with suppress(ZeroDivisionError), jobs.transaction() as tx:
        tx.alter_queue("jobs", lease=5)
        tx.receive("jobs")
        raise ZeroDivisionError

    assert received(jobs)[0].sequence == first
    assert [lease.seconds_left for lease in jobs.leases("jobs")] == [30.0]
