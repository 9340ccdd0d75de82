"""What it costs to look whether those who hold messages are still there.

    python benchmarks/holders.py [--trials N] [HOLDERS …]

As many holders as given have so many messages each in one queue. Each call is the median of its
trials, in microseconds of CPU: that of a view, of the first receive of a process, which looks too,
and of the next ones, which look once a second. Takes half a minute.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from time import process_time

import harness

from store import Store

HOLDERS = [1, 10, 100, 1_000]
LEASES = [1, 10]
LEFT = 1_000


@dataclass(frozen=True)
class Row:
    """Microseconds of CPU that each call takes beside so many holders of so many messages."""

    holders: int
    leases: int
    queue_show: int
    stalls: int
    first_receive: int
    next_receive: int
    idle_receive: int


def measure(path: Path, holders: int, leases: int, trials: int) -> Row:
    """Let them take messages, and time the calls in a process of its own connection."""
    with Store.open(path, create=True, durability="normal") as store:
        store.create_queue("q", lease=3600)
        store.send_many("q", [b"x"] * (holders * leases + LEFT))
        for number in range(holders):
            store.receive("q", leases, holder=f"worker-{number}", attached=True)
    firsts = []
    for _ in range(trials):
        with Store.open(path) as store:
            store.queues()
            firsts.append(_cpu(partial(store.receive, "q")))
    with Store.open(path) as store:
        show = median(_cpu(lambda: store.queue("q")) for _ in range(trials))
        stalls = median(_cpu(store.stalls) for _ in range(trials))
        store.receive("q")
        following = median(_cpu(lambda: store.receive("q")) for _ in range(trials))
        store.receive("q", LEFT)
        idle = median(_cpu(lambda: store.receive("q")) for _ in range(trials))
    times = (round(each) for each in (show, stalls, median(firsts), following, idle))
    return Row(holders, leases, *times)


def _cpu(call: Callable[[], object]) -> float:
    began = process_time()
    call()
    return (process_time() - began) * 1e6


def main() -> int:
    """Measure each number of holders with each number of messages."""
    parser = harness.options(__doc__)
    parser.add_argument("--trials", type=int, default=21)
    parser.add_argument("holders", type=int, nargs="*", default=HOLDERS)
    given = parser.parse_args()
    rows = []
    for holders in given.holders:
        for leases in LEASES:
            with tempfile.TemporaryDirectory() as folder:
                rows.append(measure(Path(folder) / "s.db", holders, leases, given.trials))
    heads = ["holders", "each holds", "queue show", "stalls", "first receive", "next", "idle"]
    lines = [_figures(row) for row in rows]
    table = harness.columns(heads, lines)
    harness.publish(given, table, {"machine": harness.machine(), "rows": rows})
    return 0


def _figures(row: Row) -> list[int]:
    """The figures of a row, in order."""
    return [getattr(row, name) for name in row.__dataclass_fields__]


if __name__ == "__main__":
    sys.exit(main())
