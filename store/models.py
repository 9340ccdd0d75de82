"""The values that a store takes and gives; times are Unix milliseconds.

All are frozen but `NewRecord`: a frozen one takes four times as long to make.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import repeat
from typing import NamedTuple, TypedDict

HeaderValue = str | int | float | bool | None
Headers = Mapping[str, HeaderValue]
Seconds = float | timedelta
"""A length of time as the Python API takes it."""
Timestamp = datetime | int | float
"""A point in time as the Python API takes it: an int is Unix milliseconds, a float Unix seconds."""


def in_seconds(given: Seconds) -> float:
    """A length of time in seconds."""
    return given.total_seconds() if isinstance(given, timedelta) else given


@dataclass(slots=True)
class NewRecord:
    """A record to append. A `None` value is a tombstone; a `None` key means no key."""

    value: bytes | str | None
    key: bytes | str | None = None
    headers: Headers | None = None
    timestamp: Timestamp | None = None
    partition: int | None = None


class RecordId(NamedTuple):
    """Where a record stands, for ever."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}@{self.offset}"

    @classmethod
    def run(cls, topic: str, partition: int, offsets: range) -> "list[RecordId]":
        """The ids of records that stand one after another."""
        fields = zip(repeat(topic), repeat(partition), offsets)
        # What `_make` does, without a call of Python for each.
        return list(map(tuple.__new__, repeat(cls), fields))


class Record(NamedTuple):
    """A record as it is stored in a partition of a topic; `timestamp` is Unix milliseconds."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    headers: dict[str, HeaderValue]
    value: bytes | None

    @property
    def address(self) -> str:
        """`topic/partition@offset`."""
        return f"{self.topic}/{self.partition}@{self.offset}"

    @property
    def time(self) -> datetime:
        """The timestamp as an aware UTC datetime."""
        return datetime.fromtimestamp(self.timestamp / 1000, UTC)


class TopicConfig(NamedTuple):
    """The settings of a topic; lengths of time in milliseconds, sizes in bytes, `None` for ever.

    Names, meanings and defaults follow Kafka's topic configuration (retention.ms and the rest).
    """

    retention: int | None = 7 * 86_400_000
    retention_bytes: int | None = None
    cleanup: str = "delete"
    tombstone_delay: int = 86_400_000
    compaction_lag: int = 0
    max_message: int = 1 << 20


class TopicSettings(TypedDict, total=False):
    """The settings of a topic as callers give them: lengths of time in seconds, sizes in bytes."""

    retention: Seconds | None
    retention_bytes: int | None
    cleanup: str
    tombstone_delay: Seconds
    compaction_lag: Seconds
    max_message: int


class GroupConfig(NamedTuple):
    """The settings of a consumer group; lengths of time in milliseconds.

    `below_start` is what happens when retention removed the committed offset (Kafka:
    auto.offset.reset); `max_lag` and `max_lag_time` are its objectives.
    """

    assignor: str = "cooperative-sticky"
    below_start: str = "earliest"
    retention: int = 7 * 86_400_000
    max_lag: int | None = None
    max_lag_time: int | None = None
    max_deliveries: int | None = None
    dlq: str | None = None


class GroupSettings(TypedDict, total=False):
    """The settings of a consumer group as callers give them: lengths of time in seconds."""

    assignor: str
    below_start: str
    retention: Seconds
    max_lag: int | None
    max_lag_time: Seconds | None
    max_deliveries: int | None
    dlq: str | None


class PartitionStatus(NamedTuple):
    """One partition: records have offsets `start` to `end - 1`; `bytes` counts what they hold."""

    partition: int
    start: int
    end: int
    records: int
    bytes: int
    last_timestamp: int


class TopicStatus(NamedTuple):
    """A topic with its settings and its partitions, in order."""

    name: str
    config: TopicConfig
    created: int
    partitions: list[PartitionStatus]


class Lag(NamedTuple):
    """How far one group is behind in one partition.

    `committed` is the next offset to read, `None` before the first commit. `lag_seconds` is the
    age of the oldest unread record. `lag_bytes` is exact for short lags and an estimate from the
    partition's mean record size for long ones. `trend` is by how many records per second the lag
    grew during the last minute; below 0 it shrank.
    """

    group: str
    topic: str
    partition: int
    committed: int | None
    start: int
    end: int
    lag: int
    lag_seconds: float
    lag_bytes: int
    trend: float
    member: str | None
    state: str


class Member(NamedTuple):
    """A live member of a consumer group; it is idle when it owns no partition.

    A static member has a name of its own choice. Times are store time in milliseconds.
    """

    member: str
    host: str
    pid: int
    partitions: list[tuple[str, int]]
    static: bool
    joined: int
    last_seen: int
    session_timeout: int


class Loss(NamedTuple):
    """Records `first` to `end - 1` of a partition, which were removed before a group read them."""

    topic: str
    partition: int
    first: int
    end: int


class GroupStatus(NamedTuple):
    """A consumer group: its state is `stable`, `rebalancing` or `empty`."""

    name: str
    state: str
    generation: int
    config: GroupConfig
    members: list[Member]
    offsets: list[Lag]


class TrimResult(NamedTuple):
    """What trimming did, or would do, to one partition."""

    topic: str
    partition: int
    start_before: int
    start: int
    end: int
    removed: int


class CompactionResult(NamedTuple):
    """What compacting removed from one partition; `end` is how far the compaction saw."""

    topic: str
    partition: int
    records: int
    bytes: int
    end: int


class StoreStatus(NamedTuple):
    """The store as a whole; sizes in bytes. `wal_bytes` is what the write-ahead log takes."""

    path: str
    schema: int
    durability: str
    max_bytes: int | None
    created: int
    bytes: int
    free_bytes: int
    wal_bytes: int
    topics: int
    queues: int
    shares: int
    groups: int
    exchanges: int
    records: int
    sqlite_version: str


class Finding(NamedTuple):
    """Something that `verify` found wrong: where, and what."""

    address: str
    problem: str


class OffsetChange(NamedTuple):
    """One row of a reset: where a group stands in a partition, and where it would stand.

    `None` is no commit.
    """

    topic: str
    partition: int
    current: int | None
    new: int | None
    start: int
    end: int
    clamped: bool

    @property
    def change(self) -> int | None:
        """How many offsets forward (positive: skipped) or back (negative: read again)."""
        before = self.start if self.current is None else self.current
        return None if self.new is None else self.new - before
