"""One writer at a time: waiting, giving up, and what becomes of the lock of a dead process."""

from __future__ import annotations

import gc
import os
import signal
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from time import monotonic

import pytest

from store import Busy, MqError, Store, StoreUnusable
from store.model.clock import ManualClock
from tests.support.processes import PATIENCE, SLOW_MACHINE, finish, hear, kill, start


@pytest.fixture
def stopped_holder(holder: subprocess.Popen[str]) -> subprocess.Popen[str]:
    """A process that holds the write lock and was stopped by SIGSTOP."""
    os.kill(holder.pid, signal.SIGSTOP)
    return holder


def test_busy_names_the_process_that_holds_the_lock(
    stopped_holder: subprocess.Popen[str], path: Path
) -> None:
    with Store.open(path, timeout=0.2) as store, pytest.raises(Busy) as caught:
        store.produce("orders", "late")

    assert f"pid {stopped_holder.pid} " in str(caught.value)
    assert str(stopped_holder.pid) in caught.value.hint


def test_a_writer_gives_up_within_half_a_second_of_its_timeout(
    stopped_holder: subprocess.Popen[str], path: Path
) -> None:
    with Store.open(path, timeout=0.3) as store:
        began = monotonic()
        with pytest.raises(Busy):
            store.produce("orders", "late")

    assert 0.3 <= monotonic() - began < 0.3 + 0.5 * SLOW_MACHINE


def test_readers_read_while_a_stopped_process_holds_the_lock(
    stopped_holder: subprocess.Popen[str], orders: Store
) -> None:
    assert len(orders.read("orders")) == 10
    assert orders.lag() == []


def test_who_looks_at_what_has_expired_does_not_wait_for_a_stopped_process(
    orders: Store, path: Path, clock: ManualClock
) -> None:
    orders.create_queue("mails")
    orders.send("mails", "m", ttl=1)
    clock.advance(1)
    with start("hold", path) as process:
        assert hear(process) == "held"
        os.kill(process.pid, signal.SIGSTOP)
        began = monotonic()

        assert orders.queue("mails").ready == 0
        assert monotonic() - began < PATIENCE / 2
        kill(process)


def test_what_the_stopped_holder_has_not_committed_is_not_seen(
    stopped_holder: subprocess.Popen[str], orders: Store
) -> None:
    assert b"held" not in [record.value for record in orders.read("orders")]


def test_a_killed_holder_frees_the_lock_at_once(
    stopped_holder: subprocess.Popen[str], orders: Store
) -> None:
    orders.topics()
    kill(stopped_holder)
    began = monotonic()

    assert orders.produce("orders", "next").offset == 10
    assert monotonic() - began < 0.5 * SLOW_MACHINE


def test_a_waiting_writer_goes_on_when_the_holder_ends(
    holder: subprocess.Popen[str], path: Path
) -> None:
    with start("produce_once", path, 30) as waiting:
        assert hear(waiting) == "waiting"
        finish(holder)

        assert finish(waiting) == ["orders/0@11"]


def test_ctrl_c_ends_the_wait_for_the_lock_within_a_quarter_of_a_second(
    stopped_holder: subprocess.Popen[str], path: Path
) -> None:
    with start("produce_once", path, 30) as waiting:
        assert hear(waiting) == "waiting"
        began = monotonic()
        waiting.send_signal(signal.SIGINT)
        waiting.wait(PATIENCE)
        took = monotonic() - began

    assert waiting.returncode != 0
    assert took < 0.25 * SLOW_MACHINE


@pytest.fixture
def foreign_writer(orders: Store) -> Iterator[sqlite3.Connection]:
    """A program other than mq in the middle of a write."""
    with closing(
        sqlite3.connect(orders.path, isolation_level=None, check_same_thread=False)
    ) as connection:
        connection.execute("begin immediate")
        yield connection


def test_a_foreign_writer_is_waited_for(foreign_writer: sqlite3.Connection, path: Path) -> None:
    with start("produce_once", path, 30) as waiting:
        assert hear(waiting) == "waiting"
        foreign_writer.execute("create table theirs (x)")
        foreign_writer.execute("commit")

        assert finish(waiting) == ["orders/0@10"]


