"""The values that queues take and give. All are frozen; times are Unix milliseconds."""

from dataclasses import dataclass
from typing import Literal, NamedTuple, TypedDict

from store.models import Headers, HeaderValue, Seconds, Timestamp

DAY = 86_400_000
State = Literal["ready", "leased", "delayed", "blocked"]
STATES: tuple[State, ...] = ("ready", "leased", "delayed", "blocked")
Reason = Literal["max_deliveries", "rejected", "expired", "overflow"]


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


@dataclass(frozen=True, slots=True)
class Hop:
    """One queue and reason in a dead letter's history: how often, and when first (as x-death).

    `ttl` is the time to live that the message had there, in milliseconds, if that ended it.
    """

    source: str
    reason: Reason
    count: int
    at: int
    ttl: int | None = None


class Dead(NamedTuple):
    """Why a message is a dead letter; `hops` is its whole history, newest first.

    `priority` is the one it was sent with, which its DLQ may not have.
    """

    source: str
    reason: Reason
    at: int
    deliveries: int
    error: str | None
    hops: tuple[Hop, ...]
    priority: int = 0

    @property
    def source_name(self) -> str:
        """Where it comes from, without the sequence number or offset."""
        return self.source.partition("@")[0]


class Message(NamedTuple):
    """A message of a queue.

    `deliveries` runs on through dead-lettering; `redelivered` says whether this queue delivered it
    before. `receipt`, `lease_expires` and `holder` are set on messages leased by this call.
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
    dead: Dead | None = None

    @property
    def address(self) -> str:
        """`queue@sequence`."""
        return f"{self.queue}@{self.sequence}"


class QueueConfig(NamedTuple):
    """The settings of a queue; lengths of time in milliseconds, sizes in bytes.

    Names and defaults follow SQS where it has the setting, else RabbitMQ. `priorities` N means
    levels 0 to N - 1. `wait` is how long a receive waits that does not say so itself.
    `dlq` is a queue or `exchange:NAME`, to which `dlq_key` is the routing key instead of the
    message's own. `redrive_allow` says whose DLQ this queue may be: all, none, or names.
    """

    fifo: bool = False
    lease: int = 30_000
    delay: int = 0
    retention: int = 4 * DAY
    max_message: int = 1 << 20
    max_deliveries: int | None = None
    dlq: str | None = None
    dlq_key: str | None = None
    drop_exhausted: bool = False
    retry_delays: tuple[int, ...] = ()
    dedup: int | None = None
    content_dedup: bool = False
    dedup_scope: str = "queue"
    priorities: int = 1
    ttl: int | None = None
    max_length: int | None = None
    max_bytes: int | None = None
    overflow: str = "drop-head"
    single_active: bool = False
    fair: bool = False
    redrive_allow: str = "all"
    chaos: str | None = None
    wait: int = 0


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


class QueueStatus(NamedTuple):
    """A queue with its settings and how many messages are in each state.

    `oldest_seconds` is the age of the oldest message; `acknowledged` and `dropped` count what has
    left for good since the queue was created.
    """

    name: str
    config: QueueConfig
    created: int
    ready: int
    leased: int
    delayed: int
    blocked: int
    bytes: int
    oldest_seconds: float | None
    acknowledged: int
    dropped: int
    dead_letters: int
    """How many messages the queues that dead-letter into this one have sent here and that wait."""


class ShareConfig(NamedTuple):
    """The settings of a share; lengths of time in milliseconds.

    Names and defaults follow Kafka's share groups (KIP-932). `max_in_flight` bounds, per partition,
    the window from the first unfinished record to the last one that was handed out.
    """

    lease: int = 30_000
    max_deliveries: int | None = 5
    max_in_flight: int = 2_000
    dlq: str | None = None


class ShareSettings(TypedDict, total=False):
    """The settings of a share as callers give them: lengths of time in seconds."""

    lease: Seconds
    max_deliveries: int | None
    max_in_flight: int
    dlq: str | None


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

    @property
    def address(self) -> str:
        """`topic/partition@offset`."""
        return f"{self.topic}/{self.partition}@{self.offset}"


class SharePartition(NamedTuple):
    """Where a share stands in one partition.

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
    """A share with its settings and where it stands in each partition of its topic."""

    name: str
    topic: str
    config: ShareConfig
    created: int
    partitions: list[SharePartition]


class InFlight(NamedTuple):
    """A record that a share handed out and that is not finished.

    `since` is when it was handed out first, `error` what its last failure told. Holder, expiry and
    receipt are those of a lease that runs.
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


class LeaseStatus(NamedTuple):
    """A message in somebody's hands; `expires` is Unix milliseconds."""

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


class Moved(NamedTuple):
    """A message that was moved from one queue to another."""

    id: str
    source: str
    target: str


class Batch(NamedTuple):
    """What was done to dead letters in one go; `number` is what `undo_redrive` takes.

    `undone` says how many of the messages were taken back, `edited` tells an edit from a redrive.
    """

    number: int
    at: int
    messages: int
    undone: int
    edited: bool


class Redriven(NamedTuple):
    """What became of a message that was redriven: dead again at `dead_letter`, there, or gone."""

    id: str
    is_present: bool
    dead_letter: str | None
    error: str | None


class Event(NamedTuple):
    """Something that happened to a message or record at an address; what nobody noted is `None`.

    `what` is `sent`, `dead-lettered`, `redriven`, `leased`, `unknown` or how a delivery ended.
    `reader` is who read it there: a queue, a group or a share. Times are Unix milliseconds.
    """

    at: int | None
    address: str
    what: str
    reader: str | None = None
    delivery: int | None = None
    holder: str | None = None
    started: int | None = None
    error: str | None = None
    reason: Reason | None = None
    target: str | None = None


class DeadLetterQueue(NamedTuple):
    """A queue that is somebody's DLQ or holds dead letters; `oldest` is when the first died."""

    name: str
    dead_letters: int
    sources: tuple[str, ...]
    oldest: int | None


@dataclass(frozen=True, slots=True)
class LetterGroup:
    """Dead letters with something in common, and when the first and the last of them died."""

    value: str | None
    count: int
    first: int
    last: int
