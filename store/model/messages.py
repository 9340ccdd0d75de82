"""The messages of queues: sent and received. All are frozen; times are Unix milliseconds."""

from collections.abc import Iterable
from itertools import repeat
from typing import TYPE_CHECKING, Literal, NamedTuple

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
