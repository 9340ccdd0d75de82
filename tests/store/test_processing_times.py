"""How long messages take to be worked on, measured where they are acknowledged."""

from __future__ import annotations

import random

import pytest

from store import NewMessage, Store
from store.model.clock import ManualClock
from store.sqlite.leases import processing_times
from store.sqlite.leases.processing_times import ProcessingTimes, bucket_of, longest_in


@pytest.fixture(autouse=True)
def same_tokens() -> None:
    """Which deliveries are in the sample follows from their tokens."""
    random.seed(88)


def work(store: Store, clock: ManualClock, count: int, seconds: float) -> None:
    """Send messages, take them all, and acknowledge them so many seconds later."""
    store.send_many("mails", [NewMessage(b"v") for _ in range(count)])
    taken = store.receive("mails", count)
    clock.advance(seconds)
    store.ack([message.receipt or "" for message in taken])


def measured(store: Store) -> ProcessingTimes:
    with store._read() as tx:
        (times,) = processing_times.every(tx)
    return times


@pytest.fixture
def mails(store: Store) -> Store:
    store.create_queue("mails", lease=30)
    return store


def test_one_delivery_in_sixteen_is_timed(mails: Store, clock: ManualClock) -> None:
    work(mails, clock, 1600, 1)

    assert 70 <= measured(mails).samples <= 130


def test_the_median_and_the_slowest_hundredth_are_told(mails: Store, clock: ManualClock) -> None:
    work(mails, clock, 1500, 2)
    work(mails, clock, 100, 25)

    times = measured(mails)

    assert 2_000 <= times.median <= 2_000 * 1.19
    assert 25_000 <= times.p99 <= 25_000 * 1.19


def test_what_was_slow_once_fades(mails: Store, clock: ManualClock) -> None:
    work(mails, clock, 400, 25)
    for _ in range(8):
        work(mails, clock, 4000, 1)

    assert measured(mails).p99 < 1_200


def test_messages_that_come_back_are_not_timed(mails: Store, clock: ManualClock) -> None:
    mails.send_many("mails", [NewMessage(b"v") for _ in range(500)])
    mails.nack([message.receipt or "" for message in mails.receive("mails", 500)])

    with mails._read() as tx:
        assert processing_times.every(tx) == []


def test_deleting_the_queue_forgets_its_times(mails: Store, clock: ManualClock) -> None:
    work(mails, clock, 400, 1)
    mails.delete_queue("mails")

    with mails._read() as tx:
        assert processing_times.every(tx) == []


@pytest.mark.parametrize("duration", [0, 1, 2, 3, 30_000, 43_200_000, 1 << 62])
def test_a_bucket_is_at_most_a_fifth_too_wide(duration: int) -> None:
    longest = longest_in(bucket_of(duration))

    assert duration <= longest + 1 or bucket_of(duration) == 255
    assert longest <= max(1, duration) * 1.19


@pytest.mark.parametrize(("seconds", "findings"), [(25, 0), (35, 1)])
def test_the_doctor_warns_of_a_lease_shorter_than_the_work(
    mails: Store, clock: ManualClock, seconds: float, findings: int
) -> None:
    work(mails, clock, 1600, seconds)

    assert len([one for one in mails.doctor() if one.code == "short_lease"]) == findings


def test_a_few_measurements_are_no_reason_to_warn(mails: Store, clock: ManualClock) -> None:
    work(mails, clock, 100, 35)

    assert [one for one in mails.doctor() if one.code == "short_lease"] == []


def test_the_lease_that_would_do_is_offered(mails: Store, clock: ManualClock) -> None:
    work(mails, clock, 1600, 35)

    (one,) = [one for one in mails.doctor() if one.code == "short_lease"]

    assert one.severity == "warning"
    assert one.do[0] == "mq queue alter mails --lease 78s"
