"""Reading a topic without a group: nothing is stored about it."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import merge
from operator import attrgetter

from mq.read.bounds import BATCH_BYTES, BATCH_RECORDS, Until, in_batches
from store.api.store import Store
from store.model.addresses import Address
from store.model.errors import BadInput, NotFound
from store.model.positions import Position
from store.model.topics import PartitionStatus, Record

# All pages together, of however many partitions.
_MOST_RECORDS = 20_000
_MOST_BYTES = 16 << 20
_LONGEST_WAIT = 60.0
_by_time = attrgetter("timestamp", "partition")


class Scan:
    """Reads the partitions of a topic side by side, each in order, older records first.

    It ends at the end that was there when it was made, and before `until`; with `follow` it goes
    on with what is appended, to new partitions too. A damaged record ends it with an error, unless
    `mark_damaged` lets it come as one.
    """

    def __init__(
        self,
        store: Store,
        source: Address,
        start: Position,
        until: Until,
        *,
        follow: bool = False,
        mark_damaged: bool = False,
    ) -> None:
        self._store = store
        self._source = source
        self._until = until
        self._follow = follow
        self._mark_damaged = mark_damaged
        self._look()
        places = store.resolve_all(source.name, start)
        self._next = {found.partition: places[found.partition] for found in self._found}

    def batches(self) -> Iterator[list[Record]]:
        """The records, in lists that are as long as they can be without waiting."""
        while True:
            now = self._store.wall()
            yield from in_batches(self._present())
            if not self._follow or self._is_over(now):
                return
            self._store.wait(self._since, self._pause(now))
            self._look()

    def remaining(self) -> int:
        """How many offsets are still to be read, of what was there when it last looked."""
        ends = ((self._until.end(found.end), found.partition) for found in self._found)
        return sum(max(0, end - self._next.get(number, 0)) for end, number in ends)

    def _look(self) -> None:
        # In this order, so that what is appended in between ends the next wait at once.
        self._since = self._store.changed()
        self._found = self._partitions()

    def _partitions(self) -> list[PartitionStatus]:
        found = self._store.topic(self._source.name).partitions
        number = self._source.partition
        if number is None:
            return found
        if number >= len(found):
            raise NotFound(
                f"partition {self._source.name}/{number} does not exist",
                hint=f"{self._source.name} has partitions 0 to {len(found) - 1}",
            )
        return [found[number]]

    def _present(self) -> Iterator[Record]:
        unread = [
            found
            for found in self._found
            if self._next.setdefault(found.partition, 0) < self._until.end(found.end)
        ]
        limit = max(1, min(BATCH_RECORDS, _MOST_RECORDS // max(1, len(unread))))
        return merge(*(self._records(found, limit, len(unread)) for found in unread), key=_by_time)

    def _records(self, found: PartitionStatus, limit: int, partitions: int) -> Iterator[Record]:
        number, end = found.partition, self._until.end(found.end)
        most_bytes = min(BATCH_BYTES, _MOST_BYTES // partitions)
        while (offset := self._next[number]) < end:
            page = self._store.read(
                self._source.name, number, offset, limit, most_bytes,
                mark_damaged=self._mark_damaged,
            )  # fmt: skip
            kept = self._until.cut(page, end)
            self._next[number] = page[-1].offset + 1 if len(kept) == len(page) > 0 else end
            yield from kept

    def _is_over(self, now: int) -> bool:
        """Whether nothing that may still come lies before the bounds."""
        if self._until.time is not None and now >= self._until.time:
            return True
        end = self._until.offset
        return end is not None and all(offset >= end for offset in self._next.values())

    def _pause(self, now: int) -> float:
        if self._until.time is None:
            return _LONGEST_WAIT
        return min(_LONGEST_WAIT, (self._until.time - now) / 1000)


def record_address(source: Address) -> Address:
    """The address, if it may be one of a record in a topic; raises BadInput for `orders@5`."""
    if source.offset is not None and source.partition is None:
        raise BadInput(
            f"{source} does not name a partition", hint=f"{source.name}/0@{source.offset}"
        )
    return source