def test_a_foreign_writer_that_stays_is_busy_in_the_end(
    foreign_writer: sqlite3.Connection, path: Path
) -> None:
    with (
        Store.open(path, timeout=0.2) as store,
        pytest.raises(Busy, match="a program other than mq"),
    ):
        store.produce("orders", "late")


def test_a_thread_waits_for_another_thread_of_its_process(orders: Store) -> None:
    offsets: list[int] = []

    def produce() -> None:
        offsets.append(orders.produce("orders", "second").offset)

    with orders.transaction() as tx:
        other = threading.Thread(target=produce)
        other.start()
        first = tx.produce("orders", "first").offset
    other.join(PATIENCE)

    assert (first, offsets) == (10, [11])


def test_two_threads_that_produce_at_once_lose_nothing(orders: Store) -> None:
    def produce() -> None:
        for number in range(100):
            orders.produce("orders", b"%d" % number)

    threads = [threading.Thread(target=produce) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)

    assert orders.topic("orders").partitions[0].end == 210


def test_a_store_that_is_forgotten_unclosed_leaves_no_lock_open(orders: Store) -> None:
    def open_locks() -> int:
        links = [os.path.realpath(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")]
        return links.count(f"{orders.path}-lock")

    orders.produce("orders", "x")
    for _ in range(5):
        Store.open(orders.path).produce("orders", "x")
    gc.collect()

    assert open_locks() == 1


def test_a_close_lets_the_calls_of_other_threads_end(orders: Store) -> None:
    ends: list[Exception] = []
    at_work = threading.Barrier(4)

    def produce() -> None:
        orders.produce("orders", "x")
        at_work.wait(60)
        try:
            while True:
                orders.produce("orders", "x")
                orders.read("orders")
        except Exception as error:
            ends.append(error)

    threads = [threading.Thread(target=produce) for _ in range(3)]
    for thread in threads:
        thread.start()
    at_work.wait(60)
    orders.close()
    for thread in threads:
        thread.join(60)

    assert [type(end) for end in ends] == [StoreUnusable] * 3
    with Store.open(orders.path) as reopened:
        assert reopened.verify() == []


def test_threads_that_have_ended_leave_no_descriptors_behind(orders: Store) -> None:
    def produce_in_a_thread() -> None:
        thread = threading.Thread(target=orders.produce, args=("orders", "x"))
        thread.start()
        thread.join(PATIENCE)

    produce_in_a_thread()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(10):
        produce_in_a_thread()

    assert len(os.listdir("/proc/self/fd")) <= before + 1


def in_a_child(call: str, store: Store) -> str:
    """What a forked child hears when it uses its parent's store."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            answer = repr(getattr(store, call)())
        except MqError as error:
            answer = f"{type(error).__name__}: {error}"
        os.write(write_end, answer.encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(write_end)
    with os.fdopen(read_end) as answered:
        return answered.read()


@pytest.mark.parametrize("call", ["topics", "changed", "vacuum"])
def test_a_forked_child_is_refused(orders: Store, call: str) -> None:
    orders.produce("orders", "before")

    assert in_a_child(call, orders).startswith(StoreUnusable.__name__)


def test_the_parent_goes_on_after_its_child_closed_the_store(orders: Store) -> None:
    orders.produce("orders", "before")
    in_a_child("close", orders)
    orders.produce("orders", "after")

    with Store.open(orders.path) as another:
        assert [r.value for r in another.read("orders")][-2:] == [b"before", b"after"]


def test_a_child_does_not_keep_the_lock_of_its_dead_parent(orders: Store) -> None:
    with start("open_and_fork", orders.path) as parent:
        child = int(hear(parent))
        parent.kill()
        parent.wait(PATIENCE)
        try:
            with Store.open(orders.path, timeout=2) as store:
                assert store.produce("orders", "next").offset == 10
        finally:
            os.kill(child, signal.SIGKILL)
