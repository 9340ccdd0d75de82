"""Questions whose answers may be some seconds old, since they cost more than a look should."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from store.engine.broker import Broker

Answer = TypeVar("Answer")


class CachedQuery(Generic[Answer]):
    """Asks the store again once the answer is so many seconds old; called in the poll thread."""

    def __init__(self, question: Callable[[Broker], Answer], seconds: float) -> None:
        self._question = question
        self._seconds = seconds
        self._answered: tuple[int, Answer] | None = None

    def __call__(self, store: Broker) -> Answer:
        """Return the answer, at most that old."""
        now = store.monotonic()
        if self._answered is None or now - self._answered[0] >= 1000 * self._seconds:
            self._answered = (now, self._question(store))
        return self._answered[1]
