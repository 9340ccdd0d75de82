"""What append, fetch, commit and lag cost in a large log, against what they cost in a small one.

    python benchmarks/growth_log.py [--records 1000000] [--partitions 1000] [--json]

Two pairs of stores are compared: 10,000 records against many in one partition, and one partition
against many. Both of a pair are measured in turns, so that what else the machine does hits both.
Times are medians in microseconds; the goal is a ratio of at most 1.5.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from store import Consumer, NewRecord, Store  # noqa: E402

SMALL = 10_000
GOAL = 1.5
BATCH = 10_000
ROUNDS = 400
VALUE = b"x" * 100

Operation = Callable[[], object]


def main() -> None:
    options = arguments()
    rows = []
    with tempfile.TemporaryDirectory(dir=options.folder) as folder, ExitStack() as opened:
        shapes = {
            "records": [(SMALL, 1), (options.records, 1)],
            "partitions": [(SMALL, 1), (SMALL, options.partitions)],
        }
        for what, pair in shapes.items():
            subjects = [
                Subject(opened, Path(folder) / f"{what}{number}.db", *shape)
                for number, shape in enumerate(pair)
            ]
            sizes = [shape[what == "partitions"] for shape in pair]
            rows += compare(what, sizes, *subjects)
    show(rows, options.json)
    sys.exit(any(row["ratio"] > GOAL for row in rows) if options.strict else 0)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--partitions", type=int, default=1_000)
    parser.add_argument("--folder", help="where the stores are made; the temporary folder if none")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--strict", action="store_true", help=f"exit 1 above a ratio of {GOAL}")
    return parser.parse_args()


class Subject:
    """A store of a given size, and the operations on it."""

    def __init__(self, opened: ExitStack, path: Path, records: int, partitions: int) -> None:
        self.store = opened.enter_context(Store.open(path, create=True, durability="normal"))
        self.partitions = partitions
        self.random = random.Random(1)
        self.store.create_topic("logs", partitions=partitions, retention=None)
        self._fill(records)
        self.consumer: Consumer = opened.enter_context(self.store.consumer("audit", ["logs"]))
        self.each = records // partitions
        self.committed = 0
        self.positions: dict[int, int] = {}

    def _fill(self, records: int) -> None:
        for first in range(0, records, BATCH):
            numbers = range(first, min(first + BATCH, records))
            self.store.produce_many(
                "logs", [NewRecord(VALUE, partition=n % self.partitions) for n in numbers]
            )

    def operations(self) -> dict[str, Operation]:
        return {
            "append": self.append,
            "append 100": self.append_batch,
            "fetch on": self.fetch_on,
            "fetch 10": self.fetch_anywhere,
            "commit": self.commit,
            "lag": self.lag,
        }

    def append(self) -> object:
        return self.store.produce("logs", VALUE, partition=self._any())

    def append_batch(self) -> object:
        partition = self._any()
        return self.store.produce_many("logs", [NewRecord(VALUE, partition=partition)] * 100)

    def fetch_on(self) -> object:
        """Go on reading where the last call ended, as a reader does."""
        partition = self._any()
        offset = self.positions.get(partition, self.each // 2) % max(1, self.each - 10)
        self.positions[partition] = offset + 10
        return self.store.read("logs", partition, offset, 10)

    def fetch_anywhere(self) -> object:
        offset = self.random.randrange(max(1, self.each - 10))
        return self.store.read("logs", self._any(), offset, 10)

    def commit(self) -> object:
        self.committed += 1
        partition = self.committed % self.partitions
        offset = min(self.each, self.committed // self.partitions + 1)
        return self.consumer.commit({("logs", partition): offset})

    def lag(self) -> object:
        return self.store.lag("audit")

    def _any(self) -> int:
        return self.random.randrange(self.partitions)


def compare(
    what: str, sizes: list[int], small: Subject, large: Subject
) -> Iterator[dict[str, Any]]:
    for name, one in small.operations().items():
        other = large.operations()[name]
        # A lag has a row per partition: what counts is the cost of a row.
        share = large.partitions if name == "lag" else 1
        least, most = measure(one, other, 40 if share > 1 else ROUNDS)
        most /= share
        yield {
            "growing": what, "from": sizes[0], "to": sizes[1], "operation": name,
            "small_us": round(least, 1), "large_us": round(most, 1),
            "ratio": round(most / least, 2),
        }  # fmt: skip


def measure(one: Operation, other: Operation, rounds: int) -> tuple[float, float]:
    """The medians of both in microseconds, measured in turns."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for spent, operation in zip(times, (one, other), strict=True):
            begun = perf_counter()
            operation()
            spent.append((perf_counter() - begun) * 1e6)
    return statistics.median(times[0]), statistics.median(times[1])


def show(rows: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    print(f"{'growing':<12}{'from':>8}{'to':>11}  {'operation':<12}{'small':>9}{'large':>9}  ratio")
    for row in rows:
        print(
            f"{row['growing']:<12}{row['from']:>8}{row['to']:>11}  {row['operation']:<12}"
            f"{row['small_us']:>9}{row['large_us']:>9}  {row['ratio']}"
        )


if __name__ == "__main__":
    main()
