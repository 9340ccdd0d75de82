"""The ways out for a record that a group can't process: skipped by hand, or failed too often."""

from __future__ import annotations

from typing import Any

import pytest

from store import BadInput, Fenced, NotFound, Position, Store
from store.model.addresses import parse_address
from store.model.clock import ManualClock
from store.model.messages import Message

GROUP = "billing"
PLACE = ("orders", 0)


@pytest.fixture
def with_dlq(orders: Store) -> Store:
    """Ten orders, and a group that gives up a record after its third failure."""
    orders.create_queue("orders.dlq")
    orders.create_group(GROUP, topics=["orders"], max_deliveries=3, dlq="orders.dlq")
    return orders


def committed(store: Store) -> int | None:
    return store.lag(GROUP)[0].committed


def letters(store: Store) -> list[Message]:
    return store.messages("orders.dlq")


def test_a_skip_commits_past_the_record(read_three: Store) -> None:
    skipped = read_three.skip(GROUP, parse_address("orders/0@3"))

    assert skipped is not None
    assert (skipped.offset, committed(read_three)) == (3, 4)


def test_a_skip_before_the_first_commit_takes_the_first_record(orders: Store) -> None:
    orders.create_group(GROUP, topics=["orders"])
    orders.skip(GROUP, parse_address("orders/0@0"))

    assert committed(orders) == 1


@pytest.mark.parametrize("address", ["orders/0@2", "orders/0@4", "orders/0", "orders"])
def test_only_the_committed_record_can_be_skipped(read_three: Store, address: str) -> None:
    with pytest.raises(BadInput):
        read_three.skip(GROUP, parse_address(address))
    assert committed(read_three) == 3


def test_what_is_not_there_yet_can_not_be_skipped(orders: Store) -> None:
    orders.create_group(GROUP, topics=["orders"])
    orders.reset_group(GROUP, Position("latest"))

    with pytest.raises(NotFound, match="orders/0@10 does not exist yet"):
        orders.skip(GROUP, parse_address("orders/0@10"))


@pytest.mark.parametrize(
    "address", ["nowhere/0@3", "orders/7@3"], ids=["no such topic", "no such partition"]
)
def test_a_skip_of_something_unknown_is_not_found(read_three: Store, address: str) -> None:
    with pytest.raises(NotFound):
        read_three.skip(GROUP, parse_address(address))


def test_a_skip_in_a_topic_that_the_group_does_not_read_is_refused(read_three: Store) -> None:
    read_three.create_topic("clicks")
    read_three.produce("clicks", "x")

    with pytest.raises(BadInput, match="does not read clicks/0"):
        read_three.skip(GROUP, parse_address("clicks/0@0"))


def test_a_skipped_record_can_be_copied_to_a_queue_with_its_origin(with_dlq: Store) -> None:
    with with_dlq.consumer(GROUP, ["orders"]) as consumer:
        consumer.fail(consumer.poll(1, timeout=0)[0], "no route")
    with_dlq.skip(GROUP, parse_address("orders/0@0"), "orders.dlq")
    (letter,) = letters(with_dlq)

    assert letter.dead is not None
    assert (letter.value, letter.dead.source, letter.dead.reason) == (
        b"0", "orders/0@0", "rejected",
    )  # fmt: skip
    assert (letter.dead.deliveries, letter.dead.error) == (1, "no route")


def test_a_copy_of_a_record_is_not_redriven_to_its_topic_but_told_how_it_goes_back(
    with_dlq: Store,
) -> None:
    with_dlq.skip(GROUP, parse_address("orders/0@0"), "orders.dlq")

    with pytest.raises(BadInput, match="takes nothing back") as refusal:
        with_dlq.redrive("orders.dlq")
    assert (
        "mq dlq export orders.dlq | mq produce orders --framing ndjson" in refusal.value.shell_hint
    )


def test_a_skip_to_a_queue_that_is_not_there_changes_nothing(read_three: Store) -> None:
    with pytest.raises(NotFound):
        read_three.skip(GROUP, parse_address("orders/0@3"), "nowhere")
    assert committed(read_three) == 3


def test_a_skip_leaves_the_other_partitions_of_a_member_alone(store: Store) -> None:
    store.create_topic("orders", partitions=2)
    for partition in range(2):
        store.produce("orders", "x", partition=partition)
    consumer = store.consumer(GROUP, ["orders"])
    consumer.poll(timeout=0)
    store.skip(GROUP, parse_address("orders/0@0"))
    consumer.commit({("orders", 1): 1})

    with pytest.raises(Fenced):
        consumer.commit({("orders", 0): 1})
    assert [lag.committed for lag in store.lag(GROUP)] == [1, 1]


