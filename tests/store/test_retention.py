"""Retention: records leave a log by age and by size, oldest first, and none that must stay."""

from __future__ import annotations

from typing import Any

import pytest

from store import NewRecord, Position, Store
from store.model.clock import ManualClock
from store.sqlite.log import retention
from tests.support.invariants import check_all

CHECK = retention.CHECK_INTERVAL / 1000
DAY = 86_400


def logs(store: Store, **settings: Any) -> None:
    store.create_topic("logs", **settings)


def offsets(store: Store) -> list[int]:
    return [record.offset for record in store.read("logs", limit=100_000)]


def write(store: Store, value: str = "x" * 10, **given: Any) -> None:
    """Append a record, which has old ones removed."""
    store.produce("logs", value, **given)


def test_a_record_exactly_as_old_as_the_limit_stays(store: Store, clock: ManualClock) -> None:
    logs(store, retention=600)
    write(store)
    clock.advance(600)
    write(store)

    assert offsets(store) == [0, 1]


def test_a_record_older_than_the_limit_goes(store: Store, clock: ManualClock) -> None:
    logs(store, retention=600)
    write(store)
    clock.advance(600.001)
    write(store)

    assert offsets(store) == [1]
    assert store.topic("logs").partitions[0].start == 1
    check_all(store)


def test_age_is_looked_at_every_five_minutes(store: Store, clock: ManualClock) -> None:
    logs(store, retention=60)
    write(store)
    clock.advance(CHECK - 0.001)
    write(store)
    assert offsets(store) == [0, 1]

    clock.advance(0.001)
    write(store)
    assert offsets(store) == [1, 2]


def test_a_record_with_an_old_timestamp_can_be_read_until_the_next_look(
    store: Store, clock: ManualClock
) -> None:
    logs(store, retention=60)
    write(store, timestamp=clock.wall() - 3_600_000)
    write(store)
    assert offsets(store) == [0, 1]

    clock.advance(CHECK)
    write(store)
    assert offsets(store) == [2]


def test_a_record_with_a_future_timestamp_keeps_what_follows_it(
    store: Store, clock: ManualClock
) -> None:
    logs(store, retention=60)
    write(store)
    write(store, timestamp=clock.wall() + 3_600_000)
    write(store)
    clock.advance(1000)
    write(store)

    assert offsets(store) == [1, 2, 3]


def test_a_log_without_a_limit_keeps_everything(store: Store, clock: ManualClock) -> None:
    logs(store, retention=None)
    write(store)
    clock.advance(10_000 * DAY)
    write(store)

    assert offsets(store) == [0, 1]


def test_a_log_keeps_seven_days_unless_told_otherwise(store: Store, clock: ManualClock) -> None:
    logs(store)
    for _ in range(9):
        write(store)
        clock.advance(DAY)
    write(store)

    assert offsets(store) == list(range(2, 10))


@pytest.mark.parametrize("jump", [30 * DAY, 3_601])
def test_a_wall_clock_that_jumped_ahead_removes_nothing(
    store: Store, clock: ManualClock, jump: float
) -> None:
    logs(store, retention=600)
    write(store)
    clock.advance(CHECK)
    clock.jump_wall(jump)
    write(store)

    assert offsets(store) == [0, 1]


def test_a_small_correction_of_the_wall_clock_is_no_jump(store: Store, clock: ManualClock) -> None:
    logs(store, retention=600)
    write(store)
    clock.advance(CHECK)
    clock.jump_wall(3_000)
    write(store)

    assert offsets(store) == [1]


def test_time_switched_off_counts(store: Store, clock: ManualClock) -> None:
    logs(store, retention=600)
    write(store)
    path = store.path
    store.close()
    clock.reboot(seconds_down=30 * DAY)
    with Store.open(path, clock=clock) as again:
        write(again)
        clock.advance(CHECK)
        write(again)
        assert offsets(again) == [1, 2]


def test_a_log_only_compacted_loses_nothing_by_age_or_size(
    store: Store, clock: ManualClock
) -> None:
    logs(store, retention=600, retention_bytes=20, cleanup="compact")
    for key in "abcd":
        write(store, key=key)
        clock.advance(1000)

    assert offsets(store) == [0, 1, 2, 3]


