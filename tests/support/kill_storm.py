"""Commands that are killed over and over, each at its own work on one store.

Every actor has a thread, which runs one command after the other. A command dies at a named point,
by kill -9 at any moment, or ends in good order; whoever ran it gets the lines that it wrote.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from queue import Queue
from threading import Lock
from time import monotonic

from store import Store

PATIENCE = 120
ROOT = Path(__file__).parents[2]
ANY_MOMENT = "any moment"
AT_ONCE = 5
"""How many commands run at a time, so that they get somewhere also on a small machine."""
COMMITS = ("commit.before", "commit.after")


@dataclass(frozen=True)
class Ended:
    """What became of a command: its exit code, and the lines that it wrote to their end."""

    code: int
    lines: list[str]
    errors: str


Run = Callable[..., Ended]
"""`run(*words, stdin="", fine=(0,))`: a command that may be killed, or end with these codes."""


@dataclass(frozen=True)
class Actor:
    """What one thread does over and over.

    `turn` runs commands by the function that it is given. They are killed at `points`, at one of
    the first `latest` times that they come there, and at any moment.
    """

    name: str
    turn: Callable[[Run], object]
    points: Sequence[str] = COMMITS
    latest: int = 4


@dataclass
class KillStorm:
    """A store that commands work on, and how often each actor's were killed at which point."""

    path: Path
    seed: int
    kills: Counter[tuple[str, str]] = field(default_factory=Counter)
    runs: int = 0
    longest_wait: float = 0.0
    _usual: defaultdict[str, float] = field(default_factory=lambda: defaultdict(lambda: 1.0))
    _counting: Lock = field(default_factory=Lock)

    def rage(self, actors: Sequence[Actor], seconds: float) -> None:
        """Let the actors take turns for so long, and on until each point was hit."""
        end = monotonic() + seconds
        points = {point for actor in actors for point in actor.points}
        waiting: Queue[Actor] = Queue()
        for actor in actors:
            waiting.put(actor)
        chances = {actor: random.Random(f"{self.seed} {actor.name}") for actor in actors}

        def work() -> None:
            while monotonic() < end or (monotonic() < end + PATIENCE and self._misses(points)):
                actor = waiting.get()
                actor.turn(partial(self._run, actor, chances[actor]))
                waiting.put(actor)

        with ThreadPoolExecutor(AT_ONCE + 1) as threads:
            tasks = [threads.submit(work) for _ in range(AT_ONCE)]
            tasks.append(threads.submit(self._write_beside, end))
            for task in tasks:
                task.result()

    def killed(self, *, actor: str | None = None, point: str | None = None) -> int:
        """How often an actor's commands were killed, or any at a point, or any at all."""
        with self._counting:
            return sum(
                count
                for (name, at), count in self.kills.items()
                if actor in {None, name} and point in {None, at}
            )

    def _misses(self, points: Collection[str]) -> bool:
        return not all(self.killed(point=point) for point in points)

    def _run(
        self,
        actor: Actor,
        chance: random.Random,
        *words: str,
        stdin: str = "",
        fine: Collection[int] = (0,),
    ) -> Ended:
        point, crash = ANY_MOMENT, {}
        if is_named := chance.random() < 0.6:
            point = min(actor.points, key=lambda at: self._hits(actor, at))
            crash = {"MQ_CRASH_AT": f"{point}:{chance.randint(1, actor.latest)}"}
        # A command that follows and does not come to its point has to be killed after all.
        usual = self._usual[actor.name]
        patience = 4 * usual + 2 if is_named else chance.uniform(0.2, 1.3) * usual
        with start_mq(self.path, *words, **crash) as process:
            begun = monotonic()
            try:
                out, errors = process.communicate(stdin, patience)
                self._usual[actor.name] = (usual + monotonic() - begun) / 2
            except subprocess.TimeoutExpired:
                point = ANY_MOMENT
                process.kill()
                out, errors = process.communicate()
        ended = Ended(process.returncode, out.split("\n")[:-1], errors)
        self._count(actor, point, ended)
        assert ended.code in {*fine, -signal.SIGKILL}, (words, ended)
        return ended

    def _hits(self, actor: Actor, point: str) -> tuple[int, int]:
        return self.kills[actor.name, point], self.killed(point=point)

    def _count(self, actor: Actor, point: str, ended: Ended) -> None:
        with self._counting:
            self.runs += 1
            if ended.code == -signal.SIGKILL:
                self.kills[actor.name, point] += 1

    def _write_beside(self, end: float) -> None:
        """Store one record after the other, and note the longest wait for it."""
        with Store.open(self.path) as store:
            while monotonic() < end:
                begun = monotonic()
                store.produce("beats", b"")
                self.longest_wait = max(self.longest_wait, monotonic() - begun)
                store.wait(store.changed(), 0.01, lambda: False)


def start_mq(path: Path, *words: str, **variables: str) -> subprocess.Popen[str]:
    """Start `mq WORDS…` on a store, in the folder of that, with pipes around it."""
    return subprocess.Popen(
        [sys.executable, "-m", "mq", *words],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        cwd=path.parent,
        env=os.environ | {"MQ_STORE": str(path), "PYTHONPATH": str(ROOT)} | variables,
    )  # fmt: skip


def run_mq(path: Path, *words: str, stdin: str = "") -> Ended:
    """Run `mq WORDS…` to its end, which nothing disturbs."""
    with start_mq(path, *words) as process:
        out, errors = process.communicate(stdin, PATIENCE)
    return Ended(process.returncode, out.splitlines(), errors)
