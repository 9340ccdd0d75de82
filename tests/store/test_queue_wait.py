"""A receive that waits wakes for a send, a lease that ends and a delay that ends: two processes."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from store import NotFound, Store
from tests.support.queue_programs import start

PATIENCE = 60
# The real clock runs here: a busy machine may be late, but nothing waits for the end of the wait.
LONG = 20_000


@pytest.fixture
def jobs(path: Path) -> Iterator[Store]:
    """A store on the real clock with a queue `jobs`."""
    with Store.open(path, create=True, durability="normal") as store:
        store.create_queue("jobs")
        yield store


@pytest.fixture
def waiter(path: Path) -> Callable[[], subprocess.Popen[str]]:
    """Starts another process that waits for a message."""

    def wait() -> subprocess.Popen[str]:
        process = start("receive_once", path, "jobs", LONG / 1000)
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        return process

    return wait


def told(process: subprocess.Popen[str]) -> tuple[int, list[str]]:
    """After how many milliseconds the message came, and which."""
    assert process.stdout is not None
    with process.stdout as said:
        after, *found = said.readline().split()
    assert process.wait(PATIENCE) == 0
    return int(after), found


Waiter = Callable[[], subprocess.Popen[str]]


def test_a_waiter_wakes_for_a_send(jobs: Store, waiter: Waiter) -> None:
    process = waiter()
    jobs.send("jobs", "job")

    after, found = told(process)
    assert found == ["job"]
    assert after < LONG / 2


def test_a_waiter_wakes_when_a_lease_ends(jobs: Store, waiter: Waiter) -> None:
    jobs.send("jobs", "job")
    jobs.receive("jobs", lease=0.5)

    after, found = told(waiter())
    assert found == ["job"]
    assert after < LONG / 2


def test_a_waiter_wakes_when_a_delay_ends(jobs: Store, waiter: Waiter) -> None:
    jobs.send("jobs", "job", delay=0.5)

    after, found = told(waiter())
    assert found == ["job"]
    assert after < LONG / 2


def test_a_waiter_wakes_when_its_group_becomes_free(jobs: Store, path: Path) -> None:
    jobs.create_queue("steps", fifo=True)
    for step in ("one", "two"):
        jobs.send("steps", step, message_group="g")
    (first,) = jobs.receive("steps")
    process = start("receive_once", path, "steps", LONG / 1000)
    assert process.stdout is not None
    process.stdout.readline()
    jobs.ack([first.receipt or ""])

    after, found = told(process)
    assert found == ["two"]
    assert after < LONG / 2


def test_a_wait_ends_empty_in_time(jobs: Store) -> None:
    assert jobs.receive("jobs", wait=0.05) == []


def test_deleting_the_queue_ends_the_wait(jobs: Store, path: Path) -> None:
    process = start("receive_until_gone", path, "jobs", LONG / 1000)
    assert process.stdout is not None
    process.stdout.readline()
    jobs.delete_queue("jobs")

    assert told(process)[1] == [NotFound.code]
