"""Sixteen processes lease from one queue and are killed at random.

`MQ_KILL_SEED` repeats a run.
"""

from __future__ import annotations

import os
import random
import subprocess
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

from store import NewMessage, Store
from tests.support.invariants import check_invariants
from tests.support.queue_invariants import check_queue_invariants
from tests.support.queue_programs import start

pytestmark = pytest.mark.xdist_group("queue_workers")

WORKERS = 16
KILLS = 12
MESSAGES = 1_000
LEASE = 0.3
PATIENCE = 60


class Step(NamedTuple):
    """One line of a worker's book; times are milliseconds of the boot clock."""

    what: str
    id: str
    deliveries: int
    at: int
    until: int


@pytest.fixture(scope="module", params=[False, True], ids=["standard", "fifo"])
def worked(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """A folder with a store whose queue was worked empty in spite of all kills, and the books."""
    folder = tmp_path_factory.mktemp("workers")
    (folder / "books").mkdir()
    with Store.open(folder / "store.db", create=True, durability="normal") as store:
        store.create_queue("jobs", fifo=request.param)
        store.send_many("jobs", [_message(n, request.param) for n in range(MESSAGES)])
        _work_until_empty(folder)
    return folder


def _message(number: int, fifo: bool) -> NewMessage:
    return NewMessage(b"job %d" % number, message_group=f"g{number % 100}" if fifo else None)


def _work_until_empty(folder: Path) -> None:
    seed = int(os.environ.get("MQ_KILL_SEED") or random.randrange(1 << 32))
    print(f"repeat with MQ_KILL_SEED={seed}")
    chance = random.Random(seed)

    def another() -> subprocess.Popen[str]:
        path, books = folder / "store.db", folder / "books"
        return start("work", path, "jobs", books, LEASE, chance.randrange(1 << 32))

    workers = [another() for _ in range(WORKERS)]
    for _ in range(KILLS):
        victim = workers.pop(chance.randrange(len(workers)))
        try:
            victim.wait(timeout=chance.random() * 0.4)
        except subprocess.TimeoutExpired:
            victim.kill()
        victim.communicate(timeout=PATIENCE)
        workers.append(another())
    for worker in workers:
        worker.communicate(timeout=PATIENCE)
        assert worker.returncode == 0


def steps(folder: Path) -> dict[str, list[Step]]:
    """What was written of each message, in order of time."""
    found: dict[str, list[Step]] = defaultdict(list)
    for book in sorted((folder / "books").iterdir()):
        for line in book.read_text().splitlines():
            what, id, *numbers = line.split()
            if len(numbers) == 3:
                found[id].append(Step(what, id, *map(int, numbers)))
    for of_one in found.values():
        of_one.sort(key=lambda step: step.at)
    return found


def test_every_message_is_acknowledged_exactly_once(worked: Path) -> None:
    with Store.open(worked / "store.db") as store:
        status = store.queue("jobs")

    assert (status.acknowledged, status.dropped) == (MESSAGES, 0)
    assert (status.ready, status.leased, status.delayed, status.blocked) == (0, 0, 0, 0)


def test_no_two_deliveries_of_a_message_are_both_acknowledged(worked: Path) -> None:
    for id, of_one in steps(worked).items():
        acked = {step.deliveries for step in of_one if step.what == "acked"}
        assert len(acked) <= 1, id


def test_no_message_is_leased_twice_at_a_time(worked: Path) -> None:
    for id, of_one in steps(worked).items():
        leased = [step for step in of_one if step.what == "leased"]
        for first, second in pairwise(leased):
            assert first.deliveries < second.deliveries, id
            assert first.until <= second.at, f"{id}: {first} and {second}"


def test_something_was_delivered_again(worked: Path) -> None:
    assert any(step.deliveries > 1 for of_one in steps(worked).values() for step in of_one)


def test_the_file_is_sound_after_the_kills(worked: Path) -> None:
    check_invariants(worked / "store.db")
    check_queue_invariants(worked / "store.db")
