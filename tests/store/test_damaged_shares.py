"""A damaged record is handed out by no share, and each can be done with it."""

from __future__ import annotations

import pytest

from store import Damaged, LeaseLost, NotFound, Store
from store.model.addresses import parse_address
from store.model.clock import ManualClock
from tests.support.damage import damage


@pytest.fixture
def packers(orders: Store) -> Store:
    """A share of ten records, of which `3` is damaged, with room for five in flight."""
    orders.create_share("packers", "orders", max_in_flight=5)
    damage(orders, "3")
    return orders


def finish(store: Store, count: int) -> list[bytes | None]:
    records = store.acquire("packers", count)
    store.ack([record.receipt for record in records])
    return [record.value for record in records]


def test_the_records_around_it_are_handed_out(packers: Store) -> None:
    assert finish(packers, 5) == [b"0", b"1", b"2", b"4"]


def test_with_a_dlq_a_damaged_copy_goes_there_and_the_share_is_done_with_it(packers: Store) -> None:
    packers.create_queue("graves")
    packers.alter_share("packers", dlq="graves")

    assert [*finish(packers, 5), *finish(packers, 5)] == [b"%d" % n for n in range(10) if n != 3]
    (letter,) = packers.dead_letters("graves")
    assert letter.dead is not None
    assert letter.dead.source == "orders/0@3"
    assert letter.damaged is not None


def test_without_one_it_stays_unfinished_until_it_is_skipped(packers: Store) -> None:
    finish(packers, 5)
    finish(packers, 5)
    with pytest.raises(Damaged, match="orders/0@3") as told:
        packers.acquire("packers")
    assert told.value.shell_hint == "mq share skip packers orders/0@3"
    packers.skip_record("packers", parse_address("orders/0@3"))

    assert finish(packers, 5) == [b"8", b"9"]
    assert packers.share("packers").partitions[0].lag == 0


def test_skipping_can_keep_a_copy_which_is_damaged(packers: Store) -> None:
    packers.create_queue("graves")
    finish(packers, 5)
    packers.skip_record("packers", parse_address("orders/0@3"), "graves")

    (letter,) = packers.dead_letters("graves")
    assert letter.damaged is not None


def test_a_skipped_record_is_refused_to_its_holder(packers: Store) -> None:
    (record,) = packers.acquire("packers")
    packers.skip_record("packers", parse_address("orders/0@0"))

    with pytest.raises(LeaseLost):
        packers.ack([record.receipt])


@pytest.mark.parametrize("address", ["orders/0@9", "orders/1@0", "orders/0@0"])
def test_only_what_is_in_flight_is_skipped(packers: Store, address: str) -> None:
    with pytest.raises(NotFound):
        packers.skip_record("packers", parse_address(address))


def test_its_stall_is_called_damaged_and_ends_by_each_way_out(
    packers: Store, clock: ManualClock
) -> None:
    finish(packers, 5)
    finish(packers, 5)
    clock.advance(5)
    (stall,) = packers.stalls(over=0)

    assert (stall.cause, stall.blocker) == ("damaged", "orders/0@3")
    assert stall.do == ["mq share skip packers orders/0@3", "mq queue create orders.dlq"]
    assert stall.key is None
