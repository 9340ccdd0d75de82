"""Much to do, cut into transactions that each hold the write lock for tens of milliseconds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

MESSAGES = 500
BYTES = 4 << 20


def cut(sizes: Sequence[int]) -> Iterator[slice]:
    """Cut messages of so many bytes into steps: up to `MESSAGES` and `BYTES`, or one larger."""
    first, size = 0, 0
    for number, more in enumerate(sizes):
        if number > first and (number - first == MESSAGES or size + more > BYTES):
            yield slice(first, number)
            first, size = number, 0
        size += more
    if sizes:
        yield slice(first, len(sizes))
