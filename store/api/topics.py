"""Calls on topics and their records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Unpack, cast, overload

from store import model, sqlite
from store.api.base import Calls, check_agreement, encoded, frees_room
from store.model.encoding import check_whole, encode_bytes
from store.model.errors import BadInput, Exists, Hint
from store.model.topics import NewRecord, TopicConfig

if TYPE_CHECKING:
    from store.api.buffering import BufferedProducer
    from store.api.producer import Producer
    from store.api.store import Store
    from store.model.maintenance import TrimResult
    from store.model.positions import Position
    from store.model.topics import (
        Headers,
        Properties,
        Record,
        RecordId,
        Seconds,
        Timestamp,
        TopicSettings,
        TopicStatus,
    )
    from store.sqlite.file.database import Snapshot, WriteTransaction


from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from store.model.addresses import Address
    from store.model.maintenance import CompactionResult
    from store.model.topics import Record
    from store.sqlite.log.projections import Projection


class TopicCalls(Calls):
    """Topics: create, change, append, read."""

    def create_topic(
        self,
        name: str,
        *,
        partitions: int | None = None,
        if_not_exists: bool = False,
        **settings: Unpack[TopicSettings],
    ) -> TopicStatus:
        """Create a topic. The number of partitions, 1 unless given, bounds a group's parallelism,
        and only grows.

        `retention` is 7 days unless given; `None` keeps records for ever. Raises `Exists`, with
        `if_not_exists` only when given settings differ.
        """
        given = encoded(TopicConfig, settings, "partitions")
        config, number = TopicConfig(**given), 1 if partitions is None else partitions
        with self._write() as tx:
            present = sqlite.log.topics.find_or_none(tx, name) if if_not_exists else None
            if present is not None:
                status = sqlite.log.topics.status(present)
                _check_agreement(status, partitions, given)
                return status
            return sqlite.log.topics.status(sqlite.log.topics.create(tx, name, number, config))

    def topic_names(
        self, prefix: str = "", after: str | None = None, limit: int | None = None
    ) -> list[str]:
        """Return the names of the topics that begin with a prefix, in order; see `queue_names`."""
        with self._read() as tx:
            return sqlite.channels.names(tx, "topic", prefix, after, limit)

    def topics(self) -> list[TopicStatus]:
        """Return every topic, by name."""
        with self._read() as tx:
            return [
                sqlite.log.topics.status(sqlite.log.topics.find(tx, name))
                for name in sqlite.log.topics.names(tx)
            ]

    def topic(self, name: str) -> TopicStatus:
        """Return one topic; raises `NotFound`."""
        with self._read() as tx:
            return sqlite.log.topics.status(sqlite.log.topics.find(tx, name))

    @frees_room
    def alter_topic(
        self, name: str, *, partitions: int | None = None, **settings: Unpack[TopicSettings]
    ) -> TopicStatus:
        """Change the given settings and keep the rest. More partitions move most keys."""
        with self._write() as tx:
            changes = encoded(TopicConfig, settings, "partitions")
            return sqlite.log.topics.status(sqlite.log.topics.alter(tx, name, partitions, changes))

    def plan_topic_alter(
        self, name: str, *, partitions: int | None = None, **settings: Unpack[TopicSettings]
    ) -> TopicConfig:
        """Return the settings that `alter_topic` would leave; raise its errors."""
        changes = encoded(TopicConfig, settings, "partitions")
        with self._read() as tx:
            return sqlite.log.topics.altered(sqlite.log.topics.find(tx, name), partitions, changes)

    def delete_topic(self, name: str) -> TopicStatus:
        """Delete a topic, its records and the groups' offsets; return the topic as it was."""
        before = self._step(lambda tx: sqlite.log.topics.delete(tx, name))
        self._in_steps(sqlite.log.retention.drain)
        return before

    def trim(self, topic: str, before: Position, partition: int | None = None) -> list[TrimResult]:
        """Remove the records before a position (Kafka's DeleteRecords), in bounded steps.

        Raises `BadInput` for an offset past the end and for a topic that is only compacted.
        """
        planned = self.trim_preview(topic, before, partition)
        with self._read() as tx:
            ids = [p.id for p in sqlite.log.topics.find(tx, topic).partitions]
        for result in planned:
            step = partial(_trim_step, partition=ids[result.partition], before=result.start)
            self._in_steps(step)
        return planned

    def trim_preview(
        self, topic: str, before: Position, partition: int | None = None
    ) -> list[TrimResult]:
        """Return what `trim` would remove, without removing it."""
        with self._read() as tx:
            found = sqlite.log.topics.find(tx, topic)
            if found.config.cleanup == "compact":
                raise BadInput(
                    f"topic {topic} is only compacted; trimming it would lose the newest values",
                    hint=Hint("{}", model.actions.alter("topic", topic, cleanup="compact,delete")),
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
        properties: Properties | None = None,
    ) -> RecordId:
        """Append one record; it is stored when the call returns. See `produce_many`."""
        record = (value, key, headers, timestamp, partition, properties)
        if self._busy:
            return self._committer.produce_many(topic, [NewRecord(*record)])[0]
        with self._write() as tx:
            return sqlite.log.append.produce_one(tx, topic, record, self._sticky)

    def produce_many(
        self, topic: str, records: Iterable[NewRecord | bytes | str]
    ) -> list[RecordId]:
        """Append records in one transaction, all or none; raises `BadRecord` for a bad one.

        Bytes or text alone are a record that has only this value. A key decides the partition as
        Kafka's murmur2 partitioner does; records without one stay together. A timestamp older than
        the partition's last is raised to it.
        """
        if self._busy:
            return self._committer.produce_many(topic, records)
        with self._write() as tx:
            found = sqlite.log.topics.find(tx, topic)
            return sqlite.log.append.produce(tx, found, records, self._sticky(topic))

    def read(
        self, topic: str, partition: int = 0, offset: int = 0, limit: int = 1000,
        max_bytes: int | None = None, *, mark_damaged: bool = False,
    ) -> list[Record]:  # fmt: skip
        """Return up to `limit` records from `offset` on; nothing is remembered.

        Raises `Damaged` at a damaged record; with `mark_damaged` it comes as a `DamagedRecord`.
        """
        check_whole(offset, "an offset", -1)
        check_whole(limit, "a limit")
        with self._read() as tx:
            found = sqlite.log.topics.find(tx, topic)
            chosen = found.partition(partition)
            return sqlite.log.read.read(
                tx, found, chosen, offset, limit, max_bytes, mark_damaged=mark_damaged
            )

    def record(
        self, topic: str, partition: int, offset: int, *, mark_damaged: bool = False
    ) -> Record:
        """Return the record at an offset; raises `NotFound` if it is not there yet or any more.

        Raises `Damaged` for a damaged one; with `mark_damaged` it comes as a `DamagedRecord`.
        """
        check_whole(offset, "an offset", -1)
        with self._read() as tx:
            found = sqlite.log.topics.find(tx, topic)
            return sqlite.log.read.find(
                tx, found, found.partition(partition), offset, mark_damaged=mark_damaged
            )

    def resolve(
        self, topic: str, position: Position, partition: int = 0, group: str | None = None
    ) -> int:
        """Return the offset of a position in a partition, moved into the log."""
        with self._read() as tx:
            found = sqlite.log.topics.find(tx, topic).partition(partition)
            reader = None if group is None else sqlite.groups.catalog.find(tx, group).id
            committed = (
                None
                if reader is None
                else sqlite.groups.reset.committed_offset(tx, reader, found.id)
            )
            return sqlite.log.read.clamp(
                found, sqlite.log.read.resolve(tx, found, position, committed)
            )

    def resolve_all(self, topic: str, position: Position) -> list[int]:
        """Resolve a position in every partition of a topic, in order, as of one moment."""
        with self._read() as tx:
            partitions = sqlite.log.topics.find(tx, topic).partitions
            return [
                sqlite.log.read.clamp(found, sqlite.log.read.resolve(tx, found, position))
                for found in partitions
            ]

    def partition_for(self, topic: str, key: bytes | str) -> int:
        """Return the partition that records with this key go to."""
        encoded = encode_bytes(key, "key")
        assert encoded is not None
        with self._read() as tx:
            return model.placement.partition_for_key(
                encoded, len(sqlite.log.topics.find(tx, topic).partitions)
            )

    def moving_keys(self, topic: str, partitions: int) -> tuple[int, int]:
        """Return how many keys another number of partitions would move, and out of how many.

        Counted among the keys of the newest 1,000 or so records.
        """
        with self._read() as tx:
            found = sqlite.log.topics.find(tx, topic)
            keys = sqlite.log.read.newest_keys(tx, found)
        before = len(found.partitions)
        moving = [
            key
            for key in keys
            if model.placement.partition_for_key(key, partitions)
            != model.placement.partition_for_key(key, before)
        ]
        return len(moving), len(keys)


