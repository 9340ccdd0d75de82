"""Which partition a record goes to."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, strategies as st

from store import BadRecord, NewRecord, RecordId, Store
from store.model.placement import STICKY_BYTES, StickyPlacement, murmur2, partition_for_key


@given(key=st.binary(max_size=60), partitions=st.integers(1, 10_000))
def test_a_key_always_has_a_partition(key: bytes, partitions: int) -> None:
    assert 0 <= murmur2(key) < 1 << 32
    assert 0 <= partition_for_key(key, partitions) < partitions


def test_the_sign_bit_is_masked_and_not_negated() -> None:
    # murmur2("21") is -973932308 as a Java int; its absolute value would lead elsewhere.
    assert murmur2(b"21") == -973932308 & 0xFFFFFFFF
    assert partition_for_key(b"21", 1000) == (-973932308 & 0x7FFFFFFF) % 1000 != 973932308 % 1000


def test_records_with_one_key_stay_in_one_partition(store: Store) -> None:
    store.create_topic("orders", partitions=8)
    ids = store.produce_many("orders", [NewRecord("x", "key")] * 20)

    assert {id.partition for id in ids} == {store.partition_for("orders", "key")}
    assert [id.offset for id in ids] == list(range(20))


def test_text_and_its_utf_8_are_one_key(store: Store) -> None:
    store.create_topic("orders", partitions=1000)

    assert store.partition_for("orders", "zürich") == store.partition_for(
        "orders", "zürich".encode()
    )


def test_an_empty_key_is_a_key(store: Store) -> None:
    store.create_topic("orders", partitions=1000)
    partition = store.produce("orders", "x", key=b"").partition

    assert partition == partition_for_key(b"", 1000)
    assert store.read("orders", partition)[0].key == b""


def test_a_given_partition_wins_over_the_key(store: Store) -> None:
    store.create_topic("orders", partitions=4)

    assert [store.produce("orders", "x", key="k", partition=n).partition for n in range(4)] == [
        0, 1, 2, 3,
    ]  # fmt: skip


@pytest.mark.parametrize("partition", [-1, 4, 1 << 40])
def test_a_partition_that_does_not_exist_is_refused(store: Store, partition: int) -> None:
    store.create_topic("orders", partitions=4)
    with pytest.raises(BadRecord, match="does not exist"):
        store.produce("orders", "x", partition=partition)


def test_more_partitions_leave_old_records_where_they_are(store: Store) -> None:
    store.create_topic("orders", partitions=2)
    before = [store.produce("orders", "x", key=b"%d" % n) for n in range(20)]
    store.alter_topic("orders", partitions=16)

    for id in before:
        assert store.read("orders", id.partition, id.offset, 1)[0].offset == id.offset
    assert any(
        store.partition_for("orders", b"%d" % n) != id.partition for n, id in enumerate(before)
    )


def test_records_without_a_key_stay_together_for_16_kib() -> None:
    sticky = StickyPlacement()
    chosen = [sticky.choose(8, 1024) for _ in range(STICKY_BYTES // 1024)]

    assert len(set(chosen)) == 1
    assert sticky.choose(8, 1024) != chosen[0]


def test_records_without_a_key_spread_over_all_partitions(store: Store) -> None:
    store.create_topic("orders", partitions=4)
    ids = store.produce_many("orders", [NewRecord(b"x" * 1024)] * 4000)
    counts = Counter(id.partition for id in ids)

    assert set(counts) == {0, 1, 2, 3}
    assert min(counts.values()) > 500


def test_sticky_placement_reaches_partitions_that_were_added() -> None:
    sticky = StickyPlacement()
    for _ in range(100):
        assert sticky.choose(1, STICKY_BYTES) == 0

    assert {sticky.choose(3, STICKY_BYTES) for _ in range(200)} == {0, 1, 2}


def test_each_topic_has_a_place_of_its_own_to_stick_to(store: Store) -> None:
    store.create_topic("wide", partitions=100)
    store.create_topic("narrow", partitions=1)
    wide = {store.produce(topic, "x").partition for topic in ["wide", "narrow", "wide"]}

    assert len(wide - {0}) <= 1


def test_in_a_batch_of_any_size_each_record_stands_where_its_id_says(store: Store) -> None:
    store.create_topic("orders", partitions=3)
    given: dict[Any, Any] = {}
    for size in range(140):
        records = [NewRecord(b"%d of %d" % (n, size), b"%d" % n) for n in range(size)]
        ids = store.produce_many("orders", records)
        given.update(zip(ids, records, strict=True))

    stored = [record for n in range(3) for record in store.read("orders", n, limit=10_000)]
    assert {
        RecordId(record.topic, record.partition, record.offset): NewRecord(record.value, record.key)
        for record in stored
    } == given
