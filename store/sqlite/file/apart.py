"""A private copy of a store's file, for long readers.

A reader of a store keeps its log from being emptied, and has to be quick: the log grows with all
writes meanwhile. Copying the file takes a tenth of the time of reading all of it. Another process
does that, so that it is not stopped together with the one that wants it.
"""

from __future__ import annotations

import fcntl
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# Smaller files are read sooner than copied, in bytes.
_SMALL = 4 << 20
# Bytes that must stay free on the disk.
_ROOM_LEFT = 256 << 20
_COPY = re.compile(r"\.[0-9a-f]{8}\.copy(-wal|-shm|-journal)?")


@contextmanager
def copied(path: Path) -> Iterator[Path]:
    """Yield a file with the present contents of the store: a temporary copy, or the store's own.

    Its own if that is small, if no process has it open, or if there is no room for a copy.
    """
    _remove_dead_copies(path)
    size = _size(path) + _size(path.with_name(f"{path.name}-wal"))
    disk = os.statvfs(path.parent)
    if size < _SMALL or size + _ROOM_LEFT > disk.f_bavail * disk.f_frsize:
        yield path
        return
    copy = path.with_name(f"{path.name}.{os.urandom(4).hex()}.copy")
    try:
        descriptor = _locked(copy)
    except OSError:
        yield path
        return
    try:
        yield copy if _is_copied(path, copy) else path
    finally:
        _remove(copy)
        os.close(descriptor)


def _is_copied(path: Path, copy: Path) -> bool:
    if not (sys.executable and path.with_name(f"{path.name}-wal").exists()):
        return False
    import subprocess

    program = str(Path(__file__).with_name("copier.py"))
    done = subprocess.run(
        [sys.executable, "-I", "-S", program, str(path), str(copy)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # A terminal stops all processes of a group.
        start_new_session=True,
    )
    return done.returncode == 0


def _locked(copy: Path) -> int:
    descriptor = os.open(copy, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    # While this is held the copy is in use, and once its process has died it is not.
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def _remove_dead_copies(path: Path) -> None:
    with suppress(OSError):
        for name in os.listdir(path.parent):
            rest = name.removeprefix(path.name)
            if name != rest and (match := _COPY.fullmatch(rest)):
                _remove_if_dead(path.with_name(name.removesuffix(match[1] or "")))


def _remove_if_dead(copy: Path) -> None:
    try:
        descriptor = os.open(copy, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        # The process that wrote it went on for a moment after the one that wanted it.
        _remove(copy)
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _remove(copy)
    except BlockingIOError:
        return
    finally:
        os.close(descriptor)


def _remove(copy: Path) -> None:
    for suffix in ("-wal", "-shm", "-journal", ""):
        with suppress(OSError):
            copy.with_name(copy.name + suffix).unlink()


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0
