"""Store time, and what hangs on it: sessions live and end by it, whatever the wall clock does."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from store import Fenced, Store, TimedOut
from store.model.clock import ManualClock, SystemClock
from store.sqlite.leases import holders
from tests.support.processes import PATIENCE, hear, start


def now(store: Store) -> int:
    with store._database.read() as tx:
        return tx.now


def test_store_time_runs_with_the_boot_clock(store: Store, clock: ManualClock) -> None:
    before = now(store)
    clock.advance(12.5)

    assert now(store) - before == 12_500


@pytest.mark.parametrize("seconds", [-7200, 7200])
def test_a_jump_of_the_wall_clock_does_not_move_store_time(
    store: Store, clock: ManualClock, seconds: float
) -> None:
    before = now(store)
    clock.jump_wall(seconds)

    assert now(store) == before


@pytest.mark.parametrize("writes", [False, True])
def test_a_new_boot_goes_on_from_the_wall_clock(
    store: Store, open_store: Callable[..., Store], clock: ManualClock, writes: bool
) -> None:
    before = now(store)
    store.close()
    clock.reboot(seconds_down=60)
    again = open_store()
    if writes:
        again.create_topic("orders")

    assert now(again) == before + 60_000


def test_a_new_boot_never_sets_store_time_back(
    store: Store, open_store: Callable[..., Store], clock: ManualClock
) -> None:
    before = now(store)
    store.close()
    clock.reboot()
    clock.jump_wall(-86_400)
    again = open_store()
    again.create_topic("orders")

    assert now(again) >= before
    clock.advance(1)
    assert now(again) >= before + 1000


def test_two_handles_agree_on_store_time_after_a_boot(
    store: Store, open_store: Callable[..., Store], clock: ManualClock
) -> None:
    store.close()
    clock.reboot(seconds_down=5)
    one, two = open_store(), open_store()
    one.create_topic("orders")
    clock.advance(3)

    assert now(one) == now(two)


def test_record_times_never_fall_within_a_partition(orders: Store, clock: ManualClock) -> None:
    clock.jump_wall(-3600)
    orders.produce("orders", "after the jump")
    times = [record.timestamp for record in orders.read("orders")]

    assert times == sorted(times)


def test_a_session_ends_when_its_time_has_passed(orders: Store, clock: ManualClock) -> None:
    orders.consumer("billing", ["orders"], member="one", session_timeout=30)
    clock.advance(29.9)
    assert orders.group("billing").state == "stable"
    clock.advance(0.1)

    assert orders.group("billing").state == "empty"


def test_a_member_whose_session_ended_loses_its_partitions_to_another(
    orders: Store, clock: ManualClock
) -> None:
    old = orders.consumer("billing", ["orders"], member="one", session_timeout=30)
    old.poll(timeout=0)
    clock.advance(31)
    new = orders.consumer("billing", ["orders"], member="two", timeout=0)

    assert new.assignment == [("orders", 0)]
    with pytest.raises(Fenced):
        old.commit()


def test_a_member_that_polls_keeps_its_session(orders: Store, clock: ManualClock) -> None:
    consumer = orders.consumer("billing", ["orders"], member="one", session_timeout=30)
    for _ in range(5):
        clock.advance(20)
        consumer.poll(timeout=0)

    assert orders.group("billing").state == "stable"


def test_a_member_that_was_dropped_hears_it_at_its_next_poll(
    orders: Store, clock: ManualClock
) -> None:
    old = orders.consumer("billing", ["orders"], member="one", session_timeout=30)
    clock.advance(31)
    orders.consumer("billing", ["orders"], member="two")

    with pytest.raises(Fenced, match="one was dropped from group billing"):
        old.poll(timeout=0)


@pytest.mark.parametrize("seconds", [-7200, 7200])
def test_a_jump_of_the_wall_clock_ends_no_session(
    orders: Store, clock: ManualClock, seconds: float
) -> None:
    orders.consumer("billing", ["orders"], member="one", session_timeout=30)
    clock.jump_wall(seconds)

    assert orders.group("billing").state == "stable"
    with pytest.raises(TimedOut):
        orders.consumer("billing", ["orders"], member="two", timeout=0)


def test_a_jump_back_does_not_prolong_a_session(orders: Store, clock: ManualClock) -> None:
    orders.consumer("billing", ["orders"], member="one", session_timeout=30)
    clock.jump_wall(-7200)
    clock.advance(31)

    assert orders.group("billing").state == "empty"


def test_a_sleeping_machine_loses_its_sessions(orders: Store, clock: ManualClock) -> None:
    orders.consumer("billing", ["orders"], member="one", session_timeout=30)
    clock.advance(8 * 3600)

    assert orders.consumer("billing", ["orders"], member="two", timeout=0).assignment


def test_the_member_of_a_killed_process_is_dropped_at_once(orders: Store) -> None:
    orders.close()
    with start("join", orders.path, "billing") as member:
        assert hear(member) == "joined"
        with Store.open(orders.path) as store:
            assert store.group("billing").state == "stable"
            member.kill()
            member.wait(PATIENCE)

            assert store.group("billing").state == "empty"
            assert store.consumer("billing", ["orders"], timeout=0).assignment == [("orders", 0)]


def test_the_member_of_a_living_process_is_waited_for(orders: Store) -> None:
    orders.close()
    with start("join", orders.path, "billing") as member, Store.open(orders.path) as store:
        assert hear(member) == "joined"
        with pytest.raises(TimedOut, match="billing is read by"):
            store.consumer("billing", ["orders"], timeout=0)
        member.kill()


def test_a_member_of_an_earlier_boot_is_dropped_by_its_session(
    orders: Store, open_store: Callable[..., Store], clock: ManualClock
) -> None:
    orders.consumer("billing", ["orders"], member="one", session_timeout=30)
    orders.close()
    clock.reboot(seconds_down=31)

    assert open_store().group("billing").state == "empty"


def test_a_process_is_known_by_its_start_time() -> None:
    mine = holders.start_time(os.getpid())

    assert mine is not None
    assert mine == holders.start_time(os.getpid())
    assert holders.start_time(2**22 + 1) is None


def test_the_systems_clocks_tell_milliseconds() -> None:
    clock = SystemClock()

    assert 1_600_000_000_000 < clock.wall() < 4_000_000_000_000
    assert 0 < clock.boot() <= clock.boot()
    assert clock.boot_id() == clock.boot_id() != ""
