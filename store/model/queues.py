"""Queues: their settings, and their status. All are frozen; times are Unix milliseconds."""

from collections.abc import Mapping
from typing import Annotated, NamedTuple, TypedDict

from store.model.settings import (
    BEYOND,
    EXHAUSTED,
    LARGEST_VALUE,
    LONGEST_TIME,
    OLDER,
    count,
    duration,
    durations,
    flag,
    pairs,
    size,
    text,
    word,
)
from store.model.topics import Seconds

DAY = 86_400_000


class QueueConfig(NamedTuple):
    """The settings of a queue; durations in milliseconds, sizes in bytes.

    Names and defaults follow SQS where it has the setting, otherwise RabbitMQ. `priorities` N means
    levels 0 to N - 1. `wait` is the default wait of a receive. `dlq` is a queue or `exchange:NAME`,
    to which `dlq_key` is the routing key instead of the message's own. `redrive_allow` says which
    queues may use this one as their DLQ: all, none, or names.
    """

    fifo: Annotated[bool, flag("Order within each message group.")] = False
    lease: Annotated[
        int,
        duration(
            "Lease duration of a received message.",
            column="mq_readers.lease",
            most=LONGEST_TIME,
        ),
    ] = 30_000
    delay: Annotated[
        int, duration("Wait of a new message before its delivery.", most=LONGEST_TIME)
    ] = 0
    retention: Annotated[
        int,
        duration("Time for which messages are kept.", least=1, most=LONGEST_TIME, discards=OLDER),
    ] = 4 * DAY
    max_deliveries: Annotated[
        int | None,
        count(
            "Most deliveries of a message; 5 with --dlq.",
            nothing="none",
            column="mq_readers.max_deliveries",
            least=1,
            discards=EXHAUSTED,
        ),
    ] = None
    dlq: Annotated[
        str | None,
        text(
            "Queue or exchange:NAME for exhausted and rejected messages.",
            "QUEUE|exchange:NAME",
            nothing="none",
            column="mq_readers.dead_letter_to",
        ),
    ] = None
    dlq_key: Annotated[
        str | None,
        text(
            "Routing key for the exchange, instead of their own.",
            "KEY",
            nothing="none",
            column="mq_readers.dead_letter_key",
        ),
    ] = None
    drop_exhausted: Annotated[
        bool,
        flag(
            "Drop of exhausted messages without a DLQ.",
            column="mq_readers.drop_exhausted",
        ),
    ] = False
    retry_delays: Annotated[
        tuple[int, ...],
        durations("Waits before delivery 2, 3, 4 …; the last repeats."),
    ] = ()
    dedup: Annotated[
        int | None,
        duration(
            "Time for which a deduplication id is remembered (5m).",
            nothing="none",
            column="dedup_window",
            least=1,
        ),
    ] = None
    content_dedup: Annotated[bool, flag("The value's hash as default deduplication id.")] = False
    dedup_scope: Annotated[str, word("Scope of a deduplication id.", ("queue", "group"))] = "queue"
    priorities: Annotated[
        int, count("Number of levels; the highest is delivered first.", least=1, most=256)
    ] = 1
    ttl: Annotated[
        int | None,
        duration(
            "Longest wait; then to the DLQ or, without one, dropped.",
            nothing="none",
            most=LONGEST_TIME,
        ),
    ] = None
    max_length: Annotated[
        int | None,
        count("Most waiting messages, without leased ones.", nothing="none", discards=BEYOND),
    ] = None
    max_bytes: Annotated[
        int | None,
        size("Most waiting bytes, without leased messages.", nothing="none", discards=BEYOND),
    ] = None
    overflow: Annotated[
        str,
        word(
            "Message that leaves past that: next delivery, refused send, dead-lettered send.",
            ("drop-head", "reject", "dead-letter"),
        ),
    ] = "drop-head"
    single_active: Annotated[
        bool, flag("One receiving reader at a time, the others standing by.")
    ] = False
    fair: Annotated[bool, flag("Turns for message groups with little in flight.")] = False
    redrive_allow: Annotated[
        str, text("Queues that may have this one as DLQ.", "all|none|QUEUE,…", many=True)
    ] = "all"
    chaos: Annotated[
        str | None,
        text(
            "Misbehaviour as of SQS, to test consumers:"
            " duplicate=5%,reorder=10,delay=200ms,throttle=300/s,seed=N.",
            "KIND=…,…",
            nothing="none",
        ),
    ] = None
    wait: Annotated[int, duration("Default wait of a receive.", most=LONGEST_TIME)] = 0
    max_message: Annotated[
        int,
        size("Largest message: key, headers, value together.", least=1, most=LARGEST_VALUE),
    ] = 1 << 20
    labels: Annotated[tuple[tuple[str, str], ...], pairs("Names and values of your own.")] = ()


class QueueSettings(TypedDict, total=False):
    """The settings of a queue as callers give them: durations in seconds."""

    fifo: bool
    lease: Seconds
    delay: Seconds
    retention: Seconds
    max_message: int
    max_deliveries: int | None
    dlq: str | None
    dlq_key: str | None
    drop_exhausted: bool
    retry_delays: list[Seconds] | tuple[Seconds, ...]
    dedup: Seconds | None
    content_dedup: bool
    dedup_scope: str
    priorities: int
    ttl: Seconds | None
    max_length: int | None
    max_bytes: int | None
    overflow: str
    single_active: bool
    fair: bool
    redrive_allow: str
    chaos: str | None
    wait: Seconds
    labels: Mapping[str, str] | None


class QueueStatus(NamedTuple):
    """A queue with its settings and how many messages are in each state.

    `oldest_seconds` is the age of the oldest message; `acknowledged` and `dropped` count what has
    left for good since the queue was created. `None` is unknown to the engine, never 0; a file
    knows all of them.
    """

    name: str
    config: QueueConfig
    created: int | None
    ready: int
    leased: int | None
    delayed: int | None
    blocked: int
    bytes: int | None
    oldest_seconds: float | None
    acknowledged: int | None
    dropped: int | None
    dead_letters: int | None
    """How many of its messages are dead letters, of any queue, share or group."""
    lacking: frozenset[str] = frozenset()
    """The settings that the engine does not have, whatever `config` says of them."""

    @property
    def messages(self) -> int:
        """Return how many there are, of any state; at least so many if one is unknown."""
        return self.ready + (self.leased or 0) + (self.delayed or 0) + (self.blocked or 0)


class LeaseStatus(NamedTuple):
    """A leased message; `expires` is Unix milliseconds."""

    address: str
    reader: str
    holder: str
    deliveries: int
    expires: int
    seconds_left: float
    receipt: str


class Attempt(NamedTuple):
    """A delivery that ended otherwise than by an ack."""

    number: int
    holder: str | None
    started: int | None
    ended: int
    outcome: str
    error: str | None
