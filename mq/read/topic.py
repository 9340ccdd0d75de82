"""Reading a topic without a group: nothing is stored about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from heapq import merge
from typing import TYPE_CHECKING, NamedTuple

from mq.read.source import BATCH_RECORDS, Source
from store.model.addresses import Address
from store.model.errors import BadInput, MqError, NotFound
from store.model.positions import Position, parse_position
from store.model.topics import PartitionStatus, Record

if TYPE_CHECKING:
    from store.engine.broker import Broker


_BATCH_BYTES = 1 << 20
# All pages together, of any number of partitions.
_MOST_RECORDS = 20_000
_MOST_BYTES = 16 << 20


def _by_time(record: Record) -> tuple[int, int]:
    # An engine may not know the time of a record of another program.
    return record.timestamp or 0, record.partition


class Until(NamedTuple):
    """The first offset, or the first time in Unix milliseconds, that is not read any more.

    It holds in each partition; `None` is no bound of that kind.
    """

    offset: int | None = None
    time: int | None = None

    def end(self, end: int) -> int:
        """Return the nearer of a partition's end and the offset that is not read any more."""
        return end if self.offset is None else min(end, self.offset)

    def cut(self, records: Sequence[Record], end: int) -> Sequence[Record]:
        """Keep the records of one partition, in order, that are before the bounds and `end`."""
        end = self.end(end)
        if not records or self._is_before(records[-1], end):
            return records
        return [record for record in records if self._is_before(record, end)]

    def is_past(self, now: int) -> bool:
        """Return whether the time is over, so that nothing that comes lies before it."""
        return self.time is not None and now >= self.time

    def pause(self, wait: float, now: int) -> float:
        """Shorten a wait, in seconds, to end at that time."""
        return wait if self.time is None else min(wait, max(0.0, (self.time - now) / 1000))

    def _is_before(self, record: Record, end: int) -> bool:
        # Times never fall as offsets rise, so the part cut off is always a tail.
        return record.offset < end and (self.time is None or record.came < self.time)


class Scan(Source[Record]):
    """Reads the partitions of a topic side by side, each in order, older records first.

    It ends before `until`, and comes to an end that was there when it last looked; where `take`
    waits it looks again, for new partitions too. A damaged record is raised, unless `mark_damaged`
    lets it come as one.
    """

    def __init__(
        self,
        store: Broker,
        address: Address,
        start: Position,
        until: Until,
        *,
        mark_damaged: bool = False,
    ) -> None:
        self._store = store
        self._address = address
        self._until = until
        self._mark_damaged = mark_damaged
        self._batches: Iterator[list[Record]] | None = None
        self._is_read = False
        self._look()
        offsets = store.resolve_all(address.name, start)
        self._next = {status.partition: offsets[status.partition] for status in self._partitions}

    def take(self, most: int, wait: float, until: Callable[[], bool]) -> list[Record]:
        """Read on, as many as come without waiting, up to `most`."""
        if self._is_read:
            self._store.wait(self._since, self._until.pause(wait, self._looked_at), until)
            self._look()
        if self._batches is None:
            self._batches = in_batches(self.records(), most)
        batch = next(self._batches, [])
        self._is_read = not batch
        return batch

    def is_over(self) -> bool:
        """Return whether nothing that may still come lies before the bounds."""
        if not self._is_read:
            return False
        end = self._until.offset
        has_read_all = end is not None and all(offset >= end for offset in self._next.values())
        return has_read_all or self._until.is_past(self._looked_at)

    def remaining(self) -> int:
        """Count the offsets still to be read, of those present at the last look."""
        ends = ((self._until.end(status.end), status.partition) for status in self._partitions)
        return sum(max(0, end - self._next.get(number, 0)) for end, number in ends)

    def records(self) -> Iterator[Record]:
        """Read the records present at the last look."""
        unread = [
            status
            for status in self._partitions
            if self._next.setdefault(status.partition, 0) < self._until.end(status.end)
        ]
        limit = max(1, min(BATCH_RECORDS, _MOST_RECORDS // max(1, len(unread))))
        pages = (self._read(status, limit, len(unread)) for status in unread)
        return merge(*pages, key=_by_time)

    def _look(self) -> None:
        self._looked_at = self._store.wall()
        # In this order, so that an append in between ends the next wait at once.
        self._since = self._store.changed()
        self._partitions = self._find_partitions()
        self._batches, self._is_read = None, False

    def _find_partitions(self) -> list[PartitionStatus]:
        partitions = self._store.topic(self._address.name).partitions
        number = self._address.partition
        if number is None:
            return partitions
        if number >= len(partitions):
            raise NotFound(
                f"partition {self._address.name}/{number} does not exist",
                hint=f"{self._address.name} has partitions 0 to {len(partitions) - 1}",
            )
        return [partitions[number]]

    def _read(self, status: PartitionStatus, limit: int, partitions: int) -> Iterator[Record]:
        number, end = status.partition, self._until.end(status.end)
        most_bytes = min(_BATCH_BYTES, _MOST_BYTES // partitions)
        while (offset := self._next[number]) < end:
            page = self._store.read(
                self._address.name, number, offset, limit, most_bytes,
                mark_damaged=self._mark_damaged,
            )  # fmt: skip
            kept = self._until.cut(page, end)
            self._next[number] = page[-1].offset + 1 if len(kept) == len(page) > 0 else end
            yield from kept


def record_address(source: Address) -> Address:
    """Return an address in a topic; raises BadInput for `orders@5`, which names no partition."""
    if source.offset is not None and source.partition is None:
        raise BadInput(
            f"{source} does not name a partition", hint=f"{source.name}/0@{source.offset}"
        )
    return source


def parse_until(word: str | None, now: int) -> Until:
    """Read the value of `--until`; `now` is Unix milliseconds. Raises BadInput."""
    if word is None or word == "end":
        return Until()
    position = parse_position(word, now, up=True)
    if position.kind == "offset":
        return Until(offset=position.number)
    if position.kind in {"time", "came"}:
        return Until(time=position.number)
    raise BadInput(f"reading can't end at {word!r}", hint="--until end, an offset or a time")


def in_batches(records: Iterable[Record], most: int = BATCH_RECORDS) -> Iterator[list[Record]]:
    """Cut records into lists of up to `most`, or about 1 MiB.

    Before an error come those that were read before it.
    """
    batch: list[Record] = []
    size = 0
    try:
        for record in records:
            batch.append(record)
            size += len(record.value or b"") + len(record.key or b"")
            if len(batch) == most or size >= _BATCH_BYTES:
                yield batch
                batch, size = [], 0
    except MqError:
        if batch:
            yield batch
        raise
    if batch:
        yield batch