def _trim_step(tx: WriteTransaction, partition: int, before: int) -> bool:
    return sqlite.log.retention.trim_step(tx, partition, before) is not None


def _trim_plan(
    tx: Snapshot,
    topic: sqlite.log.topics.Topic,
    partition: sqlite.log.topics.Partition,
    before: Position,
) -> model.maintenance.TrimResult:
    model.positions.check_position(before)
    if before.kind in {"time", "came"}:
        # Removal by age goes by arrival, as retention does.
        target = sqlite.log.read.end_of_older(tx, partition, before.number)
    else:
        target = sqlite.log.read.resolve(tx, partition, before)
    address = f"{topic.name}/{partition.number}"
    if before.kind == "offset" and target > partition.next:
        raise BadInput(
            f"{address} ends at {partition.next}; it can't be trimmed before {target}",
            hint=Hint(
                "to remove everything: {}",
                model.actions.Trim(topic.name, partition.number, "latest", asks=True),
            ),
        )
    start = sqlite.log.read.clamp(partition, target)
    removed = tx.value(
        "select count(*) from mq_records where id >= :first and id < :end",
        {"first": partition.base + partition.start, "end": partition.base + start},
    )
    return model.maintenance.TrimResult(
        topic.name, partition.number, partition.start, start, partition.next, removed
    )


