"""Threads of one process write one after another, in the order in which they asked."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from store import Busy, Store
from tests.support.processes import PATIENCE


def queued(store: Store, thread: threading.Thread, length: int) -> threading.Thread:
    """Start a thread, and return it once so many threads wait for their turn."""
    thread.start()
    while len(store._database.queue) < length and thread.is_alive():
        thread.join(0.001)
    return thread


def creating(store: Store, name: str) -> threading.Thread:
    return threading.Thread(target=store.create_queue, args=(name,))


def interrupted() -> bool:
    raise KeyboardInterrupt


def test_threads_write_in_the_order_in_which_they_asked(store: Store) -> None:
    names = [f"q{n}" for n in (3, 1, 2, 5, 4)]
    with store.transaction() as tx:
        threads = [queued(store, creating(store, name), n) for n, name in enumerate(names, 1)]
        tx.execute("create table mine (name text)")
    for thread in threads:
        thread.join(PATIENCE)

    with store.transaction() as tx:
        ids = tx.execute("select name from mq_channels order by id")
    assert [name for (name,) in ids] == names


def test_a_thread_that_gives_up_lets_the_next_one_go(path: Path) -> None:
    with Store.open(path, create=True, timeout=0.01) as store:
        caught: list[Busy] = []

        def give_up() -> None:
            with pytest.raises(Busy, match="other threads of this process") as error:
                store.create_queue("late")
            caught.append(error.value)

        with store.transaction():
            queued(store, threading.Thread(target=give_up), 1).join(PATIENCE)
        store.create_queue("next")

    assert len(caught) == 1


def test_a_thread_that_is_interrupted_lets_the_next_one_go(store: Store) -> None:
    def wait_and_be_interrupted() -> None:
        with pytest.raises(KeyboardInterrupt), store._write(until=interrupted):
            pass

    with store.transaction():
        queued(store, threading.Thread(target=wait_and_be_interrupted), 1).join(PATIENCE)
    store.create_queue("next")

    assert [queue.name for queue in store.queues()] == ["next"]


def test_a_transaction_in_a_transaction_is_refused_and_leaves_the_turn(store: Store) -> None:
    with store.transaction() as tx:
        with pytest.raises(Exception, match="transaction open"):
            store.create_queue("inner")
        tx.create_queue("outer")
    other = creating(store, "later")
    other.start()
    other.join(PATIENCE)

    assert [queue.name for queue in store.queues()] == ["later", "outer"]
