"""How much memory mq takes while a lot of data passes through its pipes.

    python benchmarks/memory.py [--size 10GB] [--line 4KiB]

It pipes so many bytes through `mq produce` into a topic, then reads them all with `mq consume`, and
tells the peak of each process. The store lies in a temporary folder and needs the room; 10 GB take
4 minutes. A peak over 100 MB is a fault, and the exit status says so.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import harness

from store.model.text import parse_size

MOST_MEGABYTES = 100.0


@dataclass(frozen=True)
class Row:
    """One command: what passed through, and the most memory it had at once."""

    command: str
    megabytes: float
    seconds: float
    megabytes_per_second: float
    peak_megabytes: float


def feed(process: subprocess.Popen[bytes], size: int, line: int) -> int:
    """Write lines of that length, a megabyte at once, up to so many bytes; how many that were."""
    assert process.stdin is not None
    block = (b"x" * (line - 1) + b"\n") * max(1, (1 << 20) // line)
    for _ in range(size // len(block)):
        process.stdin.write(block)
    process.stdin.close()
    return size // len(block) * len(block)


def drain(process: subprocess.Popen[bytes]) -> int:
    """Read all that it prints; how many bytes that were."""
    assert process.stdout is not None
    total = 0
    while block := process.stdout.read(1 << 20):
        total += len(block)
    return total


def ended(name: str, process: subprocess.Popen[bytes], size: int, began: float) -> Row:
    """Wait for the end; what it took."""
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{name} failed with {status}")
    took = monotonic() - began
    megabytes, peak = size / 1e6, usage.ru_maxrss * 1024 / 1e6
    return Row(name, megabytes, round(took, 1), round(megabytes / took, 1), round(peak, 1))


def measure(folder: str, size: int, line: int) -> list[Row]:
    """Pass the data in and out again."""
    mq = [sys.executable, "-m", "mq", "-s", str(Path(folder) / "store.db"), "-q"]
    subprocess.run([*mq, "init", "--durability", "normal"], check=True)
    subprocess.run([*mq, "topic", "create", "t"], check=True)
    began = monotonic()
    producing = subprocess.Popen([*mq, "produce", "t"], stdin=subprocess.PIPE)
    total = feed(producing, size, line)
    produced = ended("produce", producing, total, began)
    began = monotonic()
    consuming = subprocess.Popen([*mq, "consume", "t"], stdout=subprocess.PIPE)
    total = drain(consuming)
    return [produced, ended("consume", consuming, total, began)]


def main() -> int:
    """Measure both directions; 1 when one took too much."""
    parser = harness.options(__doc__)
    parser.add_argument("--size", default="10GB")
    parser.add_argument("--line", default="4KiB")
    given = parser.parse_args()
    where = harness.machine()
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(folder, parse_size(given.size), parse_size(given.line))
    heads = ("", "MB", "seconds", "MB/s", "peak MB")
    lines = [
        (r.command, r.megabytes, r.seconds, r.megabytes_per_second, r.peak_megabytes) for r in rows
    ]
    harness.publish(given, harness.columns(heads, lines), {"machine": where, "rows": rows})
    return int(any(row.peak_megabytes > MOST_MEGABYTES for row in rows))


if __name__ == "__main__":
    sys.exit(main())
