"""How soon after a commit another process that waits has it, and what the waiting costs.

    python benchmarks/wakeup.py [--trials N] [--idle S]

Three wait: a Python program that follows a topic, one that receives from a queue, and `mq consume
--follow`. The store's durability is normal: with `full` a receive takes a sync of the disk more, as
any commit does. Milliseconds from the commit until each has the record, and, while nothing is sent,
its share of a core. By default 200 trials and 10 seconds of idling, half a minute for each. A
median over 0.5 ms, or more than 0.05 % of a core, is a fault, and the exit status says so.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from threading import Event
from time import monotonic

import harness

from store import Store

MOST_MILLISECONDS, MOST_IDLE = 0.5, 0.0005
WARMING = 5

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
RECEIVE = """
import sys
from time import monotonic
from store import Store
with Store.open(sys.argv[1]) as store:
    for _ in range(int(sys.argv[2])):
        (message,) = store.receive("q", wait=60)
        print(monotonic(), flush=True)
        store.ack([message.receipt])
"""


@dataclass(frozen=True)
class Row:
    """Milliseconds until the one that waits has it, and its share of a core while idle."""

    waits: str
    p50: float
    p95: float
    longest: float
    idle: float

    @property
    def is_fault(self) -> bool:
        """Whether it wakes too late, or costs too much."""
        return self.p50 > MOST_MILLISECONDS or self.idle > MOST_IDLE


def measure(name: str, command: Sequence[object], path: Path, trials: int, idle: float) -> Row:
    """Let a process wait on a new store, leave it alone, then send it one thing at a time.

    The first trials are its start and do not count. A Python program says when it had the
    record; of the command the arrival of its line counts.
    """
    with Store.open(path, create=True, durability="normal") as store:
        store.create_topic("t")
        store.create_queue("q")
        with subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE) as waiting:
            took = [_trial(store, name, waiting) for _ in range(WARMING)]
            share = _idle_share(waiting.pid, idle)
            took = [_trial(store, name, waiting) for _ in range(trials)]
    return Row(
        name,
        round(median(took), 2),
        round(quantiles(took, n=20)[-1], 2),
        round(max(took), 2),
        round(share, 6),
    )


def _trial(store: Store, name: str, waiting: subprocess.Popen[bytes]) -> float:
    assert waiting.stdout is not None
    # A pause of its own length, so that each finds the other in another state of waiting.
    Event().wait(random.random() * 0.1)
    if name == "receive":
        store.send("q", "x")
    else:
        store.produce("t", "x")
    began = monotonic()
    line = waiting.stdout.readline()
    ended = monotonic() if name == "mq consume --follow" else float(line)
    return max(0.0, ended - began) * 1000


def _idle_share(pid: int, seconds: float) -> float:
    before, began = _nanoseconds(pid), monotonic()
    Event().wait(seconds)
    return (_nanoseconds(pid) - before) / 1e9 / (monotonic() - began)


def _nanoseconds(pid: int) -> int:
    """The CPU time that a process of one thread has taken so far; Linux has it."""
    return int(Path(f"/proc/{pid}/schedstat").read_text(encoding="utf-8").split()[0])


def main() -> int:
    """Measure the three; 1 when one wakes too late or costs too much."""
    parser = harness.options(__doc__)
    parser.add_argument("--trials", type=int, default=200, help="records to wake up for (200)")
    parser.add_argument("--idle", type=float, default=10.0, help="seconds of waiting for none (10)")
    given = parser.parse_args()
    where, number = harness.machine(), WARMING + given.trials
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{name}.db" for name in ("follow", "receive", "command")]
        commands = {
            "follow": [sys.executable, "-c", FOLLOW, paths[0], number],
            "receive": [sys.executable, "-c", RECEIVE, paths[1], number],
            "mq consume --follow": [
                sys.executable, "-m", "mq", "-s", paths[2],
                "consume", "t", "--follow", "-n", number,
            ],
        }  # fmt: skip
        rows = [
            measure(name, command, path, given.trials, given.idle)
            for path, (name, command) in zip(paths, commands.items(), strict=True)
        ]
    lines = [(r.waits, r.p50, r.p95, r.longest, f"{r.idle:.3%}") for r in rows]
    heads = ("", "p50 ms", "p95 ms", "max ms", "of a core while idle")
    harness.publish(given, harness.columns(heads, lines), {"machine": where, "rows": rows})
    return int(any(row.is_fault for row in rows))


if __name__ == "__main__":
    sys.exit(main())
