"""The values of queues as listings show them. All are frozen; times are Unix milliseconds."""

from typing import NamedTuple

from store.model.messages import QueueConfig


class QueueStatus(NamedTuple):
    """A queue with its settings and how many messages are in each state.

    `oldest_seconds` is the age of the oldest message; `acknowledged` and `dropped` count the
    messages that have left for good since the queue was created.
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
    """How many of its messages are dead letters, of any queue, share or group."""

    @property
    def messages(self) -> int:
        """The number of messages, in all states."""
        return self.ready + self.leased + self.delayed + self.blocked


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
