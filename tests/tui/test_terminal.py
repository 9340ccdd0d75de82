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
from time import monotonic

from store import Store

PAYLOAD = "\x1b]0;owned\x07\x9b2J\u202e[/x]"
_PATIENCE = 20


def _dashboard(store: Store, terminal: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "mq", "-s", str(store.path), "dashboard"],
        stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True,
        env=os.environ | {"TERM": "xterm-256color"},
    )  # fmt: skip


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
    ours, theirs = pty.openpty()
    _resize(ours, 80, 24)
    seen = bytearray()
    with _dashboard(store, theirs) as process:
        os.close(theirs)
        try:
            _read_until(ours, b"mails", seen)
            _resize(ours, 140, 40)
            process.send_signal(signal.SIGWINCH)
            _read_until(ours, b"NOTE", seen)
            os.write(ours, b":")
            _read_until(ours, b"an address", seen)
            os.write(ours, b"mails@0\r")
            _read_until(ours, rb"\x1b]0;owned", seen)
            os.write(ours, b"q")
            _read_until(ours, b"\x1b[?1049l", seen)
            assert process.wait(_PATIENCE) == 0
        finally:
            process.kill()
    os.close(ours)
    assert b"\x1b[?1049h" in seen
    assert b"\x1b]0;owned" not in seen
    assert "\x9b".encode() not in seen
    assert "\u202e".encode() not in seen


def test_it_ends_when_its_terminal_is_gone(store: Store) -> None:
    store.create_queue("mails")
    ours, theirs = pty.openpty()
    _resize(ours, 80, 24)
    with _dashboard(store, theirs) as process:
        os.close(theirs)
        try:
            _read_until(ours, b"mails", bytearray())
            os.close(ours)
            process.wait(_PATIENCE)
        finally:
            process.kill()


def test_when_told_to_end_it_leaves_the_terminal_as_it_was(store: Store) -> None:
    store.create_queue("mails")
    ours, theirs = pty.openpty()
    _resize(ours, 80, 24)
    seen = bytearray()
    with _dashboard(store, theirs) as process:
        os.close(theirs)
        try:
            _read_until(ours, b"mails", seen)
            process.terminate()
            _read_until(ours, b"\x1b[?1049l", seen)
            assert process.wait(_PATIENCE) == 128 + signal.SIGTERM
        finally:
            process.kill()
    os.close(ours)


def test_without_a_terminal_it_says_so_in_one_line_and_exits_2(store: Store) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mq", "-s", str(store.path), "dashboard"],
        capture_output=True, stdin=subprocess.DEVNULL, timeout=_PATIENCE,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.decode().splitlines()[0] == "mq: error: the dashboard needs a terminal"
    assert done.stdout == b""
