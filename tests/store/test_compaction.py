"""Compaction: the newest value per key stays, at its offset and in its order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from store import BadInput, BadRecord, NewRecord, Position, Store
from store.model.clock import ManualClock
from store.sqlite.log import compaction, retention
from tests.support.invariants import check_all

DAY = 86_400


def users(store: Store, **settings: Any) -> None:
    store.create_topic("users", **{"cleanup": "compact"} | settings)


def put(store: Store, text: str) -> None:
    """Append records, a letter each: the key; a capital is a tombstone."""
    store.produce_many("users", [NewRecord(None if c.isupper() else "x", c.lower()) for c in text])


def left(store: Store) -> list[tuple[int, str]]:
    found = store.read("users")
    return [
        (r.offset, key.upper() if r.value is None else key)
        for r in found
        for key in [(r.key or b"").decode()]
    ]


def test_the_newest_value_of_each_key_stays_at_its_offset(store: Store) -> None:
    users(store)
    put(store, "abacbd")
    result = store.compact_topic("users")[0]

    assert left(store) == [(2, "a"), (3, "c"), (4, "b"), (5, "d")]
    assert (result.records, result.bytes, result.end) == (2, 4, 6)
    check_all(store)


def test_a_second_compaction_finds_nothing_to_do(store: Store) -> None:
    users(store)
    put(store, "aab")
    store.compact_topic("users")

    assert store.compact_topic("users")[0].records == 0


def test_partitions_are_compacted_each_for_itself(store: Store) -> None:
    users(store, partitions=2)
    for partition in (0, 0, 1):
        store.produce("users", "x", key="k", partition=partition)
    results = store.compact_topic("users")

    assert [(result.partition, result.records) for result in results] == [(0, 1), (1, 0)]


def test_a_read_at_a_removed_offset_begins_at_the_next_one_present(store: Store) -> None:
    users(store)
    put(store, "aaab")
    store.compact_topic("users")

    assert [[r.offset for r in store.read("users", offset=n)] for n in range(5)] == [
        [2, 3], [2, 3], [2, 3], [3], [],
    ]  # fmt: skip


def test_offsets_go_on_after_the_newest_record_was_removed(
    store: Store, clock: ManualClock
) -> None:
    users(store)
    put(store, "A")
    store.compact_topic("users")
    clock.advance(DAY)
    store.compact_topic("users")
    put(store, "b")

    assert left(store) == [(1, "b")]


def test_a_consumer_passes_over_what_was_removed(store: Store) -> None:
    users(store)
    put(store, "abcab")
    with store.consumer("audit", ["users"]) as consumer:
        consumer.poll(1, timeout=0)
        store.compact_topic("users")
        assert [record.offset for record in consumer.poll(timeout=0)] == [2, 3, 4]
        consumer.commit()
        assert consumer.losses == []

    assert store.lag("audit")[0].lag == 0


def test_a_tombstone_removes_the_values_before_it(store: Store) -> None:
    users(store)
    put(store, "aabA")
    store.compact_topic("users")

    assert left(store) == [(2, "b"), (3, "A")]


def test_an_empty_value_is_not_a_tombstone(store: Store, clock: ManualClock) -> None:
    users(store)
    store.produce("users", "", key="a")
    store.compact_topic("users")
    clock.advance(2 * DAY)
    store.compact_topic("users")

    assert left(store) == [(0, "a")]


def test_a_tombstone_goes_a_delay_after_the_first_compaction_that_saw_it(
    store: Store, clock: ManualClock
) -> None:
    users(store, tombstone_delay=60)
    put(store, "A")
    clock.advance(1000)
    seen = []
    for pause in (0, 59.999, 0.001):
        clock.advance(pause)
        store.compact_topic("users")
        seen.append(left(store))

    assert seen == [[(0, "A")], [(0, "A")], []]
    check_all(store)


def test_later_compactions_do_not_put_a_tombstone_off(store: Store, clock: ManualClock) -> None:
    users(store, tombstone_delay=60)
    put(store, "A")
    for _ in range(3):
        store.compact_topic("users")
        clock.advance(30)

    store.compact_topic("users")
    assert left(store) == []


def test_a_wall_clock_set_forward_does_not_hide_deletes(store: Store, clock: ManualClock) -> None:
    users(store)
    put(store, "A")
    store.compact_topic("users")
    clock.jump_wall(10 * DAY)
    store.compact_topic("users")

    assert left(store) == [(0, "A")]


def test_a_value_after_a_tombstone_lives_on(store: Store, clock: ManualClock) -> None:
    users(store, tombstone_delay=60)
    put(store, "Aa")
    store.compact_topic("users")
    clock.advance(60)
    store.compact_topic("users")

    assert left(store) == [(1, "a")]


def test_what_is_younger_than_the_lag_is_not_touched(store: Store, clock: ManualClock) -> None:
    users(store, compaction_lag=60)
    put(store, "aa")
    clock.advance(60)
    put(store, "aa")
    result = store.compact_topic("users")[0]

    # Kafka's min.compaction.lag.ms: the young ones don't even count as newer values.
    assert (left(store), result.end) == ([(1, "a"), (2, "a"), (3, "a")], 2)


def test_a_record_exactly_as_old_as_the_lag_is_compacted(store: Store, clock: ManualClock) -> None:
    users(store, compaction_lag=60)
    put(store, "aa")
    ends = []
    for pause in (59.999, 0.001):
        clock.advance(pause)
        ends.append(store.compact_topic("users")[0].end)

    assert ends == [0, 2]


def test_a_record_without_a_key_is_refused_with_its_whole_batch(store: Store) -> None:
    users(store)
    with pytest.raises(BadRecord, match="needs a key") as caught:
        store.produce_many("users", [NewRecord("x", "a"), NewRecord("x"), NewRecord("x", "b")])

    assert caught.value.index == 1
    assert left(store) == []


def test_an_empty_key_is_a_key(store: Store) -> None:
    users(store)
    store.produce("users", "x", key="")
    store.produce("users", "y", key="")
    store.compact_topic("users")

    assert left(store) == [(1, "")]


def test_a_topic_that_is_not_compacted_refuses_to_be(orders: Store) -> None:
    with pytest.raises(BadInput, match="orders is not compacted"):
        orders.compact_topic("orders")


def test_a_producers_place_survives_the_compaction_of_its_records(store: Store) -> None:
    users(store)
    load = [NewRecord("x", key) for key in "aab"]
    store.producer("loader").produce_many("users", load, 0)
    put(store, "AB")
    store.compact_topic("users")

    assert store.producer("loader").produce_many("users", load, 0) == []
    assert left(store) == [(3, "A"), (4, "B")]


def test_compact_and_delete_does_both(store: Store, clock: ManualClock) -> None:
    users(store, cleanup="compact,delete", retention=600)
    put(store, "aab")
    store.compact_topic("users")
    assert left(store) == [(1, "a"), (2, "b")]

    clock.advance(601)
    put(store, "c")
    assert left(store) == [(3, "c")]
    check_all(store)


def test_a_log_with_much_that_is_new_is_compacted_by_whoever_writes(store: Store) -> None:
    users(store)
    put(store, "ab" * 500)

    assert left(store) == [(998, "a"), (999, "b")]


def test_a_little_that_is_new_is_not_worth_a_compaction(store: Store) -> None:
    users(store)
    put(store, "ab" * 499)

    assert len(left(store)) == 998


def test_what_is_too_young_does_not_make_each_append_look_again(
    store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    users(store, compaction_lag=3600)
    looks = count_calls(monkeypatch)
    for _ in range(4):
        put(store, "ab" * 500)
    assert looks == []

    clock.advance(3600)
    put(store, "a")
    put(store, "a")
    assert len(looks) == 1
    assert len(left(store)) == 4


def count_calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Note each compaction of a partition."""
    calls: list[int] = []
    compact = compaction.compact

    def noting(*arguments: Any) -> Any:
        calls.append(1)
        return compact(*arguments)

    monkeypatch.setattr(compaction, "compact", noting)
    return calls


