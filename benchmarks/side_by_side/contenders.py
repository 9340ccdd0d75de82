"""What can be measured: a queue or log that takes messages and gives them back.

Each is used as its own documentation advises, with the same payload and the same durability class.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

PARTITIONS = 8
# What a receive promises: the message comes back if its worker dies, or it does not.
KEPT, DELETED = "kept until done", "deleted on receive"


class Unavailable(Exception):
    """This contender can't be measured here; the text says why."""


class Contender(ABC):
    """A place for messages. A batch is one transaction where the contender has such a thing.

    `durability` is `normal` (survives a killed process) or `full` (survives a power cut).
    """

    name: str
    promise = KEPT
    #: Those that can be chosen, by the library or by its connection.
    durabilities: Sequence[str] = ("full", "normal")
    #: Whether its sends are measured too; they are those of another contender of the same name.
    counts_sends = True
    #: Whether it stores a hundred thousand messages in a few seconds.
    fills_fast = False

    def prepare(self, folder: Path) -> None:  # noqa: B027
        """Start what serves all runs, such as a server; raises `Unavailable`."""

    @abstractmethod
    def open(self, folder: Path, durability: str) -> None:
        """Begin with an empty place for messages."""

    @abstractmethod
    def send(self, value: bytes) -> None:
        """Store one message."""

    @abstractmethod
    def take(self) -> None:
        """Receive one message and acknowledge it."""

    def send_batch(self, values: Sequence[bytes]) -> None:
        """Store many messages."""
        for value in values:
            self.send(value)

    def take_batch(self, number: int) -> None:
        """Receive so many messages and acknowledge them."""
        for _ in range(number):
            self.take()

    def send_at_once(self, values: Sequence[bytes], threads: int) -> None:
        """Store messages durably one by one, from so many threads where there can be several."""
        for value in values:
            self.send(value)

    @abstractmethod
    def close(self) -> None:
        """End the run."""

    def finish(self) -> None:  # noqa: B027
        """Stop what `prepare` started."""


class Log(ABC):
    """A place for records that stay, read by offset."""

    name: str

    @abstractmethod
    def open(self, folder: Path, durability: str, partitions: int) -> None:
        """Begin with an empty log."""

    @abstractmethod
    def append(self, values: Sequence[bytes], keys: Sequence[bytes] | None) -> None:
        """Append records in one transaction, placed by key where there are keys."""

    @abstractmethod
    def read(self, offset: int, number: int) -> int:
        """Read records of the first partition; how many those were."""

    @abstractmethod
    def close(self) -> None:
        """End the run."""
