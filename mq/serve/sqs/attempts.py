"""Receives that a client repeats by their attempt id, since it never got the answer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from store.model.messages import Message

# Milliseconds for which SQS remembers an attempt.
MEMORY = 300_000
_MOST_REMEMBERED = 1_000


class ReceiveAttempt(NamedTuple):
    """The result of a receive, and when it was, in Unix milliseconds."""

    received: int
    messages: list[Message]


class ReceiveAttempts:
    """The receives of the last five minutes that had an id, on FIFO queues.

    Each is remembered until one of its messages is deleted or given another time.
    """

    def __init__(self) -> None:
        self._attempts: dict[tuple[str, str], ReceiveAttempt] = {}
        self._by_receipt: dict[str, tuple[str, str]] = {}

    def find(self, queue: str, id: str, now: int) -> ReceiveAttempt | None:
        """Return the receive with this id, if it may be repeated."""
        attempt = self._attempts.get((queue, id))
        return attempt if attempt is not None and now < attempt.received + MEMORY else None

    def note(self, queue: str, id: str, attempt: ReceiveAttempt) -> None:
        """Remember a receive; the oldest is forgotten for it where there are many."""
        if len(self._attempts) >= _MOST_REMEMBERED:
            self._drop(next(iter(self._attempts)))
        self._drop((queue, id))
        self._attempts[queue, id] = attempt
        for message in attempt.messages:
            self._by_receipt[str(message.receipt)] = queue, id

    def forget(self, receipts: Iterable[str]) -> None:
        """Forget the receives that got any of these receipts."""
        if self._attempts:
            for receipt in receipts:
                if (key := self._by_receipt.get(receipt)) is not None:
                    self._drop(key)

    def _drop(self, key: tuple[str, str]) -> None:
        attempt = self._attempts.pop(key, None)
        for message in attempt.messages if attempt is not None else ():
            self._by_receipt.pop(str(message.receipt), None)
