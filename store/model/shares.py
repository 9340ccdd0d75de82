"""The values of shares: arguments and results. All are frozen; times are Unix milliseconds."""

from collections.abc import Mapping
from typing import Annotated, NamedTuple, TypedDict

from store.model.messages import State
from store.model.settings import LONGEST_TIME, count, duration, pairs, text
from store.model.topics import NO_PROPERTIES, HeaderValue, Properties, Seconds


class ShareConfig(NamedTuple):
    """The settings of a share; durations in milliseconds.

    Names and defaults follow Kafka's share groups (KIP-932). `max_in_flight` bounds, per partition,
    the window from the first unfinished record to the last one that was handed out.
    """

    lease: Annotated[
        int,
        duration(
            "Lease duration of an acquired record.",
            column="mq_readers.lease",
            least=1,
            most=LONGEST_TIME,
        ),
    ] = 30_000
    max_deliveries: Annotated[
        int | None,
        count(
            "Most deliveries of a record.",
            nothing="none",
            column="mq_readers.max_deliveries",
            least=1,
        ),
    ] = 5
    max_in_flight: Annotated[
        int,
        count("Most offsets from first unfinished to last handed out.", least=1),
    ] = 2_000
    dlq: Annotated[
        str | None,
        text(
            "Queue for copies of exhausted records.",
            "QUEUE",
            nothing="none",
            column="mq_readers.dead_letter_to",
        ),
    ] = None
    labels: Annotated[tuple[tuple[str, str], ...], pairs("Names and values of your own.")] = ()


class ShareSettings(TypedDict, total=False):
    """The settings of a share as callers give them: durations in seconds."""

    lease: Seconds
    max_deliveries: int | None
    max_in_flight: int
    dlq: str | None
    labels: Mapping[str, str] | None


class SharedRecord(NamedTuple):
    """A record that was leased through a share, with the receipt to settle it by."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    headers: dict[str, HeaderValue]
    value: bytes | None
    deliveries: int
    state: State
    receipt: str
    lease_expires: int
    holder: str
    properties: Properties = NO_PROPERTIES

    @property
    def address(self) -> str:
        """`topic/partition@offset`."""
        return f"{self.topic}/{self.partition}@{self.offset}"


class SharePartition(NamedTuple):
    """The position of a share in one partition.

    The window is from `start`, the first unfinished offset, to `next`, the first that was never
    handed out. In it records are leased, delayed, ready again or finished. `full` says that nothing
    new is handed out until the window's first record is finished; `pinned_since` is when that one
    was handed out first.
    """

    partition: int
    start: int
    next: int
    end: int
    leased: int
    delayed: int
    ready: int
    finished: int
    lag: int
    full: bool
    pinned_since: int | None


class ShareStatus(NamedTuple):
    """A share with its settings and its position in each partition of its topic.

    There are no partitions where the engine does not tell them; `created` is `None` then as well.
    """

    name: str
    topic: str
    config: ShareConfig
    created: int | None
    partitions: list[SharePartition]


class InFlight(NamedTuple):
    """An unfinished record that a share has handed out.

    `since` is when it was handed out first, `error` that of its last failure. Holder, expiry and
    receipt are those of a live lease.
    """

    address: str
    state: State
    deliveries: int
    holder: str | None
    expires: int | None
    seconds_left: float | None
    since: int | None
    error: str | None
    receipt: str | None
