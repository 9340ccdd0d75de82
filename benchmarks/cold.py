"""Reading the tail of a log beside reading a backlog that is no longer in memory.

    python benchmarks/cold.py [--records N] [--rounds N]

Both read a tenth of the log in calls of 1,000 records: the newest, which were just written or read,
and older ones, after the file was dropped from the page cache (posix_fadvise; what came from the
disk is told, so that one sees whether the system did so). They take turns; rates are medians.
Filling takes 5 seconds per million records; the default of 2,000,000 half a minute in all.
"""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

import harness

from store import NewRecord, Store

BATCH = 10_000
FETCHED = 1_000
VALUE = b"x" * 100


@dataclass(frozen=True)
class Row:
    """Records a second over the rounds, and the bytes that came from the disk in each."""

    place: str
    records: int
    per_second: float
    least: float
    most: float
    from_disk: int


def fill(path: Path, records: int) -> None:
    """A topic of one partition."""
    with Store.open(path, create=True, durability="normal") as store:
        store.create_topic("t", retention=None)
        for _ in range(0, records, BATCH):
            store.produce_many("t", [NewRecord(VALUE)] * BATCH)
        store.vacuum()


def drop(path: Path) -> None:
    """Ask the system to forget the file; this process must not have it open."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(file)


def read(path: Path, first: int, number: int) -> tuple[float, int]:
    """Records a second from an offset on, and the bytes that came from the disk."""
    with Store.open(path) as store:
        before, began = _bytes_from_disk(), perf_counter()
        for offset in range(first, first + number, FETCHED):
            assert len(store.read("t", 0, offset, FETCHED)) == FETCHED
        return number / (perf_counter() - began), _bytes_from_disk() - before


def _bytes_from_disk() -> int:
    """What this process made the disk read; 0 where the system does not tell."""
    try:
        lines = Path("/proc/self/io").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    return next(int(line.split()[1]) for line in lines if line.startswith("read_bytes:"))


def measure(path: Path, records: int, rounds: int) -> list[Row]:
    """Let both take turns; each round drops the file and reads older, unread records."""
    part = records // 10 // FETCHED * FETCHED
    found: dict[str, list[tuple[float, int]]] = {"tail": [], "cold backlog": []}
    for number in range(rounds):
        # Once to bring it back into memory, as its producer would have left it.
        read(path, records - part, part)
        found["tail"].append(read(path, records - part, part))
        drop(path)
        found["cold backlog"].append(read(path, number % 9 * part, part))
    return [
        Row(place, part, median(rates), min(rates), max(rates), round(median(disk)))
        for place, (rates, disk) in ((p, tuple(zip(*f, strict=True))) for p, f in found.items())
    ]


def main() -> int:
    """Fill, measure, tell."""
    parser = harness.options(__doc__)
    parser.add_argument("--records", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=9)
    given = parser.parse_args()
    where, records = harness.machine(), max(BATCH, given.records // BATCH * BATCH)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.db"
        fill(path, records)
        rows = measure(path, records, given.rounds)
    ratio = round(rows[0].per_second / rows[1].per_second, 2)
    heads = ("", "records/s", "least", "most", "MB from disk")
    table = harness.columns(
        heads, [(r.place, r.per_second, r.least, r.most, r.from_disk / 1e6) for r in rows]
    )
    told = f"\n\nThe tail is read {ratio} times as fast as a cold backlog."
    document = {"machine": where, "records": records, "ratio": ratio, "rows": rows}
    harness.publish(given, table + told, document)
    return 0


if __name__ == "__main__":
    sys.exit(main())
