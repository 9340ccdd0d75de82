"""Large changes, cut into transactions that each hold the write lock for tens of milliseconds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from time import sleep

MESSAGES = 500
BYTES = 4 << 20
# Longer than the pause of a process that waits for the lock.
_TURN = 0.005


def give_way() -> None:
    """Let processes that wait for the write lock have it between two steps."""
    sleep(_TURN)


def cut(sizes: Sequence[int]) -> Iterator[slice]:
    """Cut messages of so many bytes into steps: up to `MESSAGES` and `BYTES`, or one larger."""
    first, size = 0, 0
    for number, more in enumerate(sizes):
        if number > first and (number - first == MESSAGES or size + more > BYTES):
            yield slice(first, number)
            give_way()
            first, size = number, 0
        size += more
    if sizes:
        yield slice(first, len(sizes))
