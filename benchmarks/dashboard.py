"""What the dashboard costs on a large store: a refresh, its share of a core, quitting.

    python benchmarks/dashboard.py [--seconds N]

The store is that of snapshot.py: 1,000 partitions with 50 stalls, 200 queues, 10,000 leases and
100,000 FIFO message groups. Refreshes are timed without a terminal at 140×40; the shares are those
of `mq dashboard` on a terminal of its own, first on a store that is left alone, then with four
producers and four consumers at work. The default takes a minute.
"""

from __future__ import annotations

import asyncio
import os
import pty
import select
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import harness
import snapshot

from store import Store
from store.model.clock import ManualClock, SystemClock
from tui.app import Dashboard

RECORDS = 5_000
TRIALS = 20
SCREENS = ("1", "2", "3", "4", "5", "6")
AT_WORK = """
import sys, time
from store import Store
what, path, queue = sys.argv[1:]
with Store.open(path) as store:
    while True:
        if what == "produce":
            store.send(queue, "x" * 100)
            time.sleep(0.02)
        else:
            store.ack([m.receipt for m in store.receive(queue, 10, wait=1)])
"""


@dataclass(frozen=True)
class Row:
    """A refresh of one screen, in milliseconds."""

    screen: str
    median: float
    longest: float


@dataclass(frozen=True)
class Live:
    """Shares of a core, left alone and with others at work, and how it ended, in seconds."""

    idle: float
    busy: float
    quit: float
    status: int


class PastClock(ManualClock):
    """A clock that the story of the store moves from the past to now, where it runs."""

    def __init__(self) -> None:
        self._real = SystemClock()
        self._back = 3_600_000

    def wall(self) -> int:
        return self._real.wall() - self._back

    def boot(self) -> int:
        return self._real.boot() - self._back

    def boot_id(self) -> str:
        return self._real.boot_id()

    def advance(self, seconds: float) -> None:
        self._back -= round(seconds * 1000)

    def arrive(self) -> None:
        self._back = 0


def main() -> None:
    """Measure refreshes, then the command on a terminal."""
    parser = harness.options(__doc__)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each share (10)")
    given = parser.parse_args()
    where, clock = harness.machine(), PastClock()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        path = Path(folder, "store.db")
        store = stack.enter_context(Store.open(path, create=True, durability="normal", clock=clock))
        snapshot.fill(store, RECORDS)
        clock.arrive()
        rows = asyncio.run(_refreshes(store))
        live = _live(path, given.seconds, store, stack)
    heads = ("refresh of screen", "median ms", "longest ms")
    table = harness.columns(heads, [(row.screen, row.median, row.longest) for row in rows])
    told = (
        f"idle {live.idle:.1%}, busy {live.busy:.1%} of a core;"
        f" quit after {live.quit:.2f} s, exit {live.status}"
    )
    document = {"machine": where, "rows": rows, "live": asdict(live)}
    harness.publish(given, f"{table}\n\n{told}", document)


async def _refreshes(store: Store) -> list[Row]:
    app = Dashboard(store, ticking=False)
    found = []
    async with app.run_test(size=(140, 40)) as pilot:
        for screen in SCREENS:
            await pilot.press(screen)
            await pilot.pause(0.5)
            times = [await _refresh(app) for _ in range(TRIALS)]
            found.append(Row(screen, round(median(times), 1), round(max(times), 1)))
    return found


async def _refresh(app: Dashboard) -> float:
    """From a look at the store to the screen being told, in milliseconds."""
    before, began = app.overview, time.perf_counter()
    app.poller.look()
    while app.overview is before:
        # Not 0: a loop that spins takes the interpreter from the thread that looks.
        await asyncio.sleep(0.001)
    return (time.perf_counter() - began) * 1000


def _live(path: Path, seconds: float, store: Store, stack: ExitStack) -> Live:
    for number in range(4):
        store.create_queue(f"live{number}")
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ |= {"TERM": "xterm-256color", "COLUMNS": "140", "LINES": "40"}
        os.execv(sys.executable, [sys.executable, "-m", "mq", "-s", str(path), "dashboard"])
    _read_for(terminal, 5)
    idle = _share(pid, terminal, seconds)
    for number in range(4):
        for what in ("produce", "consume"):
            command = [sys.executable, "-c", AT_WORK, what, str(path), f"live{number}"]
            worker = subprocess.Popen(command)
            stack.callback(worker.kill)
    _read_for(terminal, 3)
    busy = _share(pid, terminal, seconds)
    began = time.perf_counter()
    os.write(terminal, b"q")
    _read_for(terminal, 10)
    _, status = os.waitpid(pid, 0)
    took = time.perf_counter() - began
    return Live(round(idle, 4), round(busy, 4), round(took, 2), os.waitstatus_to_exitcode(status))


def _share(pid: int, terminal: int, seconds: float) -> float:
    before, began = harness.cpu_seconds(pid), time.perf_counter()
    _read_for(terminal, seconds)
    return (harness.cpu_seconds(pid) - before) / (time.perf_counter() - began)


def _read_for(terminal: int, seconds: float) -> None:
    """Take what the dashboard draws, until the time is over or it is gone."""
    until = time.perf_counter() + seconds
    while (left := until - time.perf_counter()) > 0:
        ready, _, _ = select.select([terminal], [], [], left)
        try:
            if ready and not os.read(terminal, 65_536):
                return
        except OSError:
            return


if __name__ == "__main__":
    main()
