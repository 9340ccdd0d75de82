"""Many processes at one file: throughput, latency, fairness, and errors of a busy file.

    python benchmarks/processes.py [--seconds S] [--durability full] [N …]

For each number N it starts N processes that send to one queue and N that receive and acknowledge,
all one message a call: calls a second together, as a share of those of one of each, milliseconds a
call, the slowest process's share of the fastest's, and how often a call found the file busy. Each
number takes S + 2 seconds, by default 7; all of them 35. Up to 8 of each a fairness below 0.6, a
call of more than 100 ms, or less than 0.8 of the calls of one of each is a fault, at any number a
busy error is, and the exit status says so.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import quantiles

import harness

from store import Store

NUMBERS = [1, 2, 4, 8, 16]
LEAST_FAIRNESS, LEAST_SHARE, LONGEST, UP_TO = 0.6, 0.8, 100.0, 8

WORK = """
import json, sys
from time import perf_counter
from store import Busy, Store
path, role, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
value, took, busy = b"x" * 100, [], 0
with Store.open(path) as store:
    store.queue("q")
    print("ready", flush=True)
    sys.stdin.readline()
    end = perf_counter() + seconds
    while (began := perf_counter()) < end:
        try:
            if role == "send":
                store.send("q", value)
            else:
                for message in store.receive("q", wait=0.1):
                    store.ack([message.receipt])
        except Busy:
            busy += 1
        took.append(perf_counter() - began)
print(json.dumps([busy, took]))
"""


@dataclass(frozen=True)
class Row:
    """What processes of one kind did; times in milliseconds, `fairness` slowest over fastest.

    `share` is their calls a second over those of one process of the kind.
    """

    processes: int
    role: str
    per_second: float
    p50: float
    p99: float
    longest: float
    fairness: float
    busy: int
    share: float | None = None

    @property
    def is_fault(self) -> bool:
        """Return whether processes starved, waited or hindered each other, or were refused."""
        is_fair = self.fairness >= LEAST_FAIRNESS and self.longest <= LONGEST
        is_fast = self.share is None or self.share >= LEAST_SHARE
        return self.busy > 0 or (self.processes <= UP_TO and not (is_fair and is_fast))


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
        done = list(zip(roles, map(finish, workers), strict=True))
    return [
        row(number, role, seconds, [did for other, did in done if other == role])
        for role in ("send", "receive")
    ]


def start(path: Path, role: str, seconds: float) -> subprocess.Popen[str]:
    """A process that waits for a line before it begins."""
    return subprocess.Popen(
        [sys.executable, "-c", WORK, str(path), role, str(seconds)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def finish(worker: subprocess.Popen[str]) -> tuple[int, list[float]]:
    """How often it found the file busy, and how long each of its calls took, in seconds."""
    out, _ = worker.communicate()
    if worker.returncode:
        raise SystemExit(f"a process failed with {worker.returncode}")
    busy, took = json.loads(out)
    return busy, took


def row(number: int, role: str, seconds: float, done: list[tuple[int, list[float]]]) -> Row:
    """One line of the table."""
    every = [call * 1000 for _, took in done for call in took]
    cuts = quantiles(every, n=100)
    counts = [len(took) for _, took in done]
    return Row(
        processes=number,
        role=role,
        per_second=round(len(every) / seconds),
        p50=round(cuts[49], 3),
        p99=round(cuts[98], 3),
        longest=round(max(every), 1),
        fairness=round(min(counts) / max(counts), 2),
        busy=sum(busy for busy, _ in done),
    )


def compared(rows: Sequence[Row]) -> list[Row]:
    """The rows with their shares of what one process of the kind does."""
    alone = {row.role: row.per_second for row in rows if row.processes == 1}
    return [
        replace(row, share=round(row.per_second / alone[row.role], 2)) if row.role in alone else row
        for row in rows
    ]


def main() -> int:
    """Measure each number of processes; return 1 when one starved or was refused."""
    parser = harness.options(__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="how long each number works (5)")
    parser.add_argument("--durability", choices=["normal", "full"], default="normal")
    parser.add_argument("number", type=int, nargs="*", default=NUMBERS)
    given = parser.parse_args()
    where = harness.machine()
    rows = compared(
        [row for number in given.number for row in measure(number, given.seconds, given.durability)]
    )
    heads = (
        "role",
        "each",
        "calls/s",
        "of one",
        "p50 ms",
        "p99 ms",
        "max ms",
        "fairness",
        "busy errors",
    )
    lines = [
        (r.role, r.processes, r.per_second, r.share, r.p50, r.p99, r.longest, r.fairness, r.busy)
        for r in rows
    ]
    document = {"machine": where, "durability": given.durability, "rows": rows}
    harness.publish(given, harness.columns(heads, lines), document)
    return int(any(row.is_fault for row in rows))


if __name__ == "__main__":
    sys.exit(main())
