"""The dashboard as a process on a terminal of its own, and what somebody does at it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic

PATIENCE = 60
ROOT = Path(__file__).parents[2]


ESCAPE = b"\x1b[27u"
"""The key in the form that no time must pass after: nothing can go on from it."""
END_OF_PASTE = b"\x1b[201~"


class OnTerminal:
    """A dashboard and the end of its terminal that a person sits at."""

    def __init__(self, process: subprocess.Popen[bytes], terminal: int) -> None:
        self.process = process
        self.terminal = terminal
        self.seen = bytearray()
        self._modes = termios.tcgetattr(terminal)

    def type(self, keys: bytes) -> None:
        """Send bytes; of a dashboard that has ended nobody takes them."""
        with suppress(OSError):
            os.write(self.terminal, keys)

    def resize(self, columns: int, rows: int) -> None:
        """Give the terminal another size, and say so, as the system does to who owns one."""
        set_size(self.terminal, columns, rows)
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGWINCH)

    def watch(self, seconds: float) -> None:
        """Take in what the dashboard shows for so long, or until it has ended."""
        end = monotonic() + seconds
        while self._take(end - monotonic()):
            pass

    def wait_for(self, wanted: bytes) -> None:
        """Take in what the dashboard shows until this comes."""
        begun, end = len(self.seen), monotonic() + PATIENCE
        while wanted not in self.seen[begun:]:
            assert self._take(end - monotonic()), f"{wanted!r} did not come: {self.tail}"

    def leave(self) -> int:
        """Close whatever is open, and quit; the exit code."""
        self.type(END_OF_PASTE)
        end = monotonic() + PATIENCE
        while self.process.poll() is None and monotonic() < end:
            self.type(ESCAPE)
            self.watch(0.1)
            self.type(b"q")
            self.watch(0.1)
        return self.end()

    def end(self) -> int:
        """Take in the rest; the exit code."""
        end = monotonic() + PATIENCE
        while self._take(end - monotonic()):
            pass
        return self.process.wait(PATIENCE)

    @property
    def tail(self) -> str:
        """What it showed last, without what a terminal obeys."""
        shown = re.sub(rb"\x1b\[[0-9;?<>]*[a-zA-Z]|\s\s+", b" ", self.seen[-20_000:])
        return shown.decode(errors="replace")[-1000:]

    @property
    def is_as_before(self) -> bool:
        """Whether the terminal is left as it was: its modes, and the page that it shows."""
        left = self.seen.rpartition(b"\x1b[?1049l")[2]
        return termios.tcgetattr(self.terminal) == self._modes and b"\x1b[?1049h" not in left

    def _take(self, seconds: float) -> bool:
        ready, _, _ = select.select([self.terminal], [], [], max(0.0, seconds))
        # Linux says EIO, not the end, when the last process has left the terminal.
        with suppress(OSError):
            part = os.read(self.terminal, 1 << 16) if ready else b""
            self.seen += part
            return bool(part)
        return False


@contextmanager
def dashboard(
    path: Path, *options: str, program: Sequence[str] = ("-m", "mq"), **variables: str
) -> Iterator[OnTerminal]:
    """`mq dashboard` on a terminal of 80 by 24; `program` may be another that does the same."""
    ours, theirs = pty.openpty()
    set_size(ours, 80, 24)
    process = subprocess.Popen(
        [sys.executable, *program, "-s", str(path), "dashboard", *options],
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, cwd=path.parent,
        env=os.environ | {"TERM": "xterm-256color", "PYTHONPATH": str(ROOT)} | variables,
    )  # fmt: skip
    os.close(theirs)
    with process:
        try:
            yield OnTerminal(process, ours)
        finally:
            process.kill()
            with suppress(OSError):
                os.close(ours)


def set_size(terminal: int, columns: int, rows: int) -> None:
    """Give a terminal a size."""
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
