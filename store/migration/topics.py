"""Records copied partition by partition, each with its offset at the source in a header.

The header of the newest copy says where copying goes on, so that nothing is copied twice and no
progress is kept anywhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from store.crash import crash_point
from store.migration.envelopes import envelope
from store.model.errors import BadInput, BadRecord, Conflict, NotFound
from store.model.positions import Position
from store.model.topics import NewRecord

if TYPE_CHECKING:
    from store.engine.broker import Broker
    from store.engine.features import Features
    from store.engine.topics import Topics
    from store.model.topics import PartitionStatus, Record

OFFSET_HEADER = "mq-offset"
_MOST_RECORDS = 1_000
_MOST_BYTES = 4 << 20
# The newest entries of a Kafka log may be marks of transactions, which are no records.
_LOOK_BACK = 16


class PartitionCopy(NamedTuple):
    """A partition to copy: from `next` up to `end`, offsets of the source."""

    topic: str
    partition: int
    start: int
    end: int
    next: int

    @property
    def left(self) -> int:
        """How many offsets are not copied yet; compaction may have left fewer records."""
        return self.end - self.next


def partitions_to_copy(source: Topics, target: Topics, topic: str) -> list[PartitionCopy]:
    """Return the partitions of a topic, and from where on each is copied.

    Raises `Conflict` where the target has other records than copies.
    """
    try:
        there = {partition.partition: partition for partition in target.topic(topic).partitions}
    except NotFound:
        there = {}
    copies = []
    for partition in source.topic(topic).partitions:
        after = _copied(target, topic, there.get(partition.partition))
        copies.append(
            PartitionCopy(
                topic, partition.partition, partition.start, partition.end,
                min(max(after, partition.start), partition.end),
            )
        )  # fmt: skip
    return copies


def copy_partition(
    source: Broker, target: Broker, part: PartitionCopy, advance: Callable[[int], object]
) -> int:
    """Copy the records that are left, and return how many; `advance` is called with each number.

    A batch is confirmed before the next one is read, so that the newest copy tells all.
    """
    offset, copied = part.next, 0
    while offset < part.end:
        records = source.read(part.topic, part.partition, offset, _MOST_RECORDS, _MOST_BYTES)
        records = [record for record in records if record.offset < part.end]
        if not records:
            break
        crash_point("migrate.read")
        try:
            with target.batch() as batch:
                batch.produce(part.topic, [_copy(record, target.features) for record in records])
                crash_point("migrate.produced")
        except BadRecord as error:
            refused = records[error.index].address
            raise BadInput(f"{refused} can't be copied: {error.message}", error.hint) from error
        crash_point("migrate.copied")
        offset = records[-1].offset + 1
        copied += len(records)
        advance(len(records))
    return copied


def source_offset(record: Record) -> int | None:
    """Return the offset that a copy had at the source; `None` for any other record."""
    text = record.headers.get(OFFSET_HEADER)
    return int(text) if isinstance(text, str) and text.isdecimal() else None


def _copy(record: Record, features: Features) -> NewRecord:
    headers, properties = envelope(
        record.headers, record.properties, {OFFSET_HEADER: str(record.offset)}, features
    )
    return NewRecord(
        record.value, record.key, headers, record.timestamp, record.partition, properties
    )


def _copied(target: Topics, topic: str, there: PartitionStatus | None) -> int:
    """Return the offset of the source after the newest copy in a partition of the target."""
    if there is None or there.end == 0:
        return 0
    number = there.partition
    newest = target.resolve(topic, Position("last"), number)
    records = target.read(topic, number, newest, _LOOK_BACK) or target.read(
        topic, number, max(there.start, there.end - _LOOK_BACK), _LOOK_BACK
    )
    offset = source_offset(records[-1]) if records else None
    if offset is None:
        told = "no records any more" if not records else "other records than copies"
        raise Conflict(
            f"{topic}/{number} has {told} at the target, so that a copy can't go on there",
            hint="delete that topic, or copy into another place",
        )
    return offset + 1
