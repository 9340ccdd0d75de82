"""Stalls of shares: a window that is full and does not move, and what only looks like one."""

from __future__ import annotations

import re

import pytest

from store import NewRecord, Stall, Store
from store.model.addresses import parse_address
from store.model.clock import ManualClock


@pytest.fixture
def packers(store: Store) -> Store:
    """Ten records, 0 to 9, and a share that may have four of them in flight for ten minutes."""
    store.create_topic("orders")
    store.produce_many("orders", [NewRecord(b"v", key=f"k{n % 3}") for n in range(10)])
    store.create_share("packers", "orders", max_in_flight=4, lease=600)
    return store


def acquire(store: Store, count: int = 10) -> list[str]:
    return [one.receipt for one in store.acquire("packers", max_records=count, holder="worker-7")]


def only(store: Store) -> Stall:
    (stall,) = store.stalls()
    return stall


def verdict(store: Store, address: str) -> str:
    (answer,) = store.explain(parse_address(address))
    return answer.verdict


def test_the_first_unfinished_record_pins_a_full_window(packers: Store, clock: ManualClock) -> None:
    packers.ack(acquire(packers)[1:])
    clock.advance(30)
    stall = only(packers)
    assert (stall.kind, stall.source, stall.partition, stall.reader) == (
        "share", "orders", 0, "packers",
    )  # fmt: skip
    assert (stall.blocker, stall.key, stall.blocked, stall.keys) == ("orders/0@0", b"k0", 6, 3)
    assert (stall.cause, stall.holder, stall.seconds) == ("held", "worker-7", 30.0)


def test_a_lease_that_is_young_is_no_stall(packers: Store, clock: ManualClock) -> None:
    acquire(packers)
    clock.advance(29)
    assert packers.stalls() == []


def test_a_window_with_room_is_no_stall(packers: Store, clock: ManualClock) -> None:
    acquire(packers, 3)
    clock.advance(60)
    assert packers.stalls() == []


def test_a_full_window_that_nothing_waits_behind_is_no_stall(
    packers: Store, clock: ManualClock
) -> None:
    packers.ack(acquire(packers))
    packers.ack(acquire(packers)[:2])
    assert len(acquire(packers)) == 2
    clock.advance(60)
    assert packers.stalls() == []


def test_a_first_record_that_anybody_may_take_is_no_stall(
    packers: Store, clock: ManualClock
) -> None:
    acquire(packers)
    clock.advance(700)
    assert packers.stalls() == []


def test_a_first_record_that_fails_alike_twice_is_poison(
    packers: Store, clock: ManualClock
) -> None:
    first, *others = acquire(packers)
    packers.ack(others)
    for number in range(2):
        packers.nack([first], delay=20, error=f"box {number} too small")
        clock.advance(20)
        (first,) = acquire(packers, 1)
    stall = only(packers)
    assert (stall.cause, stall.same_errors, stall.deliveries) == ("poison", 2, 3)


def test_explain_tells_what_blocks_and_what_is_blocked(packers: Store, clock: ManualClock) -> None:
    packers.ack(acquire(packers)[2:])
    clock.advance(30)
    assert [verdict(packers, f"orders/0@{offset}") for offset in (0, 1, 2, 7)] == [
        "blocks", "next", "done", "blocked",
    ]  # fmt: skip
    assert verdict(packers, "orders/0") == "blocked"


@pytest.mark.parametrize("kind", ["release", "skip"])
def test_both_ways_out_let_the_window_move(packers: Store, clock: ManualClock, kind: str) -> None:
    acquire(packers)
    clock.advance(30)
    (remedy,) = [one for one in only(packers).remedies if one.kind == kind]
    receipt = next(word for word in remedy.command.split() if re.fullmatch("r[0-9a-f]+", word))
    packers.reject([receipt]) if kind == "skip" else packers.nack([receipt])
    assert packers.stalls() == []


def test_the_overview_shows_a_share_with_what_it_has_not_finished(
    packers: Store, clock: ManualClock
) -> None:
    packers.ack(acquire(packers)[1:])
    clock.advance(30)
    (share,) = [one for one in packers.snapshot().subjects if one.kind == "share"]
    assert (share.name, share.state, share.depth, share.lag) == ("packers", "stalled", 7, 7)
    assert (share.ready, share.leased, share.delayed) == (6, 1, 0)
    assert share.oldest_seconds == 30.0
