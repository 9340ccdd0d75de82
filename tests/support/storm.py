"""Producers and readers that are killed over and over, and a book of what they were told."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from store import Record, Store
from tests.support.processes import PATIENCE, ROOT, finish, start

WRITER_POINTS = ("commit.before", "commit.after")
READER_POINTS = (*WRITER_POINTS, "consumer.committed", "consume.printed")
PARTITIONS = 3
# More than any of them comes to before it is killed.
ENDLESS = 1_000_000
ANY_MOMENT = "any moment"
GROUP = "billing"


@dataclass
class Storm:
    """What was confirmed to producers and printed by readers, in spite of all the kills."""

    path: Path
    random: random.Random
    hits: Counter[str] = field(default_factory=Counter)
    plain_runs: int = 0
    confirmed: dict[tuple[int, int], str] = field(default_factory=dict)
    printed: dict[tuple[int, int], str] = field(default_factory=dict)
    repeated: int = 0

    def round(self) -> None:
        """One producer of each kind and one reader at once; all of them are killed."""
        writers = [self._plain(), self._by_name("first"), self._by_name("second")]
        reader = self._reader()
        for name, process, point in writers:
            self._confirm(name, self._end(process, point))
        self._print(self._end(reader[1], reader[2]))

    def heal(self, stored: dict[str, int]) -> None:
        """Run the loads that can be run again a little further, then read everything."""
        for name, count in stored.items():
            self._confirm(name, finish(start("produce_by_name", self.path, name, count + 20)))
        self._print(finish(start("consume", self.path, GROUP)))

    def _crash(self, points: tuple[str, ...], latest: int) -> tuple[str, dict[str, str]]:
        """The point that was hit least, at one of the times a process comes to it."""
        point = min([*points, ANY_MOMENT], key=lambda p: (self.hits[p], self.random.random()))
        count = self.random.randint(1, latest)
        return point, {} if point == ANY_MOMENT else {"MQ_CRASH_AT": f"{point}:{count}"}

    def _plain(self) -> tuple[str, subprocess.Popen[str], str]:
        point, variables = self._crash(WRITER_POINTS, 6)
        name = f"plain{self.plain_runs}"
        self.plain_runs += 1
        return name, start("produce", self.path, name, 0, ENDLESS, **variables), point

    def _by_name(self, name: str) -> tuple[str, subprocess.Popen[str], str]:
        point, variables = self._crash(WRITER_POINTS, 6)
        return name, start("produce_by_name", self.path, name, ENDLESS, **variables), point

    def _reader(self) -> tuple[str, subprocess.Popen[str], str]:
        point, variables = self._crash(READER_POINTS, 1)
        if self.random.random() < 0.5:
            return GROUP, start("consume", self.path, GROUP, **variables), point
        return GROUP, _command_line_reader(self.path, variables), point

    def _end(self, process: subprocess.Popen[str], point: str) -> list[str]:
        """Wait for the process to die at its point, or kill it in a moment; what it said."""
        patience = self.random.uniform(0.01, 0.2) if point == ANY_MOMENT else PATIENCE
        try:
            out, errors = process.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            process.kill()
            out, errors = process.communicate(timeout=PATIENCE)
        if process.returncode == -signal.SIGKILL:
            self.hits[point] += 1
        else:
            assert process.returncode == 0, errors
        return whole_lines(out)

    def _confirm(self, name: str, lines: list[str]) -> None:
        for line in lines:
            number, partition, offset = map(int, line.split())
            place = (partition, offset)
            assert place not in self.confirmed, "an offset was confirmed twice"
            self.confirmed[place] = f"{name} {number}"

    def _print(self, lines: list[str]) -> None:
        for line in lines:
            partition, offset, value = line.split(" ", 2)
            place = (int(partition), int(offset))
            self.repeated += place in self.printed
            assert self.printed.get(place, value) == value, "an offset had two values"
            self.printed[place] = value


def _command_line_reader(path: Path, variables: dict[str, str]) -> subprocess.Popen[str]:
    words = ["-s", str(path), "consume", "orders", "-g", GROUP, "-F", r"%p %o %s\n"]
    return subprocess.Popen(
        [sys.executable, "-m", "mq", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | variables,
    )


def whole_lines(out: str) -> list[str]:
    """The lines that were written to their end."""
    return out.split("\n")[:-1]


def everything(store: Store) -> list[Record]:
    """Every record of the topic, partition by partition."""
    return [
        record
        for partition in range(PARTITIONS)
        for record in store.read("orders", partition, limit=1_000_000)
    ]


def committed(store: Store) -> dict[int, int]:
    """The committed offset of the readers' group in each partition that has one."""
    return {row.partition: row.committed for row in store.lag(GROUP) if row.committed is not None}
