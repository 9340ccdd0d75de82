"""Shares, as the doctor sees them: what triggers a finding, and what nearly does."""

from __future__ import annotations

import random

import pytest

from store import Diagnosis, NewRecord, Store
from store.model.clock import ManualClock


@pytest.fixture
def packers(store: Store) -> Store:
    """A share with a DLQ over a topic of 2,000 records; leases of 30 s, 10 in flight at most."""
    store.create_topic("orders")
    store.create_queue("dead")
    store.create_share("packers", "orders", max_in_flight=10, dlq="dead")
    store.produce_many("orders", [NewRecord(b"v") for _ in range(2000)])
    return store


def found(store: Store, code: str) -> list[Diagnosis]:
    return [one for one in store.doctor() if one.code == code]


def test_a_share_without_a_dlq_is_a_warning(packers: Store) -> None:
    packers.create_share("sorters", "orders")

    (one,) = found(packers, "no_dlq")

    assert (one.severity, one.address) == ("warning", "sorters")
    assert one.do[1] == "mq share alter sorters --dlq sorters.dlq"


def test_a_share_without_a_limit_passes_nothing_over(packers: Store) -> None:
    packers.create_share("sorters", "orders", max_deliveries=None)

    (one,) = found(packers, "no_dlq")

    assert one.evidence == "no limit of deliveries and no DLQ"
    assert one.do[1] == "mq share alter sorters --max-deliveries 5 --dlq sorters.dlq"


def test_a_share_with_a_dlq_lacks_nothing(packers: Store) -> None:
    assert found(packers, "no_dlq") == []


def take_the_window(store: Store) -> list[str]:
    """Lease all that may be in flight, and finish all but the first."""
    taken = store.acquire("packers", 10, lease=600)
    receipts = [record.receipt or "" for record in taken]
    store.ack(receipts[1:])
    return receipts


def test_a_window_that_its_first_record_holds_is_critical(
    packers: Store, clock: ManualClock
) -> None:
    take_the_window(packers)
    clock.advance(60)

    (one,) = found(packers, "stalled")

    assert (one.severity, one.address) == ("critical", "orders/0@0")
    assert one.evidence.startswith("packers: held for 1m00s")


def test_a_window_that_moves_is_not_stalled(packers: Store, clock: ManualClock) -> None:
    packers.ack(take_the_window(packers)[:1])
    clock.advance(60)

    assert found(packers, "stalled") == []


@pytest.mark.parametrize(("days", "findings"), [(5, 0), (6, 1)])
def test_retention_that_comes_near_an_unfinished_record_is_a_warning(
    packers: Store, clock: ManualClock, days: int, findings: int
) -> None:
    take_the_window(packers)
    clock.advance(days * 86_400)

    assert len(found(packers, "retention_near")) == findings


@pytest.mark.parametrize(("seconds", "findings"), [(20, 0), (35, 1)])
def test_a_lease_shorter_than_the_work_is_a_warning(
    packers: Store, clock: ManualClock, seconds: int, findings: int
) -> None:
    random.seed(88)
    packers.alter_share("packers", max_in_flight=2000)
    taken = packers.acquire("packers", 1000, lease=60)
    clock.advance(seconds)
    packers.ack([record.receipt or "" for record in taken])

    assert len(found(packers, "short_lease")) == findings
