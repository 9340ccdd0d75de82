"""Waiting for another process's commit: a cheap look, at growing intervals."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic, sleep

from store.sqlite.file.database import Database

_SHORTEST = 0.001
_LONGEST = 0.025


def wait_for_commit(
    database: Database, since: int, deadline: float, until: Callable[[], bool] | None = None
) -> bool:
    """Return True once `database.changed()` differs from `since`, False at the deadline.

    The deadline is a reading of `time.monotonic()`; it is also over when `until` returns True.
    """
    pause = _SHORTEST
    while database.changed() == since:
        left = deadline - monotonic()
        if left <= 0 or (until is not None and until()):
            return False
        sleep(min(pause, left))
        pause = min(pause * 1.2, _LONGEST)
    return True
