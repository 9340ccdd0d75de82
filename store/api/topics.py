"""Calls on topics and their records."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Unpack

from store.api.base import Calls, check_agreement, encoded, frees_room
from store.model.errors import BadInput, Exists
from store.model.topics import NewRecord, TopicConfig
from store.sqlite import groups, log
from store.sqlite.log.encoding import check_whole, encode_bytes

if TYPE_CHECKING:
    from store.model.maintenance import TrimResult
    from store.model.topics import Headers, Record, RecordId, Timestamp, TopicSettings, TopicStatus
    from store.sqlite.file.database import Snapshot, Write
    from store.sqlite.log.positions import Position

_TIMES = ("retention", "tombstone_delay", "compaction_lag")
_SETTINGS = ("partitions", *TopicConfig._fields)


class TopicCalls(Calls):
    """Topics: create, change, append, read."""

    def create_topic(
        self,
        name: str,
        *,
        partitions: int = 1,
        if_not_exists: bool = False,
        **settings: Unpack[TopicSettings],
    ) -> TopicStatus:
        """Create a topic. The number of partitions bounds a group's parallelism, and only grows.

        `retention` is 7 days unless given; `None` keeps records for ever. Raises `Exists`, with
        `if_not_exists` only when the settings differ.
        """
        config = TopicConfig(**encoded(settings, _TIMES, _SETTINGS))
        with self._write() as tx:
            present = log.topics.find_or_none(tx, name) if if_not_exists else None
            if present is not None:
                status = log.topics.status(present)
                _check_agreement(status, partitions, config)
                return status
            return log.topics.status(log.topics.create(tx, name, partitions, config))

    def topics(self) -> list[TopicStatus]:
        """Every topic, by name."""
        with self._read() as tx:
            return [log.topics.status(log.topics.find(tx, name)) for name in log.topics.names(tx)]

    def topic(self, name: str) -> TopicStatus:
        """One topic; raises `NotFound`."""
        with self._read() as tx:
            return log.topics.status(log.topics.find(tx, name))

    @frees_room
    def alter_topic(
        self, name: str, *, partitions: int | None = None, **settings: Unpack[TopicSettings]
    ) -> TopicStatus:
        """Change what is given and keep the rest. More partitions place most keys elsewhere."""
        with self._write() as tx:
            changes = encoded(settings, _TIMES, _SETTINGS)
            return log.topics.status(log.topics.alter(tx, name, partitions, changes))

    def delete_topic(self, name: str) -> TopicStatus:
        """Delete a topic, its records and every group's place in it; the topic as it was."""
        before = self._step(lambda tx: log.topics.delete(tx, name))
        self._in_steps(log.retention.drain)
        return before

    def trim(self, topic: str, before: Position, partition: int | None = None) -> list[TrimResult]:
        """Remove the records before a position (Kafka's DeleteRecords), in bounded steps.

        Raises `BadInput` for an offset past the end and for a topic that is only compacted.
        """
        planned = self.trim_preview(topic, before, partition)
        with self._read() as tx:
            ids = [p.id for p in log.topics.find(tx, topic).partitions]
        for result in planned:
            step = partial(_trim_step, partition=ids[result.partition], before=result.start)
            self._in_steps(step)
        return planned

    def trim_preview(
        self, topic: str, before: Position, partition: int | None = None
    ) -> list[TrimResult]:
        """What `trim` would remove."""
        with self._read() as tx:
            found = log.topics.find(tx, topic)
            if found.config.cleanup == "compact":
                raise BadInput(
                    f"topic {topic} is only compacted; trimming it would lose the newest values",
                    hint=f"mq topic alter {topic} --cleanup compact,delete",
                )
            chosen = found.partitions if partition is None else [found.partition(partition)]
            return [_trim_plan(tx, found, p, before) for p in chosen]

    def produce(
        self,
        topic: str,
        value: bytes | str | None,
        *,
        key: bytes | str | None = None,
        headers: Headers | None = None,
        timestamp: Timestamp | None = None,
        partition: int | None = None,
    ) -> RecordId:
        """Append one record; it is stored when the call returns. See `produce_many`."""
        return self.produce_many(topic, [NewRecord(value, key, headers, timestamp, partition)])[0]

    def produce_many(
        self, topic: str, records: Iterable[NewRecord | bytes | str]
    ) -> list[RecordId]:
        """Append records in one transaction, all or none; raises `BadRecord` for the first bad one.

        Bytes or text alone are a record that has only this value. A key decides the partition as
        Kafka's murmur2 partitioner does; records without one stay together. A timestamp older than
        the partition's last is raised to it.
        """
        with self._write() as tx:
            found = log.topics.find(tx, topic)
            return log.append.produce(tx, found, records, self._sticky(topic))

    def read(
        self, topic: str, partition: int = 0, offset: int = 0, limit: int = 1000,
        max_bytes: int | None = None, *, mark_damaged: bool = False,
    ) -> list[Record]:  # fmt: skip
        """Up to `limit` records from `offset` on; nothing is remembered.

        Raises `Damaged` at a damaged record; with `mark_damaged` it comes as a `DamagedRecord`.
        """
        check_whole(offset, "an offset", -1)
        check_whole(limit, "a limit")
        with self._read() as tx:
            found = log.topics.find(tx, topic)
            chosen = found.partition(partition)
            return log.read.read(
                tx, found, chosen, offset, limit, max_bytes, mark_damaged=mark_damaged
            )

    def record(
        self, topic: str, partition: int, offset: int, *, mark_damaged: bool = False
    ) -> Record:
        """The record at an offset; raises `NotFound` where none is, not yet or no longer.

        Raises `Damaged` for a damaged one; with `mark_damaged` it comes as a `DamagedRecord`.
        """
        check_whole(offset, "an offset", -1)
        with self._read() as tx:
            found = log.topics.find(tx, topic)
            return log.read.find(
                tx, found, found.partition(partition), offset, mark_damaged=mark_damaged
            )

    def resolve(
        self, topic: str, position: Position, partition: int = 0, group: str | None = None
    ) -> int:
        """The offset that a position stands for in a partition, moved into the log."""
        with self._read() as tx:
            found = log.topics.find(tx, topic).partition(partition)
            reader = None if group is None else groups.catalog.find(tx, group).id
            committed = (
                None if reader is None else groups.reset.committed_offset(tx, reader, found.id)
            )
            return log.positions.clamp(found, log.positions.resolve(tx, found, position, committed))

    def resolve_all(self, topic: str, position: Position) -> list[int]:
        """`resolve` for every partition of a topic, in order, as of one moment."""
        with self._read() as tx:
            partitions = log.topics.find(tx, topic).partitions
            return [
                log.positions.clamp(found, log.positions.resolve(tx, found, position))
                for found in partitions
            ]

    def partition_for(self, topic: str, key: bytes | str) -> int:
        """The partition that records with this key go to."""
        encoded = encode_bytes(key, "key")
        assert encoded is not None
        with self._read() as tx:
            return log.placement.partition_for_key(
                encoded, len(log.topics.find(tx, topic).partitions)
            )

    def moving_keys(self, topic: str, partitions: int) -> tuple[int, int]:
        """How many keys another number of partitions would place elsewhere, and out of how many.

        Counted among the keys of the newest 1,000 or so records.
        """
        with self._read() as tx:
            found = log.topics.find(tx, topic)
            keys = log.read.newest_keys(tx, found)
        before = len(found.partitions)
        moving = [
            key
            for key in keys
            if log.placement.partition_for_key(key, partitions)
            != log.placement.partition_for_key(key, before)
        ]
        return len(moving), len(keys)


