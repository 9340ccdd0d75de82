"""Consumer groups: one number per partition, who may move it, and how far it is behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from store import (
    BadInput,
    Exists,
    Fenced,
    GroupActive,
    NewRecord,
    NotFound,
    Position,
    Store,
    TimedOut,
)
from store.model.clock import ManualClock
from store.model.groups import Lag
from tests.support.invariants import check_all

PLACE = ("orders", 0)


def row(store: Store, group: str = "billing") -> Lag:
    return store.lag(group)[0]


def test_a_new_group_begins_at_the_oldest_record(orders: Store) -> None:
    with orders.consumer("billing", ["orders"]) as consumer:
        assert [record.offset for record in consumer.poll(timeout=0)] == list(range(10))


@pytest.mark.parametrize(
    ("start", "first"),
    [("earliest", 0), ("latest", 10), ("last", 9), ("4", 4), ("-3", 7), ("99", 10)],
)
def test_a_new_group_begins_where_it_was_told(orders: Store, start: str, first: int) -> None:
    with orders.consumer("billing", ["orders"], start=start) as consumer:
        assert consumer.position == {PLACE: first}


def test_the_start_counts_only_where_nothing_is_committed(read_three: Store) -> None:
    with read_three.consumer("billing", ["orders"], start="latest") as consumer:
        assert consumer.position == {PLACE: 3}


def test_what_was_polled_but_not_committed_is_read_again(read_three: Store) -> None:
    with read_three.consumer("billing", ["orders"]) as consumer:
        assert consumer.poll(1, timeout=0)[0].offset == 3

    with read_three.consumer("billing", ["orders"]) as consumer:
        assert consumer.poll(1, timeout=0)[0].offset == 3


def test_polls_follow_one_another_without_a_commit(orders: Store) -> None:
    with orders.consumer("billing", ["orders"]) as consumer:
        assert [[r.offset for r in consumer.poll(4, timeout=0)] for _ in range(4)] == [
            [0, 1, 2, 3], [4, 5, 6, 7], [8, 9], [],
        ]  # fmt: skip


def test_groups_do_not_disturb_one_another(read_three: Store) -> None:
    with read_three.consumer("audit", ["orders"]) as consumer:
        assert len(consumer.poll(timeout=0)) == 10
        consumer.commit()

    assert row(read_three).committed == 3


def test_a_poll_covers_every_partition(store: Store) -> None:
    store.create_topic("orders", partitions=3)
    for partition in range(3):
        store.produce_many("orders", [NewRecord("x", partition=partition)] * 4)
    with store.consumer("billing", ["orders"]) as consumer:
        polled = [record for _ in range(6) for record in consumer.poll(2, timeout=0)]

    assert sorted((r.partition, r.offset) for r in polled) == [
        (partition, offset) for partition in range(3) for offset in range(4)
    ]


def test_a_busy_partition_does_not_starve_the_others(store: Store) -> None:
    store.create_topic("orders", partitions=2)
    store.produce_many("orders", [NewRecord("x", partition=0)] * 100)
    store.produce("orders", "x", partition=1)
    with store.consumer("billing", ["orders"]) as consumer:
        polled = [r.partition for _ in range(2) for r in consumer.poll(10, timeout=0)]

    assert 1 in polled


def test_a_commit_of_chosen_offsets_moves_only_those(store: Store) -> None:
    store.create_topic("orders", partitions=2)
    store.produce_many("orders", [NewRecord("x", partition=n % 2) for n in range(10)])
    with store.consumer("billing", ["orders"]) as consumer:
        consumer.commit({("orders", 1): 2})

    assert [lag.committed for lag in store.lag("billing")] == [None, 2]


def test_a_commit_back_is_refused(read_three: Store) -> None:
    with read_three.consumer("billing", ["orders"]) as consumer:
        with pytest.raises(BadInput, match="would go back from 3"):
            consumer.commit({PLACE: 2})
        consumer.commit({PLACE: 3})

    assert row(read_three).committed == 3


@pytest.mark.parametrize("offset", [11, 1 << 41, -1])
def test_a_commit_outside_the_log_is_refused(orders: Store, offset: int) -> None:
    with (
        orders.consumer("billing", ["orders"]) as consumer,
        pytest.raises(BadInput, match="outside the log, which ends at 10"),
    ):
        consumer.commit({PLACE: offset})

    assert row(orders).committed is None


def test_a_commit_of_a_partition_that_was_not_assigned_is_fenced(orders: Store) -> None:
    orders.create_topic("clicks")
    with (
        orders.consumer("billing", ["orders"]) as consumer,
        pytest.raises(Fenced, match="not assigned"),
    ):
        consumer.commit({("clicks", 0): 0})


def test_a_commit_is_whole_or_not_at_all(store: Store) -> None:
    store.create_topic("orders", partitions=2)
    store.produce_many("orders", [NewRecord("x", partition=n % 2) for n in range(10)])
    with store.consumer("billing", ["orders"]) as consumer, pytest.raises(BadInput):
        consumer.commit({("orders", 0): 3, ("orders", 1): 99})

    assert [lag.committed for lag in store.lag("billing")] == [None, None]


def test_a_restarted_member_of_the_same_name_takes_over_at_once(orders: Store) -> None:
    old = orders.consumer("billing", ["orders"], member="worker")
    old.poll(timeout=0)
    new = orders.consumer("billing", ["orders"], member="worker", timeout=0)

    with pytest.raises(Fenced):
        old.commit()
    new.poll(4, timeout=0)
    new.commit()
    assert row(orders).committed == 4


@pytest.mark.parametrize("stale", [0, 3, 7, 99])
def test_a_stale_member_is_fenced_wherever_its_offset_lies(orders: Store, stale: int) -> None:
    old = orders.consumer("billing", ["orders"], member="worker")
    new = orders.consumer("billing", ["orders"], member="worker")
    new.commit({PLACE: 5})

    with pytest.raises(Fenced):
        old.commit({PLACE: stale})
    assert row(orders).committed == 5


def test_a_member_that_rejoins_for_another_topic_gives_the_first_back(orders: Store) -> None:
    orders.create_topic("clicks")
    orders.consumer("billing", ["orders"], member="worker")
    again = orders.consumer("billing", ["clicks"], member="worker")

    assert again.assignment == [("clicks", 0)]


def test_a_fenced_member_that_leaves_does_not_push_its_successor_out(orders: Store) -> None:
    old = orders.consumer("billing", ["orders"], member="worker")
    new = orders.consumer("billing", ["orders"], member="worker")
    old.close()
    new.poll(timeout=0)
    new.commit()

    assert row(orders).committed == 10


def test_every_change_of_hands_raises_the_generation(orders: Store) -> None:
    generations = []
    for _ in range(3):
        with orders.consumer("billing", ["orders"]):
            generations.append(orders.group("billing").generation or 0)

    assert generations == sorted(set(generations))


def test_a_second_member_waits_for_partitions_and_then_times_out(orders: Store) -> None:
    orders.consumer("billing", ["orders"], member="one")

    with pytest.raises(TimedOut, match="billing is read by one"):
        orders.consumer("billing", ["orders"], member="two", timeout=0)


def test_a_second_member_takes_over_when_the_first_leaves(orders: Store) -> None:
    with orders.consumer("billing", ["orders"], member="one") as one:
        one.poll(5, timeout=0)
        one.commit()
    with orders.consumer("billing", ["orders"], member="two", timeout=0) as two:
        assert two.position == {PLACE: 5}


def test_a_group_shows_its_member(orders: Store) -> None:
    with orders.consumer("billing", ["orders"], member="one", session_timeout=30):
        status = orders.group("billing")
        member = status.members[0]

    assert status.state == "stable"
    assert (member.member, member.partitions, member.session_timeout) == ("one", [PLACE], 30_000)
    assert orders.group("billing").state == "empty"


def test_a_group_that_is_read_can_not_be_deleted(orders: Store) -> None:
    with orders.consumer("billing", ["orders"]), pytest.raises(GroupActive):
        orders.delete_group("billing")

    orders.delete_group("billing")
    assert orders.groups() == []


def test_a_consumer_of_a_deleted_topic_is_fenced(orders: Store) -> None:
    consumer = orders.consumer("billing", ["orders"])
    consumer.poll(timeout=0)
    orders.delete_topic("orders")
    orders.create_topic("orders")

    with pytest.raises(Fenced):
        consumer.commit()


def test_a_consumer_of_a_topic_that_is_not_there_leaves_no_group_behind(store: Store) -> None:
    with pytest.raises(NotFound):
        store.consumer("billing", ["orders"])
    assert store.groups() == []


def test_failed_attempts_are_counted(orders: Store) -> None:
    with orders.consumer("billing", ["orders"]) as consumer:
        record = consumer.poll(1, timeout=0)[0]
        assert [consumer.fail(record, "no route") for _ in range(3)] == [1, 2, 3]


@pytest.mark.parametrize(("rule", "next_offset"), [("earliest", 6), ("latest", 10)])
def test_a_group_below_the_start_goes_on_where_its_rule_says(
    read_three: Store, rule: str, next_offset: int
) -> None:
    read_three.alter_group("billing", below_start=rule)
    read_three.trim("orders", Position("offset", 6))
    with read_three.consumer("billing", ["orders"]) as consumer:
        polled = [record.offset for record in consumer.poll(timeout=0)]

    assert polled == list(range(next_offset, 10))


def test_a_partition_that_stops_loses_nothing_of_the_others(store: Store) -> None:
    store.create_topic("orders", partitions=2)
    store.produce_many("orders", [NewRecord(b"%d" % n, partition=n % 2) for n in range(4)])
    store.create_group("billing", topics=["orders"], below_start="error")
    with store.consumer("billing", ["orders"]) as consumer:
        store.trim("orders", Position("latest"), 1)
        polled = consumer.poll(timeout=0)
        with pytest.raises(NotFound, match="orders/1@0 was removed unread"):
            consumer.poll(timeout=0)

    assert [record.value for record in polled] == [b"0", b"2"]


@pytest.mark.parametrize(("rule", "next_offset"), [("earliest", 0), ("latest", 10)])
def test_a_position_past_the_end_goes_on_where_the_rule_says(
    read_three: Store, rule: str, next_offset: int
) -> None:
    read_three.alter_group("billing", below_start=rule)
    with read_three.consumer("billing", ["orders"]) as consumer:
        consumer.seek("orders", 0, 50)

        assert [r.offset for r in consumer.poll(timeout=0)] == list(range(next_offset, 10))
        assert consumer.losses == []


def test_a_position_can_not_be_negative(orders: Store) -> None:
    with orders.consumer("billing", ["orders"]) as consumer, pytest.raises(BadInput):
        consumer.seek("orders", 0, -1)


def test_a_group_below_the_start_can_be_told_to_stop(read_three: Store) -> None:
    read_three.alter_group("billing", below_start="error")
    read_three.trim("orders", Position("offset", 6))

    with (
        read_three.consumer("billing", ["orders"]) as consumer,
        pytest.raises(NotFound, match="orders/0@3 was removed unread"),
    ):
        consumer.poll(timeout=0)


def test_a_reset_is_a_plan_until_it_is_applied(read_three: Store) -> None:
    plan = read_three.plan_reset("billing", Position("earliest"))

    assert [(c.current, c.new, c.change, c.clamped) for c in plan] == [(3, 0, -3, False)]
    assert row(read_three).committed == 3
    assert read_three.reset_group("billing", Position("earliest")) == plan
    assert row(read_three).committed == 0


def test_a_reset_of_a_group_that_is_read_needs_force(read_three: Store) -> None:
    consumer = read_three.consumer("billing", ["orders"])
    with pytest.raises(GroupActive):
        read_three.reset_group("billing", Position("earliest"))
    assert row(read_three).committed == 3

    read_three.reset_group("billing", Position("earliest"), force=True)
    with pytest.raises(Fenced):
        consumer.commit()
    assert row(read_three).committed == 0


def test_a_reset_fences_a_member_whose_session_had_ended(
    read_three: Store, clock: ManualClock
) -> None:
    consumer = read_three.consumer("billing", ["orders"])
    consumer.poll(timeout=0)
    clock.advance(46)
    read_three.reset_group("billing", Position("earliest"))

    with pytest.raises(Fenced):
        consumer.commit()


def test_a_reset_takes_its_own_plan_back(read_three: Store) -> None:
    before = {
        (c.topic, c.partition): c.current
        for c in read_three.plan_reset("billing", Position("latest"))
    }
    read_three.reset_group("billing", Position("latest"))
    read_three.reset_group("billing", before)

    assert row(read_three).committed == 3


def test_a_group_is_created_once(store: Store) -> None:
    store.create_group("billing", max_lag=10)

    assert store.create_group("billing", max_lag=10, if_not_exists=True).name == "billing"
    with pytest.raises(Exists):
        store.create_group("billing")
    with pytest.raises(Exists, match="another max_lag: 10, not 11"):
        store.create_group("billing", max_lag=11, if_not_exists=True)
    store.create_topic("late")
    with pytest.raises(Exists, match="is not for late"):
        store.create_group("billing", topics=["late"], max_lag=10, if_not_exists=True)


@pytest.mark.parametrize(
    "settings",
    [
        {"assignor": "random"},
        {"below_start": "never"},
        {"max_lag": -1},
        {"retention": 0},
        {"max_deliveries": 3},
    ],
)
def test_settings_that_can_not_work_are_refused(store: Store, settings: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        store.create_group("billing", **settings)
    assert store.groups() == []


def test_altering_keeps_what_was_not_named(store: Store) -> None:
    store.create_group("billing", max_lag=10, below_start="latest")
    config = store.alter_group("billing", max_lag=20).config

    assert (config.max_lag, config.below_start) == (20, "latest")


def test_two_handles_see_one_group(read_three: Store, open_store: Callable[..., Store]) -> None:
    other = open_store()
    with other.consumer("billing", ["orders"]) as consumer:
        consumer.poll(timeout=0)
        consumer.commit()

    assert row(read_three).committed == 10
    check_all(read_three)
