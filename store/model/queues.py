"""The values of queues as listings show them. All are frozen; times are Unix milliseconds."""

from typing import NamedTuple

from store.model.messages import QueueConfig


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
        return self.ready + (self.leased or 0) + (self.delayed or 0) + self.blocked


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