def test_a_failed_record_comes_again_with_the_next_poll(with_dlq: Store) -> None:
    with with_dlq.consumer(GROUP, ["orders"]) as consumer:
        first = consumer.poll(4, timeout=0)
        consumer.fail(first[2], "no route")

        assert [record.offset for record in consumer.poll(2, timeout=0)] == [2, 3]


def test_of_several_that_failed_the_first_comes_next_and_is_not_committed(with_dlq: Store) -> None:
    with with_dlq.consumer(GROUP, ["orders"]) as consumer:
        for record in consumer.poll(3, timeout=0)[1:]:
            consumer.fail(record, "no route")
        consumer.commit()

        assert (committed(with_dlq), consumer.poll(1, timeout=0)[0].offset) == (1, 1)


def test_a_record_that_failed_too_often_goes_to_the_dlq(with_dlq: Store) -> None:
    with with_dlq.consumer(GROUP, ["orders"]) as consumer:
        tries = [consumer.fail(consumer.poll(1, timeout=0)[0], f"try {n}") for n in (1, 2, 3)]
        assert [record.offset for record in consumer.poll(1, timeout=0)] == [1]
    (letter,) = letters(with_dlq)

    assert (tries, committed(with_dlq)) == ([1, 2, 3], 1)
    assert letter.dead is not None
    assert (letter.value, letter.dead.source, letter.dead.reason, letter.dead.deliveries) == (
        b"0", "orders/0@0", "max_deliveries", 3,
    )  # fmt: skip
    assert letter.dead.error == "try 3"


def test_failures_are_counted_across_members(with_dlq: Store) -> None:
    tries = []
    for name in ("a", "b", "c"):
        with with_dlq.consumer(GROUP, ["orders"], member=name) as consumer:
            tries.append(consumer.fail(consumer.poll(1, timeout=0)[0], "no route"))

    assert (tries, committed(with_dlq), len(letters(with_dlq))) == ([1, 2, 3], 1, 1)


def test_a_dead_letter_is_copied_and_stays_in_the_log(with_dlq: Store) -> None:
    with with_dlq.consumer(GROUP, ["orders"]) as consumer:
        for _ in range(3):
            consumer.fail(consumer.poll(1, timeout=0)[0], "no route")

    assert [record.offset for record in with_dlq.read("orders")] == list(range(10))


@pytest.mark.parametrize(("setting", "left"), [({"ttl": 5}, 0), ({"max_length": 1}, 1)])
def test_a_dead_letter_keeps_to_the_rules_of_its_dlq(
    with_dlq: Store, clock: ManualClock, setting: dict[str, Any], left: int
) -> None:
    with_dlq.alter_queue("orders.dlq", **setting)
    with with_dlq.consumer(GROUP, ["orders"]) as consumer:
        for record in consumer.poll(3, timeout=0):
            consumer.fail(record, "no route", final=True)
    clock.advance(6)

    assert len(letters(with_dlq)) == left


def test_without_a_limit_a_record_comes_for_ever(orders: Store) -> None:
    with orders.consumer(GROUP, ["orders"]) as consumer:
        for _ in range(20):
            assert consumer.poll(1, timeout=0)[0].offset == 0
            consumer.fail(orders.read("orders", limit=1)[0], "no route")

    assert committed(orders) is None


def test_a_member_that_lost_the_partition_sends_nothing_to_the_dlq(with_dlq: Store) -> None:
    old = with_dlq.consumer(GROUP, ["orders"], member="a")
    record = old.poll(1, timeout=0)[0]
    for _ in range(2):
        old.fail(record, "no route")
    with_dlq.consumer(GROUP, ["orders"], member="a")

    with pytest.raises(Fenced):
        old.fail(record, "no route")
    assert (letters(with_dlq), committed(with_dlq)) == ([], None)


def test_a_record_of_a_partition_that_is_not_assigned_can_not_fail(with_dlq: Store) -> None:
    with_dlq.create_topic("clicks")
    with_dlq.produce("clicks", "x")
    with (
        with_dlq.consumer(GROUP, ["orders"]) as consumer,
        pytest.raises(BadInput, match="clicks/0 is not assigned"),
    ):
        consumer.fail(with_dlq.read("clicks")[0], "no route")
