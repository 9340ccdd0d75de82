"""Numbers in the lock file on which processes wait for each other: for the lock, and for commits.

A waiter reads a number, announces itself by a flag, looks, and sleeps unless the number has changed
since. After the release of the lock its holder looks for flags, so that waking costs nothing more
while no process waits. Numbers only have to differ from earlier ones, so the clock gives them.
"""

from __future__ import annotations

import os
from contextlib import suppress
from struct import Struct
from time import monotonic_ns

# In this order: a number for commits and its flag; a flag for the lock and its two numbers, for the
# process at the front of the line and for those behind it.
RUNG_AT, LISTENS_AT, QUEUES_AT, FREE_AT, LINE_AT = range(256, 276, 4)
_NUMBER, _PAIR = Struct("<I"), Struct("<II")
_SET, _CLEARED = 1, 0


def number(descriptor: int, place: int) -> int:
    """Return the number at a place; 0 if it was never set."""
    with suppress(OSError):
        content = os.pread(descriptor, _NUMBER.size, place)
        if len(content) == _NUMBER.size:
            return int(_NUMBER.unpack(content)[0])
    return 0


def read_flags(flags: bytes) -> tuple[bool, bool]:
    """Return whether processes wait for a commit, and for the lock."""
    listens, queues = _PAIR.unpack(flags.ljust(_PAIR.size, b"\0"))
    return bool(listens), bool(queues)


def announce(descriptor: int, flag_at: int) -> None:
    """Set the flag of a waiter."""
    _put(descriptor, _NUMBER.pack(_SET), flag_at)


def free(descriptor: int) -> None:
    """Change the number for the front of the line, and clear the flag of the line."""
    _put(descriptor, _PAIR.pack(_CLEARED, _fresh()), QUEUES_AT)


def pass_on(descriptor: int) -> None:
    """Change the number for the line behind its front."""
    _put(descriptor, _NUMBER.pack(_fresh()), LINE_AT)


def ring(descriptor: int) -> None:
    """Change the number for commits, and clear the flag of those that wait for one."""
    _put(descriptor, _PAIR.pack(_fresh(), _CLEARED), RUNG_AT)


def _fresh() -> int:
    return monotonic_ns() & 0xFFFFFFFF


def _put(descriptor: int, content: bytes, place: int) -> None:
    # Every wait ends by itself too, so a disk that is full or fails is no reason to fail.
    with suppress(OSError):
        os.pwrite(descriptor, content, place)
