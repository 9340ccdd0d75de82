"""The only writer to stderr: notes, errors, questions, progress; and the exit codes."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from store.errors import (
    BadInput,
    Conflict,
    MqError,
    NotFound,
    OutcomeUnknown,
    StoreUnusable,
    Unavailable,
)
from store.text import printable

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress, TaskID


class ExitCode(IntEnum):
    """What a process of mq ends with."""

    OK = 0
    FAILED = 1
    BAD_INPUT = 2
    NOT_FOUND = 3
    CONFLICT = 4
    UNAVAILABLE = 5
    OUTCOME_UNKNOWN = 6
    STORE_UNUSABLE = 7
    CONDITION_TRUE = 10
    INTERRUPTED = 130
    READER_GONE = 141


_FAMILIES: dict[type[MqError], ExitCode] = {
    BadInput: ExitCode.BAD_INPUT,
    NotFound: ExitCode.NOT_FOUND,
    Conflict: ExitCode.CONFLICT,
    Unavailable: ExitCode.UNAVAILABLE,
    OutcomeUnknown: ExitCode.OUTCOME_UNKNOWN,
    StoreUnusable: ExitCode.STORE_UNUSABLE,
}


def exit_code(error: MqError) -> ExitCode:
    """The exit code of the family the error belongs to; 1 where it belongs to none."""
    codes = (code for family, code in _FAMILIES.items() if isinstance(error, family))
    return next(codes, ExitCode.FAILED)


class Diagnostics:
    """Says on stderr what is not data. `json` turns errors into one JSON object each."""

    def __init__(self, *, quiet: bool = False, json: bool = False, colour: bool = True) -> None:
        self.quiet = quiet
        self.json = json
        self.colour = colour

    @property
    def is_terminal(self) -> bool:
        """Whether a person reads stderr."""
        return sys.stderr.isatty()

    def note(self, text: str) -> None:
        """Say something worth knowing; silent with -q."""
        if not self.quiet:
            self._write(f"mq: {text}")

    def success(self, text: str) -> None:
        """Sum up what was done, for people only: on a terminal and without -q."""
        if not self.quiet and self.is_terminal:
            self._write(text)

    def warning(self, text: str) -> None:
        """Say what may turn out to be a mistake."""
        self._write(f"mq: warning: {text}")

    def problem(self, text: str) -> None:
        """Say what is wrong at a place in a file; the text begins with the place."""
        self._write(text)

    def relay(self, line: str) -> None:
        """Pass on what a command that was run for the person said; silent with -q."""
        if not self.quiet:
            self._write(line)

    def error(self, error: MqError) -> None:
        """Say what failed and, where known, the way out."""
        if self.json:
            self._write(_error_document(error))
            return
        for problem in getattr(error, "problems", ()):
            self._write(str(problem))
        self._write(f"mq: error: {error.message}")
        if error.hint:
            self._write(f"hint: {error.hint}")

    def traceback(self) -> None:
        """Show where the error being handled came from, for `--debug`."""
        import traceback

        for line in traceback.format_exc().splitlines():
            self._write(line)

    def ask(self, question: str) -> str:
        """Put a question on stderr and read the answer from stdin; empty at its end."""
        sys.stderr.write(printable(question))
        sys.stderr.flush()
        return sys.stdin.readline().strip()

    @contextmanager
    def progress(self, label: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
        """Give a function that counts work done; a bar appears on a terminal after a second."""
        enabled = self.is_terminal and not self.quiet
        bar = _LateBar(label, total, enabled=enabled, colour=self.colour)
        try:
            yield bar.advance
        finally:
            bar.stop()

    def _write(self, line: str) -> None:
        try:
            sys.stderr.write(printable(line) + "\n")
            sys.stderr.flush()
        except OSError:
            # Nobody can be told that nobody reads stderr; the exit code still says it.
            return


class _LateBar:
    """A progress bar that is made, and imports rich, only when the work takes over a second."""

    def __init__(self, label: str, total: int | None, *, enabled: bool, colour: bool) -> None:
        self._label, self._total, self._enabled = label, total, enabled
        self._colour = colour
        self._done = 0
        self._appears = time.monotonic() + 1
        self._bar: RichProgress | None = None
        self._task: TaskID | None = None

    def advance(self, count: int) -> None:
        self._done += count
        if not self._enabled or time.monotonic() < self._appears:
            return
        if self._bar is None:
            self._start()
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=self._done)

    def stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()

    def _start(self) -> None:
        from rich.console import Console
        from rich.progress import Progress

        console = Console(stderr=True, no_color=not self._colour)
        self._bar = Progress(console=console, transient=True)
        self._task = self._bar.add_task(printable(self._label), total=self._total)
        self._bar.start()


def _error_document(error: MqError) -> str:
    import json

    document: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.hint:
        document["hint"] = error.hint
    if addresses := getattr(error, "addresses", ()):
        document["addresses"] = list(addresses)
    if error.failures:
        document["failures"] = [
            {"receipt": receipt, "code": failure.code, "message": failure.message}
            for receipt, failure in error.failures.items()
        ]
    if problems := getattr(error, "problems", ()):
        document["problems"] = [problem.document() for problem in problems]
    return json.dumps({"error": document}, separators=(",", ":"))
