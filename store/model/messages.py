"""The values of queues: arguments and results. All are frozen; times are Unix milliseconds."""

from collections.abc import Iterable
from itertools import repeat
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple, TypedDict

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
    size,
    text,
    word,
)
from store.model.topics import (
    NO_PROPERTIES,
    Headers,
    HeaderValue,
    Properties,
    Remains,
    Seconds,
    Timestamp,
)

if TYPE_CHECKING:
    from store.model.dead_letters import Dead

DAY = 86_400_000
State = Literal["ready", "leased", "delayed", "blocked", "acknowledged"]
# A message that was received with an automatic acknowledgement is in its queue no more.
STATES: tuple[State, ...] = ("ready", "leased", "delayed", "blocked")


class NewMessage(NamedTuple):
    """A message to send; `delay` and `ttl` are in seconds, `None` means the queue's own."""

    value: bytes | str | None
    key: bytes | str | None = None
    headers: Headers | None = None
    timestamp: Timestamp | None = None
    delay: Seconds | None = None
    message_group: str | None = None
    dedup_id: str | None = None
    priority: int = 0
    ttl: Seconds | None = None
    properties: Properties | None = None


class MessageId(NamedTuple):
    """The result of a send; a `duplicate` has the id and sequence of the first send.

    `sequence` is `None` where an engine does not number messages; a file does.
    """

    queue: str
    id: str
    sequence: int | None
    duplicate: bool = False

    def __str__(self) -> str:
        return (
            f"{self.queue} {self.id}" if self.sequence is None else f"{self.queue}@{self.sequence}"
        )

    @classmethod
    def run(cls, queue: str, ids: Iterable[str], sequences: Iterable[int]) -> "list[MessageId]":
        """Return the ids of new messages of a queue, in a row."""
        fields = zip(repeat(queue), ids, sequences, repeat(False))
        # Same as `_make`, without a call of Python for each.
        return list(map(tuple.__new__, repeat(cls), fields))


class Message(NamedTuple):
    """A message of a queue.

    `deliveries` runs on through dead-lettering; `redelivered` says whether this queue delivered it
    before. `receipt`, `lease_expires` and `holder` are set on messages leased by this call; one
    that it received with `auto_ack` is `acknowledged` and has none. A `damaged` one has neither
    key, headers nor value, but the bytes in their places. `first_received` is the time of its first
    delivery by its queue.
    """

    queue: str
    id: str
    sequence: int
    timestamp: int
    message_group: str | None
    priority: int
    headers: dict[str, HeaderValue]
    key: bytes | None
    value: bytes | None
    deliveries: int
    redelivered: bool
    state: State
    receipt: str | None = None
    lease_expires: int | None = None
    holder: str | None = None
    dead: "Dead | None" = None
    damaged: Remains | None = None
    properties: Properties = NO_PROPERTIES
    first_received: int | None = None

    @property
    def address(self) -> str:
        """`queue@sequence`."""
        return f"{self.queue}@{self.sequence}"

    @property
    def came(self) -> int:
        """The time of the first send, in Unix milliseconds: its timestamp, if that is credible.

        A timestamp ahead of the clock says nothing; then it is the arrival.
        """
        return self.timestamp


class MisdatedMessage(Message):
    """A message whose timestamp was ahead of the clock on arrival."""

    came_at: int

    @property
    def came(self) -> int:
        """The time of arrival, in Unix milliseconds."""
        # A copy with other fields does not know it.
        return getattr(self, "came_at", self.timestamp)


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
