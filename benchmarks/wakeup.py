"""How long after a commit in one process another one that follows the topic has the record.

Run it as `python benchmarks/wakeup.py [TRIALS]`; it prints milliseconds, through the Python API
and through `mq consume --follow`.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median, quantiles
from threading import Event
from time import monotonic

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from store import Store  # noqa: E402

FOLLOW = """
import sys
from time import monotonic
from store import Store
with Store.open(sys.argv[1]) as store:
    offset = 0
    while True:
        since = store.changed()
        for record in store.read("t", offset=offset):
            offset = record.offset + 1
            print(monotonic(), flush=True)
        if offset == int(sys.argv[2]):
            break
        store.wait(since, 60)
"""


def main(trials: int) -> None:
    """Measure both ways and print a line for each."""
    print(f"{'':12}{'median':>9}{'p95':>9}{'max':>9}   ms, {trials} trials")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "python.db"
        report("Python API", measure(path, trials, [sys.executable, "-c", FOLLOW, path, trials]))
        path = Path(folder) / "command.db"
        follow = [sys.executable, "-m", "mq", "-s", path, "consume", "t", "--follow"]
        report("command line", measure(path, trials, [*follow, "-n", trials], own_clock=False))


def measure(
    path: Path, trials: int, command: list[object], *, own_clock: bool = True
) -> list[float]:
    """Milliseconds from each commit until the follower has said a line about it.

    The first trial is the follower's start and does not count. A follower with a clock of its own
    says when it had the record; of another one the arrival of its line counts.
    """
    with Store.open(path, create=True) as store:
        store.create_topic("t")
        with subprocess.Popen(
            list(map(str, command)), stdout=subprocess.PIPE, cwd=ROOT
        ) as follower:
            assert follower.stdout is not None
            took = []
            for _ in range(trials):
                # An idle time of its own, so that the follower is found in any state of waiting.
                Event().wait(random.random() * 0.1)
                store.produce("t", "x")
                began = monotonic()
                line = follower.stdout.readline()
                ended = float(line) if own_clock else monotonic()
                took.append(max(0.0, ended - began) * 1000)
    return took[1:]


def report(name: str, took: list[float]) -> None:
    """Print median, 95th percentile and maximum."""
    print(f"{name:12}{median(took):9.2f}{quantiles(took, n=20)[-1]:9.2f}{max(took):9.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