@pytest.mark.parametrize("limit", [50, 55, 59])
def test_the_size_limit_is_kept_within_one_record(store: Store, limit: int) -> None:
    logs(store, retention_bytes=limit)
    for _ in range(20):
        write(store)
        size = store.topic("logs").partitions[0].bytes or 0
        assert size < limit + 10

    # Never less than the limit: Kafka removes only what leaves at least as much.
    assert limit <= size < limit + 10
    assert offsets(store) == list(range(20 - len(offsets(store)), 20))
    check_all(store)


def test_a_log_at_its_size_limit_grows_by_a_256th_before_records_are_removed(store: Store) -> None:
    logs(store, retention_bytes=25_600)
    sizes = []
    for _ in range(2_600):
        write(store)
        sizes.append(store.topic("logs").partitions[0].bytes or 0)

    assert max(sizes) == 25_700
    # Removed are as many as bring it back to the limit, and no more.
    assert [size for size, before in zip(sizes[1:], sizes, strict=False) if size < before] == (
        [25_600] * 3
    )


def test_a_single_record_over_the_limit_stays(store: Store) -> None:
    logs(store, retention_bytes=5)
    write(store)

    assert offsets(store) == [0]


def test_keys_and_headers_count(store: Store) -> None:
    logs(store, retention_bytes=100)
    for _ in range(10):
        write(store, "x", key="k" * 9, headers={"a": 1})

    assert store.topic("logs").partitions[0].bytes == 102
    assert len(offsets(store)) == 6


def test_limits_hold_for_each_partition(store: Store) -> None:
    logs(store, partitions=2, retention_bytes=30)
    for number in range(12):
        write(store, partition=number % 2)

    assert [p.bytes for p in store.topic("logs").partitions] == [30, 30]


def test_both_limits_hold(store: Store, clock: ManualClock) -> None:
    logs(store, retention=600, retention_bytes=40)
    for _ in range(6):
        write(store)
    assert offsets(store) == [2, 3, 4, 5]

    clock.advance(601)
    write(store)
    assert offsets(store) == [6]


def test_offsets_go_on_when_everything_was_removed(store: Store, clock: ManualClock) -> None:
    logs(store, retention=600)
    for _ in range(3):
        write(store)
    store.trim("logs", Position("latest"))
    write(store)

    assert offsets(store) == [3]


def test_old_records_are_removed_in_bounded_steps(
    store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "STEP", 10)
    logs(store, retention=600)
    store.produce_many("logs", [NewRecord("x")] * 25)
    clock.advance(601)
    left = []
    for _ in range(4):
        write(store)
        left.append(len(offsets(store)))

    assert left == [16, 7, 3, 4]
    check_all(store)


def test_partitions_and_topics_that_nobody_writes_to_are_cleaned_too(
    store: Store, clock: ManualClock
) -> None:
    logs(store, partitions=3, retention=600)
    store.create_queue("emails")
    store.send("emails", "x")
    store.create_topic("kept", retention=None)
    for name, partition in (("logs", 0), ("logs", 1), ("kept", 0)):
        store.produce(name, "x", partition=partition)
    clock.advance(601)
    store.create_topic("other")
    for _ in range(6):
        store.produce("other", "x")

    assert [p.records for p in store.topic("logs").partitions] == [0, 0, 0]
    assert store.topic("kept").partitions[0].records == 1
    assert store.queue("emails").ready == 1
    check_all(store)


def test_a_backlog_over_the_size_limit_is_removed_in_bounded_steps(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "STEP", 10)
    logs(store)
    store.produce_many("logs", [NewRecord("x" * 10)] * 25)
    store.alter_topic("logs", retention_bytes=50)
    left = []
    for _ in range(3):
        write(store)
        left.append(len(offsets(store)))

    assert left == [16, 7, 5]


def test_a_group_whose_records_were_removed_is_told(store: Store, clock: ManualClock) -> None:
    logs(store, retention=600)
    for _ in range(3):
        write(store)
    with store.consumer("audit", ["logs"]) as consumer:
        consumer.poll(1, timeout=0)
        clock.advance(601)
        write(store)
        found = consumer.poll(timeout=0)
        (loss,) = consumer.losses

    assert [record.offset for record in found] == [3]
    assert (loss.topic, loss.partition, loss.first, loss.end) == ("logs", 0, 1, 3)
