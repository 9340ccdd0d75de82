"""Stalls of FIFO message groups: every cause, and what only looks like one."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from store import Stall, Store
from store.model.clock import ManualClock


@pytest.fixture
def mails(store: Store) -> Store:
    """A FIFO queue with five messages of group a; leases of ten minutes."""
    store.create_queue("mails", fifo=True, lease=600)
    for number in range(5):
        store.send("mails", f"a{number}", message_group="a")
    return store


def receive(store: Store, count: int = 1, **settings: object) -> list[str]:
    taken = store.receive("mails", count, holder="worker-7", **settings)  # type: ignore[arg-type]
    return [message.receipt or "" for message in taken]


def only(store: Store) -> Stall:
    (stall,) = store.stalls()
    return stall


def test_the_leased_head_blocks_its_group(mails: Store, clock: ManualClock) -> None:
    receive(mails)
    clock.advance(30)
    stall = only(mails)
    assert (stall.kind, stall.source, stall.reader) == ("fifo", "mails", "mails")
    assert (stall.blocker, stall.key, stall.blocked) == ("mails@0", b"a", 4)
    assert (stall.cause, stall.holder, stall.seconds) == ("held", "worker-7", 30.0)
    assert (stall.deliveries, stall.partition, stall.committed) == (1, None, None)


def test_a_lease_that_is_young_is_no_stall(mails: Store, clock: ManualClock) -> None:
    receive(mails)
    clock.advance(29)
    assert mails.stalls() == []


def test_what_was_leased_together_with_the_head_is_not_blocked(
    mails: Store, clock: ManualClock
) -> None:
    receive(mails, 3)
    clock.advance(30)
    assert only(mails).blocked == 2


def test_a_group_of_one_message_blocks_nothing(mails: Store, clock: ManualClock) -> None:
    mails.ack(receive(mails, 4))
    receive(mails)
    clock.advance(60)
    assert mails.stalls() == []


def test_another_group_than_the_blocked_one_goes_on(mails: Store, clock: ManualClock) -> None:
    receive(mails)
    clock.advance(30)
    assert only(mails).key == b"a"
    mails.send("mails", "b0", message_group="b")
    assert mails.receive("mails")[0].value == b"b0"


def test_a_head_that_fails_alike_again_and_again_is_poison(
    mails: Store, clock: ManualClock
) -> None:
    for number in range(3):
        mails.nack(receive(mails), delay=20, error=f"connection {number} refused")
        clock.advance(20)
    receive(mails)
    stall = only(mails)
    assert (stall.cause, stall.deliveries, stall.same_errors) == ("poison", 4, 3)
    assert (stall.error, stall.seconds) == ("connection 2 refused", 60.0)


def test_a_head_that_waits_long_for_its_retry_blocks_its_group(
    mails: Store, clock: ManualClock
) -> None:
    mails.nack(receive(mails), delay=600, error="try later")
    clock.advance(30)
    stall = only(mails)
    assert (stall.cause, stall.error, stall.blocked) == ("held", "try later", 4)
    assert "9m30s" in stall.why


def test_a_fast_retry_is_no_stall(mails: Store, clock: ManualClock) -> None:
    for _ in range(3):
        mails.nack(receive(mails), delay=1, error="busy")
        clock.advance(1)
    receive(mails)
    assert mails.stalls() == []


def test_a_head_that_lapsed_three_times_is_poison(mails: Store, clock: ManualClock) -> None:
    for _ in range(3):
        receive(mails, lease=15)
        clock.advance(16)
    receive(mails, lease=15)
    assert (only(mails).cause, only(mails).seconds) == ("poison", 48.0)


def test_a_head_that_anybody_may_take_is_no_stall(mails: Store, clock: ManualClock) -> None:
    receive(mails, lease=10)
    clock.advance(100)
    assert mails.stalls() == []


def test_a_head_that_a_cycle_of_dlqs_keeps_where_it_is_is_poison(
    store: Store, clock: ManualClock
) -> None:
    store.create_queue("mails", fifo=True)
    store.create_queue("back", fifo=True, dlq="mails", max_deliveries=1)
    store.alter_queue("mails", dlq="back", max_deliveries=1)
    store.send("back", "round", message_group="a")
    for queue in ("back", "mails"):
        store.nack([store.receive(queue)[0].receipt or ""], error="no")
    store.send("mails", "next", message_group="a")
    clock.advance(30)
    assert store.receive("mails") == []
    stall = only(store)
    assert (stall.cause, stall.blocker, stall.blocked) == ("poison", "mails@0", 1)
    assert "nowhere to go" in stall.why


def test_a_damaged_head_is_told(mails: Store, clock: ManualClock, path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("update mq_records set value = ? where value = ?", (b"x", b"a0"))
        connection.commit()
    mails.send("mails", "b0", message_group="b")
    clock.advance(40)
    assert [message.value for message in mails.receive("mails", 2)] == [b"b0"]
    assert (only(mails).cause, only(mails).deliveries) == ("damaged", 0)
    assert "damaged" in str(only(mails).error)


class TestRelease:
    def test_it_ends_the_delay_of_a_retry(self, mails: Store, clock: ManualClock) -> None:
        mails.nack(receive(mails), delay=600)
        mails.release("mails", 0)
        assert {m.value for m in mails.receive("mails", 10)} >= {b"a0"}

    def test_it_ends_the_delay_of_a_first_delivery(self, store: Store) -> None:
        store.create_queue("mails")
        store.send("mails", "later", delay=600)
        store.release("mails", 0)
        assert store.receive("mails")[0].value == b"later"
