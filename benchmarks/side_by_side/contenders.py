"""What can be measured: a queue or log that takes messages and gives them back.

Each is used as its own documentation advises, with the same payload and the same durability class.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

PARTITIONS = 8


class Unavailable(Exception):
    """This contender can't be measured here; the text says why."""


class Contender(ABC):
    """A place for messages. A batch is one transaction where the contender has such a thing.

    `durability` is `normal` (survives a killed process) or `full` (survives a power cut).
    """

    name: str
    #: Whether it hands the same message out again when the worker dies before its ack.
    redelivers = True

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
