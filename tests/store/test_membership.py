"""Members of a consumer group: who owns what, when it changes hands, and who is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest

from store import Consumer, Fenced, NewRecord, Position, Store
from store.model.addresses import parse_address
from store.model.clock import ManualClock
from tests.support.processes import SLOW_MACHINE, hear, kill, start

GROUP = "billing"


@pytest.fixture
def three(store: Store) -> Store:
    """A store with the topic `orders`, three partitions of five records."""
    store.create_topic("orders", partitions=3)
    store.produce_many("orders", [NewRecord(b"%d" % n, partition=n % 3) for n in range(15)])
    return store


def join(store: Store, name: str | None = None, **settings: float) -> Consumer:
    return store.consumer(GROUP, ["orders"], member=name, **settings)  # type: ignore[arg-type]


def numbers(consumer: Consumer) -> list[int]:
    return [number for _, number in consumer.assignment]


def settle(*consumers: Consumer) -> None:
    """Let members poll until whatever moves has moved."""
    for consumer in consumers * 2:
        consumer.poll(1, timeout=0)


def committed(store: Store) -> list[int | None]:
    return [lag.committed for lag in store.lag(GROUP)]


def test_the_first_member_owns_everything_at_once(three: Store) -> None:
    assert numbers(join(three, "a")) == [0, 1, 2]


def test_a_partition_changes_hands_only_when_its_owner_let_go(three: Store) -> None:
    one, two = join(three, "a"), join(three, "b")
    for _ in range(3):
        two.poll(timeout=0)
    assert numbers(two) == []

    one.poll(timeout=0)
    two.poll(timeout=0)
    assert sorted(numbers(one) + numbers(two)) == [0, 1, 2]
    assert len(numbers(two)) == 1


def test_a_group_is_rebalancing_until_the_hand_over_is_done(three: Store) -> None:
    one, two = join(three, "a"), join(three, "b")
    states = [three.group(GROUP).state]
    for consumer in (one, two):
        consumer.poll(timeout=0)
        states.append(three.group(GROUP).state)

    assert states == ["rebalancing", "rebalancing", "stable"]


def test_partitions_that_do_not_move_are_read_throughout(three: Store) -> None:
    one = join(three, "a")
    one.poll(6, timeout=0)
    kept = dict(one.position)
    join(three, "b").poll(timeout=0)
    one.poll(0, timeout=0)

    assert len(one.position) == 2
    assert one.position == {place: kept[place] for place in one.position}
    one.commit()


def test_the_new_owner_begins_where_the_old_one_committed(three: Store) -> None:
    one = join(three, "a")
    one.poll(timeout=0)
    one.commit({("orders", number): 2 for number in range(3)})
    two = join(three, "b")
    settle(one)
    two.poll(0, timeout=0)

    assert list(two.position.values()) == [2]


def test_who_lost_a_partition_may_not_commit_it(three: Store) -> None:
    one = join(three, "a")
    before = one.position
    two = join(three, "b")
    settle(one, two)
    (lost,) = before.keys() - one.position.keys()

    with pytest.raises(Fenced, match="not assigned"):
        one.commit({lost: 3})
    assert committed(three) == [None, None, None]


def test_a_commit_of_all_that_was_polled_leaves_out_what_was_handed_over(three: Store) -> None:
    one = join(three, "a")
    one.poll(timeout=0)
    two = join(three, "b")
    settle(one, two)
    one.commit()

    assert committed(three).count(5) == 2
    assert committed(three).count(None) == 1


def test_a_member_that_times_out_loses_its_partitions_to_the_others(
    three: Store, clock: ManualClock
) -> None:
    one, two = join(three, "a"), join(three, "b", session_timeout=1000)
    clock.advance(44.9)
    two.poll(timeout=0)
    assert numbers(two) == []

    clock.advance(2)
    two.poll(timeout=0)
    assert numbers(two) == [0, 1, 2]
    with pytest.raises(Fenced):
        one.commit({("orders", 0): 1})


def test_a_member_that_was_dropped_is_told_at_its_next_poll(
    three: Store, clock: ManualClock
) -> None:
    one, two = join(three, "a"), join(three, "b", session_timeout=1000)
    clock.advance(46)
    two.poll(timeout=0)

    with pytest.raises(Fenced, match="a was dropped from group billing"):
        one.poll(timeout=0)
    with pytest.raises(Fenced, match="a was dropped from group billing"):
        one.heartbeat()


def test_a_session_that_nobody_found_expired_goes_on(three: Store, clock: ManualClock) -> None:
    one = join(three, "a")
    one.poll(timeout=0)
    clock.advance(100)
    one.commit()

    assert committed(three) == [5, 5, 5]


@pytest.mark.parametrize("sign", ["poll", "commit", "heartbeat"])
def test_a_member_that_gives_signs_of_life_stays(
    three: Store, clock: ManualClock, sign: str
) -> None:
    one, two = join(three, "a"), join(three, "b")
    settle(one, two)
    for _ in range(5):
        clock.advance(20)
        if sign == "poll":
            one.poll(timeout=0)
        else:
            getattr(one, sign)()
        two.poll(timeout=0)

    assert len(numbers(one)) == 2
    one.commit()


def test_heartbeats_do_not_help_a_member_that_polls_too_seldom(
    three: Store, clock: ManualClock
) -> None:
    one, two = join(three, "a", max_poll_interval=60), join(three, "b")
    for _ in range(4):
        clock.advance(20)
        two.poll(timeout=0)
        if clock.boot() < 1_000_000 + 60_000:
            one.heartbeat()

    assert numbers(two) == [0, 1, 2]
    with pytest.raises(Fenced):
        one.heartbeat()


def test_a_member_that_polls_within_a_short_poll_interval_stays(
    three: Store, clock: ManualClock
) -> None:
    one, two = join(three, "a", max_poll_interval=6), join(three, "b")
    for _ in range(20):
        clock.advance(1)
        one.poll(timeout=0)
        two.poll(timeout=0)

    assert len(numbers(one)) == 2
    one.commit()


def test_a_static_member_takes_over_what_its_predecessor_had(three: Store) -> None:
    one, two = join(three, "a"), join(three, "b")
    settle(one, two)
    mine = numbers(one)
    again = join(three, "a")

    assert numbers(again) == mine
    assert numbers(two) == sorted({0, 1, 2} - set(mine))
    with pytest.raises(Fenced):
        one.commit()
    two.commit()


def test_members_without_a_name_are_several(three: Store) -> None:
    one, two = join(three), join(three)
    settle(one, two)

    assert one.member != two.member
    assert [member.static for member in three.group(GROUP).members] == [False, False]


def test_a_reset_by_force_fences_everybody(three: Store) -> None:
    one, two = join(three, "a"), join(three, "b")
    settle(one, two)
    three.reset_group(GROUP, Position("latest"), force=True)

    for consumer in (one, two):
        with pytest.raises(Fenced):
            consumer.commit(dict.fromkeys(consumer.position, 1))
        with pytest.raises(Fenced):
            consumer.poll(timeout=0)
    assert committed(three) == [5, 5, 5]
    assert three.group(GROUP).members == []


def test_a_skip_fences_the_holder_which_then_reads_on_behind_the_record(three: Store) -> None:
    one = join(three, "a")
    one.poll(timeout=0)
    three.skip(GROUP, parse_address("orders/1@0"))

    with pytest.raises(Fenced):
        one.commit({("orders", 1): 5})
    assert [(r.partition, r.offset) for r in one.poll(timeout=0)] == [(1, n) for n in range(1, 5)]
    one.commit()
    assert committed(three) == [5, 5, 5]


def test_members_beyond_the_number_of_partitions_are_idle(store: Store) -> None:
    store.create_topic("orders")
    store.produce("orders", "x")
    one, two = join(store, "a"), join(store, "b")
    settle(one, two)

    assert (numbers(one), numbers(two), two.poll(timeout=0)) == ([0], [], [])
    shown = {member.member: member.partitions for member in store.group(GROUP).members}
    assert shown == {"a": [("orders", 0)], "b": []}
    assert store.group(GROUP).state == "stable"


def test_an_idle_member_is_the_stand_by_of_a_single_active_consumer(
    orders: Store, clock: ManualClock
) -> None:
    one, two = join(orders, "a"), join(orders, "b", session_timeout=1000)
    one.poll(4, timeout=0)
    one.commit()
    clock.advance(46)

    assert [record.offset for record in two.poll(timeout=0)] == [4, 5, 6, 7, 8, 9]


def test_who_leaves_gives_its_partitions_back_at_once(three: Store) -> None:
    one, two = join(three, "a"), join(three, "b")
    one.close()
    two.poll(timeout=0)

    assert numbers(two) == [0, 1, 2]


def test_closing_twice_is_no_error(three: Store) -> None:
    one = join(three, "a")
    one.close()
    one.close()

    assert three.group(GROUP).state == "empty"


def test_another_assignor_shares_out_anew_at_once(three: Store) -> None:
    one, two = join(three, "a"), join(three, "b")
    settle(one, two)
    three.alter_group(GROUP, assignor="roundrobin")
    settle(one, two)

    assert [numbers(one), numbers(two)] == [[0, 2], [1]]


def test_new_partitions_are_picked_up_and_read_from_their_start(three: Store) -> None:
    one = join(three, "a", start="latest")  # type: ignore[arg-type]
    three.alter_topic("orders", partitions=5)
    three.produce("orders", "first", partition=4)
    polled = one.poll(timeout=0)

    assert numbers(one) == [0, 1, 2, 3, 4]
    assert [(record.partition, record.offset) for record in polled] == [(4, 0)]


def test_a_topic_deleted_under_a_consumer_is_left_out(three: Store) -> None:
    three.create_topic("clicks")
    three.produce("clicks", "x")
    consumer = three.consumer(GROUP, ["orders", "clicks"])
    three.delete_topic("orders")

    assert [record.topic for record in consumer.poll(timeout=0)] == ["clicks"]
    consumer.commit()


def test_a_topic_made_anew_is_read_from_its_start(orders: Store) -> None:
    consumer = join(orders, "a")
    consumer.poll(timeout=0)
    orders.delete_topic("orders")
    orders.create_topic("orders")
    orders.produce("orders", "anew")

    assert [(r.offset, r.value) for r in consumer.poll(timeout=0)] == [(0, b"anew")]
    consumer.commit()


def test_a_topic_made_anew_later_is_found_within_a_third_of_the_session_timeout(
    orders: Store, clock: ManualClock
) -> None:
    consumer = join(orders, "a")
    orders.delete_topic("orders")
    assert consumer.poll(timeout=0) == []
    orders.create_topic("orders")
    orders.produce("orders", "anew")
    clock.advance(15)

    assert [record.value for record in consumer.poll(timeout=0)] == [b"anew"]


def test_offsets_outlive_an_empty_group_for_its_retention(
    orders: Store, clock: ManualClock
) -> None:
    for days, position in ((6.9, 4), (7.1, 0)):
        with join(orders, "a") as consumer:
            assert consumer.position == {("orders", 0): 0 if days == 6.9 else 4}
            consumer.commit({("orders", 0): 4})
        clock.advance(days * 86_400)
        with join(orders, "b") as consumer:
            assert consumer.position == {("orders", 0): position}


def test_an_offset_that_was_set_while_the_group_was_empty_is_kept_as_long(
    orders: Store, clock: ManualClock
) -> None:
    join(orders, "a").close()
    clock.advance(8 * 86_400)
    orders.reset_group(GROUP, Position("offset", 4))
    clock.advance(6 * 86_400)

    assert join(orders, "a").position == {("orders", 0): 4}


def test_offsets_of_a_group_whose_members_died_go_the_same_way(
    orders: Store, clock: ManualClock
) -> None:
    join(orders, "a").commit({("orders", 0): 4})
    clock.advance(7 * 86_400 + 44)
    assert join(orders, "b").position == {("orders", 0): 4}

    clock.advance(7 * 86_400 + 46)
    assert join(orders, "c").position == {("orders", 0): 0}


@pytest.fixture
def killed(path: Path) -> Iterator[Store]:
    """A store of this machine's time, with three partitions of a member that is about to die."""
    with Store.open(path, create=True) as store:
        store.create_topic("orders", partitions=3)
        yield store


def test_who_joins_takes_the_place_of_a_killed_member_at_once(killed: Store) -> None:
    process = start("join", killed.path, GROUP)
    assert hear(process) == "joined"
    kill(process)

    assert numbers(join(killed, "b")) == [0, 1, 2]


def test_a_killed_member_is_dropped_long_before_its_session_ends(killed: Store) -> None:
    process = start("join", killed.path, GROUP)
    assert hear(process) == "joined"
    consumer = join(killed, "b")
    consumer.poll(timeout=0)
    assert numbers(consumer) == []
    kill(process)
    moment = monotonic()
    while not consumer.assignment and monotonic() < moment + 4 * SLOW_MACHINE:
        consumer.poll(timeout=0.1)

    assert consumer.assignment
