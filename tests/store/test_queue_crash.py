"""kill -9 in a loop while queues are worked on: nothing is lost, nothing comes back.

`MQ_KILL_SCALE` multiplies the rounds; `MQ_KILL_SEED` repeats a run.
"""

from __future__ import annotations

import os
import random
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from store import Store
from tests.support.invariants import check_invariants
from tests.support.queue_invariants import check_queue_invariants
from tests.support.queue_programs import QUEUES, start

ROUNDS = 6 * int(os.environ.get("MQ_KILL_SCALE", "1"))
PATIENCE = 60
# More than any of them comes to before it is killed.
ENDLESS = 1_000_000
POINTS = ("commit.before", "commit.after", "any moment")


@dataclass
class Ledger:
    """What the programs told before they were killed."""

    sent: set[str] = field(default_factory=set)
    acking: set[str] = field(default_factory=set)
    acked: set[str] = field(default_factory=set)
    taken: list[str] = field(default_factory=list)

    def note(self, lines: list[str]) -> None:
        """Take in what one program said; the last line may be cut off."""
        for line in lines:
            what, *ids = line.split()
            if what in {"sent", "acking", "acked"}:
                getattr(self, what).update(ids)
            elif what == "taken":
                self.taken += ids


@pytest.fixture
def queues(path: Path) -> Path:
    """A store with queues of every kind, on the real clock."""
    with Store.open(path, create=True, durability="normal") as store:
        store.create_queue("dead")
        store.create_queue("std", max_deliveries=2, dlq="dead", priorities=3)
        store.create_queue("plain")
        store.create_queue("taken")
        store.create_queue("fifo.dead", fifo=True)
        store.create_queue("fifo", fifo=True, max_deliveries=2, dlq="fifo.dead")
    return path


@pytest.mark.parametrize("point", POINTS)
def test_queues_survive_kills(queues: Path, point: str) -> None:
    seed = int(os.environ.get("MQ_KILL_SEED") or random.randrange(1 << 32))
    print(f"repeat with MQ_KILL_SEED={seed}")
    chance, ledger = random.Random(seed), Ledger()
    for _ in range(ROUNDS):
        programs = [begin(queues, point, chance) for _ in range(2)]
        for program in programs:
            ledger.note(end(program, point, chance))
        check_after_kills(queues, ledger)
    assert ledger.acked
    assert ledger.sent - ledger.acking
    assert ledger.taken


def begin(path: Path, point: str, chance: random.Random) -> subprocess.Popen[str]:
    variables = {} if point == "any moment" else {"MQ_CRASH_AT": f"{point}:{chance.randint(1, 60)}"}
    return start("churn", path, chance.randrange(1 << 32), ENDLESS, **variables)


def end(program: subprocess.Popen[str], point: str, chance: random.Random) -> list[str]:
    """Wait until the program dies, or kill it after so many lines; what it had said."""
    assert program.stdout is not None
    said = []
    if point == "any moment":
        said = [program.stdout.readline() for _ in range(chance.randint(1, 80))]
        program.kill()
    # Not communicate(): it would pass over what readline() has read ahead.
    with program.stdout as rest:
        out = rest.read()
    assert program.wait(PATIENCE) == -9, out
    return "".join([*said, out]).splitlines()


def check_after_kills(path: Path, ledger: Ledger) -> None:
    """Every message that was confirmed is there once, unless an ack of it was begun."""
    check_invariants(path)
    check_queue_invariants(path)
    with Store.open(path) as store:
        assert store.verify() == []
        present = [m.id for queue in QUEUES for m in store.messages(queue, limit=ENDLESS)]
        for status in store.queues():
            assert status.messages == len(store.messages(status.name, limit=ENDLESS))
    assert len(present) == len(set(present))
    # At most once: what was received with an automatic acknowledgement never comes again.
    assert len(ledger.taken) == len(set(ledger.taken))
    assert ledger.sent - ledger.acking <= set(present)
    assert not ledger.acked & set(present)
