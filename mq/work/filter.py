"""A command that is run once per batch: lines in until the end of its stdin, lines out."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence

from mq.cli.context import STORE_VARIABLE
from mq.cli.diagnostics import Diagnostics
from mq.cli.interrupts import Interrupts
from mq.work.processes import end_group, require_command, start
from store.model.errors import MqError


class FilterFailed(MqError):
    """The command ended with another status than 0."""


class Filter:
    """Runs the command, without a shell; its stderr is passed on when it has ended."""

    def __init__(
        self, command: Sequence[str], store: str, diagnostics: Diagnostics, interrupts: Interrupts
    ) -> None:
        require_command(command)
        self._command = command
        self._environment = {**os.environ, STORE_VARIABLE: store}
        self._diagnostics = diagnostics
        self._interrupts = interrupts

    def run(
        self, values: Sequence[bytes], interval: float, keepalive: Callable[[], object]
    ) -> list[bytes]:
        """Return the output lines of the command for these values, a line each.

        Signals must be held back; one that comes while it runs ends it. `keepalive` is called every
        `interval` seconds meanwhile. Raises `FilterFailed`, with the last line of its stderr, for
        another status than 0.
        """
        with start(self._command, self._environment, subprocess.PIPE, subprocess.PIPE) as process:
            try:
                with self._interrupts.allowed():
                    out, err = _communicate(process, _as_lines(values), interval, keepalive)
            except BaseException:
                end_group(process)
                raise
        said = err.decode(errors="replace").splitlines()
        for line in said:
            self._diagnostics.relay(line)
        if process.returncode:
            raise self._failure(process.returncode, said)
        return out.removesuffix(b"\n").split(b"\n") if out else []

    def _failure(self, status: int, said: Sequence[str]) -> FilterFailed:
        last = next((line for line in reversed(said) if line.strip()), None)
        error = FilterFailed(
            f"{self._command[0]} {_ending(status)}{f': {last.strip()}' if last else ''};"
            " nothing of this batch is stored"
        )
        if status == 1 and last is None:
            error.hint = "only exit 0 stores a batch; grep, for one, ends with 1 if no line matches"
        return error


def _as_lines(values: Sequence[bytes]) -> bytes:
    return b"".join(value + b"\n" for value in values)


def _communicate(
    process: subprocess.Popen[bytes], data: bytes, interval: float, keepalive: Callable[[], object]
) -> tuple[bytes, bytes]:
    stdin: bytes | None = data
    while True:
        try:
            return process.communicate(stdin, interval)
        except subprocess.TimeoutExpired:
            # It goes on with the lines it has.
            stdin = None
            keepalive()


def _ending(status: int) -> str:
    return f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
