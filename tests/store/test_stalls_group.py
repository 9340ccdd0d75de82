"""Stalls of consumer groups: every cause, and what only looks like one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from store import NewRecord, Stall, Store
from store.model.clock import ManualClock


@pytest.fixture
def late(orders: Store, clock: ManualClock) -> Store:
    """Ten records, 0 to 9, of five keys, produced a minute ago."""
    orders.create_topic("keyed")
    orders.produce_many("keyed", [NewRecord(b"%d" % n, key=f"k{n % 5}") for n in range(10)])
    clock.advance(60)
    return orders


def only(store: Store, **terms: float) -> Stall:
    (stall,) = [one for one in store.stalls(**terms) if one.source == "keyed"]
    return stall


def causes(store: Store, **terms: float) -> list[str]:
    return [one.cause for one in store.stalls(**terms)]


class TestHeld:
    def test_a_live_member_that_does_not_commit_holds_its_partition(
        self, late: Store, clock: ManualClock
    ) -> None:
        with late.consumer(
            "billing", ["keyed"], member="worker-7", session_timeout=300
        ) as consumer:
            consumer.poll(4, timeout=0)
            consumer.commit()
            clock.advance(40)
            stall = only(late)
        assert (stall.kind, stall.reader, stall.blocker) == ("group", "billing", "keyed/0@4")
        assert (stall.cause, stall.holder, stall.seconds) == ("held", "worker-7", 40.0)
        assert (stall.key, stall.blocked, stall.keys, stall.keys_exact) == (b"k4", 5, 5, True)
        assert (stall.committed, stall.end, stall.deliveries) == (4, 10, 1)

    def test_a_member_has_thirty_seconds_after_it_took_the_partition(
        self, late: Store, clock: ManualClock
    ) -> None:
        with late.consumer("billing", ["keyed"], session_timeout=300):
            clock.advance(29)
            assert causes(late) == []
            clock.advance(1)
            assert causes(late) == ["held"]

    def test_a_commit_that_moves_is_no_stall(self, late: Store, clock: ManualClock) -> None:
        with late.consumer("billing", ["keyed"], session_timeout=300) as consumer:
            for _ in range(5):
                clock.advance(20)
                consumer.poll(1, timeout=0)
                consumer.commit()
                assert causes(late) == []

    def test_committing_the_same_offset_again_is_no_movement(
        self, late: Store, clock: ManualClock
    ) -> None:
        with late.consumer("billing", ["keyed"], session_timeout=300) as consumer:
            for _ in range(3):
                consumer.commit({("keyed", 0): 4})
                clock.advance(20)
            assert only(late).seconds == 60.0

    def test_a_group_that_has_read_all_is_no_stall(self, late: Store, clock: ManualClock) -> None:
        with late.consumer("billing", ["keyed"], session_timeout=300) as consumer:
            consumer.poll(timeout=0)
            consumer.commit()
            clock.advance(100)
            assert causes(late) == []

    def test_what_came_after_a_long_pause_is_counted_from_its_coming(
        self, late: Store, clock: ManualClock
    ) -> None:
        with late.consumer("billing", ["keyed"], session_timeout=3000) as consumer:
            consumer.poll(timeout=0)
            consumer.commit()
            clock.advance(1000)
            late.produce("keyed", "new")
            clock.advance(20)
            assert causes(late) == []
            clock.advance(10)
            assert only(late).seconds == 30.0

    def test_a_record_with_an_old_timestamp_is_counted_from_its_coming(
        self, store: Store, clock: ManualClock
    ) -> None:
        store.create_topic("keyed", retention=None)
        with store.consumer("billing", ["keyed"], session_timeout=3000):
            clock.advance(1000)
            store.produce("keyed", "old", timestamp=clock.wall() - 3_600_000)
            clock.advance(20)
            assert causes(store) == []

    def test_the_threshold_is_the_callers(self, late: Store, clock: ManualClock) -> None:
        with late.consumer("billing", ["keyed"], session_timeout=300):
            clock.advance(10)
            assert causes(late, over=10) == ["held"]
            assert causes(late, over=10.1) == []


class TestAbandoned:
    def test_a_member_past_its_session_has_abandoned_its_partition(
        self, late: Store, clock: ManualClock
    ) -> None:
        late.consumer("billing", ["keyed"], member="worker-7", session_timeout=20)
        clock.advance(45)
        stall = only(late)
        assert (stall.cause, stall.holder, stall.holder_seen) == ("abandoned", "worker-7", 45.0)

    def test_a_member_that_is_gone_for_less_than_thirty_seconds_is_no_stall(
        self, late: Store, clock: ManualClock
    ) -> None:
        late.consumer("billing", ["keyed"], session_timeout=20)
        clock.advance(25)
        assert causes(late) == []


class TestPoison:
    def test_the_same_failure_twice_makes_poison(self, late: Store, clock: ManualClock) -> None:
        with late.consumer("billing", ["keyed"], session_timeout=300) as consumer:
            (record,) = consumer.poll(1, timeout=0)
            for number in range(2):
                consumer.fail(record, f"request {number}: card_api 502")
                clock.advance(20)
            stall = only(late)
        assert (stall.cause, stall.deliveries, stall.same_errors) == ("poison", 2, 2)
        assert stall.error == "request 1: card_api 502"

    def test_one_failure_does_not(self, late: Store, clock: ManualClock) -> None:
        with late.consumer("billing", ["keyed"], session_timeout=300) as consumer:
            consumer.fail(consumer.poll(1, timeout=0)[0], "card_api 502")
            clock.advance(40)
            assert only(late).cause == "held"

    def test_a_fast_retry_is_no_stall(self, late: Store, clock: ManualClock) -> None:
        with late.consumer("billing", ["keyed"], session_timeout=300) as consumer:
            (record,) = consumer.poll(1, timeout=0)
            for _ in range(3):
                consumer.fail(record, "busy")
                clock.advance(1)
            assert causes(late) == []

    def test_a_record_that_three_members_died_of_is_poison(
        self, late: Store, clock: ManualClock
    ) -> None:
        for _ in range(3):
            late.consumer("billing", ["keyed"], session_timeout=10).poll(timeout=0)
            clock.advance(12)
        stall = only(late)
        assert (stall.cause, stall.deliveries) == ("poison", 3)

    def test_members_that_came_and_went_while_nothing_waited_do_not_count(
        self, store: Store, clock: ManualClock
    ) -> None:
        store.create_topic("keyed")
        for _ in range(5):
            with store.consumer("billing", ["keyed"], session_timeout=300):
                clock.advance(12)
        store.consumer("billing", ["keyed"], session_timeout=300)
        store.produce("keyed", "v")
        clock.advance(40)
        assert only(store).cause == "held"


class TestUnassigned:
    def test_a_group_without_members_counts_once_its_oldest_record_is_an_hour_old(
        self, late: Store, clock: ManualClock
    ) -> None:
        late.create_group("billing", topics=["keyed"])
        clock.advance(3600 - 61)
        assert causes(late) == []
        clock.advance(1)
        assert (only(late).cause, only(late).holder) == ("unassigned", None)
        assert only(late).seconds == 3600.0

    def test_when_it_counts_is_the_callers(self, late: Store) -> None:
        late.create_group("billing", topics=["keyed"])
        assert causes(late, idle_after=60) == ["unassigned"]
        assert causes(late, idle_after=61) == []

    def test_a_partition_that_no_live_member_reads_counts_too(
        self, late: Store, clock: ManualClock
    ) -> None:
        late.create_group("billing", topics=["keyed", "orders"])
        with late.consumer("billing", ["orders"], session_timeout=9000) as consumer:
            consumer.poll(timeout=0)
            consumer.commit()
            clock.advance(3600)
            assert only(late).cause == "unassigned"


@pytest.fixture
def worst(store: Store, clock: ManualClock) -> Callable[[], list[str]]:
    """Two stalls, `few` older than `many`, which blocks more; gives their topics in order."""
    store.create_topic("few")
    store.create_topic("many")
    store.produce_many("few", [NewRecord(b"v")] * 3)
    clock.advance(100)
    store.produce_many("many", [NewRecord(b"v")] * 50)
    store.create_group("billing", topics=["few", "many"])
    return lambda: [stall.source for stall in store.stalls(idle_after=60)]


def test_the_worst_by_blocked_and_age_come_first(
    worst: Callable[[], list[str]], clock: ManualClock
) -> None:
    clock.advance(60)
    assert worst() == ["many", "few"]
