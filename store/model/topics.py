"""The values of topics: arguments and results; times are Unix milliseconds.

All are named tuples except `NewRecord`, which takes two thirds of the time to make.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import repeat
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, NamedTuple, TypedDict, Union

from store.model.errors import BadInput
from store.model.settings import BEYOND, LARGEST_VALUE, OLDER, cleanup_policy, duration, pairs, size

if TYPE_CHECKING:
    from decimal import Decimal

HeaderValue = Union[
    str, int, float, bool, None, bytes, datetime, "Decimal",
    list["HeaderValue"], dict[str, "HeaderValue"],
]  # fmt: skip
"""A value of a header or property. A header that is repeated, as in Kafka, has a list."""
Headers = Mapping[str, HeaderValue]
Properties = Mapping[str, HeaderValue]
"""Facts about a message that are not its sender's own headers, such as `content_type`."""
NO_PROPERTIES: Properties = MappingProxyType({})
Seconds = float | timedelta
"""A duration as the Python API takes it."""
Timestamp = datetime | int | float
"""A point in time as the Python API takes it: an int is Unix milliseconds, a float Unix seconds."""

DELIVERIES_WITH_DLQ = 5
"""The limit of deliveries for a DLQ without a limit: that of Kafka's share groups."""


def in_seconds(given: Seconds, what: str = "a time to wait") -> float:
    """Return a duration in seconds; raises `BadInput` for an invalid one."""
    seconds = given.total_seconds() if isinstance(given, timedelta) else given
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise BadInput(f"{what} must be seconds or a timedelta, not {type(given).__name__}")
    if seconds != seconds:  # NaN would never be over
        raise BadInput(f"{what} can't be {seconds} seconds")
    return seconds


class NewRecord:
    """A record to append. A `None` value is a tombstone; a `None` key means no key."""

    __slots__ = ("headers", "key", "partition", "properties", "timestamp", "value")

    def __init__(
        self,
        value: bytes | str | None,
        key: bytes | str | None = None,
        headers: Headers | None = None,
        timestamp: Timestamp | None = None,
        partition: int | None = None,
        properties: Properties | None = None,
    ) -> None:
        self.value = value
        self.key = key
        self.headers = headers
        self.timestamp = timestamp
        self.partition = partition
        self.properties = properties

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, NewRecord):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in NewRecord.__slots__)

    def __repr__(self) -> str:
        fields = (f"{name}={getattr(self, name)!r}" for name in NewRecord.__slots__)
        return f"NewRecord({', '.join(fields)})"


class RecordId(NamedTuple):
    """The place of a record, which never changes."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}@{self.offset}"

    @classmethod
    def each(
        cls, topic: str, partitions: Iterable[int], offsets: Iterable[int]
    ) -> "list[RecordId]":
        """Return the ids of records of one topic, from the partition and offset of each."""
        fields = zip(repeat(topic), partitions, offsets)
        # Same as `_make`, without a call of Python for each.
        return list(map(tuple.__new__, repeat(cls), fields))


class Remains(NamedTuple):
    """The present bytes of a damaged record or message, of which an unknown part was stored."""

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
    properties: Properties = NO_PROPERTIES

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
        """The time of arrival, in Unix milliseconds: its timestamp, unless that was ahead of the
        clock.
        """
        return self.timestamp

    @property
    def damaged(self) -> Remains | None:
        """The remains of a `DamagedRecord`; `None` for any other."""
        return None


class MisdatedRecord(Record):
    """A record whose timestamp was ahead of the clock on arrival."""

    came_at: int

    @property
    def came(self) -> int:
        """The time of arrival, in Unix milliseconds."""
        # A copy with other fields does not know it.
        return getattr(self, "came_at", self.timestamp)


class DamagedRecord(Record):
    """A record that differs from its checksum: it has neither key, headers nor value."""

    remains: Remains

    @property
    def damaged(self) -> Remains:
        """The bytes in the places of key, headers and value."""
        return self.remains

    @classmethod
    def found(cls, id: RecordId, timestamp: int, remains: Remains) -> "DamagedRecord":
        """Return the damaged record at that place."""
        record = cls(*id, timestamp, None, {}, None)
        record.remains = remains
        return record


class TopicConfig(NamedTuple):
    """The settings of a topic; durations in milliseconds, sizes in bytes, `None` for ever.

    Names, meanings and defaults follow Kafka's topic configuration (retention.ms and the rest).
    """

    retention: Annotated[
        int | None,
        duration("Time for which records are kept.", nothing="forever", least=1, discards=OLDER),
    ] = 7 * 86_400_000
    retention_bytes: Annotated[
        int | None,
        size("Bytes kept in each partition.", nothing="none", least=1, discards=BEYOND),
    ] = None
    cleanup: Annotated[
        str,
        cleanup_policy(
            "Removal of records past retention, or of replaced values.",
            discards="records without a key, and values that newer ones replace, may go at once",
        ),
    ] = "delete"
    tombstone_delay: Annotated[
        int, duration("Time for which compaction keeps a seen tombstone.")
    ] = 86_400_000
    compaction_lag: Annotated[int, duration("Time before compaction may remove a new record.")] = 0
    max_message: Annotated[
        int,
        size("Largest record: key, headers, value together.", least=1, most=LARGEST_VALUE),
    ] = 1 << 20
    labels: Annotated[tuple[tuple[str, str], ...], pairs("Names and values of your own.")] = ()


class TopicSettings(TypedDict, total=False):
    """The settings of a topic as callers give them: durations in seconds, sizes in bytes."""

    retention: Seconds | None
    retention_bytes: int | None
    cleanup: str
    tombstone_delay: Seconds
    compaction_lag: Seconds
    max_message: int
    labels: Mapping[str, str] | None


class PartitionStatus(NamedTuple):
    """One partition: records have offsets `start` to `end - 1`; `bytes` counts their contents.

    `None` is unknown to the engine, never 0; a file knows all of it.
    """

    partition: int
    start: int
    end: int
    records: int
    bytes: int | None
    last_timestamp: int | None


class TopicStatus(NamedTuple):
    """A topic with its settings and its partitions, in order."""

    name: str
    config: TopicConfig
    created: int | None
    partitions: list[PartitionStatus]
