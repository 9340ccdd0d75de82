"""The values that consumer groups take and give. All are frozen; times are Unix milliseconds."""

from collections.abc import Mapping
from typing import Annotated, NamedTuple, TypedDict

from store.model.errors import BadInput
from store.model.settings import check_settings, count, duration, text, word
from store.model.topics import Seconds


class GroupConfig(NamedTuple):
    """The settings of a consumer group; lengths of time in milliseconds.

    `below_start` is what happens when retention removed the committed offset (Kafka:
    auto.offset.reset); `max_lag` and `max_lag_time` are its objectives.
    """

    assignor: Annotated[
        str,
        word(
            "How partitions are shared out among the members.",
            (
                "cooperative-sticky",
                "range",
                "roundrobin",
            ),
        ),
    ] = "cooperative-sticky"
    below_start: Annotated[
        str,
        word(
            "Where to go on when the committed offset was removed from the log.",
            (
                "earliest",
                "latest",
                "error",
            ),
        ),
    ] = "earliest"
    retention: Annotated[int, duration("How long an empty group keeps its offsets.", least=1)] = (
        7 * 86_400_000
    )
    max_lag: Annotated[
        int | None, count("Objective: the most records to be behind by.", nothing="none")
    ] = None
    max_lag_time: Annotated[
        int | None,
        duration("Objective: the longest time to be behind by.", nothing="none", least=1),
    ] = None
    max_deliveries: Annotated[
        int | None,
        count(
            "Failed attempts before a record goes to the DLQ.",
            nothing="none",
            column="mq_readers.max_deliveries",
            least=1,
        ),
    ] = None
    dlq: Annotated[
        str | None,
        text(
            "Where records go that keep failing.",
            "QUEUE",
            nothing="none",
            column="mq_readers.dead_letter_to",
        ),
    ] = None


def check_group(config: GroupConfig) -> None:
    """Raise `BadInput` for settings that can't work together or at all."""
    check_settings(config)
    if config.max_deliveries is not None and config.dlq is None:
        raise BadInput(
            "max_deliveries needs a dlq to send the record to",
            hint="--dlq QUEUE, or --max-deliveries none",
        )


class GroupSettings(TypedDict, total=False):
    """The settings of a consumer group as callers give them: lengths of time in seconds."""

    assignor: str
    below_start: str
    retention: Seconds
    max_lag: int | None
    max_lag_time: Seconds | None
    max_deliveries: int | None
    dlq: str | None


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


TopicPartition = tuple[str, int]
"""A partition: topic and number."""
Offsets = Mapping[TopicPartition, int]
"""The next offset to read, by partition."""