def _trim_step(tx: Write, partition: int, before: int) -> bool:
    return log.retention.trim_step(tx, partition, before) is not None


def _trim_plan(
    tx: Snapshot, topic: log.topics.Topic, partition: log.topics.Partition, before: Position
) -> TrimResult:
    from store.model.maintenance import TrimResult

    log.positions.check(before)
    if before.kind in {"time", "came"}:
        # What is removed for its age is so by when it came, as by retention.
        target = log.read.end_of_older(tx, partition, before.number)
    else:
        target = log.positions.resolve(tx, partition, before)
    address = f"{topic.name}/{partition.number}"
    if before.kind == "offset" and target > partition.next:
        raise BadInput(
            f"{address} ends at {partition.next}; it can't be trimmed before {target}",
            hint=f"to remove everything: mq topic trim {address} --before latest",
        )
    start = log.positions.clamp(partition, target)
    removed = tx.value(
        "select count(*) from mq_records where id >= :first and id < :end",
        {"first": partition.base + partition.start, "end": partition.base + start},
    )
    return TrimResult(topic.name, partition.number, partition.start, start, partition.next, removed)


def _check_agreement(present: TopicStatus, partitions: int, config: TopicConfig) -> None:
    if len(present.partitions) != partitions:
        raise Exists(
            f"topic {present.name} exists with {len(present.partitions)} partitions,"
            f" not {partitions}",
            hint=f"mq topic show {present.name}",
        )
    check_agreement("topic", present.name, present.config, config)
