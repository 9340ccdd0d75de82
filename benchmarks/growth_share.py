"""Whether acquire, ack and show take longer when a share is further behind.

Run it as `python benchmarks/growth_share.py [--json] [--trials N] [SIZE …]`. It makes a topic for
every size, works on their shares in turn, so that all see the same machine, and prints medians in
microseconds and the ratio to the smallest. A ratio over 1.5 is a fault.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from store import NewRecord, SharedRecord, Store  # noqa: E402

SIZES = [1_000, 100_000, 1_000_000]
BATCH = 10_000
LONG = 10_000_000
VALUE = b"x" * 100
CALLS = ("acquire", "ack", "show")


@dataclass
class Row:
    """The medians of one share, in microseconds; `ratio` is the worst against the smallest."""

    backlog: str
    size: int
    acquire: float
    ack: float
    show: float
    ratio: float = 1.0


def behind(store: Store, count: int) -> None:
    """Records that were never handed out."""
    store.create_topic("t", retention=None)
    store.create_share("s", "t", max_in_flight=2 * SIZES[-1])
    for first in range(0, count, BATCH):
        store.produce_many("t", [NewRecord(VALUE)] * min(BATCH, count - first))


def pinned(store: Store, count: int) -> None:
    """A window as wide as the backlog: its first record is held, all behind it but few finished."""
    behind(store, count)
    store.acquire("s", lease=LONG)
    left = count - 1_000
    while left > 0:
        records = store.acquire("s", min(BATCH, left), lease=LONG)
        store.ack([record.receipt for record in records])
        left -= len(records)


BACKLOGS = {"behind": behind, "pinned window": pinned}


def measure(backlog: str, sizes: list[int], trials: int) -> list[Row]:
    """Make a share for every size, then work on them in turn."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stores = {}
        for size in sizes:
            store = Store.open(folder / f"{size}.db", create=True, durability="normal")
            stores[size] = stack.enter_context(store)
            BACKLOGS[backlog](store, size)
        times: dict[int, list[list[float]]] = {size: [] for size in sizes}
        for _ in range(trials):
            for size in sizes:
                times[size].append(_trial(stores[size]))
    return _rows(backlog, times)


def _trial(store: Store) -> list[float]:
    taken: list[SharedRecord] = []
    calls: list[Callable[[], object]] = [
        lambda: taken.extend(store.acquire("s")),
        lambda: store.ack([record.receipt for record in taken]),
        lambda: store.share("s"),
    ]
    return [_timed(call) for call in calls]


def _timed(call: Callable[[], object]) -> float:
    began = perf_counter()
    call()
    return (perf_counter() - began) * 1e6


def _rows(backlog: str, times: dict[int, list[list[float]]]) -> list[Row]:
    medians = {
        size: [median(column) for column in zip(*trials, strict=True)]
        for size, trials in times.items()
    }
    least = medians[min(medians)]
    return [
        Row(
            backlog,
            size,
            **dict(zip(CALLS, found, strict=True)),
            ratio=max(a / b for a, b in zip(found, least, strict=True)),
        )
        for size, found in medians.items()
    ]


def main() -> None:
    """Measure every kind of backlog and print the table, or the rows as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print rows as JSON")
    parser.add_argument("--trials", type=int, default=500)
    parser.add_argument("--backlog", choices=BACKLOGS, action="append")
    parser.add_argument("size", type=int, nargs="*", default=SIZES)
    given = parser.parse_args()
    if not given.json:
        print(f"{'backlog':14}{'records':>10}" + "".join(f"{c:>10}" for c in (*CALLS, "ratio")))
    found: list[Row] = []
    for backlog in given.backlog or BACKLOGS:
        rows = measure(backlog, sorted(set(given.size)), given.trials)
        found += rows
        if not given.json:
            print_rows(rows)
    if given.json:
        print(json.dumps([asdict(row) for row in found]))


def print_rows(rows: list[Row]) -> None:
    """Print a line for every share: microseconds, and the worst of its calls."""
    for row in rows:
        numbers = "".join(f"{getattr(row, call):>10.0f}" for call in CALLS)
        print(f"{row.backlog:14}{row.size:>10}{numbers}{row.ratio:>10.2f}", flush=True)


if __name__ == "__main__":
    main()
