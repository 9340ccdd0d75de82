"""The story of `mq demo single-active`: one reader works, another takes over when it dies."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from time import monotonic
from typing import IO, Protocol

import mq
from store import MqError, Store

ABOUT = "one reader works, and another takes over when it dies"
PATIENCE = 20.0
TAKEN_OVER_WITHIN = 5.0


class Writer(Protocol):
    """What prints the story: `mq.cli.output.Output`."""

    def text(self, text: str, *, style: str = "") -> None:
        """Write text and a newline; the style counts only on a terminal."""


def tell(writer: Writer, folder: Path, store: Path | None) -> None:
    """Tell the story in an empty folder; with `store`, in that store, which is kept.

    Raises MqError when a command fails or something is not as the story says.
    """
    with ExitStack() as readers:
        _Story(writer, folder, store, readers).tell()


class _Story:
    """Runs real commands in a folder and prints them."""

    def __init__(
        self, writer: Writer, folder: Path, store: Path | None, readers: ExitStack
    ) -> None:
        self._writer = writer
        self._folder = folder
        self._path = store or folder / ".mq" / "store.db"
        self._readers = readers

    def tell(self) -> None:
        self._say("One partition, and two readers in one group. A partition has one reader at a")
        self._say("time: the other one stands by, as with RabbitMQ's single active consumer.")
        if not self._path.exists():
            self._run("init", str(self._path))
        self._run("topic", "create", "jobs")
        first = self._start("first")
        self._produce("1", "2", "3")
        self._expect("first", first, "1", "2", "3")
        second = self._start("second")
        self._wait_for_both()
        self._run("group", "members", "workers", "-o", "table")
        self._kill(first)
        begin = monotonic()
        self._produce("4", "5", "6")
        self._expect("second", second, "4", "5", "6")
        seconds = monotonic() - begin
        self._check(seconds < TAKEN_OVER_WITHIN, f"taking over took {seconds:.1f} s")
        self._say(f"\nThe second took over {seconds:.1f} s after the first was killed, and went on")
        self._say("where the first had committed: nothing is missing, the order is kept.")
        self._run("group", "members", "workers", "-o", "table")

    def _say(self, text: str) -> None:
        self._writer.text(text)

    def _show(self, command: str) -> None:
        self._writer.text(f"\n  $ {command}", style="cyan")

    def _run(self, *words: str) -> None:
        self._show(f"mq {' '.join(words)}")
        done = subprocess.run(
            self._command(*words), capture_output=True, text=True, cwd=self._folder,
            env=self._environment(), timeout=PATIENCE,
        )  # fmt: skip
        self._check(done.returncode == 0, f"mq {words[0]} ended with {done.returncode}")
        for line in done.stdout.splitlines():
            self._say(f"    {line[:76].rstrip()}")

    def _produce(self, *values: str) -> None:
        self._run("produce", "jobs", *values)

    def _start(self, name: str) -> subprocess.Popen[str]:
        words = ["consume", "jobs", "-g", "workers", "--member", name, "--follow"]
        # How long it stands by, at most.
        words += ["--timeout", "1h"]
        self._show(f"mq {' '.join(words)} &")
        process = subprocess.Popen(
            self._command(*words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
            cwd=self._folder, env=self._environment(),
        )  # fmt: skip
        self._readers.enter_context(process)
        self._readers.callback(process.kill)
        return process

    def _kill(self, process: subprocess.Popen[str]) -> None:
        self._show("kill -9 %1")
        process.kill()
        process.wait(PATIENCE)

    def _expect(self, name: str, process: subprocess.Popen[str], *values: str) -> None:
        for value in values:
            printed = _line(process.stdout).rstrip("\n")
            self._say(f"    {name}: {printed}")
            self._check(printed == value, f"{name} should have printed {value}")

    def _wait_for_both(self) -> None:
        """Wait until both are members, and the first has committed what it printed."""
        deadline = monotonic() + PATIENCE
        with Store.open(self._path) as store:
            while True:
                since = store.changed()
                group = store.group("workers")
                if len(group.members) == 2 and group.offsets[0].committed == 3:
                    return
                self._check(monotonic() < deadline, "the second reader did not join")
                store.wait(since, 1.0)

    def _check(self, true: bool, otherwise: str) -> None:
        if not true:
            raise MqError(f"the story does not hold: {otherwise}")

    def _command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "mq", *words]

    def _environment(self) -> dict[str, str]:
        package = str(Path(str(mq.__file__)).parents[1])
        path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
        return {**os.environ, "MQ_STORE": str(self._path), "PYTHONPATH": path}


def _line(stream: IO[str] | None) -> str:
    return "" if stream is None else stream.readline()
