"""Idle subscribers of asyncio in one process: memory, CPU, and how soon one has a message.

    python benchmarks/subscribers.py [--subscribers N] [--seconds S] [QUEUES …]

They wait on one queue, and then on as many queues as there are of them: megabytes of the process,
its share of a core while nothing is sent, and milliseconds from a send beside the loop
until a task has the message. By default 1,000 subscribers and 10 seconds. Over 60 MB, or 1 % of a
core, is a fault, and the exit status says so.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from time import monotonic, process_time

import harness

from store import Store
from store.aio import AsyncStore

MOST_MEGABYTES, MOST_IDLE = 60.0, 0.01
SENDS = 50


@dataclass(frozen=True)
class Row:
    """Megabytes of a process with idle subscribers, its share of a core, and milliseconds."""

    subscribers: int
    queues: int
    megabytes: float
    idle: float
    wakeup: float

    @property
    def is_fault(self) -> bool:
        """Whether they take too much."""
        return self.megabytes > MOST_MEGABYTES or self.idle > MOST_IDLE


async def wait_idle(path: Path, subscribers: int, queues: int, seconds: float) -> Row:
    """Let subscribers wait, first for nothing, then for some messages."""
    arrived: asyncio.Queue[float] = asyncio.Queue()

    async def subscribe(store: AsyncStore, queue: str) -> None:
        async for message in store.subscribe(queue):
            arrived.put_nowait(monotonic())
            await store.ack([message.receipt or ""])

    async with AsyncStore.open(path) as store:
        names = [f"q{number % queues}" for number in range(subscribers)]
        tasks = [asyncio.create_task(subscribe(store, name)) for name in names]
        # The first tries of all, before the waits.
        await asyncio.sleep(min(2.0, seconds))
        began, cpu = monotonic(), process_time()
        await asyncio.sleep(seconds)
        idle = (process_time() - cpu) / (monotonic() - began)
        megabytes = resident_megabytes()
        taken = []
        with Store.open(path) as beside:
            for number in range(SENDS):
                sent = monotonic()
                await asyncio.to_thread(beside.send, f"q{number % queues}", b"x")
                taken.append(await arrived.get() - sent)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    wakeup = round(median(taken) * 1000, 2)
    return Row(subscribers, queues, round(megabytes, 1), round(idle, 5), wakeup)


def resident_megabytes() -> float:
    """Return the memory that this process has now; Linux has it."""
    pages = Path("/proc/self/statm").read_text(encoding="utf-8").split()[1]
    return int(pages) * 4096 / 1e6


def measure(subscribers: int, queues: int, seconds: float) -> Row:
    """Measure in a process of its own, which has nothing else in memory."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.db"
        with Store.open(path, create=True, durability="normal") as store:
            for number in range(queues):
                store.create_queue(f"q{number}")
        words = [str(path), str(subscribers), str(queues), str(seconds)]
        done = subprocess.run(
            [sys.executable, __file__, "--wait", *words], capture_output=True, text=True, check=True
        )
    return Row(**json.loads(done.stdout))


def main() -> int:
    """Measure on one queue, and on many; return 1 when waiting takes too much."""
    if sys.argv[1:2] == ["--wait"]:
        path, subscribers, queues, seconds = sys.argv[2:]
        row = asyncio.run(wait_idle(Path(path), int(subscribers), int(queues), float(seconds)))
        print(json.dumps(asdict(row)))
        return 0
    parser = harness.options(__doc__)
    parser.add_argument("--subscribers", type=int, default=1000, help="how many wait (1,000)")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long nothing is sent (10)")
    parser.add_argument("queues", type=int, nargs="*", help="on how many queues (1, and one each)")
    given = parser.parse_args()
    where = harness.machine()
    numbers = given.queues or [1, given.subscribers]
    rows = [measure(given.subscribers, queues, given.seconds) for queues in numbers]
    heads = ("subscribers", "queues", "MB", "idle", "wake-up ms")
    lines = [(r.subscribers, r.queues, r.megabytes, f"{r.idle:.2%}", r.wakeup) for r in rows]
    harness.publish(given, harness.columns(heads, lines), {"machine": where, "rows": rows})
    return int(any(row.is_fault for row in rows))


if __name__ == "__main__":
    sys.exit(main())
