"""The only writer to stderr: notes, errors, questions, progress; and the exit codes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Any

from store.model.errors import (
    BadInput,
    Conflict,
    MqError,
    NotFound,
    OutcomeUnknown,
    StoreUnusable,
    Unavailable,
)
from store.model.text import printable


class ExitCode(IntEnum):
    """The exit codes of a process of mq."""

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
    """Return the exit code of the error's family; 1 for an error of none."""
    codes = (code for family, code in _FAMILIES.items() if isinstance(error, family))
    return next(codes, ExitCode.FAILED)


class SilentProgress:
    """Counts work, and shows nothing."""

    is_shown = False

    def advance(self, count: int) -> None:
        """Count so much more work."""

    def at(self, done: int, total: int) -> None:
        """Set the count and the total."""

    def measure(self, part: Callable[[], float]) -> None:
        """Measure progress by this function, between 0 and 1, and not by the count."""

    def expect(self, remaining: Callable[[], int]) -> None:
        """Call this for the remaining number whenever the line is shown."""

    def hide(self) -> None:
        """Hide the line, so that another one can be written."""


class Diagnostics:
    """Writes everything to stderr that is not data. `json` makes errors JSON objects."""

    def __init__(self, *, quiet: bool = False, json: bool = False) -> None:
        self.quiet = quiet
        self.json = json
        self._progress = SilentProgress()

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
        """Warn of a possible mistake."""
        self._write(f"mq: warning: {text}")

    def problem(self, text: str) -> None:
        """Report a problem at a place in a file; the text begins with the place."""
        self._write(text)

    def relay(self, line: str) -> None:
        """Pass on the stderr of a command that was run for the person; silent with -q."""
        if not self.quiet:
            self._write(line)

    def error(self, error: MqError) -> None:
        """Report an error and, where known, the way out."""
        if self.json:
            self._write(_error_document(error))
            return
        for problem in getattr(error, "problems", ()):
            self._write(str(problem))
        self._write(f"mq: error: {error.message}")
        if error.hint:
            self._write(f"hint: {error.shell_hint}")

    def traceback(self) -> None:
        """Show the traceback of the error being handled, for `--debug`."""
        import traceback

        for line in traceback.format_exc().splitlines():
            self._write(line)

    def ask(self, question: str) -> str:
        """Put a question on stderr and read the answer from stdin; empty at its end."""
        sys.stderr.write(printable(question))
        sys.stderr.flush()
        return sys.stdin.readline().strip()

    @contextmanager
    def progress(
        self, label: str, total: int | None = None, *, in_bytes: bool = False, shown: bool = True
    ) -> Iterator[SilentProgress]:
        """Count work of a second or more on a terminal; the line is gone when the work is done."""
        if self.quiet or not (shown and self.is_terminal):
            yield SilentProgress()
            return
        from mq.cli.progress import ProgressLine

        line = ProgressLine(label, total, in_bytes=in_bytes)
        self._progress = line
        try:
            yield line
        finally:
            line.hide()
            self._progress = SilentProgress()

    def _write(self, line: str) -> None:
        self._progress.hide()
        try:
            sys.stderr.write(printable(line) + "\n")
            sys.stderr.flush()
        except OSError:
            # Without a reader of stderr only the exit code can tell.
            return


def _error_document(error: MqError) -> str:
    import json

    document: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.hint:
        document["hint"] = error.shell_hint
    if feature := getattr(error, "feature", ""):
        document["feature"] = feature
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
