"""What a topic takes, what it refuses, and what it gives back."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from store import (
    BadInput,
    BadRecord,
    Exists,
    Fenced,
    NewRecord,
    NotFound,
    Position,
    Store,
    StoreFull,
)
from store.model.clock import ManualClock
from store.sqlite.log import retention
from tests.support.invariants import check_all


def end(store: Store, topic: str = "orders") -> int:
    return store.topic(topic).partitions[0].end


HEADERS = st.dictionaries(
    st.text(max_size=10),
    st.none() | st.booleans() | st.integers(-(1 << 63), (1 << 63) - 1) | st.text(max_size=20)
    | st.floats(allow_nan=False, allow_infinity=False),
    max_size=5,
)  # fmt: skip


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    value=st.none() | st.binary(max_size=100),
    key=st.none() | st.binary(max_size=100),
    headers=HEADERS,
)
def test_a_record_comes_back_as_it_was_given(
    orders: Store, value: bytes | None, key: bytes | None, headers: dict[str, Any]
) -> None:
    id = orders.produce("orders", value, key=key, headers=headers)
    record = orders.read("orders", offset=id.offset)[0]

    assert (record.value, record.key, record.headers) == (value, key, headers)


def test_text_is_stored_as_utf_8(orders: Store) -> None:
    id = orders.produce("orders", "grün", key="schlüssel")
    record = orders.read("orders", offset=id.offset)[0]

    assert (record.value, record.key) == ("grün".encode(), "schlüssel".encode())


@pytest.mark.parametrize("headers", [{"a": "\ud800"}, {"\udfff": None}])
def test_a_header_that_utf8_can_not_hold_is_refused(orders: Store, headers: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="not valid text"):
        orders.produce("orders", "x", headers=headers)


def test_a_header_keeps_its_type(orders: Store) -> None:
    given_headers: dict[str, Any] = {
        "one": 1,
        "text": "1",
        "real": 1.5,
        "yes": True,
        "nothing": None,
    }
    id = orders.produce("orders", "x", headers=given_headers)
    headers = orders.read("orders", offset=id.offset)[0].headers

    assert {name: (type(v), v) for name, v in headers.items()} == {
        name: (type(v), v) for name, v in given_headers.items()
    }


@pytest.mark.parametrize(
    ("record", "why"),
    [
        (NewRecord(12), "must be bytes or str"),  # type: ignore[arg-type]
        (NewRecord("\ud800"), "not valid text"),
        (NewRecord("x", key=1.5), "must be bytes or str"),  # type: ignore[arg-type]
        (NewRecord("x", headers={"a": {1}}), "has a set"),  # type: ignore[dict-item]
        (NewRecord("x", headers={"a": float("nan")}), "not a finite number"),
        (NewRecord("x", headers={"a": 10**5000}), "a number of too many digits"),
        (NewRecord("x", headers={1: "a"}), "name must be text"),  # type: ignore[dict-item]
        (NewRecord("x", headers=["a"]), "must be a mapping"),  # type: ignore[arg-type]
        (NewRecord("x", headers={str(n): n for n in range(65)}), "at most 64"),
        (NewRecord("x", headers={"a": "x" * (1 << 20)}), "longer than 1 MiB"),
        (NewRecord("x", properties={"a": "x" * (64 << 10)}), "longer than 64 KiB together"),
        (NewRecord("x", timestamp=-1), "not a usable timestamp"),
        (NewRecord("x", timestamp=True), "not a timestamp"),
        (NewRecord("x", timestamp=float("inf")), "not a timestamp"),
        (NewRecord("x", timestamp=1 << 60), "not a usable timestamp"),
        (NewRecord(b"x" * ((1 << 20) + 1)), "takes at most 1048576"),
        (NewRecord(b"x" * (1 << 20), key=b"k"), "takes at most 1048576"),
    ],
)
def test_a_bad_record_is_named_and_nothing_of_its_batch_is_stored(
    orders: Store, record: NewRecord, why: str
) -> None:
    with pytest.raises(BadRecord, match=why) as caught:
        orders.produce_many("orders", [NewRecord("good"), NewRecord("good"), record])

    assert caught.value.index == 2
    assert end(orders) == 10
    check_all(orders)


def test_a_record_of_exactly_the_largest_size_is_taken(store: Store) -> None:
    store.create_topic("orders", max_message=100)

    assert store.produce("orders", b"x" * 90, key=b"k" * 10).offset == 0


def test_a_batch_of_more_than_16_mib_is_refused_whole(orders: Store) -> None:
    with pytest.raises(BadInput, match="one transaction takes at most 16777216"):
        orders.produce_many("orders", [NewRecord(b"x" * (1 << 20))] * 17)

    assert end(orders) == 10


def test_one_record_may_be_larger_than_a_batch_may(store: Store) -> None:
    store.create_topic("orders", max_message=32 << 20)
    store.produce("orders", b"x" * (20 << 20))

    assert len(store.read("orders")[0].value or b"") == 20 << 20


@pytest.mark.parametrize("partitions", [1, 4])
def test_bytes_or_text_alone_are_a_record_that_has_only_this_value(
    store: Store, partitions: int
) -> None:
    store.create_topic("orders", partitions=partitions)
    ids = store.produce_many("orders", [b"a", "grün", NewRecord("c", key="k")])
    found = [store.read(id.topic, id.partition, id.offset, 1)[0] for id in ids]

    assert [(record.value, record.key, record.headers) for record in found] == [
        (b"a", None, {}),
        ("grün".encode(), None, {}),
        (b"c", b"k", {}),
    ]


def test_a_transaction_takes_values_alone(orders: Store) -> None:
    with orders.transaction() as tx:
        ids = tx.produce_many("orders", [b"a", "b"])

    assert [id.offset for id in ids] == [10, 11]


def test_a_producer_takes_values_alone(orders: Store) -> None:
    producer = orders.producer("loader")
    with orders.transaction() as tx:
        tx.produce_in_sequence(producer, "orders", ["a", "b"], 0)

    assert [id.offset for id in producer.produce_many("orders", [b"b", b"c"], 1)] == [12]


@pytest.mark.parametrize("record", [None, 1, ("value", "key"), "\ud800", b"x" * ((1 << 20) + 1)])
def test_a_bad_value_alone_is_named_by_its_index(orders: Store, record: Any) -> None:
    with pytest.raises(BadRecord) as caught:
        orders.produce_many("orders", [b"good", record, None])  # type: ignore[list-item]

    assert caught.value.index == 1
    assert end(orders) == 10


def test_the_first_bad_record_is_named_whatever_is_bad_about_it(orders: Store) -> None:
    large, unkeyed = NewRecord(b"x" * ((1 << 20) + 1)), NewRecord("x", key=1)  # type: ignore[arg-type]
    for batch in ([large, unkeyed], [unkeyed, large]):
        with pytest.raises(BadRecord) as caught:
            orders.produce_many("orders", ["good", *batch])
        assert caught.value.index == 1


@pytest.mark.parametrize("value", [b"abc", "abc"])
def test_one_value_is_not_taken_for_a_list_of_records(orders: Store, value: Any) -> None:
    with pytest.raises(BadInput, match="not a list"):
        orders.produce_many("orders", value)


def test_an_empty_batch_stores_nothing(orders: Store) -> None:
    assert orders.produce_many("orders", []) == []
    assert end(orders) == 10


@pytest.mark.parametrize("cleanup", ["compact", "compact,delete"])
def test_a_compacted_topic_refuses_a_batch_with_a_record_without_a_key(
    store: Store, cleanup: str
) -> None:
    store.create_topic("prices", cleanup=cleanup)
    with pytest.raises(BadRecord, match="needs a key") as caught:
        store.produce_many("prices", [NewRecord("1", "a"), NewRecord("2")])

    assert caught.value.index == 1
    assert end(store, "prices") == 0


def test_a_tombstone_is_not_an_empty_value(orders: Store) -> None:
    orders.produce_many("orders", [NewRecord(None, "k"), NewRecord(b"", "k")])

    assert [record.value for record in orders.read("orders", offset=10)] == [None, b""]


def test_a_record_without_a_time_gets_the_wall_clocks(orders: Store, clock: ManualClock) -> None:
    id = orders.produce("orders", "x")

    assert orders.read("orders", offset=id.offset)[0].timestamp == clock.wall()


@pytest.mark.parametrize(
    "moment", [1_800_000_000_000, 1_800_000_000.0, datetime.fromtimestamp(1_800_000_000, UTC)]
)
def test_a_given_time_is_kept(orders: Store, moment: Any) -> None:
    id = orders.produce("orders", "x", timestamp=moment)

    assert orders.read("orders", offset=id.offset)[0].timestamp == 1_800_000_000_000


def test_a_time_that_no_clock_shows_is_refused(orders: Store) -> None:
    with pytest.raises(BadRecord, match="not a usable timestamp"):
        orders.produce("orders", "x", timestamp=datetime.min)


def test_a_given_time_is_raised_to_the_partitions_last(store: Store) -> None:
    store.create_topic("orders")
    store.produce_many("orders", [NewRecord("x", timestamp=n) for n in (5, 3, 7, 6)])

    assert [record.timestamp for record in store.read("orders")] == [5, 5, 7, 7]


def test_an_offset_is_never_given_twice_even_after_a_trim(orders: Store) -> None:
    orders.trim("orders", Position("latest"))

    assert orders.read("orders") == []
    assert orders.produce("orders", "x").offset == 10


def test_a_topic_that_was_deleted_begins_anew(orders: Store) -> None:
    orders.consumer("billing", ["orders"]).close()
    orders.delete_topic("orders")
    orders.create_topic("orders")

    assert orders.produce("orders", "x").offset == 0
    assert orders.lag("billing") == []


def test_records_of_a_deleted_topic_are_removed_in_steps(
    orders: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "STEP", 3)
    orders.delete_topic("orders")

    with closing(sqlite3.connect(orders.path)) as connection:
        assert connection.execute("select count(*) from mq_records").fetchone() == (0,)
        assert connection.execute("select count(*) from mq_partitions").fetchone() == (0,)


def test_a_trim_in_many_steps_is_a_trim(orders: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "STEP", 3)
    result = orders.trim("orders", Position("offset", 8))[0]

    assert (result.start_before, result.start, result.end, result.removed) == (0, 8, 10, 8)
    assert [record.offset for record in orders.read("orders")] == [8, 9]
    check_all(orders)


@pytest.mark.parametrize("offset", [10, 11, 1 << 50, 1 << 80])
def test_a_read_past_the_end_is_empty(orders: Store, offset: int) -> None:
    assert orders.read("orders", offset=offset) == []


def test_a_read_in_pages_gives_every_record_once(orders: Store) -> None:
    pages = [orders.read("orders", offset=n, limit=3) for n in (0, 3, 6, 9)]

    assert [record.offset for page in pages for record in page] == list(range(10))


def test_a_read_bounded_by_bytes_is_never_empty(orders: Store) -> None:
    assert [record.offset for record in orders.read("orders", max_bytes=1)] == [0]


def test_a_store_at_its_size_limit_refuses_records_and_is_still_read(
    orders: Store, open_store: Callable[..., Store]
) -> None:
    orders.set_max_bytes(1 << 20)
    orders.close()
    limited = open_store()
    with pytest.raises(StoreFull):
        limited.produce_many("orders", [NewRecord(b"x" * 300_000)] * 8)

    assert len(limited.read("orders")) >= 10
    check_all(limited)


def test_the_same_topic_can_not_be_created_twice(orders: Store) -> None:
    with pytest.raises(Exists):
        orders.create_topic("orders")


def test_create_if_not_exists_agrees_only_with_the_same_settings(orders: Store) -> None:
    assert orders.create_topic("orders", if_not_exists=True).name == "orders"
    with pytest.raises(Exists, match="another cleanup"):
        orders.create_topic("orders", if_not_exists=True, cleanup="compact")
    with pytest.raises(Exists, match="1 partitions, not 2"):
        orders.create_topic("orders", if_not_exists=True, partitions=2)


@pytest.mark.parametrize("name", ["", "-a", ".a", "a/b", "a@1", "a b", "ä", "a" * 250, "a\n"])
def test_a_name_that_could_not_be_an_address_is_refused(store: Store, name: str) -> None:
    with pytest.raises(BadInput):
        store.create_topic(name)


@pytest.mark.parametrize("partitions", [0, -1, 10_001])
def test_a_number_of_partitions_out_of_range_is_refused(store: Store, partitions: int) -> None:
    with pytest.raises(BadInput):
        store.create_topic("orders", partitions=partitions)


def test_producing_to_what_is_not_there_is_not_found(store: Store) -> None:
    with pytest.raises(NotFound, match="topic orders does not exist"):
        store.produce("orders", "x")


def numbered(*numbers: int) -> list[NewRecord]:
    return [NewRecord(b"%d" % number) for number in numbers]


def test_a_named_producer_stores_each_record_of_its_input_once(store: Store) -> None:
    store.create_topic("orders")
    producer = store.producer("loader")
    producer.produce_many("orders", numbered(0, 1, 2), 0)
    again = producer.produce_many("orders", numbered(1, 2, 3, 4), 1)

    assert [id.offset for id in again] == [3, 4]
    assert producer.stored("orders") == 5
    assert [record.value for record in store.read("orders")] == [b"%d" % n for n in range(5)]


def test_a_load_that_is_run_again_stores_nothing(store: Store) -> None:
    store.create_topic("orders")
    for _ in range(3):
        store.producer("loader").produce_many("orders", numbered(0, 1, 2), 0)

    assert end(store) == 3


def test_a_skipped_sequence_number_counts_as_stored(store: Store) -> None:
    store.create_topic("orders")
    producer = store.producer("loader")
    producer.produce_many("orders", numbered(0, 1, 2), 0)

    assert len(producer.produce_many("orders", numbered(4), 4)) == 1
    assert producer.produce_many("orders", numbered(3), 3) == []


def test_sequence_numbers_begin_at_zero(store: Store) -> None:
    store.create_topic("orders")

    with pytest.raises(BadInput):
        store.producer("loader").produce_many("orders", numbered(0), -1)
    assert end(store) == 0


def test_a_newer_incarnation_fences_the_older(store: Store) -> None:
    store.create_topic("orders")
    old = store.producer("loader")
    new = store.producer("loader")

    with pytest.raises(Fenced):
        old.produce_many("orders", numbered(0), 0)
    assert len(new.produce_many("orders", numbered(0), 0)) == 1


def test_a_refused_batch_is_not_counted_as_stored(store: Store) -> None:
    store.create_topic("orders")
    producer = store.producer("loader")
    with pytest.raises(BadRecord):
        producer.produce_many("orders", [NewRecord("a"), NewRecord(1)], 0)  # type: ignore[arg-type]

    assert producer.stored("orders") == 0


def test_what_a_producer_stored_is_remembered_after_a_trim(store: Store) -> None:
    store.create_topic("orders")
    store.producer("loader").produce_many("orders", numbered(0, 1, 2), 0)
    store.trim("orders", Position("latest"))

    assert store.producer("loader").produce_many("orders", numbered(0, 1, 2), 0) == []
