"""Rates over the last minute and trends over the last ten, from samples that writers leave."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest

from store import NewRecord, Store, Subject
from store.model.clock import ManualClock
from store.model.groups import Lag


def subject(store: Store, name: str) -> Subject:
    (found,) = [one for one in store.snapshot().subjects if one.name == name]
    return found


def lag(store: Store) -> Lag:
    (row,) = store.lag("billing")
    return row


def produce(store: Store, count: int, topic: str = "orders") -> None:
    store.produce_many(topic, [NewRecord(b"v")] * count)


def samples(path: Path) -> list[tuple[str, int]]:
    """Of which counters there are samples, and how many."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(
            "select subject, count(*) from mq_samples group by subject order by subject"
        ).fetchall()


@pytest.fixture
def topic(store: Store) -> Store:
    """The empty topic orders, of two partitions."""
    store.create_topic("orders", partitions=2)
    return store


class TestRates:
    def test_a_topic_takes_what_all_partitions_took_in_the_last_minute(
        self, topic: Store, clock: ManualClock
    ) -> None:
        for number in range(60):
            topic.produce("orders", "v", partition=number % 2)
            clock.advance(1)
        assert subject(topic, "orders").in_rate == pytest.approx(1, abs=0.05)

    def test_a_burst_counts_for_ten_seconds_at_least(
        self, topic: Store, clock: ManualClock
    ) -> None:
        produce(topic, 100)
        assert subject(topic, "orders").in_rate == 10

    def test_after_a_quiet_minute_it_is_zero(self, topic: Store, clock: ManualClock) -> None:
        produce(topic, 100)
        clock.advance(61)
        assert subject(topic, "orders").in_rate == 0

    def test_a_queue_has_what_came_and_what_left_in_whatever_way(
        self, store: Store, clock: ManualClock
    ) -> None:
        store.create_queue("mails")
        for number in range(60):
            store.send("mails", "v")
            if number % 2:
                store.ack([m.receipt or "" for m in store.receive("mails")])
            clock.advance(1)
        mails = subject(store, "mails")
        assert [mails.in_rate, mails.out_rate] == pytest.approx([1, 0.5], abs=0.05)

    def test_a_topic_gives_what_its_groups_read(self, topic: Store, clock: ManualClock) -> None:
        produce(topic, 120)
        with topic.consumer("billing", ["orders"], session_timeout=900) as consumer:
            for _ in range(60):
                consumer.poll(2, timeout=0)
                consumer.commit()
                clock.advance(1)
            assert subject(topic, "orders").out_rate == pytest.approx(2, abs=0.1)

    def test_they_are_there_for_a_handle_that_has_just_been_opened(
        self, topic: Store, open_store: Callable[..., Store], clock: ManualClock
    ) -> None:
        produce(topic, 100)
        clock.advance(10)
        assert subject(open_store(), "orders").in_rate == 10


class TestTrends:
    def test_they_tell_how_much_came_in_each_ten_seconds(
        self, topic: Store, clock: ManualClock
    ) -> None:
        for count in (5, 0, 7, 3):
            produce(topic, count)
            clock.advance(10)
        assert subject(topic, "orders").trend[-5:] == (5, 0, 7, 3, 0)

    def test_they_tell_of_ten_minutes(self, topic: Store, clock: ManualClock) -> None:
        for _ in range(100):
            produce(topic, 2)
            clock.advance(10)
        assert subject(topic, "orders").trend == (2,) * 59 + (0,)

    def test_two_handles_sample_as_one(
        self, topic: Store, open_store: Callable[..., Store], clock: ManualClock
    ) -> None:
        other = open_store()
        for _ in range(3):
            produce(topic, 1)
            produce(other, 1)
            clock.advance(10)
        assert subject(topic, "orders").trend[-4:] == (2, 2, 2, 0)

    def test_what_is_rolled_back_leaves_no_trace(self, topic: Store, clock: ManualClock) -> None:
        with suppress(ZeroDivisionError), topic.transaction() as tx:
            tx.produce("orders", "v")
            raise ZeroDivisionError
        assert subject(topic, "orders").trend == ()
        produce(topic, 4)
        clock.advance(10)
        assert subject(topic, "orders").trend[-2:] == (4, 0)


class TestLag:
    def test_it_grows_by_what_comes_and_is_not_read(self, store: Store, clock: ManualClock) -> None:
        store.create_topic("orders")
        store.create_group("billing", topics=["orders"])
        for _ in range(60):
            produce(store, 3)
            clock.advance(1)
        assert lag(store).trend == pytest.approx(3, abs=0.1)

    def test_it_shrinks_by_what_is_read(self, store: Store, clock: ManualClock) -> None:
        store.create_topic("orders")
        produce(store, 600)
        clock.advance(100)
        with store.consumer("billing", ["orders"], session_timeout=900) as consumer:
            for _ in range(60):
                consumer.poll(5, timeout=0)
                consumer.commit()
                clock.advance(1)
            assert lag(store).trend == pytest.approx(-5, abs=0.2)

    def test_a_reset_is_no_reading(self, orders: Store, clock: ManualClock) -> None:
        orders.create_group("billing", topics=["orders"])
        clock.advance(100)
        with orders.transaction() as tx:
            tx.commit("billing", {("orders", 0): 2})
        orders.reset_group("billing", {("orders", 0): 10})
        assert lag(orders).trend == 0

    def test_without_any_movement_it_is_zero(self, orders: Store, clock: ManualClock) -> None:
        orders.create_group("billing", topics=["orders"])
        clock.advance(3600)
        assert lag(orders).trend == 0


def test_samples_go_with_what_they_are_of(topic: Store, path: Path, clock: ManualClock) -> None:
    topic.create_queue("mails")
    topic.send("mails", "v")
    topic.ack([m.receipt or "" for m in topic.receive("mails")])
    produce(topic, 4)
    with topic.consumer("billing", ["orders"]) as consumer:
        consumer.poll(timeout=0)
        consumer.commit()
    assert [name for name, _ in samples(path)] == ["channel", "partition", "queue", "slot"]
    topic.delete_group("billing")
    topic.delete_topic("orders")
    topic.delete_queue("mails")
    assert samples(path) == []


def test_a_busy_counter_is_sampled_once_in_ten_seconds(topic: Store, path: Path) -> None:
    for _ in range(50):
        topic.produce("orders", "v", partition=0)
    assert samples(path) == [("channel", 1), ("partition", 1)]
