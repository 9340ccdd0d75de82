"""kill -9 of a process whose threads share commits: 0 lost, 0 doubled, and no half batch."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from store import Store
from tests.support.commit_programs import start
from tests.support.processes import PATIENCE
from tests.support.queue_invariants import check_queue_invariants

pytestmark = pytest.mark.xdist_group("kill_group_commit")

HITS = 10 * int(os.environ.get("MQ_KILL_SCALE", "1"))
POINTS = ("commit.before", "commit.after", "batch.before", "batch.after")


class Storm:
    """A store after many kills: what threads were told, and how often each point was hit."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.told: dict[str, set[str]] = {"sent": set(), "acking": set(), "acked": set()}
        self.hits: Counter[str] = Counter()

    def kill_once(self, point: str, at: int, run: int) -> None:
        """Let the program work until it is killed at a point; note all that it had confirmed."""
        program = ("work", "work_in_tasks")[run % 2]
        process = start(program, self.path, run, 30, MQ_CRASH_AT=f"{point}:{at}")
        out, _ = process.communicate(timeout=PATIENCE)
        assert process.returncode in {0, -9}
        self.hits[point] += process.returncode == -9
        for line in out.splitlines():
            kind, value = line.split()
            self.told[kind].add(value)


@pytest.fixture(scope="module")
def storm(tmp_path_factory: pytest.TempPathFactory) -> Storm:
    path = tmp_path_factory.mktemp("storm") / "store.db"
    with Store.open(path, create=True) as store:
        store.create_queue("jobs", lease=3600)
    storm, source = Storm(path), random.Random(17)
    runs = count()
    for _ in range(HITS):
        for point in POINTS:
            for _ in ("threads", "tasks"):
                storm.kill_once(point, source.randint(2, 9), next(runs))
    return storm


@pytest.fixture
def waiting(storm: Storm) -> Iterator[list[str]]:
    """All that is in the queue, also what killed readers hold."""
    with Store.open(storm.path) as store:
        yield [(m.value or b"").decode() for m in store.messages("jobs", limit=100_000)]


def test_every_point_was_hit(storm: Storm) -> None:
    assert all(storm.hits[point] >= HITS for point in POINTS)


def test_nothing_confirmed_is_lost(storm: Storm, waiting: list[str]) -> None:
    assert storm.told["sent"] - set(waiting) <= storm.told["acking"]


def test_nothing_is_there_twice(waiting: list[str]) -> None:
    assert [value for value, count in Counter(waiting).items() if count > 1] == []


def test_nothing_acknowledged_is_there_again(storm: Storm, waiting: list[str]) -> None:
    assert storm.told["acked"] & set(waiting) == set()


def test_a_load_that_buffers_is_stored_once_and_in_order_although_it_is_killed(
    tmp_path: Path,
) -> None:
    path, records, source = tmp_path / "store.db", 2500, random.Random(17)
    with Store.open(path, create=True) as store:
        store.create_topic("orders")
    confirmed: set[int] = set()
    kills, is_over = 0, False
    while not is_over:
        point = POINTS[kills % len(POINTS)]
        # Later each time, as each run begins with what is stored already.
        at = kills + source.randint(1, 3)
        process = start("load", path, records, MQ_CRASH_AT=f"{point}:{at}")
        out, _ = process.communicate(timeout=PATIENCE)
        is_over = process.returncode == 0
        kills += not is_over
        confirmed |= {int(line.split()[1]) for line in out.splitlines()}
        with Store.open(path) as store:
            values = [int(r.value or b"") for r in store.read("orders", limit=2 * records)]
        assert values == list(range(len(values)))
        assert confirmed <= set(range(len(values)))

    assert kills > 1
    assert values == list(range(records))


def test_the_queue_is_sound(storm: Storm) -> None:
    check_queue_invariants(storm.path, None)
