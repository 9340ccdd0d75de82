"""A program that is killed at each of its points until every point was hit often enough."""

from __future__ import annotations

import os
import random
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Sequence

from tests.support.processes import PATIENCE

HITS = 10 * int(os.environ.get("MQ_KILL_SCALE", "1"))

Begin = Callable[[dict[str, str]], subprocess.Popen[str]]


def kill_at_each_point(
    begin: Begin, points: Sequence[str], feed: Callable[[], object], *, latest: int = 5
) -> Counter[str]:
    """Run a program until it has died `HITS` times at each point; how often it did.

    `begin` starts it with the given variables in its environment. It dies at one of the first
    `latest` times that it comes to the point; `feed` gives it something to do before each run. A
    seed that repeats the choices is printed.
    """
    seed = int(os.environ.get("MQ_KILL_SEED") or random.randrange(1 << 32))
    print(f"repeat with MQ_KILL_SEED={seed}")
    source = random.Random(seed)
    hits: Counter[str] = Counter()
    while min(hits[point] for point in points) < HITS:
        point = min(points, key=lambda point: (hits[point], source.random()))
        feed()
        hits[point] += dies(begin({"MQ_CRASH_AT": f"{point}:{source.randint(1, latest)}"}))
    return hits


def dies(process: subprocess.Popen[str]) -> bool:
    """Wait for a program's end: whether it was killed; anything else must have ended well."""
    _, errors = process.communicate(timeout=PATIENCE)
    killed = process.returncode == -signal.SIGKILL
    assert killed or process.returncode == 0, errors
    return killed
