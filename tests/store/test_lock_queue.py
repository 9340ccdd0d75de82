"""The line at the write lock: its order, and what a killed or stopped process in it does to it."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic

import pytest

from store import Busy, Store
from store.sqlite.file import futex
from store.sqlite.file.lockfile import WriteLock
from tests.support.processes import PATIENCE, SLOW_MACHINE, finish, hear, kill, start

StartWaiter = Callable[[], subprocess.Popen[str]]


@pytest.fixture
def holder(orders: Store) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the write lock of the store."""
    with start("hold", orders.path) as process:
        assert hear(process) == "held"
        yield process
        kill(process)


@pytest.fixture
def waiter(path: Path, holder: subprocess.Popen[str]) -> Iterator[StartWaiter]:
    """Starts a process that waits behind all others to produce a record; it is asleep."""
    started: list[subprocess.Popen[str]] = []

    def begin() -> subprocess.Popen[str]:
        process = start("produce_once", path, 600)
        started.append(process)
        assert hear(process) == "waiting"
        wait_until_asleep(Path(f"/proc/{process.pid}"))
        return process

    yield begin
    for process in started:
        if process.stdout is not None and not process.stdout.closed:
            kill(process)


def wait_until_asleep(task: Path) -> None:
    """Wait until a task sleeps on a number that processes share: Python's own are private."""
    waits_shared = [str(futex._NUMBER), "0x0"]
    while (task / "syscall").read_text().split()[0:3:2] != waits_shared:
        threading.Event().wait(0.001)


def take(lock: WriteLock) -> bool:
    lock.acquire(PATIENCE)
    lock.release()
    return True


def test_the_lock_is_passed_on_in_the_order_in_which_it_was_asked_for(path: Path) -> None:
    locks = [WriteLock(path) for _ in range(5)]
    order: list[int] = []

    def wait(number: int) -> None:
        locks[number].acquire(PATIENCE)
        order.append(number)
        locks[number].release()

    locks[0].acquire(0)
    threads = [threading.Thread(target=wait, args=(n,)) for n in range(1, 5)]
    for thread in threads:
        thread.start()
        wait_until_asleep(Path(f"/proc/self/task/{thread.native_id}"))
    locks[0].release()
    for thread in threads:
        thread.join(PATIENCE)
    for lock in locks:
        lock.close()

    assert order == [1, 2, 3, 4]


def test_a_killed_waiter_leaves_the_line_to_those_behind_it(
    holder: subprocess.Popen[str], waiter: StartWaiter
) -> None:
    first, second, third = waiter(), waiter(), waiter()
    kill(first)
    kill(second)
    finish(holder)

    assert finish(third) == ["orders/0@11"]


def test_a_stopped_waiter_keeps_no_other_from_a_free_lock(
    holder: subprocess.Popen[str], waiter: StartWaiter
) -> None:
    first, second, third = waiter(), waiter(), waiter()
    os.kill(first.pid, signal.SIGSTOP)
    finish(holder)

    assert sorted(finish(second) + finish(third)) == ["orders/0@11", "orders/0@12"]
    os.kill(first.pid, signal.SIGCONT)
    assert finish(first) == ["orders/0@13"]


def test_waiters_go_on_when_a_stopped_holder_goes_on(
    holder: subprocess.Popen[str], waiter: StartWaiter
) -> None:
    os.kill(holder.pid, signal.SIGSTOP)
    first, second = waiter(), waiter()
    os.kill(holder.pid, signal.SIGCONT)
    finish(holder)

    assert sorted(finish(first) + finish(second)) == ["orders/0@11", "orders/0@12"]


def test_waiters_go_on_when_a_stopped_holder_is_killed(
    holder: subprocess.Popen[str], waiter: StartWaiter
) -> None:
    os.kill(holder.pid, signal.SIGSTOP)
    first, second = waiter(), waiter()
    kill(holder)

    assert sorted(finish(first) + finish(second)) == ["orders/0@10", "orders/0@11"]


def test_ctrl_c_behind_the_front_of_the_line_ends_the_wait_within_a_quarter_of_a_second(
    waiter: StartWaiter,
) -> None:
    waiter()
    second = waiter()
    began = monotonic()
    second.send_signal(signal.SIGINT)
    second.wait(PATIENCE)

    assert monotonic() - began < 0.25 * SLOW_MACHINE


def test_a_timeout_is_kept_behind_the_front_of_the_line(waiter: StartWaiter, path: Path) -> None:
    waiter()
    began = monotonic()
    with Store.open(path, timeout=0.3) as store, pytest.raises(Busy):
        store.produce("orders", "late")

    assert 0.3 <= monotonic() - began < 0.3 + 0.5 * SLOW_MACHINE


@pytest.mark.parametrize("number", [futex._NUMBER, None], ids=["futex", "no futex"])
def test_a_waiter_gets_a_lock_that_is_released(
    path: Path, number: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(futex, "_NUMBER", number)
    holder, waiting = WriteLock(path), WriteLock(path)
    holder.acquire(0)
    taken: list[bool] = []
    thread = threading.Thread(target=lambda: taken.append(take(waiting)))
    thread.start()
    holder.release()
    thread.join(PATIENCE)
    for lock in (holder, waiting):
        lock.close()

    assert taken == [True]


def test_a_holder_that_others_wait_for_goes_behind_them(path: Path) -> None:
    holder, waiting = WriteLock(path), WriteLock(path)
    order: list[str] = []
    holder.acquire(0)

    def wait() -> None:
        waiting.acquire(PATIENCE)
        order.append("waiting")
        waiting.release()

    thread = threading.Thread(target=wait)
    thread.start()
    while thread.is_alive():
        # Each release is an occasion for the other, and none is missed for long.
        holder.release()
        holder.acquire(PATIENCE)
        order.append("holder")
    for lock in (holder, waiting):
        lock.close()

    assert "waiting" in order


def test_a_file_that_was_cut_ends_no_process(path: Path) -> None:
    holder, waiting = WriteLock(path), WriteLock(path)
    holder.acquire(0)
    thread = threading.Thread(target=take, args=(waiting,))
    thread.start()
    os.truncate(f"{path}-lock", 0)
    holder.release()
    thread.join(PATIENCE)
    for lock in (holder, waiting):
        lock.close()

    assert not thread.is_alive()
