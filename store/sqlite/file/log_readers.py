"""The processes that keep the log from being emptied, as far as the system tells.

Each reader holds a lock on one of five bytes of the log's index, which also says at which frame of
the log the readers of that byte stand. Linux lists the locks with their holders.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from struct import Struct
from typing import NamedTuple

from store.sqlite.file import files
from store.sqlite.file.probing import own_descriptor

# In the index: the frames of the log, then the frame of the readers of each byte.
_FRAMES_AT, _MARKS_AT, _LOCKS_AT = 16, 100, 123
_FRAMES, _MARKS = Struct("=I"), Struct("=5I")
_UNUSED = 0xFFFFFFFF
_FRAME_BYTES = files.PAGE_SIZE + 24
# A reader that is behind by fewer frames may be about to end.
_MANY_FRAMES = 1_000
_LONGEST_COMMAND = 60


class LogReader(NamedTuple):
    """A process that reads a state of the store that is this many bytes of the log old.

    Its pid is 0 and its command empty where they can't be known.
    """

    pid: int
    command: str
    is_stopped: bool
    behind: int


def far_behind(path: Path) -> list[LogReader]:
    """Return the readers of a store, which this process has open, that keep its log."""
    index = path.with_name(f"{path.name}-shm")
    marks = _marks(index)
    far = {place: behind for place, behind in marks.items() if behind >= _MANY_FRAMES}
    if not far:
        return []
    found: dict[int, int] = {}
    for pid, first, last in _locks(index):
        behind = max((far[place] for place in far if first <= place <= last), default=0)
        if behind and pid != os.getpid():
            found[pid] = max(behind, found.get(pid, 0))
    return [_reader(pid, behind * _FRAME_BYTES) for pid, behind in sorted(found.items())]


def _marks(index: Path) -> dict[int, int]:
    """Return how many frames behind the end of the log readers are, by the byte that they hold."""
    # By SQLite's own descriptor: closing another one would drop its locks.
    descriptor = own_descriptor(index)
    if descriptor is None:
        return {}
    head = os.pread(descriptor, _MARKS_AT + _MARKS.size, 0)
    if len(head) < _MARKS_AT + _MARKS.size:
        return {}
    (frames,) = _FRAMES.unpack_from(head, _FRAMES_AT)
    marks = _MARKS.unpack_from(head, _MARKS_AT)
    # Readers of the first byte read the file alone, so nothing may be moved into it.
    behind = {_LOCKS_AT: frames}
    for number, mark in enumerate(marks[1:], 1):
        if mark != _UNUSED:
            behind[_LOCKS_AT + number] = frames - mark
    return behind


def _locks(index: Path) -> list[tuple[int, int, int]]:
    """Return the holders of a file's bytes: pid, first and last byte."""
    held = []
    with suppress(OSError):
        inode = str(index.stat().st_ino)
        for line in Path("/proc/locks").read_text(encoding="ascii").splitlines():
            # 1: POSIX  ADVISORY  READ 4711 fd:00:1234567 124 124
            words = [word for word in line.split() if word != "->"]
            if words[1] == "POSIX" and words[5].rpartition(":")[2] == inode:
                last = words[7] if words[7] != "EOF" else words[6]
                held.append((max(0, int(words[4])), int(words[6]), int(last)))
    return held


def _reader(pid: int, behind: int) -> LogReader:
    command, is_stopped = "", False
    if pid:
        with suppress(OSError):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            command = b" ".join(words).decode("utf-8", "replace").strip()[:_LONGEST_COMMAND]
            status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
            is_stopped = status.rpartition(") ")[2][:1] in {"T", "t"}
    return LogReader(pid, command, is_stopped, behind)
