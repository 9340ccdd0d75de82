"""How far a group is behind: in records, in time, in bytes."""

from __future__ import annotations

from store import NewRecord, Position, Store
from store.model.clock import ManualClock
from store.model.groups import Lag

PLACE = ("orders", 0)


def row(store: Store) -> Lag:
    return store.lag("billing")[0]


def test_lag_is_end_minus_committed(read_three: Store) -> None:
    lag = row(read_three)

    assert (lag.committed, lag.end, lag.lag, lag.state) == (3, 10, 7, "behind")


def test_lag_in_bytes_is_that_of_the_unread_records(store: Store) -> None:
    store.create_topic("orders")
    store.produce_many("orders", [NewRecord(b"x" * n, b"k", {"a": 1}) for n in (10, 20, 30)])
    with store.consumer("billing", ["orders"]) as consumer:
        consumer.commit({PLACE: 1})

    assert row(store).lag_bytes == 20 + 30 + 2 * (1 + len('{"a":1}'))


def test_lag_in_seconds_is_the_age_of_the_oldest_unread_record(
    store: Store, clock: ManualClock
) -> None:
    store.create_topic("orders")
    for _ in range(3):
        store.produce("orders", "x")
        clock.advance(10)
    with store.consumer("billing", ["orders"]) as consumer:
        consumer.commit({PLACE: 1})

    assert row(store).lag_seconds == 20.0


def test_a_group_that_has_read_everything_is_current(orders: Store, clock: ManualClock) -> None:
    with orders.consumer("billing", ["orders"]) as consumer:
        consumer.poll(timeout=0)
        consumer.commit()
    clock.advance(60)

    lag = row(orders)
    assert (lag.lag, lag.lag_bytes, lag.lag_seconds, lag.state) == (0, 0, 0.0, "current")


def test_a_group_is_current_where_the_newest_records_were_compacted_away(store: Store) -> None:
    store.create_topic("t", cleanup="compact", tombstone_delay=0)
    store.create_group("billing", topics=["t"])
    store.produce_many("t", [NewRecord("x", "k"), NewRecord(None, "k")])
    for _ in range(2):
        store.compact_topic("t")

    assert (row(store).lag, row(store).end, row(store).state) == (0, 2, "current")


def test_a_group_whose_unread_records_were_removed_has_lost_them(read_three: Store) -> None:
    read_three.trim("orders", Position("offset", 6))

    assert (row(read_three).state, row(read_three).lag, row(read_three).start) == ("lost", 7, 6)
    assert row(read_three).lag_bytes == 4


def test_a_trim_of_what_was_read_loses_nothing(read_three: Store) -> None:
    read_three.trim("orders", Position("offset", 3))

    assert row(read_three).state == "behind"


def test_partitions_that_were_added_are_part_of_the_lag_at_once(read_three: Store) -> None:
    read_three.alter_topic("orders", partitions=2)
    read_three.produce("orders", "x", partition=1)

    assert [lag.lag for lag in read_three.lag("billing")] == [7, 1]
