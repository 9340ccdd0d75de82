"""Processes that work on one share, fail and are killed. `MQ_KILL_SEED` repeats a run."""

from __future__ import annotations

import os
import random
from collections import Counter
from pathlib import Path

import pytest

from store import NewRecord, Store
from tests.support.invariants import check_invariants
from tests.support.share_invariants import check_share_invariants
from tests.support.share_programs import POISON, start

VICTIMS = 4
# A record may be in the hands of every victim, and once more in those of the last worker.
DELIVERIES = VICTIMS + 2
WORKERS = 8
RECORDS = 200
PATIENCE = 60


@pytest.fixture
def shared(path: Path) -> Path:
    """A topic of two partitions with a share that dead-letters, and one poison record."""
    with Store.open(path, create=True, durability="normal") as store:
        store.create_topic("t", partitions=2)
        store.create_queue("dead")
        store.create_share("s", "t", dlq="dead", max_deliveries=DELIVERIES)
        records = [NewRecord(b"%d" % n, partition=n % 2) for n in range(RECORDS)]
        records[100] = NewRecord(POISON, partition=0)
        store.produce_many("t", records)
    return path


def check_finished(path: Path, acked: Counter[str]) -> None:
    """Everything was finished once, and the poison alone is a dead letter."""
    check_invariants(path)
    check_share_invariants(path)
    with Store.open(path) as store:
        assert [row.lag for row in store.lag("s")] == [0, 0]
        letters = store.messages("dead")
        assert [letter.value for letter in letters] == [POISON]
        assert letters[0].deliveries == DELIVERIES
        assert letters[0].dead is not None
        assert (letters[0].dead.source, letters[0].dead.error) == ("t/0@50", "poisoned")
    assert set(acked.values()) == {1}, "each record is acknowledged once"


def test_eight_workers_finish_all_but_the_poison_and_dead_letter_that(shared: Path) -> None:
    workers = [start("work", shared, "s", seed) for seed in range(WORKERS)]
    said = [line for one in workers for line in one.communicate(timeout=PATIENCE)[0].splitlines()]

    assert [one.returncode for one in workers] == [0] * WORKERS
    acked = Counter(line.split()[1] for line in said if line.startswith("acked"))
    assert len(acked) == RECORDS - 1
    check_finished(shared, acked)


@pytest.mark.parametrize("point", ["commit.before", "commit.after", "any moment"])
def test_workers_that_are_killed_lose_nothing_and_finish_each_record_once(
    shared: Path, point: str
) -> None:
    seed = int(os.environ.get("MQ_KILL_SEED") or random.randrange(1 << 32))
    print(f"repeat with MQ_KILL_SEED={seed}")
    chance = random.Random(seed)
    said: list[str] = []
    for _ in range(VICTIMS):
        at = {} if point == "any moment" else {"MQ_CRASH_AT": f"{point}:{chance.randint(2, 40)}"}
        victim = start("work", shared, "s", chance.randrange(1 << 32), **at)
        assert victim.stdout is not None
        if point == "any moment":
            said += [victim.stdout.readline() for _ in range(chance.randint(1, 60))]
            victim.kill()
        # Not communicate(): it would pass over what readline() has read ahead.
        with victim.stdout as rest:
            said += rest.readlines()
        assert victim.wait(PATIENCE) == -9
    last = start("work", shared, "s", 0)
    said += last.communicate(timeout=PATIENCE)[0].splitlines()

    assert last.returncode == 0
    worked = {line.split()[1] for line in said if line.startswith("worked")}
    assert len(worked) > RECORDS - 5, "at most the last word of each victim is missing"
    acked = Counter(line.split()[1] for line in said if line.startswith("acked"))
    with Store.open(shared) as store:
        # A victim may have died on the poison, whose last delivery then told no error.
        assert [row.lag for row in store.lag("s")] == [0, 0]
        assert [letter.value for letter in store.messages("dead")] == [POISON]
    assert set(acked.values()) == {1}
    check_invariants(shared)
    check_share_invariants(shared)


def test_what_a_killed_holder_had_comes_first_to_a_process_that_begins(shared: Path) -> None:
    holder = start("hold", shared, "s", 10)
    assert holder.stdout is not None
    held = holder.stdout.readline().split()
    holder.kill()
    holder.communicate(timeout=PATIENCE)

    with Store.open(shared) as store:
        found = store.acquire("s", RECORDS)
    assert len(found) == RECORDS
    assert [record.address for record in found[: len(held)]] == held
    assert {record.deliveries for record in found[: len(held)]} == {2}
