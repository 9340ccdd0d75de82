"""Readers of topics, as the doctor sees them: what triggers a finding, and what nearly does."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from store import Diagnosis, NewRecord, Store, parse_position
from store.model.clock import ManualClock

DAY = 86_400


def found(store: Store, code: str) -> list[Diagnosis]:
    return [one for one in store.doctor() if one.code == code]


def only(store: Store, code: str) -> Diagnosis:
    (one,) = found(store, code)
    return one


@pytest.mark.parametrize(("members", "findings"), [(2, 0), (3, 1)])
def test_members_beyond_the_partitions_have_nothing_to_do(
    store: Store, members: int, findings: int
) -> None:
    store.create_topic("orders", partitions=2)
    with ExitStack() as joined:
        for number in range(members):
            joined.enter_context(store.consumer("billing", ["orders"], member=f"w{number}"))

        shown = found(store, "idle_members")

    assert len(shown) == findings


def test_more_partitions_are_what_gives_idle_members_work(store: Store) -> None:
    store.create_topic("orders")
    with (
        store.consumer("billing", ["orders"], member="a"),
        store.consumer("billing", ["orders"], member="b"),
    ):
        one = only(store, "idle_members")

    assert (one.severity, one.evidence) == ("advice", "2 members, 1 partitions")
    assert "mq topic alter orders --partitions 2 --yes" in one.do


def test_records_that_were_removed_unread_are_critical(read_three: Store) -> None:
    read_three.trim("orders", parse_position("5", 0))

    one = only(read_three, "lost_records")

    assert (one.severity, one.address) == ("critical", "orders/0")
    assert "2 records are gone" in one.evidence


def test_removing_what_was_read_loses_nothing(read_three: Store) -> None:
    read_three.trim("orders", parse_position("3", 0))

    assert found(read_three, "lost_records") == []


@pytest.mark.parametrize(("days", "findings"), [(5.5, 0), (6, 1)])
def test_retention_that_comes_near_an_unread_record_is_a_warning(
    read_three: Store, clock: ManualClock, days: float, findings: int
) -> None:
    clock.advance(days * DAY)

    assert len(found(read_three, "retention_near")) == findings


def test_how_long_retention_leaves_is_said(read_three: Store, clock: ManualClock) -> None:
    clock.advance(6 * DAY)

    one = only(read_three, "retention_near")

    assert one.evidence == (
        "billing has not read records 6d 0h old; retention of 7d removes them in 1d 0h"
    )
    assert one.do[0] == "mq topic alter orders --retention 14d"


def test_a_group_that_read_everything_has_nothing_to_fear_from_retention(
    orders: Store, clock: ManualClock
) -> None:
    with orders.consumer("billing", ["orders"]) as consumer:
        consumer.poll(100, timeout=0)
        consumer.commit()
    clock.advance(6 * DAY)

    assert found(orders, "retention_near") == []


@pytest.mark.parametrize(("size", "findings"), [(8_000, 1), (20_000, 0)])
def test_a_limit_of_bytes_that_comes_near_is_a_warning(
    store: Store, size: int, findings: int
) -> None:
    store.create_topic("orders", retention_bytes=size)
    store.create_group("billing", topics=["orders"])
    store.produce_many("orders", [NewRecord(b"v" * 1000) for _ in range(7)])

    assert len(found(store, "retention_near")) == findings


@pytest.mark.parametrize(("hours", "findings"), [(24, 0), (7 * 24, 1)])
def test_an_objective_that_retention_comes_before_is_a_warning(
    store: Store, hours: int, findings: int
) -> None:
    store.create_topic("orders")
    store.create_group("billing", topics=["orders"], max_lag_time=hours * 3600)

    assert len(found(store, "late_objective")) == findings


def fill(store: Store, counts: list[int], key: bytes | None = None) -> None:
    store.create_topic("orders", partitions=len(counts))
    for partition, count in enumerate(counts):
        records = [NewRecord(b"v", key=key, partition=partition) for _ in range(count)]
        store.produce_many("orders", records)


@pytest.mark.parametrize(
    ("counts", "findings"),
    [([900, 100, 100], 1), ([500, 300, 300], 0), ([900, 50, 40], 0), ([700, 400], 0)],
    ids=["most in one", "within reason", "too few to tell", "two partitions, one larger"],
)
def test_a_partition_with_most_of_the_records_is_hot(
    store: Store, counts: list[int], findings: int
) -> None:
    fill(store, counts)

    assert len(found(store, "hot_partition")) == findings


def test_a_key_that_has_most_of_the_records_is_named(store: Store) -> None:
    fill(store, [1000, 10, 10], key=b"cust-88")

    one = only(store, "hot_key")

    assert (one.severity, one.address) == ("warning", "orders/0")
    assert one.evidence.endswith("100% of its last 500 have key cust-88")


def test_a_hot_partition_of_many_keys_has_no_hot_key(store: Store) -> None:
    store.create_topic("orders", partitions=3)
    records = [NewRecord(b"v", key=b"%d" % n, partition=0) for n in range(1000)]
    store.produce_many("orders", records)

    assert found(store, "hot_key") == []
    assert only(store, "hot_partition").severity == "advice"


def test_a_stall_is_critical_and_brings_its_ways_out(read_three: Store, clock: ManualClock) -> None:
    with read_three.consumer("billing", ["orders"], session_timeout=10_000) as consumer:
        consumer.poll(1, timeout=0)
        clock.advance(60)
        one = only(read_three, "stalled")

    assert (one.severity, one.address) == ("critical", "orders/0@3")
    assert "mq group skip billing orders/0@3" in one.do


def test_a_group_that_moves_is_not_stalled(read_three: Store) -> None:
    assert found(read_three, "stalled") == []
