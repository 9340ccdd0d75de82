"""Waits for the write lock: their order, their ends, and killed or stopped processes among them."""

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
from store.sqlite.file import lock_waiting
from store.sqlite.file.lockfile import WriteLock
from tests.support.processes import PATIENCE, SLOW_MACHINE, finish, hear, kill, start

StartWaiter = Callable[[], subprocess.Popen[str]]


@pytest.fixture
def waiter(path: Path, holder: subprocess.Popen[str]) -> Iterator[StartWaiter]:
    """Starts a process that waits behind all others to produce a record."""
    started: list[subprocess.Popen[str]] = []

    def begin() -> subprocess.Popen[str]:
        process = start("produce_once", path, 600)
        started.append(process)
        assert hear(process) == "waiting"
        until_waiting(path, len(started))
        return process

    yield begin
    for process in started:
        if process.stdout is not None and not process.stdout.closed:
            kill(process)


def waiting(path: Path) -> int:
    """How many wait for the lock, says the kernel."""
    inode = f":{os.stat(f'{path}-lock').st_ino}"
    lines = Path("/proc/locks").read_text().splitlines()
    return sum(
        "->" in line and any(word.endswith(inode) for word in line.split()) for line in lines
    )


def until_waiting(path: Path, number: int) -> None:
    while waiting(path) != number:
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
    for number, thread in enumerate(threads, 1):
        thread.start()
        until_waiting(path, number)
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
    holder: subprocess.Popen[str], waiter: StartWaiter, path: Path
) -> None:
    first, second, third = waiter(), waiter(), waiter()
    os.kill(first.pid, signal.SIGSTOP)
    until_waiting(path, 2)
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


def test_ctrl_c_behind_another_waiter_ends_the_wait_within_a_quarter_of_a_second(
    waiter: StartWaiter,
) -> None:
    waiter()
    second = waiter()
    began = monotonic()
    second.send_signal(signal.SIGINT)
    second.wait(PATIENCE)

    assert monotonic() - began < 0.25 * SLOW_MACHINE


def test_a_timeout_is_kept_behind_another_waiter(waiter: StartWaiter, path: Path) -> None:
    waiter()
    began = monotonic()
    with Store.open(path, timeout=0.3) as store, pytest.raises(Busy):
        store.produce("orders", "late")

    assert 0.3 <= monotonic() - began < 0.3 + 0.5 * SLOW_MACHINE


def test_a_holder_that_comes_back_again_and_again_lets_a_waiter_go_first(path: Path) -> None:
    holder, waiter = WriteLock(path), WriteLock(path)
    taken = threading.Event()

    def wait() -> None:
        waiter.acquire(PATIENCE)
        taken.set()
        waiter.release()

    holder.acquire(0)
    thread = threading.Thread(target=wait)
    thread.start()
    while not taken.is_set():
        holder.release()
        holder.acquire(PATIENCE)
    holder.release()
    thread.join(PATIENCE)
    for lock in (holder, waiter):
        lock.close()

    assert taken.is_set()


def test_a_holder_knows_of_waiters_until_another_one_had_the_lock(path: Path) -> None:
    holder = WriteLock(path)
    holder.acquire(0)
    holder.announce()
    holder.release()
    holder.acquire(0)
    knows = holder.slice is not None
    holder.release()
    Path(f"{path}-lock").write_bytes(b"1          ")
    holder.acquire(0)
    holder.close()

    assert knows
    assert holder.slice is None


def test_busy_names_the_holder_though_others_wait(
    holder: subprocess.Popen[str], waiter: StartWaiter, path: Path
) -> None:
    waiter()
    with Store.open(path, timeout=0.01) as store, pytest.raises(Busy, match=f"pid {holder.pid} "):
        store.produce("orders", "late")


def test_a_wait_that_was_given_up_keeps_nothing(path: Path) -> None:
    holder, waiter = WriteLock(path), WriteLock(path)
    holder.acquire(0)
    with pytest.raises(Busy):
        waiter.acquire(0.01)
    until_waiting(path, 1)
    holder.release()
    until_waiting(path, 0)

    assert take(holder)
    assert take(waiter)
    for lock in (holder, waiter):
        lock.close()


def test_waits_that_are_given_up_again_and_again_leave_one_thread(path: Path) -> None:
    holder, waiter = WriteLock(path), WriteLock(path)
    holder.acquire(0)
    for _ in range(5):
        with pytest.raises(Busy):
            waiter.acquire(0.01)
        until_waiting(path, 1)
    thread = threading.Thread(target=take, args=(waiter,))
    thread.start()
    holder.release()
    thread.join(PATIENCE)
    for lock in (holder, waiter):
        lock.close()

    assert not thread.is_alive()


def test_a_wait_in_a_process_that_can_start_no_thread_looks_again_and_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    holder, waiter = WriteLock(path), WriteLock(path)
    holder.acquire(0)
    thread = threading.Thread(target=take, args=(waiter,))
    monkeypatch.setattr(lock_waiting, "_idle", [])
    monkeypatch.setattr(lock_waiting, "start_new_thread", refuse)
    thread.start()
    holder.release()
    thread.join(PATIENCE)
    for lock in (holder, waiter):
        lock.close()

    assert not thread.is_alive()


def test_a_child_of_fork_does_not_take_the_lock_that_its_parent_gave_up(path: Path) -> None:
    holder, waiter = WriteLock(path), WriteLock(path)
    holder.acquire(0)
    with pytest.raises(Busy):
        waiter.acquire(0.01)
    child = os.fork()
    if child == 0:
        signal.pause()
    holder.release()

    assert take(waiter)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    for lock in (holder, waiter):
        lock.close()