def _check_agreement(
    present: TopicStatus, partitions: int | None, given: Mapping[str, Any]
) -> None:
    if partitions is not None and len(present.partitions) != partitions:
        raise Exists(
            f"topic {present.name} exists with {len(present.partitions)} partitions,"
            f" not {partitions}",
            hint=Hint("{}", model.looks.Show("topic", present.name)),
        )
    check_agreement("topic", present.name, present.config, given)


PROJECTED_AT_ONCE = 1_000


class TableCalls(Calls):
    """Logs as tables."""

    def latest(self, topic: str, key: bytes | str | None = None) -> list[Record]:
        """Return the newest record of every key, or of one, by key; deleted keys are left out."""
        wanted = encode_bytes(key, "key")
        with self._read() as tx:
            found = sqlite.log.topics.find(tx, topic)
            if wanted is None:
                return sqlite.log.latest.latest(tx, found)
            newest = sqlite.log.latest.latest_of(tx, found, wanted)
            return [] if newest is None else [newest]

    def compact_topic(self, topic: str) -> list[CompactionResult]:
        """Remove records replaced by newer ones of their key, in steps; return their counts.

        Raises `BadInput` for a topic whose cleanup does not include compact.
        """
        with self._read() as tx:
            found, database = sqlite.log.topics.find(tx, topic), tx.database
            partitions = list(found.partitions)
        if "compact" not in found.config.cleanup:
            raise BadInput(
                f"topic {topic} is not compacted",
                hint=Hint("{}", model.actions.alter("topic", topic, cleanup="compact")),
            )
        return [sqlite.log.compaction.compact(database, found, p) for p in partitions]

    def project(
        self, topic: str, table: str, primary_key: str, *, rebuild: bool = False,
        passing: Iterable[Address] = (),
    ) -> int:  # fmt: skip
        """Bring a plain table up to the end of a topic of JSON objects; return the records it took.

        Each step stores rows and offsets together, so every record counts exactly once. A rebuild
        fills a new table from the start, and swaps it in when it is complete. Records in `passing`
        that can't be taken in, such as damaged ones, are passed over.
        """
        passed = frozenset(passing)
        with self._write() as tx:
            target = sqlite.log.projections.declare(tx, topic, table, primary_key)
            again = sqlite.log.projections.begin_rebuild(tx, target) if rebuild else target
        taken = 0
        while step := self._advance(again, passed):
            taken += step
        if rebuild:
            with self._write() as tx:
                sqlite.log.projections.finish_rebuild(tx, target)
        return taken

    def _advance(self, projection: Projection, passing: Collection[Address]) -> int:
        with self._write() as tx:
            return sqlite.log.projections.advance(tx, projection, PROJECTED_AT_ONCE, passing)


class ProducerCalls(Calls):
    """Producers, which number or buffer what they store."""

    @overload
    def producer(self, name: str) -> Producer: ...

    @overload
    def producer(
        self, name: str | None = None, *, linger: Seconds, buffer_bytes: int = ...
    ) -> BufferedProducer: ...

    def producer(
        self, name: str | None = None, *, linger: Seconds | None = None,
        buffer_bytes: int = 32 << 20,
    ) -> Producer | BufferedProducer:  # fmt: skip
        """Begin a new incarnation of a named producer; older ones are fenced.

        With `linger` it buffers: a record waits up to so many seconds for others, to be stored with
        them, and `buffer_bytes` are kept in memory at most (Kafka: linger.ms, buffer.memory).
        """
        from store.api import producer

        return producer.begin(cast("Store", self), name, linger, buffer_bytes)
