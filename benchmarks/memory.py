"""How much memory mq takes while a lot of data passes through its pipes.

Run it as `python benchmarks/memory.py [--size 10GB] [--line 4KiB]`. It pipes so many bytes through
`mq produce` into a topic, then reads them all with `mq consume`, and prints the peak of each
process. A peak over 100 MB is a fault. The store lies in a temporary folder and needs the room.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import monotonic

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from store.text import describe_size, parse_size  # noqa: E402


def feed(process: subprocess.Popen[bytes], size: int, line: int) -> None:
    """Write lines of that length until so many bytes are through."""
    assert process.stdin is not None
    block = (b"x" * (line - 1) + b"\n") * max(1, (1 << 20) // line)
    for _ in range(size // len(block)):
        process.stdin.write(block)
    process.stdin.close()


def drain(process: subprocess.Popen[bytes]) -> int:
    """Read all that it prints; how many bytes that were."""
    assert process.stdout is not None
    total = 0
    while block := process.stdout.read(1 << 20):
        total += len(block)
    return total


def report(name: str, process: subprocess.Popen[bytes], bytes: int, began: float) -> bool:
    """Wait for the end and print its peak; whether that is small enough."""
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{name} failed with {status}")
    took, peak = monotonic() - began, usage.ru_maxrss * 1024
    print(
        f"{name:8}{describe_size(bytes):>10} in {took:6.0f} s, {bytes / took / 1e6:6.0f} MB/s,"
        f" peak {peak / 1e6:6.1f} MB",
        flush=True,
    )
    return peak < 100e6


def main() -> int:
    """Pass the data in and out again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", default="10GB")
    parser.add_argument("--line", default="4KiB")
    given = parser.parse_args()
    size, line = parse_size(given.size), parse_size(given.line)
    with tempfile.TemporaryDirectory() as folder:
        mq = [sys.executable, "-m", "mq", "-s", str(Path(folder) / "store.db"), "-q"]
        subprocess.run([*mq, "init", "--durability", "normal"], cwd=ROOT, check=True)
        subprocess.run([*mq, "topic", "create", "t"], cwd=ROOT, check=True)
        began = monotonic()
        producing = subprocess.Popen([*mq, "produce", "t"], cwd=ROOT, stdin=subprocess.PIPE)
        feed(producing, size, line)
        good = report("produce", producing, size, began)
        began = monotonic()
        consuming = subprocess.Popen([*mq, "consume", "t"], cwd=ROOT, stdout=subprocess.PIPE)
        total = drain(consuming)
        good = report("consume", consuming, total, began) and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
