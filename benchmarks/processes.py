"""Many processes at one file: throughput, latency and fairness.

Run it as `python benchmarks/processes.py [--seconds S] [--json] [N …]`. For each number N it starts
N processes that send to one queue and N that receive and acknowledge, all one message a call, and
prints what came of it: calls a second, how long they took, and the slowest process's share of the
fastest's. An error of any kind ends the run.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import quantiles

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from store import Store  # noqa: E402

NUMBERS = [1, 2, 4, 8, 16]

WORK = """
import json, sys
from time import perf_counter
from store import Store
path, role, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
value, took = b"x" * 100, []
with Store.open(path) as store:
    store.queue("q")
    print("ready", flush=True)
    sys.stdin.readline()
    end = perf_counter() + seconds
    while (began := perf_counter()) < end:
        if role == "send":
            store.send("q", value)
        else:
            for message in store.receive("q", wait=0.1):
                store.ack([message.receipt])
        took.append(perf_counter() - began)
print(json.dumps(took))
"""


@dataclass
class Row:
    """What processes of one kind did; times in milliseconds, `fairness` slowest over fastest."""

    processes: int
    role: str
    per_second: float
    p50: float
    p99: float
    longest: float
    fairness: float


def measure(number: int, seconds: float, durability: str) -> list[Row]:
    """Let so many senders and receivers work on a new file at once."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.db"
        with Store.open(path, create=True, durability=durability) as store:
            store.create_queue("q")
        roles = ["send", "receive"] * number
        workers = [start(path, role, seconds) for role in roles]
        for worker in workers:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "ready\n"
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.write("go\n")
            worker.stdin.flush()
        took = [finish(worker) for worker in workers]
    return [
        row(number, role, seconds, [t for r, t in zip(roles, took, strict=True) if r == role])
        for role in ("send", "receive")
    ]


def start(path: Path, role: str, seconds: float) -> subprocess.Popen[str]:
    """A process that waits for a line before it begins."""
    return subprocess.Popen(
        [sys.executable, "-c", WORK, str(path), role, str(seconds)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def finish(worker: subprocess.Popen[str]) -> list[float]:
    """How long each of its calls took, in seconds."""
    out, _ = worker.communicate()
    if worker.returncode:
        raise SystemExit(f"a process failed with {worker.returncode}")
    found: list[float] = json.loads(out)
    return found


def row(number: int, role: str, seconds: float, took: list[list[float]]) -> Row:
    """One line of the table."""
    every = [call * 1000 for calls in took for call in calls]
    cuts = quantiles(every, n=100)
    counts = [len(calls) for calls in took]
    return Row(
        number,
        role,
        round(len(every) / seconds),
        round(cuts[49], 3),
        round(cuts[98], 3),
        round(max(every), 1),
        round(min(counts) / max(counts), 2),
    )


def main() -> None:
    """Measure each number of processes and print a line for each kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print rows as JSON")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--durability", choices=["normal", "full"], default="normal")
    parser.add_argument("number", type=int, nargs="*", default=NUMBERS)
    given = parser.parse_args()
    rows: list[Row] = []
    if not given.json:
        heads = ("calls/s", "p50 ms", "p99 ms", "max ms", "fairness")
        print(f"{'each':>5}  {'':8}" + "".join(f"{head:>10}" for head in heads))
    for number in given.number:
        found = measure(number, given.seconds, given.durability)
        rows += found
        for one in found if not given.json else ():
            times = f"{one.p50:>10.2f}{one.p99:>10.2f}{one.longest:>10.1f}"
            begin = f"{one.processes:>5}  {one.role:8}{one.per_second:>10,}"
            print(f"{begin}{times}{one.fairness:>10.2f}", flush=True)
    if given.json:
        print(json.dumps([asdict(one) for one in rows]))


if __name__ == "__main__":
    main()
