"""The values that queues take and give. All are frozen; times are Unix milliseconds."""

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
from store.model.topics import Headers, HeaderValue, Remains, Seconds, Timestamp

if TYPE_CHECKING:
    from store.model.dead_letters import Dead

DAY = 86_400_000
State = Literal["ready", "leased", "delayed", "blocked"]
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


class MessageId(NamedTuple):
    """What a send was stored as; a `duplicate` has the id and sequence of the first send."""

    queue: str
    id: str
    sequence: int
    duplicate: bool = False

    def __str__(self) -> str:
        return f"{self.queue}@{self.sequence}"

    @classmethod
    def run(cls, queue: str, ids: Iterable[str], sequences: Iterable[int]) -> "list[MessageId]":
        """What new messages of a queue were stored as."""
        fields = zip(repeat(queue), ids, sequences, repeat(False))
        # What `_make` does, without a call of Python for each.
        return list(map(tuple.__new__, repeat(cls), fields))


class Message(NamedTuple):
    """A message of a queue.

    `deliveries` runs on through dead-lettering; `redelivered` says whether this queue delivered it
    before. `receipt`, `lease_expires` and `holder` are set on messages leased by this call. One
    that is `damaged` has neither key, headers nor value, but what stands in their places.
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

    @property
    def address(self) -> str:
        """`queue@sequence`."""
        return f"{self.queue}@{self.sequence}"

    @property
    def came(self) -> int:
        """When it was first sent, in Unix milliseconds: its timestamp, if that can be.

        One that was ahead of the clock tells nothing; then it is when the message came.
        """
        return self.timestamp


class MisdatedMessage(Message):
    """A message whose timestamp was ahead of the clock when it came."""

    came_at: int

    @property
    def came(self) -> int:
        """When it came, in Unix milliseconds."""
        # A copy with other fields does not know.
        return getattr(self, "came_at", self.timestamp)


class QueueConfig(NamedTuple):
    """The settings of a queue; lengths of time in milliseconds, sizes in bytes.

    Names and defaults follow SQS where it has the setting, else RabbitMQ. `priorities` N means
    levels 0 to N - 1. `wait` is how long a receive waits that does not say so itself.
    `dlq` is a queue or `exchange:NAME`, to which `dlq_key` is the routing key instead of the
    message's own. `redrive_allow` says whose DLQ this queue may be: all, none, or names.
    """

    fifo: Annotated[bool, flag("Keep the order within each message group.")] = False
    lease: Annotated[
        int,
        duration(
            "How long a received message stays leased.",
            column="mq_readers.lease",
            most=LONGEST_TIME,
        ),
    ] = 30_000
    delay: Annotated[
        int, duration("How long a new message waits before delivery.", most=LONGEST_TIME)
    ] = 0
    retention: Annotated[
        int, duration("How long messages are kept.", least=1, most=LONGEST_TIME, discards=OLDER)
    ] = 4 * DAY
    max_deliveries: Annotated[
        int | None,
        count(
            "How often a message is delivered at most; 5 where --dlq is given.",
            nothing="none",
            column="mq_readers.max_deliveries",
            least=1,
            discards=EXHAUSTED,
        ),
    ] = None
    dlq: Annotated[
        str | None,
        text(
            "Where messages go that used that up, or that are rejected.",
            "QUEUE|exchange:NAME",
            nothing="none",
            column="mq_readers.dead_letter_to",
        ),
    ] = None
    dlq_key: Annotated[
        str | None,
        text(
            "The key by which the exchange routes them, instead of their own.",
            "KEY",
            nothing="none",
            column="mq_readers.dead_letter_key",
        ),
    ] = None
    drop_exhausted: Annotated[
        bool,
        flag(
            "Drop messages that used up their deliveries where there is no DLQ.",
            column="mq_readers.drop_exhausted",
        ),
    ] = False
    retry_delays: Annotated[
        tuple[int, ...],
        durations("What a failed delivery waits before delivery 2, 3, 4 …; the last repeats."),
    ] = ()
    dedup: Annotated[
        int | None,
        duration(
            "How long a deduplication id is remembered (5m).",
            nothing="none",
            column="dedup_window",
            least=1,
        ),
    ] = None
    content_dedup: Annotated[bool, flag("Without a deduplication id, the value's hash is it.")] = (
        False
    )
    dedup_scope: Annotated[
        str, word("Within what a deduplication id is unique.", ("queue", "group"))
    ] = "queue"
    priorities: Annotated[
        int, count("Levels 0 to N-1, the highest is delivered first.", least=1, most=256)
    ] = 1
    ttl: Annotated[
        int | None,
        duration(
            "How long a message may wait; then it is dead-lettered or, without a DLQ, dropped.",
            nothing="none",
            most=LONGEST_TIME,
        ),
    ] = None
    max_length: Annotated[
        int | None,
        count("How many messages may wait, leased ones aside.", nothing="none", discards=BEYOND),
    ] = None
    max_bytes: Annotated[
        int | None,
        size("How many bytes may wait, leased ones aside.", nothing="none", discards=BEYOND),
    ] = None
    overflow: Annotated[
        str,
        word(
            "Past that: the next to be delivered goes (to the DLQ if there is one), the new one is"
            " refused, or the new one goes to the DLQ.",
            ("drop-head", "reject", "dead-letter"),
        ),
    ] = "drop-head"
    single_active: Annotated[
        bool, flag("One reader at a time receives; the next takes over when it is gone.")
    ] = False
    fair: Annotated[
        bool, flag("A message group with much in flight does not hold up the others.")
    ] = False
    redrive_allow: Annotated[
        str, text("Which queues may have this one as DLQ.", "all|none|QUEUE,…", many=True)
    ] = "all"
    chaos: Annotated[
        str | None,
        text(
            "Misbehave as SQS may, to test consumers:"
            " duplicate=5%,reorder=10,delay=200ms,throttle=300/s,seed=N.",
            "KIND=…,…",
            nothing="none",
        ),
    ] = None
    wait: Annotated[
        int, duration("How long a receive waits that does not say so.", most=LONGEST_TIME)
    ] = 0
    max_message: Annotated[
        int,
        size(
            "How large a message may be: key, headers, value together.", least=1, most=LARGEST_VALUE
        ),
    ] = 1 << 20


class QueueSettings(TypedDict, total=False):
    """The settings of a queue as callers give them: lengths of time in seconds."""

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
