"""The values that queues take and give. All are frozen; times are Unix milliseconds."""

from collections.abc import Iterable
from itertools import repeat
from typing import TYPE_CHECKING, Literal, NamedTuple, TypedDict

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
