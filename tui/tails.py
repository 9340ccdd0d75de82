"""The newest records of a topic or messages of a queue, look after look; no reader of its own."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from heapq import merge

from store import Message, Record
from store.engine.broker import Broker

MOST = 500
"""How many are kept, and read in a look."""
_MOST_PARTITIONS = 100
"""Partitions that a look reads: those with new records, the newest first."""


class TopicTail:
    """Follows all partitions of a topic; called in the poll thread."""

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._next: dict[int, int] = {}
        self._kept: deque[Record] = deque(maxlen=MOST)

    def __call__(self, store: Broker) -> list[Record]:
        """Return the newest records, oldest first, after reading those that came since."""
        partitions = store.topic(self._topic).partitions
        each = max(1, MOST // max(1, len(partitions)))
        moved = [
            status
            for status in partitions
            if status.end > self._next.get(status.partition, status.start)
        ]
        moved.sort(key=lambda status: -(status.last_timestamp or 0))
        came = []
        for status in moved[:_MOST_PARTITIONS]:
            known = self._next.get(status.partition)
            first = max(status.end - each, status.start) if known is None else known
            # A burst longer than what is kept shows its end.
            first = max(first, status.end - MOST)
            records = store.read(
                self._topic, status.partition, first, status.end - first, mark_damaged=True
            )
            self._next[status.partition] = status.end
            came.append(sorted(records, key=_when))
        self._kept.extend(merge(*came, key=_when))
        return list(self._kept)


def _when(record: Record) -> tuple[int, int, int]:
    return record.timestamp, record.partition, record.offset


class QueueTail:
    """Follows a queue: messages stay here when they have left it; called in the poll thread."""

    def __init__(self, queue: str) -> None:
        self._queue = queue
        self._last: int | None = None
        self._kept: deque[Message] = deque(maxlen=MOST)

    def __call__(self, store: Broker) -> list[Message]:
        """Return the newest messages, oldest first, after reading those that came since."""
        if self._last is None:
            self._last = max(-1, newest_sequence(store, self._queue) - MOST)
        for message in self._since(store, self._last):
            self._kept.append(message)
            self._last = message.sequence
        return list(self._kept)

    def _since(self, store: Broker, after: int) -> Iterator[Message]:
        yield from store.messages(self._queue, after, MOST)


def newest_sequence(store: Broker, queue: str) -> int:
    """Return the sequence of the newest message in a queue, in some tens of short looks."""

    def next_after(sequence: int) -> int | None:
        found = store.messages(queue, sequence, 1)
        return found[0].sequence if found else None

    newest, reach = -1, 1
    while (found := next_after(newest + reach - 1)) is not None:
        newest, reach = found, reach * 2
    # Nothing is behind newest + reach - 1: find the last one before it.
    end = newest + reach - 1
    while newest < end:
        middle = (newest + end) // 2
        found = next_after(middle)
        if found is None:
            end = middle
        else:
            newest = found
    return newest
