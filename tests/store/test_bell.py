"""The bell: a commit wakes processes and threads that wait for one, and costs nothing else."""

from __future__ import annotations

import math
import os
import signal
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from time import monotonic

import pytest

from store import Store, StoreUnusable
from store.sqlite.file import bell, futex, lockfile, waiting
from store.sqlite.file.bell import Bell
from store.sqlite.file.waiting import CommitWatcher
from tests.support import queue_programs
from tests.support.processes import PATIENCE, SLOW_MACHINE, hear, kill, start


@pytest.fixture
def jobs(path: Path) -> Iterator[Store]:
    """A store on the real clock with a queue `jobs`."""
    with Store.open(path, create=True, durability="normal") as store:
        store.create_queue("jobs")
        yield store


@pytest.fixture
def only_the_bell(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but the bell ends a wait."""
    monkeypatch.setattr(waiting, "_SLOW_LOOK", math.inf)


def rung(store: Store) -> int:
    """The number of the bell."""
    with open(f"{store.path}-lock", "rb") as file:
        return bell.rung(file.fileno())


def flag(store: Store) -> bool:
    """Whether a process waits for a commit."""
    with open(f"{store.path}-lock", "rb") as file:
        return os.pread(file.fileno(), 1, lockfile.LISTENS_AT) == lockfile.LISTENS


def test_a_process_that_waits_for_a_message_has_it_once_it_is_sent(jobs: Store) -> None:
    with queue_programs.start("receive_once", jobs.path, "jobs", PATIENCE) as process:
        while not flag(jobs):
            process.poll()
        jobs.send("jobs", "x")
        out, _ = process.communicate(timeout=PATIENCE)

    assert out.split()[-1] == "x"


@pytest.mark.usefixtures("only_the_bell")
def test_a_commit_between_the_look_and_the_wait_ends_it(jobs: Store) -> None:
    listener = Bell(jobs.path)
    seen = listener.listen()
    jobs.send("jobs", "x")

    assert listener.wait(seen, PATIENCE)


def test_a_commit_ends_the_waits_of_several(jobs: Store) -> None:
    listeners = [Bell(jobs.path) for _ in range(3)]
    seen = [each.listen() for each in listeners]
    jobs.send("jobs", "x")

    assert all(each.wait(n, PATIENCE) for each, n in zip(listeners, seen, strict=True))


def test_a_commit_that_no_process_waits_for_rings_nothing(jobs: Store) -> None:
    jobs.send("jobs", "x")

    assert rung(jobs) == 0


def test_a_commit_that_changes_nothing_rings_nothing(jobs: Store) -> None:
    jobs.receive("jobs")
    listener = Bell(jobs.path)
    seen = listener.listen()
    jobs.receive("jobs")

    assert rung(jobs) == seen


def test_a_killed_waiter_is_rung_for_once(jobs: Store) -> None:
    with queue_programs.start("receive_once", jobs.path, "jobs", PATIENCE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        while not flag(jobs):
            process.poll()
        process.kill()
        process.communicate(timeout=PATIENCE)
    jobs.send("jobs", "x")
    after = rung(jobs)
    jobs.send("jobs", "y")

    assert rung(jobs) == after != 0


def test_a_commit_of_another_program_is_seen_by_the_slow_look(
    jobs: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "_SLOW_LOOK", 0.01)

    def commit() -> None:
        while not flag(jobs):
            threading.Event().wait(0.001)
        with closing(sqlite3.connect(jobs.path)) as connection:
            connection.execute("create table theirs (x)")

    thread = threading.Thread(target=commit)
    since = jobs.changed()
    thread.start()

    assert jobs.wait(since, PATIENCE)
    thread.join(PATIENCE)


def test_a_wait_on_a_machine_without_a_futex_looks_again_and_again(
    jobs: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(futex, "_NUMBER", None)
    monkeypatch.setattr(waiting, "_SLOW_LOOK", math.inf)
    thread = threading.Thread(target=jobs.send, args=("jobs", "x"))
    since = jobs.changed()
    thread.start()

    assert jobs.wait(since, PATIENCE)
    thread.join(PATIENCE)


def test_ctrl_c_ends_the_wait_for_a_message_within_a_quarter_of_a_second(jobs: Store) -> None:
    with queue_programs.start("receive_once", jobs.path, "jobs", 600) as process:
        assert process.stdout is not None
        process.stdout.readline()
        while not flag(jobs):
            process.poll()
        began = monotonic()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE)

    assert monotonic() - began < 0.25 * SLOW_MACHINE


def test_a_wait_outlives_a_stop(orders: Store) -> None:
    with start("follow", orders.path, 1) as process:
        assert hear(process) == "ready"
        os.kill(process.pid, signal.SIGSTOP)
        orders.produce("orders", "x")
        os.kill(process.pid, signal.SIGCONT)

        assert hear(process) == "seen"
        kill(process)


@pytest.mark.usefixtures("only_the_bell")
class TestWatcher:
    def test_it_calls_after_a_commit(self, jobs: Store) -> None:
        called = threading.Event()
        watcher = CommitWatcher(jobs._database, called.set)
        jobs.send("jobs", "x")

        assert called.wait(PATIENCE)
        watcher.close()

    def test_it_calls_nothing_once_it_is_closed(self, jobs: Store) -> None:
        called = threading.Event()
        CommitWatcher(jobs._database, called.set).close()
        jobs.send("jobs", "x")

        assert not called.is_set()

    def test_it_calls_a_last_time_when_the_store_is_closed(self, jobs: Store) -> None:
        calls: list[bool] = []
        called = threading.Event()

        def look() -> None:
            try:
                jobs.changed()
            except StoreUnusable:
                calls.append(True)
                called.set()

        CommitWatcher(jobs._database, look)
        jobs.send("jobs", "x")
        jobs.close()
        with Store.open(jobs.path) as other:
            other.send("jobs", "y")

        assert called.wait(PATIENCE)
        assert calls == [True]
