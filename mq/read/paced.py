"""Writing to a pipe at the pace of its reader, to settle only what that took: `| head`."""

from __future__ import annotations

import fcntl
import os
import stat
import struct
import termios
from collections.abc import Callable, Sequence
from contextlib import suppress
from select import POLLERR, POLLHUP, POLLOUT, poll
from time import monotonic

from mq.read.printer import RecordPrinter
from mq.read.source import Item, Source

# A pipe of one page is writable again only once it is empty.
_ONE_PAGE = 4096
_USUAL_SIZE = 65536
# A reader that has taken nothing yet may be one that reads once we have ended.
_FIRST_PATIENCE = 1.0
# After so many seconds a message counts as taken: the pipe may be held open by another process.
_PATIENCE = 10.0


def narrow_pipe() -> bool:
    """Make stdout a pipe that can be written at its reader's pace; return whether it can be one.

    It can where stdout is a pipe on Linux.
    """
    return _resize_pipe(_ONE_PAGE)


def _resize_pipe(size: int) -> bool:
    resize = getattr(fcntl, "F_SETPIPE_SZ", None)
    with suppress(OSError):
        if resize is not None and stat.S_ISFIFO(os.fstat(1).st_mode):
            fcntl.fcntl(1, resize, size)
            return True
    return False


class PacedPrinter(RecordPrinter[Item]):
    """Writes a record once the reader of the pipe took the one before; the rest is not settled."""

    _has_taken = False
    _is_paced = True
    _kept_at = 0.0

    def _write(
        self, source: Source[Item], items: Sequence[Item], lines: Sequence[bytes],
        go_on: Callable[[bool], bool],
    ) -> int:  # fmt: skip
        self._kept_at = monotonic()
        for number, line in enumerate(lines):
            if not self._is_paced:
                return number + self._output.records(lines[number:], go_on)
            if not self._output.records([line], go_on):
                return number
            if not self._is_taken(source, items):
                return number
        return len(lines)

    def _is_taken(self, source: Source[Item], items: Sequence[Item]) -> bool:
        """Wait until the pipe is empty; return False if its reader left first."""
        patience = _PATIENCE if self._has_taken else _FIRST_PATIENCE
        deadline = monotonic() + patience
        pipe = poll()
        pipe.register(1, POLLOUT)
        while _unread() and not self._interrupts.has_come():
            left = deadline - monotonic()
            if left <= 0:
                if not self._has_taken:
                    self._is_paced = False
                    _resize_pipe(_USUAL_SIZE)
                return True
            self._keep(source, items)
            events = pipe.poll(min(left, source.keepalive_interval, _FIRST_PATIENCE) * 1000)
            if any(event & (POLLERR | POLLHUP) for _, event in events):
                return not _unread()
        self._has_taken = True
        return True

    def _keep(self, source: Source[Item], items: Sequence[Item]) -> None:
        if monotonic() - self._kept_at >= source.keepalive_interval:
            source.keepalive(items)
            self._kept_at = monotonic()


def _unread() -> int:
    """Return how many bytes stand in the pipe."""
    return int(struct.unpack("i", fcntl.ioctl(1, termios.FIONREAD, bytes(4)))[0])
