"""Files beside a store that are removed or replaced while it is open."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from store import Store, StoreUnusable
from store.model.clock import ManualClock
from tests.support.invariants import check_all, check_invariants
from tests.support.processes import finish, hear, kill, start

SIDES = ["-wal", "-shm", "-lock"]


def side_of(store: Store, suffix: str) -> Path:
    return store.path.with_name(store.path.name + suffix)


# A writer looks once in a millisecond whether the files still have their names.
LOOKS_EVERY = 0.001


def remove(file: Path) -> None:
    file.unlink()


def replace(file: Path) -> None:
    file.with_suffix(".new").write_bytes(b"")
    file.with_suffix(".new").rename(file)


def confirmed(path: Path) -> int:
    with Store.open(path) as store:
        check_all(store)
        return store.topic("orders").partitions[0].end


CALLS: dict[str, Callable[[Store], object]] = {
    "produce": lambda store: store.produce("orders", "x"),
    "send": lambda store: store.send("mails", "x"),
    "receive": lambda store: store.receive("mails"),
    "read": lambda store: store.read("orders"),
    "changed": lambda store: store.changed(),
    "transaction": lambda store: store.transaction().__enter__(),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("do", [remove, replace])
@pytest.mark.parametrize("suffix", SIDES)
def test_the_next_call_says_so(
    orders: Store, clock: ManualClock, suffix: str, do: Callable[[Path], None], call: str
) -> None:
    orders.create_queue("mails")
    do(side_of(orders, suffix))
    clock.advance(LOOKS_EVERY)

    with pytest.raises(StoreUnusable, match=f"store.db{suffix} was removed or replaced"):
        CALLS[call](orders)


@pytest.mark.parametrize("suffix", SIDES)
def test_it_is_seen_also_after_a_time_in_which_the_folder_stayed_as_it_was(
    orders: Store, clock: ManualClock, suffix: str
) -> None:
    os.utime(orders.path.parent, (1, 1))
    for _ in range(2):
        orders.produce("orders", "x")
        clock.advance(LOOKS_EVERY)
    side_of(orders, suffix).unlink()

    with pytest.raises(StoreUnusable):
        orders.produce("orders", "x")


@pytest.mark.parametrize("suffix", SIDES)
def test_what_was_confirmed_before_is_saved_by_the_next_write(
    orders: Store, clock: ManualClock, suffix: str
) -> None:
    side_of(orders, suffix).unlink()
    clock.advance(LOOKS_EVERY)
    with pytest.raises(StoreUnusable):
        orders.produce("orders", "refused")

    assert confirmed(orders.path) == 10


@pytest.mark.parametrize("suffix", ["-wal", "-shm"])
def test_what_was_confirmed_before_the_next_look_is_saved_by_it(
    orders: Store, clock: ManualClock, suffix: str
) -> None:
    side_of(orders, suffix).unlink()
    orders.produce("orders", "within the same millisecond")
    clock.advance(LOOKS_EVERY)
    with pytest.raises(StoreUnusable):
        orders.produce("orders", "refused")

    assert confirmed(orders.path) == 11


@pytest.mark.parametrize("suffix", SIDES)
def test_what_was_confirmed_before_is_saved_by_the_close(orders: Store, suffix: str) -> None:
    side_of(orders, suffix).unlink()
    orders.close()

    assert confirmed(orders.path) == 10


def test_a_log_that_another_process_began_is_not_touched(
    orders: Store, open_store: Callable[..., Store]
) -> None:
    orders.close()
    store = open_store()
    store.produce("orders", "in the removed log")
    side_of(store, "-wal").unlink()
    side_of(store, "-shm").unlink()
    with start("produce_on", store.path) as other:
        first = hear(other)
        store.close()
        second, *_ = finish(other)

    assert (first, second) == ("orders/0@10", "orders/0@11")
    with Store.open(store.path) as reopened:
        check_invariants(store.path)
        assert [finding.problem for finding in reopened.verify()] == [
            "1 confirmed commit is missing since 2023-11-14T22:13:20.000Z"
        ]


@pytest.mark.parametrize("suffix", ["-wal", "-shm"])
def test_a_process_that_goes_on_writing_confirms_nothing_into_a_removed_file(
    orders: Store, suffix: str
) -> None:
    orders.close()
    with start("produce", orders.path, "loader", 0, 100_000) as producer:
        before = [hear(producer) for _ in range(20)]
        side_of(orders, suffix).unlink()
        producer.wait(60)
        assert producer.stdout is not None
        said = before + producer.stdout.read().splitlines()
    assert producer.returncode != 0

    with Store.open(orders.path) as store:
        ends = store.topic("orders").partitions[0].end
        check_all(store)
    assert ends == 10 + len(said)


@pytest.mark.parametrize("suffix", SIDES)
def test_a_side_file_that_came_back_is_the_same_one(
    orders: Store, clock: ManualClock, suffix: str
) -> None:
    side = side_of(orders, suffix)
    side.rename(side.with_suffix(".away"))
    clock.advance(LOOKS_EVERY)
    with pytest.raises(StoreUnusable):
        orders.produce("orders", "x")
    side.with_suffix(".away").rename(side)

    assert orders.produce("orders", "x").offset == 10


def test_a_killed_process_beside_removed_files_does_no_harm(
    orders: Store, clock: ManualClock
) -> None:
    with start("hold", orders.path) as holder:
        hear(holder)
        side_of(orders, "-lock").unlink()
        kill(holder)
    clock.advance(LOOKS_EVERY)

    with pytest.raises(StoreUnusable):
        orders.produce("orders", "x")
    orders.close()
    assert confirmed(orders.path) == 10
