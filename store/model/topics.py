"""The values that a store takes and gives; times are Unix milliseconds.

All are named tuples but `NewRecord`, which takes two thirds of the time to make.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import repeat
from typing import Annotated, NamedTuple, TypedDict

from store.model.errors import BadInput
from store.model.settings import BEYOND, LARGEST_VALUE, OLDER, cleanup_policy, duration, size

HeaderValue = str | int | float | bool | None
Headers = Mapping[str, HeaderValue]
Seconds = float | timedelta
"""A length of time as the Python API takes it."""
Timestamp = datetime | int | float
"""A point in time as the Python API takes it: an int is Unix milliseconds, a float Unix seconds."""

DELIVERIES_WITH_DLQ = 5
"""The limit where a DLQ is given and no limit: that of Kafka's share groups."""


def in_seconds(given: Seconds, what: str = "a time to wait") -> float:
    """A length of time in seconds; raises `BadInput` for what is none."""
    seconds = given.total_seconds() if isinstance(given, timedelta) else given
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise BadInput(f"{what} must be seconds or a timedelta, not {type(given).__name__}")
    if seconds != seconds:  # NaN would never be over
        raise BadInput(f"{what} can't be {seconds} seconds")
    return seconds


class NewRecord:
    """A record to append. A `None` value is a tombstone; a `None` key means no key."""

    __slots__ = ("headers", "key", "partition", "timestamp", "value")

    def __init__(
        self,
        value: bytes | str | None,
        key: bytes | str | None = None,
        headers: Headers | None = None,
        timestamp: Timestamp | None = None,
        partition: int | None = None,
    ) -> None:
        self.value = value
        self.key = key
        self.headers = headers
        self.timestamp = timestamp
        self.partition = partition

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, NewRecord):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in NewRecord.__slots__)

    def __repr__(self) -> str:
        fields = (f"{name}={getattr(self, name)!r}" for name in NewRecord.__slots__)
        return f"NewRecord({', '.join(fields)})"


class RecordId(NamedTuple):
    """Where a record stands, for ever."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}@{self.offset}"

    @classmethod
    def each(
        cls, topic: str, partitions: Iterable[int], offsets: Iterable[int]
    ) -> "list[RecordId]":
        """The ids of records of one topic, from the partition and offset of each."""
        fields = zip(repeat(topic), partitions, offsets)
        # What `_make` does, without a call of Python for each.
        return list(map(tuple.__new__, repeat(cls), fields))


class Remains(NamedTuple):
    """What stands in a damaged record or message now; nothing tells how much of it was stored."""

    key: bytes | None
    headers: str | None
    value: bytes | None


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

    @property
    def came(self) -> int:
        """When it came, in Unix milliseconds: its timestamp, unless that was ahead of the clock."""
        return self.timestamp

    @property
    def damaged(self) -> Remains | None:
        """What is left of a `DamagedRecord`; of any other `None`."""
        return None


class MisdatedRecord(Record):
    """A record whose timestamp was ahead of the clock when it came."""

    came_at: int

    @property
    def came(self) -> int:
        """When it came, in Unix milliseconds."""
        # A copy with other fields does not know.
        return getattr(self, "came_at", self.timestamp)


class DamagedRecord(Record):
    """A record that differs from its checksum: it has neither key, headers nor value."""

    remains: Remains

    @property
    def damaged(self) -> Remains:
        """What stands in the places of key, headers and value."""
        return self.remains

    @classmethod
    def found(cls, id: RecordId, timestamp: int, remains: Remains) -> "DamagedRecord":
        """The damaged record at that place."""
        record = cls(*id, timestamp, None, {}, None)
        record.remains = remains
        return record


class TopicConfig(NamedTuple):
    """The settings of a topic; lengths of time in milliseconds, sizes in bytes, `None` for ever.

    Names, meanings and defaults follow Kafka's topic configuration (retention.ms and the rest).
    """

    retention: Annotated[
        int | None,
        duration("How long records are kept.", nothing="forever", least=1, discards=OLDER),
    ] = 7 * 86_400_000
    retention_bytes: Annotated[
        int | None,
        size(
            "How many bytes are kept in each partition.", nothing="none", least=1, discards=BEYOND
        ),
    ] = None
    cleanup: Annotated[
        str,
        cleanup_policy(
            "What goes: records past retention, values that a newer one of their key replaces.",
            discards="records without a key, and values that newer ones replace, may go at once",
        ),
    ] = "delete"
    tombstone_delay: Annotated[
        int, duration("How long compaction keeps a tombstone it has seen.")
    ] = 86_400_000
    compaction_lag: Annotated[int, duration("How long compaction leaves a new record alone.")] = 0
    max_message: Annotated[
        int,
        size(
            "How large a record may be: key, headers, value together.", least=1, most=LARGEST_VALUE
        ),
    ] = 1 << 20


class TopicSettings(TypedDict, total=False):
    """The settings of a topic as callers give them: lengths of time in seconds, sizes in bytes."""

    retention: Seconds | None
    retention_bytes: int | None
    cleanup: str
    tombstone_delay: Seconds
    compaction_lag: Seconds
    max_message: int


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