def test_records_are_removed_in_bounded_steps(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    users(store)
    put(store, "a" * 901)
    steps: list[int] = []
    remove = retention.remove_records

    def noting(tx: Any, partition: int, offsets: list[int]) -> tuple[int, int]:
        steps.append(len(offsets))
        return remove(tx, partition, offsets)

    monkeypatch.setattr(compaction, "remove_records", noting)
    monkeypatch.setattr(compaction, "STEP", 400)
    store.compact_topic("users")

    assert steps == [400, 400, 100]
    assert left(store) == [(900, "a")]


def test_what_a_trim_takes_between_two_steps_is_not_counted_twice(
    store: Store, open_store: Callable[..., Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    users(store, cleanup="compact,delete")
    put(store, "a" * 9)
    remove, other = retention.remove_records, open_store()

    def trimming(tx: Any, partition: int, offsets: list[int]) -> tuple[int, int]:
        found = remove(tx, partition, offsets)
        tx.after_commit.append(lambda: other.trim("users", Position("offset", 6)))
        return found

    monkeypatch.setattr(compaction, "remove_records", trimming)
    monkeypatch.setattr(compaction, "STEP", 3)
    result = store.compact_topic("users")[0]

    assert (left(store), result.records) == ([(8, "a")], 5)
    check_all(store)
