"""`mq pipe`, killed at every point again and again: outputs equal inputs exactly.

`MQ_KILL_SCALE` multiplies how often each point is hit; `MQ_KILL_SEED` repeats a run.
"""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from store import NewMessage, NewRecord, Store

if TYPE_CHECKING:
    from tests.cli.conftest import RunMq

POINTS = ("pipe.polled", "pipe.ran", "commit.before", "commit.after")
# From a topic and from a queue together: 10 times each.
HITS = 5 * int(os.environ.get("MQ_KILL_SCALE", "1"))
# A killed run comes to its point for the sixth time at most, with 5 values a batch.
INPUTS = 2 * len(POINTS) * HITS * 6 * 5


@pytest.mark.parametrize("source", ["topic", "queue"])
def test_outputs_equal_inputs_exactly_whatever_is_killed_when(
    run_mq: RunMq, path: Path, source: str
) -> None:
    seed = int(os.environ.get("MQ_KILL_SEED") or random.randrange(1 << 32))
    print(f"repeat with MQ_KILL_SEED={seed}")
    dice = random.Random(seed)
    fill(path, source)
    words = ["pipe", "in", "out", "--once", *(["-g", "g"] if source == "topic" else [])]

    hits = Counter[str]()
    while (point := min(POINTS, key=lambda point: hits[point])) and hits[point] < HITS:
        crash = f"{point}:{dice.randint(1, 6)}"
        run = run_mq(
            *words, "--batch", "5", "--", "sed", "s/^/done /",
            MQ_STORE=str(path), MQ_CRASH_AT=crash,
        )  # fmt: skip
        assert run.code == -signal.SIGKILL, f"{crash} was not reached: {run.err}"
        hits[point] += 1
    last = run_mq(*words, "--", "sed", "s/^/done /", MQ_STORE=str(path))

    assert (last.code, last.err) == (0, "")
    with Store.open(path) as store:
        outputs = sorted(record.value or b"" for record in store.read("out", limit=2 * INPUTS))
        assert outputs == sorted(b"done %d" % number for number in range(INPUTS))
        assert store.verify() == []


def fill(path: Path, source: str) -> None:
    with Store.open(path, create=True, durability="normal") as store:
        store.create_topic("out")
        if source == "topic":
            store.create_topic("in", partitions=2)
            store.produce_many("in", [NewRecord(b"%d" % n, partition=n % 2) for n in range(INPUTS)])
        else:
            store.create_queue("in")
            store.send_many("in", [NewMessage(b"%d" % n) for n in range(INPUTS)])
