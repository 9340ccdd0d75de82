"""The values of consumer groups: arguments and results. All are frozen; times are Unix
milliseconds.
"""

from collections.abc import Mapping
from typing import Annotated, NamedTuple, TypedDict

from store.model.errors import BadInput, Hint
from store.model.settings import check_settings, count, duration, pairs, text, word
from store.model.topics import Seconds


class GroupConfig(NamedTuple):
    """The settings of a consumer group; durations in milliseconds.

    `below_start` decides when retention removed the committed offset (Kafka: auto.offset.reset);
    `max_lag` and `max_lag_time` are its objectives.
    """

    assignor: Annotated[
        str,
        word(
            "Assignment of partitions to members.",
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
            "Position after retention removed the committed offset.",
            (
                "earliest",
                "latest",
                "error",
            ),
        ),
    ] = "earliest"
    retention: Annotated[
        int, duration("Time for which an empty group keeps its offsets.", least=1)
    ] = 7 * 86_400_000
    max_lag: Annotated[int | None, count("Objective: most records behind.", nothing="none")] = None
    max_lag_time: Annotated[
        int | None,
        duration("Objective: longest time behind.", nothing="none", least=1),
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
            "Queue for records that keep failing.",
            "QUEUE",
            nothing="none",
            column="mq_readers.dead_letter_to",
        ),
    ] = None
    labels: Annotated[tuple[tuple[str, str], ...], pairs("Names and values of your own.")] = ()


def check_group(config: GroupConfig) -> None:
    """Raise `BadInput` for settings that can't work together or at all."""
    check_settings(config)
    if config.max_deliveries is not None and config.dlq is None:
        raise BadInput(
            "max_deliveries needs a dlq to send the record to",
            hint=Hint("{dlq QUEUE}, or {max_deliveries none}"),
        )


class GroupSettings(TypedDict, total=False):
    """The settings of a consumer group as callers give them: durations in seconds."""

    assignor: str
    below_start: str
    retention: Seconds
    max_lag: int | None
    max_lag_time: Seconds | None
    max_deliveries: int | None
    dlq: str | None
    labels: Mapping[str, str] | None


class Lag(NamedTuple):
    """The lag of one group in one partition.

    `committed` is the next offset to read, `None` before the first commit. `lag_seconds` is the age
    of the oldest unread record. `lag_bytes` is exact for short lags and an estimate from the
    partition's mean record size for long ones. `trend` is by how many records per second the lag
    grew during the last minute; below 0 it shrank. Of these three, `None` is unknown to the engine,
    never 0; a file knows all of them.
    """

    group: str
    topic: str
    partition: int
    committed: int | None
    start: int
    end: int
    lag: int
    lag_seconds: float | None
    lag_bytes: int | None
    trend: float | None
    member: str | None
    state: str
    exact: bool = True
    """Whether `lag` is a count; otherwise it is at most so many."""


class Member(NamedTuple):
    """A live member of a consumer group; it is idle when it owns no partition.

    A static member has a name of its own choice. Times are store time in milliseconds. `None` is
    unknown to the engine.
    """

    member: str
    host: str
    pid: int | None
    partitions: list[tuple[str, int]]
    static: bool
    joined: int | None
    last_seen: int | None
    session_timeout: int | None


class RecordLoss(NamedTuple):
    """Records `first` to `end - 1` of a partition, which were removed before a group read them."""

    topic: str
    partition: int
    first: int
    end: int


class GroupStatus(NamedTuple):
    """A consumer group: its state is `stable`, `rebalancing` or `empty`.

    The generation is `None` where the engine does not tell it.
    """

    name: str
    state: str
    generation: int | None
    config: GroupConfig
    members: list[Member]
    offsets: list[Lag]


class OffsetChange(NamedTuple):
    """One row of a reset: a group's present offset in a partition, and its new one.

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
        """The offsets forward (positive: skipped) or back (negative: read again)."""
        before = self.start if self.current is None else self.current
        return None if self.new is None else self.new - before


TopicPartition = tuple[str, int]
"""A partition: topic and number."""
Offsets = Mapping[TopicPartition, int]
"""The next offset to read, by partition."""
