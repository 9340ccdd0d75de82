"""The protocol of topics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Unpack

from store.engine.features import Feature, Featured, lacking

if TYPE_CHECKING:
    from collections.abc import Iterable

    from store.model.maintenance import CompactionResult, TrimResult
    from store.model.positions import Position
    from store.model.topics import (
        Headers,
        NewRecord,
        Record,
        RecordId,
        Timestamp,
        TopicConfig,
        TopicSettings,
        TopicStatus,
    )


class Topics(Featured, Protocol):
    """Topics: partitions of records that stay where they are read."""

    def create_topic(
        self,
        name: str,
        *,
        partitions: int = 1,
        if_not_exists: bool = False,
        **settings: Unpack[TopicSettings],
    ) -> TopicStatus:
        """Create a topic. The number of partitions bounds a group's parallelism, and only grows."""
        raise lacking(self, Feature.TOPICS)

    def topics(self) -> list[TopicStatus]:
        """Return every topic, by name."""
        raise lacking(self, Feature.TOPICS)

    def topic(self, name: str) -> TopicStatus:
        """Return one topic; raises `NotFound`."""
        raise lacking(self, Feature.TOPICS)

    def alter_topic(
        self, name: str, *, partitions: int | None = None, **settings: Unpack[TopicSettings]
    ) -> TopicStatus:
        """Change the given settings and keep the rest. More partitions move most keys."""
        raise lacking(self, Feature.TOPICS)

    def plan_topic_alter(
        self, name: str, *, partitions: int | None = None, **settings: Unpack[TopicSettings]
    ) -> TopicConfig:
        """Return the settings that `alter_topic` would leave; raise its errors."""
        raise lacking(self, Feature.TOPICS)

    def delete_topic(self, name: str) -> TopicStatus:
        """Delete a topic, its records and the groups' offsets; return the topic as it was."""
        raise lacking(self, Feature.TOPICS)

    def trim(self, topic: str, before: Position, partition: int | None = None) -> list[TrimResult]:
        """Remove the records before a position (Kafka's DeleteRecords), in bounded steps."""
        raise lacking(self, Feature.TRIM)

    def trim_preview(
        self, topic: str, before: Position, partition: int | None = None
    ) -> list[TrimResult]:
        """Return what `trim` would remove, without removing it."""
        raise lacking(self, Feature.TRIM)

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
        raise lacking(self, Feature.TOPICS)

    def produce_many(
        self, topic: str, records: Iterable[NewRecord | bytes | str]
    ) -> list[RecordId]:
        """Append records in one transaction, all or none; raises `BadRecord` for a bad one."""
        raise lacking(self, Feature.TOPICS)

    def read(
        self,
        topic: str,
        partition: int = 0,
        offset: int = 0,
        limit: int = 1000,
        max_bytes: int | None = None,
        *,
        mark_damaged: bool = False,
    ) -> list[Record]:
        """Return up to `limit` records from `offset` on; nothing is remembered."""
        raise lacking(self, Feature.TOPICS)

    def record(
        self, topic: str, partition: int, offset: int, *, mark_damaged: bool = False
    ) -> Record:
        """Return the record at an offset; raises `NotFound` if it is not there yet or any more."""
        raise lacking(self, Feature.TOPICS)

    def resolve(
        self, topic: str, position: Position, partition: int = 0, group: str | None = None
    ) -> int:
        """Return the offset of a position in a partition, moved into the log."""
        raise lacking(self, Feature.TOPICS)

    def resolve_all(self, topic: str, position: Position) -> list[int]:
        """Resolve a position in every partition of a topic, in order, as of one moment."""
        raise lacking(self, Feature.TOPICS)

    def partition_for(self, topic: str, key: bytes | str) -> int:
        """Return the partition that records with this key go to."""
        raise lacking(self, Feature.TOPICS)

    def moving_keys(self, topic: str, partitions: int) -> tuple[int, int]:
        """Return how many keys another number of partitions would move, and out of how many."""
        raise lacking(self, Feature.TOPICS)

    def latest(self, topic: str, key: bytes | str | None = None) -> list[Record]:
        """Return the newest record of every key, or of one, by key; deleted keys are left out."""
        raise lacking(self, Feature.COMPACTION)

    def compact_topic(self, topic: str) -> list[CompactionResult]:
        """Remove records replaced by newer ones of their key, in steps; return their counts."""
        raise lacking(self, Feature.COMPACTION)
