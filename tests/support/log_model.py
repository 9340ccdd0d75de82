"""The log as plain lists and dictionaries: what a store should hold after a random run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from store import Consumer, NewRecord, Position, Record, RecordId, Shift

Place = tuple[str, int]


@dataclass(frozen=True)
class Stored:
    """A record without its topic and partition."""

    offset: int
    timestamp: int
    key: bytes | None
    headers: dict[str, Any]
    value: bytes | None

    @classmethod
    def of(cls, record: Record) -> Stored:
        """What is compared of a record that was read."""
        return cls(record.offset, record.timestamp, record.key, record.headers, record.value)


@dataclass
class PartitionModel:
    """The records of one partition that are still there."""

    start: int = 0
    next: int = 0
    last_timestamp: int = 0
    records: list[Stored] = field(default_factory=list)

    def trim(self, before: int) -> int:
        """Remove what is below; how many that were."""
        present = len(self.records)
        self.records = [record for record in self.records if record.offset >= before]
        self.start = max(self.start, before)
        return present - len(self.records)

    def offset_for_time(self, moment: int) -> int:
        """The first offset at or after a time, else the end."""
        later = (record.offset for record in self.records if record.timestamp >= moment)
        return next(later, self.next)


@dataclass
class Handle:
    """A consumer in use; a removed one is no member any more."""

    consumer: Consumer
    group: str
    member: str
    removed: bool = False

    def reads(self, topic: str) -> bool:
        """Whether the consumer owns, as far as it knows, partitions of a topic."""
        return any(place[0] == topic for place in self.consumer.position)


class LogModel:
    """Topics, groups and producers, as they should be."""

    def __init__(self) -> None:
        self.topics: dict[str, list[PartitionModel]] = {}
        self.committed: dict[str, dict[Place, int]] = {}
        self.sequences: dict[str, int] = {}

    def partition(self, topic: str, number: int) -> PartitionModel | None:
        """One partition, if it exists."""
        partitions = self.topics.get(topic, [])
        return partitions[number] if number < len(partitions) else None

    def append_all(
        self, topic: str, records: Sequence[NewRecord], ids: Sequence[RecordId], now: int
    ) -> None:
        """Take a batch in that was stored under these ids."""
        for record, id in zip(records, ids, strict=True):
            assert id.topic == topic
            self.append(topic, id.partition, id.offset, record, now)

    def append(self, topic: str, number: int, offset: int, new: NewRecord, now: int) -> None:
        """Take a record in; its offset must be the next one."""
        partition = self.topics[topic][number]
        assert offset == partition.next
        assert new.partition in (None, number)
        given = now if new.timestamp is None else new.timestamp
        assert isinstance(given, int)
        partition.last_timestamp = max(partition.last_timestamp, given)
        assert not isinstance(new.key, str)
        assert not isinstance(new.value, str)
        partition.records.append(
            Stored(offset, partition.last_timestamp, new.key, dict(new.headers or {}), new.value)
        )
        partition.next += 1

    def delete_topic(self, name: str) -> None:
        """Forget a topic and every place in it."""
        del self.topics[name]
        self.sequences.pop(name, None)
        for group, offsets in self.committed.items():
            kept = {place: at for place, at in offsets.items() if place[0] != name}
            self.committed[group] = kept

    def commit(self, group: str, offsets: Mapping[Place, int]) -> None:
        """Store next offsets."""
        self.committed.setdefault(group, {}).update(offsets)

    def from_offset(self, place: Place, offset: int) -> list[Stored]:
        """The records of a partition that are at or after an offset."""
        records = self.topics[place[0]][place[1]].records
        return [record for record in records if record.offset >= offset]

    def plan(self, group: str, topic: str, target: Position | Shift) -> dict[Place, int] | None:
        """Where a reset would place a group; `None` when it can't be planned."""
        committed = self.committed.get(group, {})
        placed: dict[Place, int] = {}
        for number, partition in enumerate(self.topics[topic]):
            current = committed.get((topic, number))
            if isinstance(target, Position):
                wanted = target.number
            elif current is None:
                return None
            else:
                wanted = current + target.by
            placed[topic, number] = min(max(wanted, partition.start), partition.next)
        return placed
