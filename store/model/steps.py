"""Large changes, cut into transactions that each hold the write lock for tens of milliseconds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from time import monotonic, sleep

MESSAGES = 500
BYTES = 4 << 20
# Longer than the pause of a process that waits for the lock.
_TURN = 0.005
# A pause after each of thousands of short steps would be most of the time.
_LONG_ENOUGH = 0.02


def give_way() -> None:
    """Let processes that wait for the write lock have it between two steps."""
    sleep(_TURN)


class StepPace:
    """Gives way between steps that are often short: once they took 20 ms together."""

    def __init__(self) -> None:
        self._since = monotonic()

    def after_step(self) -> None:
        """Let others have the write lock, if the steps since the last time took long enough."""
        if monotonic() - self._since >= _LONG_ENOUGH:
            give_way()
            self._since = monotonic()


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
