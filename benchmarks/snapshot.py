"""What a snapshot for the dashboard costs in a large store, and whether the backlog matters.

Run it as `python benchmarks/snapshot.py [--json] [--trials N] [BACKLOG …]`. For each backlog (in
records per stalled partition) it makes a store of 1,000 partitions with 50 stalls, 200 queues,
10,000 leases and 100,000 FIFO message groups, and prints the median and the longest snapshot in
milliseconds. A median over 100 ms is a fault.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from store import NewMessage, NewRecord, Store  # noqa: E402
from store.clock import ManualClock  # noqa: E402

BACKLOGS = [100, 10_000]
TOPICS = 10
PARTITIONS = 100
STALLS = 50
QUEUES = 200
LEASES = 10_000
FIFO_GROUPS = 100_000
FIFO_LEASES = 2_000
EACH = (LEASES - FIFO_LEASES) // (QUEUES - 1)
BATCH = 5_000
MOST_MILLISECONDS = 100.0
VALUE = b"x" * 100


@dataclass
class Row:
    """One store: its stalls, and what a snapshot of it takes in milliseconds."""

    backlog: int
    partitions: int
    queues: int
    leases: int
    fifo_groups: int
    stalls: int
    median: float
    longest: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("backlogs", type=int, nargs="*", default=BACKLOGS, metavar="BACKLOG")
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--json", action="store_true", help="print rows as JSON")
    arguments = parser.parse_args()
    rows = [_measure(backlog, arguments.trials) for backlog in arguments.backlogs]
    if arguments.json:
        print(json.dumps([asdict(row) for row in rows]))
    else:
        for row in rows:
            print(
                f"{row.backlog:>8,} records behind each stall: {row.stalls} stalls,"
                f" median {row.median:.1f} ms, longest {row.longest:.1f} ms"
            )
    return int(any(row.median > MOST_MILLISECONDS for row in rows))


def _measure(backlog: int, trials: int) -> Row:
    clock = ManualClock()
    with (
        tempfile.TemporaryDirectory() as folder,
        Store.open(
            Path(folder, "store.db"), create=True, durability="normal", clock=clock
        ) as store,
    ):
        _fill_topics(store, backlog)
        _fill_queues(store)
        _stall(store, clock)
        times = []
        for _ in range(trials):
            began = perf_counter()
            taken = store.snapshot()
            times.append((perf_counter() - began) * 1000)
        return Row(
            backlog, TOPICS * PARTITIONS, QUEUES, LEASES, FIFO_GROUPS, taken.stall_count,
            median(times), max(times),
        )  # fmt: skip


def _fill_topics(store: Store, backlog: int) -> None:
    """Ten topics, and in the first partitions of each a record per key that nobody gets past."""
    for number in range(TOPICS):
        name = f"topic{number}"
        store.create_topic(name, partitions=PARTITIONS)
        for partition in range(STALLS // TOPICS):
            for first in range(0, backlog, BATCH):
                store.produce_many(
                    name,
                    [
                        NewRecord(VALUE, key=f"k{n % 97}", partition=partition)
                        for n in range(first, min(first + BATCH, backlog))
                    ],
                )


def _fill_queues(store: Store) -> None:
    for number in range(QUEUES - 1):
        store.create_queue(f"queue{number:03}", lease=3600)
        store.send_many(f"queue{number:03}", [NewMessage(VALUE)] * (EACH + 10))
    store.create_queue("fifo", fifo=True, lease=3600)
    for first in range(0, FIFO_GROUPS, BATCH):
        store.send_many(
            "fifo",
            [
                NewMessage(VALUE, message_group=f"g{n}")
                for n in range(first, first + BATCH)
                for _ in range(2)
            ],
        )


def _stall(store: Store, clock: ManualClock) -> None:
    """Time passes, with writers at work; then all members hold what they do not get past."""
    for _ in range(60):
        for number in range(TOPICS):
            store.produce_many(
                f"topic{number}",
                [NewRecord(VALUE, partition=n) for n in range(STALLS // TOPICS, PARTITIONS)],
            )
        clock.advance(10)
    consumer = store.consumer(
        "billing", [f"topic{n}" for n in range(TOPICS)], session_timeout=1e6, max_poll_interval=1e6
    )
    consumer.poll(1, timeout=0)
    clock.advance(60)
    ends = {
        (topic.name, partition.partition): partition.end
        for topic in store.topics()
        for partition in topic.partitions
        if partition.partition >= STALLS // TOPICS
    }
    consumer.commit(ends)
    for number in range(QUEUES - 1):
        store.receive(f"queue{number:03}", EACH, holder="worker")
    store.receive("fifo", FIFO_LEASES, holder="worker")


if __name__ == "__main__":
    sys.exit(main())
