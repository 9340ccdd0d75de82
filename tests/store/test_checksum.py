"""A record that differs from its checksum is never given out as good."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given, settings, strategies as st

from store import Damaged, NewRecord, Store
from store.sqlite.log.checksum import checksum, checksums

RECORD = 3 << 40 | 7
TIME = 1_700_000_000_000
BYTES = st.none() | st.binary(max_size=40)


def alter(store: Store, change: str, offset: int = 4) -> None:
    """Change a stored record behind the store's back."""
    with closing(sqlite3.connect(store.path, isolation_level=None)) as connection:
        connection.execute(f"update mq_records set {change} where id & 0xffffffffff = {offset}")


@pytest.fixture
def full(store: Store) -> Store:
    """A store with ten records that have every part."""
    store.create_topic("orders")
    store.produce_many(
        "orders", [NewRecord(b"value %d" % n, b"key", {"a": "b"}) for n in range(10)]
    )
    return store


CHANGES = [
    "value = cast('Value 4' as blob)",
    "value = null",
    "value = zeroblob(0)",
    "key = cast('kez' as blob)",
    "key = null",
    'headers = \'{"a":"c"}\'',
    "headers = null",
    "timestamp = timestamp - 1",
    "timestamp = timestamp - 4294967296",
    "checksum = checksum + 1",
]


@pytest.mark.parametrize("change", CHANGES)
def test_reading_a_damaged_record_names_its_address(full: Store, change: str) -> None:
    alter(full, change)

    with pytest.raises(Damaged, match="orders/0@4 is damaged") as caught:
        full.read("orders", offset=4)
    assert "--from 5" in caught.value.shell_hint


def test_records_around_a_damaged_one_are_still_read(full: Store) -> None:
    alter(full, CHANGES[0])

    assert [record.offset for record in full.read("orders")] == [0, 1, 2, 3]
    assert [record.offset for record in full.read("orders", offset=5)] == [5, 6, 7, 8, 9]


def test_a_consumer_is_not_given_a_damaged_record(full: Store) -> None:
    alter(full, CHANGES[0], offset=0)

    with full.consumer("billing", ["orders"]) as consumer, pytest.raises(Damaged):
        consumer.poll(timeout=0)


@pytest.mark.parametrize("offset", [2, 9])
def test_a_record_that_was_moved_to_another_offset_is_found(full: Store, offset: int) -> None:
    alter(full, "id = id + 256 - 256 * (id & 0xffffffffff > 256)", offset)

    assert {finding.address for finding in full.verify()} >= {f"orders/0@{offset + 256}"}


@given(key=BYTES, headers=st.none() | st.text("ab", max_size=9), value=BYTES, data=st.data())
def test_any_flipped_bit_changes_the_checksum(
    key: bytes | None, headers: str | None, value: bytes | None, data: st.DataObject
) -> None:
    good = checksum(RECORD, TIME, None, key, headers, value)
    bit = data.draw(st.integers(0, 47), "bit of offset and time")

    assert checksum(RECORD ^ 1 << bit, TIME, None, key, headers, value) != good
    assert checksum(RECORD, TIME ^ 1 << bit, None, key, headers, value) != good
    if value:
        assert checksum(RECORD, TIME, None, key, headers, flipped(value, data)) != good
    if key:
        assert checksum(RECORD, TIME, None, flipped(key, data), headers, value) != good


def flipped(content: bytes, data: st.DataObject) -> bytes:
    bit = data.draw(st.integers(0, len(content) * 8 - 1), "bit")
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@given(key=BYTES, value=st.binary(max_size=20), split=st.integers(0, 20))
def test_bytes_that_moved_from_key_to_value_change_the_checksum(
    key: bytes | None, value: bytes, split: int
) -> None:
    moved = value[:split]
    if key is None or not moved:
        return
    good = checksum(RECORD, TIME, None, key, None, value)

    assert checksum(RECORD, TIME, None, key + moved, None, value[split:]) != good


def test_nothing_an_empty_text_and_a_tombstone_differ() -> None:
    sums = {
        checksum(RECORD, TIME, None, key, None, value)
        for key in (None, b"")
        for value in (None, b"", b"\0")
    }

    assert len(sums) == 6


TEXT = st.none() | st.text("ab", max_size=9)
RECORDS = st.lists(st.tuples(TEXT, BYTES, TEXT, BYTES), min_size=1, max_size=600)


@settings(max_examples=40)
@given(records=RECORDS, first=st.integers(0, 700), step=st.sampled_from([0, 0, 3]))
def test_the_checksums_of_many_are_those_of_each(
    records: list[tuple[str | None, bytes | None, str | None, bytes | None]], first: int, step: int
) -> None:
    ids = range(RECORD + first, RECORD + first + len(records))
    times = [TIME + step * number for number in range(len(records))]
    columns = list(map(list, zip(*records, strict=True)))

    for places in (ids, [id + id % 2 for id in ids]):
        each = zip(places, times, *columns, strict=True)
        assert checksums(places, times, *columns) == [checksum(*record) for record in each]


@given(values=st.lists(st.binary(max_size=9), min_size=1, max_size=9))
def test_the_checksums_of_values_alone_are_those_of_each(values: list[bytes]) -> None:
    ids = range(RECORD, RECORD + len(values))

    assert checksums(ids, [TIME] * len(values), None, None, None, values) == [
        checksum(id, TIME, None, None, None, value) for id, value in zip(ids, values, strict=True)
    ]
