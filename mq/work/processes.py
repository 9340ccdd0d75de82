"""Commands that are run for the person: each in a process group of its own, without a shell."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import IO

from store.model.errors import BadInput

# Seconds to wait for a command that was told to end.
LAST_WORDS = 2.0


def require_command(command: Sequence[str]) -> None:
    """Raise BadInput unless the command exists and may be run."""
    if shutil.which(command[0]) is None:
        raise BadInput(f"there is no command {command[0]!r} to run")


def start(
    command: Sequence[str],
    environment: Mapping[str, str | bytes],
    stdin: int | IO[bytes],
    stdout: int | None,
) -> subprocess.Popen[bytes]:
    """Start a command, whose stderr is a pipe; raises OSError.

    Its own processes are in its process group, so they can be ended with it.
    """
    return subprocess.Popen(
        command,
        stdin=stdin,
        stdout=stdout,
        stderr=subprocess.PIPE,
        env=environment,
        process_group=0,
    )


@contextmanager
def ends_noticed() -> Iterator[None]:
    """Let the end of a command interrupt a wait, as any signal with a handler does."""
    before = signal.signal(signal.SIGCHLD, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGCHLD, before or signal.SIG_DFL)


def signal_group(process: subprocess.Popen[bytes], number: int) -> bool:
    """Send a signal to the command and its processes; return whether any process got it."""
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return False
    return True


def end_group(process: subprocess.Popen[bytes]) -> None:
    """Tell a command and its processes to end, and kill those that do not."""
    signal_group(process, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(LAST_WORDS)
    signal_group(process, signal.SIGKILL)


def describe_end(status: int) -> str:
    """Describe how a command ended, by its return code: `exit status 3`, `killed by SIGKILL`."""
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"killed by signal {-status}"
