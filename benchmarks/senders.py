"""Many senders in one process: threads, and tasks of asyncio, beside one thread of a bare table.

    python benchmarks/senders.py [--messages N] [--rounds N] [--durability full] [SENDERS …]

Each sends messages of 100 bytes one by one, and each send returns after its own commit. By default
1 and 64 senders, 300 messages each, and 5 rounds in which all take turns; medians. `ratio` is to
one thread of a bare table in the same durability. With 64 senders or more a ratio below 5 in `full`
is a fault, and the exit status says so.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import harness

from store import Store
from store.aio import AsyncStore

VALUE = b"x" * 100
LEAST_RATIO, FROM_SENDERS = 5.0, 64
Rates = dict[tuple[str, int], list[tuple[float, float]]]


@dataclass(frozen=True)
class Row:
    """Sends a second, microseconds of CPU each, and the rate as a multiple of the bare table's."""

    sender: str
    senders: int
    per_second: float
    cpu: float
    ratio: float
    durability: str

    @property
    def is_fault(self) -> bool:
        """Whether many senders gain too little by sharing commits."""
        counts = self.durability == "full" and self.senders >= FROM_SENDERS
        return counts and self.ratio < LEAST_RATIO


def bare(path: Path, durability: str, messages: int) -> float:
    """Insert into a bare table, a transaction each; return how many a second."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("pragma journal_mode = wal")
        connection.execute(f"pragma synchronous = {durability}")
        connection.execute("create table bare (id integer primary key, value blob)")
        began = perf_counter()
        for _ in range(messages):
            connection.execute("insert into bare (value) values (?)", (VALUE,))
        return messages / (perf_counter() - began)


def threads(path: Path, durability: str, senders: int, messages: int) -> tuple[float, float]:
    """Send by threads; return how many a second, and the CPU of each in microseconds."""
    with Store.open(path, create=True, durability=durability) as store:
        store.create_queue("q")
        begin = threading.Barrier(senders + 1)

        def send() -> None:
            # Each thread has connections of its own, which open with its first call.
            store.send("q", VALUE)
            begin.wait()
            for _ in range(messages):
                store.send("q", VALUE)

        workers = [threading.Thread(target=send) for _ in range(senders)]
        for worker in workers:
            worker.start()
        with timed(senders * messages) as taken:
            begin.wait()
            for worker in workers:
                worker.join()
        return taken()


def tasks(path: Path, durability: str, senders: int, messages: int) -> tuple[float, float]:
    """Send by tasks of asyncio; return how many a second, and the CPU of each in microseconds."""

    async def main() -> tuple[float, float]:
        async with AsyncStore.open(path, create=True, durability=durability) as store:
            await store.create_queue("q")

            async def send() -> None:
                for _ in range(messages):
                    await store.send("q", VALUE)

            await store.send("q", VALUE)
            with timed(senders * messages) as taken:
                await asyncio.gather(*(send() for _ in range(senders)))
            return taken()

    return asyncio.run(main())


class timed:
    """A block that is timed: calling what it gives returns rate and CPU."""

    def __init__(self, sends: int) -> None:
        self.sends = sends

    def __enter__(self) -> Callable[[], tuple[float, float]]:
        self.began, self.cpu = perf_counter(), process_time()
        return lambda: self.taken

    def __exit__(self, *_: object) -> None:
        cpu = (process_time() - self.cpu) * 1e6 / self.sends
        self.taken = self.sends / (perf_counter() - self.began), cpu


def measure(numbers: list[int], messages: int, rounds: int, durability: str) -> Iterator[Row]:
    """Let all take turns, and return a row for each kind and number of senders."""
    limits: list[float] = []
    rates: Rates = {}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            limits.append(bare(Path(folder) / "bare.db", durability, messages * 5))
            for number in numbers:
                for kind, send in (("threads", threads), ("tasks", tasks)):
                    path = Path(folder) / f"{kind}{number}.db"
                    rates.setdefault((kind, number), []).append(
                        send(path, durability, number, messages)
                    )
    limit = median(limits)
    yield Row("bare table", 1, round(limit), 0.0, 1.0, durability)
    for (kind, number), measured in rates.items():
        rate = median(rate for rate, _ in measured)
        cpu = median(cpu for _, cpu in measured)
        yield Row(kind, number, round(rate), round(cpu, 1), round(rate / limit, 2), durability)


def main() -> int:
    """Measure each number of senders; return 1 when many gain too little."""
    parser = harness.options(__doc__)
    parser.add_argument("--messages", type=int, default=300, help="messages of each sender (300)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of which the median counts")
    parser.add_argument("--durability", choices=["normal", "full"], default="full")
    parser.add_argument("senders", type=int, nargs="*", default=[1, 64])
    given = parser.parse_args()
    where = harness.machine()
    rows = list(measure(given.senders, given.messages, given.rounds, given.durability))
    heads = ("sender", "senders", "a second", "CPU µs", "ratio")
    lines = [(r.sender, r.senders, r.per_second, r.cpu, r.ratio) for r in rows]
    harness.publish(given, harness.columns(heads, lines), {"machine": where, "rows": rows})
    return int(any(row.is_fault for row in rows))


if __name__ == "__main__":
    sys.exit(main())
