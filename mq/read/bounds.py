"""Where reading ends, and records cut into batches that are handled as one."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from store.model.errors import BadInput, MqError
from store.model.positions import parse_position
from store.model.topics import Record

BATCH_RECORDS = 500
BATCH_BYTES = 1 << 20


class Until(NamedTuple):
    """The first offset, or the first time in Unix milliseconds, that is not read any more.

    It holds in each partition; `None` is no bound of that kind.
    """

    offset: int | None = None
    time: int | None = None

    def end(self, end: int) -> int:
        """The nearer of a partition's end and the offset that is not read any more."""
        return end if self.offset is None else min(end, self.offset)

    def cut(self, records: Sequence[Record], end: int) -> Sequence[Record]:
        """What of one partition's records, in order, lies before the bounds and before `end`."""
        end = self.end(end)
        if not records or self._is_before(records[-1], end):
            return records
        return [record for record in records if self._is_before(record, end)]

    def _is_before(self, record: Record, end: int) -> bool:
        # Times never fall as offsets rise, so what is cut off is always a tail.
        return record.offset < end and (self.time is None or record.came < self.time)


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
    """Records in lists of up to `most`, or about 1 MiB; before an error those that came before."""
    batch: list[Record] = []
    size = 0
    try:
        for record in records:
            batch.append(record)
            size += len(record.value or b"") + len(record.key or b"")
            if len(batch) == most or size >= BATCH_BYTES:
                yield batch
                batch, size = [], 0
    except MqError:
        if batch:
            yield batch
        raise
    if batch:
        yield batch
