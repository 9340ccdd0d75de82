"""Holders of the lock that are stopped or killed: how long others wait, and what is lost.

    python benchmarks/freezes.py [--seconds S] [--processes N] [--seed N]

Processes send to one queue without a pause. Every now and then the one that holds the lock is
stopped by SIGSTOP for up to half a second, or killed by `kill -9` and started anew. A call may last
as long as the stops that it overlaps, and a second more, for machines that do other things; a
longer one is a fault. So is a message that was confirmed and is not there once, or one that is
there twice. By default 8 processes for 180 seconds; the exit status says whether there was a fault.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from time import monotonic

import harness

from store import Store

MOST_BEYOND = 1.0
LONGEST_STOP = 0.5
STEP = 0.05

WORK = """
import sys
from time import monotonic
from store import Store
path, name, book = sys.argv[1], sys.argv[2], open(sys.argv[3], "a", buffering=1)
with Store.open(path) as store:
    number = 0
    while True:
        began = monotonic()
        store.send("q", f"{name}-{number}")
        book.write(f"{name}-{number} {began} {monotonic()}\\n")
        number += 1
"""

Span = tuple[float, float]


@dataclass(frozen=True)
class Row:
    """What happened to the calls; seconds that one lasted at most, in all and beyond the stops."""

    processes: int
    calls: int
    stops: int
    kills: int
    longest_stop: float
    longest_call: float
    beyond: float
    lost: int
    doubled: int

    @property
    def is_fault(self) -> bool:
        """Whether a call waited for another reason, or a message was lost or doubled."""
        return self.beyond > MOST_BEYOND or self.lost > 0 or self.doubled > 0


class Storm:
    """Processes at work on a store, of which the holder of the lock is stopped or killed."""

    def __init__(self, folder: Path, processes: int, chance: random.Random) -> None:
        self._path = folder / "store.db"
        self._folder = folder
        self._chance = chance
        self._begun = 0
        self.stops: list[Span] = []
        self.kills = 0
        with Store.open(self._path, create=True, durability="normal") as store:
            store.create_queue("q")
        self._workers = [self._start() for _ in range(processes)]

    def run(self, seconds: float) -> Row:
        """Let them work so long, and look at what came of it."""
        end = monotonic() + seconds
        while monotonic() < end:
            Event().wait(self._chance.random() * 2 * STEP)
            self._hit_holder()
        for worker in self._workers:
            worker.kill()
            worker.wait()
        return self._row()

    def _start(self) -> subprocess.Popen[bytes]:
        self._begun += 1
        name = f"w{self._begun}"
        book = self._folder / f"{name}.book"
        return subprocess.Popen([sys.executable, "-c", WORK, self._path, name, book])

    def _hit_holder(self) -> None:
        with suppress(ValueError), open(f"{self._path}-lock", "rb") as lock:
            pid = int(lock.read(11))
            for number, worker in enumerate(self._workers):
                if worker.pid == pid and worker.poll() is None:
                    self._hit(number, worker)

    def _hit(self, number: int, worker: subprocess.Popen[bytes]) -> None:
        if self._chance.random() < 0.3:
            worker.kill()
            worker.wait()
            self.kills += 1
            self._workers[number] = self._start()
            return
        began = monotonic()
        os.kill(worker.pid, signal.SIGSTOP)
        Event().wait(self._chance.random() * LONGEST_STOP)
        os.kill(worker.pid, signal.SIGCONT)
        self.stops.append((began, monotonic()))

    def _row(self) -> Row:
        lines = [
            line.split()
            for book in self._folder.glob("*.book")
            for line in book.read_text(encoding="utf-8").splitlines()
            if line.count(" ") == 2
        ]
        calls = [(float(began), float(ended)) for _, began, ended in lines]
        stored = _stored(self._path)
        return Row(
            processes=len(self._workers),
            calls=len(calls),
            stops=len(self.stops),
            kills=self.kills,
            longest_stop=round(max((end - began for began, end in self.stops), default=0.0), 3),
            longest_call=round(max((end - began for began, end in calls), default=0.0), 3),
            beyond=round(max((_beyond(call, self.stops) for call in calls), default=0.0), 3),
            lost=sum(stored[name] == 0 for name, *_ in lines),
            doubled=sum(count > 1 for count in stored.values()),
        )


def _beyond(call: Span, stops: Sequence[Span]) -> float:
    """The seconds of a call in which no process was stopped."""
    stopped = (max(0.0, min(call[1], end) - max(call[0], began)) for began, end in stops)
    return call[1] - call[0] - sum(stopped) if call[1] - call[0] > MOST_BEYOND / 10 else 0.0


def _stored(path: Path) -> Counter[str]:
    stored: Counter[str] = Counter()
    with Store.open(path) as store:
        while messages := store.receive("q", 1_000, auto_ack=True):
            stored.update((message.value or b"").decode() for message in messages)
    return stored


def main() -> int:
    """Let the storm pass; return 1 when a call waited too long, or a message was lost."""
    parser = harness.options(__doc__)
    parser.add_argument("--seconds", type=float, default=180.0, help="how long they work (180)")
    parser.add_argument("--processes", type=int, default=8, help="how many send (8)")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    given = parser.parse_args()
    where = harness.machine()
    with tempfile.TemporaryDirectory() as folder:
        row = Storm(Path(folder), given.processes, random.Random(given.seed)).run(given.seconds)
    heads = ("processes", "calls", "stops", "kills", "longest stop s", "longest call s",
             "beyond stops s", "lost", "doubled")  # fmt: skip
    line = (row.processes, row.calls, row.stops, row.kills, row.longest_stop, row.longest_call,
            row.beyond, row.lost, row.doubled)  # fmt: skip
    document = {"machine": where, "seed": given.seed, "rows": [row]}
    harness.publish(given, harness.columns(heads, [line]), document)
    return int(row.is_fault)


if __name__ == "__main__":
    sys.exit(main())
