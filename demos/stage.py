"""Where a story happens: a folder, a store in it, real commands, and what they print."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from textwrap import fill, wrap
from time import monotonic
from typing import Protocol

import mq
from store import MqError, Store

WIDTH = 78
_LONGEST_STEP = 60
# What a person has on the PATH; here it is the interpreter that runs the story.
_COMMANDS = {"mq": '"$DEMO_PYTHON" -m mq', "python": '"$DEMO_PYTHON"'}


class Writer(Protocol):
    """What prints the story: `mq.cli.output.Output`."""

    def text(self, text: str, *, style: str = "") -> None:
        """Write text and a newline; the style counts only on a terminal."""


class StoryFailed(MqError):
    """Something in the story did not turn out as it should."""


class Stage:
    """Runs the commands of a story in a folder of its own and prints them with their output."""

    def __init__(self, writer: Writer, folder: Path, store: Path | None = None) -> None:
        self._writer = writer
        self.folder = folder
        self._store = store
        self.store_path = store or folder / ".mq" / "store.db"
        self._environment = _environment(folder, store)
        commands = folder / ".bin"
        commands.mkdir(exist_ok=True)
        for name, command in _COMMANDS.items():
            (commands / name).write_text(f'#!/bin/sh\nexec {command} "$@"\n')
            (commands / name).chmod(0o755)

    @contextmanager
    def meanwhile(self, scene: Callable[[Stage], None]) -> Iterator[Callable[[], None]]:
        """Run a scene beside those of the block, which call what this gives to print it.

        Nothing that it shows may depend on them. What it raises comes when it is to be printed.
        """
        told = _Told()
        beside = copy(self)
        beside._writer = told
        with ThreadPoolExecutor(1) as threads:
            done = threads.submit(scene, beside)

            def print_it() -> None:
                done.result()
                for text, style in told.texts:
                    self._writer.text(text, style=style)

            yield print_it

    def set_up(self, source: Path, files: Sequence[str]) -> None:
        """Copy files into the folder, and create the store where there is none."""
        for name in files:
            shutil.copyfile(source / name, self.folder / name)
        self.show_command(f"cp {quoted(source)}/{{{','.join(files)}}} .")
        if self._store is not None:
            self.show_command(f"export MQ_STORE={quoted(self._store)}")
        if not self.store_path.exists():
            self.run("mq init")

    def title(self, text: str) -> None:
        """Begin a scene."""
        self._writer.text(f"\n{text}\n{'=' * len(text)}", style="bold")

    def say(self, text: str) -> None:
        """Print a paragraph, wrapped; line breaks within it mean nothing."""
        words = " ".join(text.split())
        self._writer.text(f"\n{fill(words, WIDTH, break_long_words=False)}")

    def show(self, output: str, last: int = 0) -> None:
        """Print output, indented and cut to the width; of more than `last` lines only the last."""
        lines = output.rstrip("\n").expandtabs(16).splitlines()
        if last and len(lines) > last:
            lines = ["…", *lines[-last:]]
        for line in _fitted(lines, WIDTH - 4):
            self._writer.text(f"    {line}".rstrip())

    def run(self, command: str, *, table: bool = False, last: int = 0) -> str:
        """Print a shell command, run it, print what it says (`show`), and return that.

        Our end is a pipe; with `table` the command is asked for the table that it writes by
        itself on a terminal. Raises StoryFailed when it fails.
        """
        self.show_command(command)
        output = self.run_unseen(f"{command} -o table" if table else command)
        self.show(output, last)
        return output

    def run_refused(self, command: str) -> None:
        """Print and run a shell command that mq must refuse, and what it says."""
        self.show_command(command)
        done = self._execute(command)
        self.check(done.returncode != 0, f"`{command}` was not refused")
        self.show(done.stdout.decode(errors="replace"))

    def run_unseen(self, command: str) -> str:
        """Run a shell command and return what it says; raises StoryFailed when it fails."""
        done = self._execute(command)
        output = done.stdout.decode(errors="replace")
        if done.returncode:
            raise StoryFailed(f"`{command}` ended with {done.returncode}: {_complaint(output)}")
        return output

    def _execute(self, command: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            ["sh", "-c", command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self.folder,
            env=self._environment,
            timeout=_LONGEST_STEP,
        )

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start `python ARGUMENTS…` with its stdout in a pipe; the caller ends it."""
        # A small pipe, where the system allows it: the process can't run far ahead of its reader.
        return subprocess.Popen(
            [sys.executable, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            pipesize=4096,
            cwd=self.folder,
            env=self._environment,
        )

    @contextmanager
    def beside(self, command: str) -> Iterator[None]:
        """Print a command of mq that runs beside the block, and let it end in order after it."""
        self.show_command(f"{command} &")
        process = subprocess.Popen(
            shlex.split(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self.folder,
            env=self._environment,
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait(_LONGEST_STEP)

    def wait_until(self, is_so: Callable[[Store], bool], otherwise: str) -> None:
        """Wait for commits until something holds; raises StoryFailed when it never does."""
        deadline = monotonic() + _LONGEST_STEP
        with self.open_store() as store:
            while not is_so(store):
                self.check(monotonic() < deadline, otherwise)
                store.wait(store.changed(), 0.05)

    def run_to_its_death(self, command: str, variables: Mapping[str, str]) -> None:
        """Print and run a command that must end by kill -9, as `variables` have it."""
        assignments = " ".join(f"{name}={value}" for name, value in variables.items())
        self.show_command(f"{assignments} {command}")
        done = subprocess.run(
            shlex.split(command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            cwd=self.folder,
            env={**self._environment, **variables},
            timeout=_LONGEST_STEP,
        )
        self.check(
            done.returncode == -signal.SIGKILL,
            f"`{command}` should have been killed, but ended with {done.returncode}",
        )
        self.show("Killed")

    def show_command(self, command: str, note: str = "") -> None:
        """Print a command as a person would type it; a long one goes on after a backslash."""
        lines = _folded(command)
        if note:
            lines[-1] += f"   # {note}"
        self._writer.text("\n" + "\n".join(lines), style="cyan")

    def check(self, true: bool, otherwise: str) -> None:
        """Stop the story when it is not true; raises StoryFailed."""
        if not true:
            raise StoryFailed(f"the story does not hold: {otherwise}")

    def open_store(self) -> Store:
        """Open the story's store, to look up what the story says."""
        return Store.open(self.store_path)

    def write_file(self, name: str, data: bytes) -> None:
        """Write a file into the folder."""
        (self.folder / name).write_bytes(data)

    def read_lines(self, name: str) -> list[bytes]:
        """The lines of a file in the folder."""
        return (self.folder / name).read_bytes().splitlines()


class _Told:
    """Keeps what is written, to be printed in its turn."""

    def __init__(self) -> None:
        self.texts: list[tuple[str, str]] = []

    def text(self, text: str, *, style: str = "") -> None:
        """Keep a text and its style."""
        self.texts.append((text, style))


def _environment(folder: Path, store: Path | None) -> dict[str, str]:
    ours = {"MQ_STORE", "MQ_CRASH_AT", "PYTHONPATH"}
    if os.environ.get("PYTHONDONTWRITEBYTECODE") and not os.environ.get("PYTHONPYCACHEPREFIX"):
        # Each of sixty commands would compile mq anew; what is compiled goes with the folder.
        ours.add("PYTHONDONTWRITEBYTECODE")
        compiled = {"PYTHONPYCACHEPREFIX": str(folder / ".compiled")}
    else:
        compiled = {}
    package = str(Path(str(mq.__file__)).parents[1])
    python_path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    named = {} if store is None else {"MQ_STORE": str(store)}
    return {
        **{name: value for name, value in os.environ.items() if name not in ours},
        **compiled,
        **named,
        "PYTHONPATH": python_path,
        "PATH": f"{folder / '.bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "DEMO_PYTHON": sys.executable,
    }


def _complaint(output: str) -> str:
    """The line of an output that says what went wrong, else its last."""
    lines = output.strip().splitlines() or ["it said nothing"]
    return next((line for line in lines if line.startswith("mq: error: ")), lines[-1])


def _folded(command: str) -> list[str]:
    lines = ["  $ "]
    for word in command.split(" "):
        if len(lines[-1]) + len(word) > WIDTH - 2 and lines[-1].strip() != "$":
            lines[-1] += "\\"
            lines.append("      ")
        lines[-1] += word + " "
    return [line.rstrip() for line in lines]


def _fitted(lines: list[str], width: int) -> list[str]:
    """Lines cut where no column is split, if there is such a place; notes of mq are wrapped."""
    rows = [line for line in lines if not line.startswith("mq: ")]
    if all(len(row) <= width for row in rows):
        end = width
    else:
        places = range(width - 1, 1, -1)
        between = (i for i in places if all(row[i - 2 : i].isspace() for row in rows if row[i:]))
        end = next(between, width - 1)
    fitted: list[str] = []
    for line in lines:
        if line.startswith("mq: "):
            fitted += wrap(line, width, subsequent_indent="    ", break_on_hyphens=False)
        else:
            fitted.append(line if len(line) <= end else f"{line[:end].rstrip()}  …")
    return fitted


def quoted(path: Path) -> str:
    """A path as a shell reads it."""
    return shlex.quote(str(path))
