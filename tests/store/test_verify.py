"""`verify` finds what is wrong with the file, and nothing else."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from store import Damaged, Store
from store.model.clock import ManualClock


def alter(store: Store, statement: str) -> None:
    """Change the file behind the store's back."""
    with closing(sqlite3.connect(store.path, isolation_level=None)) as connection:
        connection.execute(statement)


def found(store: Store) -> list[tuple[str, str]]:
    return [(finding.address, finding.problem) for finding in store.verify()]


def damage(store: Store) -> object:
    """What tells of damage: findings, or the error that ended the search."""
    try:
        return store.verify()
    except Damaged as error:
        return error


def test_nothing_is_found_in_a_sound_store(orders: Store) -> None:
    assert found(orders) == []


def test_a_damaged_value_is_listed_with_its_address(orders: Store) -> None:
    alter(orders, "update mq_records set value = cast('?' as blob) where id & 0xff in (3, 5)")

    assert [address for address, _ in found(orders)] == ["orders/0@3", "orders/0@5"]
    assert "checksum" in found(orders)[0][1]


@pytest.mark.parametrize("counter", ["records = 9", "bytes = bytes + 1", "bytes = 0"])
def test_a_counter_that_is_off_is_found(orders: Store, counter: str) -> None:
    alter(orders, f"update mq_partitions set {counter}")

    assert len(found(orders)) == 1
    assert found(orders)[0][0] == "orders/0"
    assert "the counters say" in found(orders)[0][1]


def test_a_lost_record_is_found(orders: Store) -> None:
    alter(orders, "delete from mq_records where id & 0xff = 4")

    assert [address for address, _ in found(orders)] == ["orders/0"]


@pytest.mark.parametrize("change", ["start = 3, records = 7", "next = 9, records = 9"])
def test_a_record_outside_its_partition_is_found(orders: Store, change: str) -> None:
    alter(orders, f"update mq_partitions set {change}")

    assert any("outside the partition" in problem for _, problem in found(orders))


def test_a_timestamp_that_falls_is_found(orders: Store) -> None:
    alter(orders, "update mq_records set timestamp = timestamp - 5 where id & 0xff = 4")

    assert ("orders/0@4", "the timestamp is before the preceding record's") in found(orders)


def test_a_row_that_refers_to_nothing_is_found(orders: Store) -> None:
    alter(orders, "delete from mq_channels")

    assert any("refers to a missing row" in problem for _, problem in found(orders))


def test_a_damaged_page_is_a_named_error_or_a_finding(orders: Store) -> None:
    orders.close()
    with closing(sqlite3.connect(orders.path)) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")
        page = connection.execute(
            "select rootpage from sqlite_master where name = 'mq_records'"
        ).fetchone()[0]
    with orders.path.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 100)

    with Store.open(orders.path) as store:
        assert damage(store)


def test_verify_changes_nothing(orders: Store) -> None:
    before = orders.changed()
    orders.verify()

    assert orders.changed() == before


@pytest.mark.parametrize("death", ["expired", "rejected", "overflow", "redriven"])
def test_a_message_damaged_before_it_moved_is_found_damaged_where_it_went(
    store: Store, clock: ManualClock, death: str
) -> None:
    store.create_queue("graves")
    store.create_queue("work", dlq="graves", ttl=60, max_length=1)
    store.send("work", "good")
    (held,) = store.receive("work")
    if death == "redriven":
        store.reject([held.receipt or ""])
    alter(store, "update mq_records set value = cast('evil' as blob)")
    match death:
        case "expired":
            clock.advance(61)
        case "rejected":
            store.reject([held.receipt or ""])
        case "overflow":
            store.release("work", held.sequence)
            store.send("work", "next")
        case "redriven":
            store.redrive("graves")
    (place,) = ("work",) if death == "redriven" else ("graves",)
    assert store.queue(place).messages == 1

    assert [address.partition("@")[0] for address, _ in found(store)] == [place]
    with pytest.raises(Damaged):
        store.receive(place)


def test_damage_that_changed_the_type_of_a_column_is_found(orders: Store) -> None:
    with closing(sqlite3.connect(orders.path, isolation_level=None)) as connection:
        connection.execute("pragma writable_schema = on")
        loose = "replace(sql, 'strict', '')"
        connection.execute(f"update sqlite_schema set sql = {loose} where name = 'mq_records'")
        connection.execute("pragma writable_schema = reset")
        connection.execute("update mq_records set value = 'text' where id & 0xff = 3")

    assert "orders/0@3" in [address for address, _ in found(orders)]
