"""Clocks that are apart: the doctor finds it, and to say that the wall clock is right ends it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from store import Diagnosis, Store
from store.model.clock import ManualClock

DAY = 86_400
Opener = Callable[..., Store]


@pytest.fixture
def jobs(store: Store) -> Store:
    """A store with the queue `jobs` and the FIFO queue `steps`."""
    store.create_queue("jobs")
    store.create_queue("steps", fifo=True)
    return store


def set_back(path: Path, milliseconds: int) -> None:
    """Have store time fall, as a boot with the clock behind did before it was carried."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("update mq_clock set store = store - ?", (milliseconds,))
        connection.commit()


@pytest.fixture
def stuck(jobs: Store, path: Path, open_store: Opener) -> Store:
    """A store whose message waits for 28 days more, since store time was set back."""
    jobs.send("jobs", "late", delay=10)
    jobs.send("steps", "held", message_group="g")
    jobs.receive("steps", lease=10)
    jobs.close()
    set_back(path, 28 * DAY * 1000)
    return open_store()


def findings(store: Store) -> list[Diagnosis]:
    return [one for one in store.doctor() if one.address == "store" and one.is_alarm]


def codes(store: Store) -> list[str]:
    return [one.code for one in findings(store)]


def test_the_doctor_finds_store_time_that_was_set_back(stuck: Store) -> None:
    (found,) = [one for one in findings(stuck) if one.code == "store_time_back"]

    assert found.severity == "critical"
    assert found.evidence == "store time is 28d 0h behind what was stored"
    assert found.do == ("mq store set clock now",)


def test_trusting_the_clock_ends_what_was_stuck(stuck: Store, clock: ManualClock) -> None:
    stuck.trust_clock()
    clock.advance(10)

    assert len(stuck.receive("jobs")) == len(stuck.receive("steps")) == 1
    assert not {"store_time_back", "clock_ahead", "clock_behind"} & set(codes(stuck))


def test_trusting_the_clock_is_heeded_by_who_has_the_store_open(
    stuck: Store, clock: ManualClock, open_store: Opener
) -> None:
    other = open_store()
    assert other.receive("jobs") == []
    stuck.trust_clock()
    clock.advance(10)

    assert len(other.receive("jobs")) == 1


@pytest.mark.parametrize(("seconds", "code"), [(7200, "clock_ahead"), (-7200, "clock_behind")])
def test_a_clock_that_was_set_is_found_until_it_is_trusted(
    jobs: Store, clock: ManualClock, seconds: float, code: str
) -> None:
    clock.jump_wall(seconds)
    assert codes(jobs) == [code]
    jobs.trust_clock()

    assert codes(jobs) == []


def test_trusting_the_clock_ends_no_lease_early(jobs: Store, clock: ManualClock) -> None:
    jobs.send("jobs", "held")
    jobs.receive("jobs", lease=30)
    clock.jump_wall(365 * DAY)
    jobs.trust_clock()
    clock.advance(29)

    assert jobs.receive("jobs") == []


def test_retention_goes_on_when_the_clock_is_trusted(orders: Store, clock: ManualClock) -> None:
    clock.jump_wall(8 * DAY)
    orders.produce("orders", "paused")
    assert orders.topic("orders").partitions[0].start == 0
    orders.trust_clock()
    clock.advance(300)
    orders.produce("orders", "new")

    assert orders.topic("orders").partitions[0].start == 10


def test_time_switched_off_counts_when_the_clock_was_trusted_behind_store_time(
    jobs: Store, clock: ManualClock, open_store: Opener
) -> None:
    clock.jump_wall(-365 * DAY)
    jobs.trust_clock()
    jobs.send("jobs", "late", delay=900)
    jobs.close()
    clock.reboot(seconds_down=900)

    assert len(open_store().receive("jobs")) == 1
