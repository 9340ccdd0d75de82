"""The dashboard on a real terminal: how it starts, resizes, ends, and what reaches the terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from store import Store

PAYLOAD = "\x1b]0;owned\x07\x9b2J\u202e[/x]"
_PATIENCE = 20


@contextmanager
def _dashboard(store: Store) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """A terminal of 80 by 24 and the dashboard that runs on it."""
    ours, theirs = pty.openpty()
    _resize(ours, 80, 24)
    process = subprocess.Popen(
        [sys.executable, "-m", "mq", "-s", str(store.path), "dashboard"],
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        env=os.environ | {"TERM": "xterm-256color"},
    )  # fmt: skip
    os.close(theirs)
    with process:
        try:
            yield ours, process
        finally:
            process.kill()


def _resize(terminal: int, columns: int, rows: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def _read_until(terminal: int, wanted: bytes, seen: bytearray) -> None:
    begun, end = len(seen), monotonic() + _PATIENCE
    while wanted not in seen[begun:]:
        ready, _, _ = select.select([terminal], [], [], max(0.0, end - monotonic()))
        assert ready, f"{wanted!r} did not come: {bytes(seen[-500:])!r}"
        seen += os.read(terminal, 65536)


def test_it_starts_resizes_and_leaves_the_terminal_as_it_was(store: Store) -> None:
    store.create_queue("mails")
    store.send("mails", PAYLOAD, key=PAYLOAD)
    seen = bytearray()
    with _dashboard(store) as (terminal, process):
        _read_until(terminal, b"mails", seen)
        _resize(terminal, 140, 40)
        process.send_signal(signal.SIGWINCH)
        _read_until(terminal, b"NOTE", seen)
        os.write(terminal, b":")
        _read_until(terminal, b"an address", seen)
        os.write(terminal, b"mails@0\r")
        _read_until(terminal, rb"\x1b]0;owned", seen)
        os.write(terminal, b"q")
        _read_until(terminal, b"\x1b[?1049l", seen)
        assert process.wait(_PATIENCE) == 0
    os.close(terminal)
    assert b"\x1b[?1049h" in seen
    assert b"\x1b]0;owned" not in seen
    assert "\x9b".encode() not in seen
    assert "\u202e".encode() not in seen


def test_it_ends_when_its_terminal_is_gone(store: Store) -> None:
    store.create_queue("mails")
    with _dashboard(store) as (terminal, process):
        _read_until(terminal, b"mails", bytearray())
        os.close(terminal)
        process.wait(_PATIENCE)


def test_when_told_to_end_it_leaves_the_terminal_as_it_was(store: Store) -> None:
    store.create_queue("mails")
    seen = bytearray()
    with _dashboard(store) as (terminal, process):
        _read_until(terminal, b"mails", seen)
        process.terminate()
        _read_until(terminal, b"\x1b[?1049l", seen)
        assert process.wait(_PATIENCE) == 128 + signal.SIGTERM
    os.close(terminal)


def test_without_a_terminal_it_says_so_in_one_line_and_exits_2(store: Store) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mq", "-s", str(store.path), "dashboard"],
        capture_output=True, stdin=subprocess.DEVNULL, timeout=_PATIENCE,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.decode().splitlines()[0] == "mq: error: the dashboard needs a terminal"
    assert done.stdout == b""
