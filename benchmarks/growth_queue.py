"""Whether send, receive and ack take longer when a queue grows.

Run it as `python benchmarks/growth_queue.py [--json] [--trials N] [SIZE …]`. For each kind of
backlog it fills a queue for every size, works on them in turn, so that all see the same machine,
and prints medians in microseconds and the ratio to the smallest. A ratio over 1.5 is a fault.
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

from store import Message, NewMessage, Store  # noqa: E402

SIZES = [1_000, 100_000, 1_000_000]
BLOCKED = 500_000
BATCH = 10_000
LONG = 10_000_000
VALUE = b"x" * 100
GROUPED = {"FIFO groups", "FIFO blocked", "fair", "one tenant"}
CALLS = ("send", "receive", "ack", "show")


@dataclass
class Row:
    """The medians of one queue, in microseconds; `ratio` is the worst against the smallest."""

    backlog: str
    size: int
    send: float
    receive: float
    ack: float
    show: float
    ratio: float = 1.0


def fill(store: Store, count: int, message: Callable[[int], NewMessage]) -> None:
    """Send many messages in batches."""
    for first in range(0, count, BATCH):
        numbers = range(first, min(first + BATCH, count))
        store.send_many("q", [message(number) for number in numbers])


def ready(store: Store, count: int) -> None:
    """A backlog that nobody has looked at."""
    store.create_queue("q")
    fill(store, count, lambda n: NewMessage(VALUE))


def leased(store: Store, count: int) -> None:
    """All of it in flight."""
    ready(store, count)
    while store.receive("q", BATCH, lease=LONG):
        pass


def delayed(store: Store, count: int) -> None:
    """All of it waits for its time."""
    store.create_queue("q")
    fill(store, count, lambda n: NewMessage(VALUE, delay=LONG))


def levels(store: Store, count: int) -> None:
    """Spread over ten priorities."""
    store.create_queue("q", priorities=10)
    fill(store, count, lambda n: NewMessage(VALUE, priority=n % 10))


def groups(store: Store, count: int) -> None:
    """A FIFO queue with a group for every ten messages, up to 100,000."""
    store.create_queue("q", fifo=True)
    several = min(100_000, max(1, count // 10))
    fill(store, count, lambda n: NewMessage(VALUE, message_group=f"g{n % several}"))


def blocked(store: Store, count: int) -> None:
    """A FIFO queue with one long group whose first message is in flight."""
    store.create_queue("q", fifo=True)
    fill(store, count, lambda n: NewMessage(VALUE, message_group="long"))
    store.receive("q", lease=LONG)


def expiring(store: Store, count: int) -> None:
    """Every message has a time to live of its own."""
    store.create_queue("q")
    fill(store, count, lambda n: NewMessage(VALUE, ttl=LONG + n % 1000))


def limited(store: Store, count: int) -> None:
    """At its length limit: every send drops the oldest."""
    store.create_queue("q", max_length=count, max_bytes=1000 * count)
    fill(store, count, lambda n: NewMessage(VALUE))


def fair(store: Store, count: int) -> None:
    """A fair queue with a tenant for every ten messages, up to 100,000."""
    store.create_queue("q", fair=True)
    tenants = min(100_000, max(1, count // 10))
    fill(store, count, lambda n: NewMessage(VALUE, message_group=f"g{n % tenants}"))


def one_tenant(store: Store, count: int) -> None:
    """A fair queue that one tenant has filled, with a thousand of its messages in flight."""
    store.create_queue("q", fair=True)
    fill(store, count, lambda n: NewMessage(VALUE, message_group="noisy"))
    store.receive("q", min(1000, count // 2), lease=LONG)


BACKLOGS = {
    "ready": ready,
    "leased": leased,
    "delayed": delayed,
    "10 levels": levels,
    "FIFO groups": groups,
    "FIFO blocked": blocked,
    "expiring": expiring,
    "limited": limited,
    "fair": fair,
    "one tenant": one_tenant,
}


def measure(backlog: str, sizes: list[int], trials: int) -> list[Row]:
    """Fill a queue for every size, then work on them in turn."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stores = {}
        for size in sizes:
            store = Store.open(folder / f"{size}.db", create=True, durability="normal")
            stores[size] = stack.enter_context(store)
            BACKLOGS[backlog](store, size)
            store.vacuum()
        times: dict[int, list[list[float]]] = {size: [] for size in sizes}
        for trial in range(trials):
            for size in sizes:
                times[size].append(_trial(stores[size], backlog, trial))
    return _rows(backlog, times)


def _trial(store: Store, backlog: str, trial: int) -> list[float]:
    message = NewMessage(VALUE, message_group=f"own{trial}" if backlog in GROUPED else None)
    taken: list[Message] = []
    calls: list[Callable[[], object]] = [
        lambda: store.send_many("q", [message]),
        lambda: taken.extend(store.receive("q")),
        lambda: store.ack([one.receipt or "" for one in taken]),
        lambda: store.queue("q"),
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
            ratio=max(a / b for a, b in zip(found[:3], least[:3], strict=True)),
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
        print(f"{'backlog':14}{'messages':>10}" + "".join(f"{c:>10}" for c in (*CALLS, "ratio")))
    found: list[Row] = []
    for backlog in given.backlog or BACKLOGS:
        sizes = [min(size, BLOCKED) for size in given.size] if backlog == "FIFO blocked" else None
        rows = measure(backlog, sorted(set(sizes or given.size)), given.trials)
        found += rows
        if not given.json:
            print_rows(rows)
    if given.json:
        print(json.dumps([asdict(row) for row in found]))


def print_rows(rows: list[Row]) -> None:
    """Print a line for every queue: microseconds, and the worst of send, receive and ack."""
    for row in rows:
        numbers = "".join(f"{getattr(row, call):>10.0f}" for call in CALLS)
        print(f"{row.backlog:14}{row.size:>10}{numbers}{row.ratio:>10.2f}", flush=True)


if __name__ == "__main__":
    main()
