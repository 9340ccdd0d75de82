"""What looking after a store tells: its state, and what was removed or found. All are frozen."""

from collections.abc import Callable
from typing import Annotated, NamedTuple

from store.model.settings import DURABILITIES, size, word

Progress = Callable[[int, int], None]
"""Is told now and then how much of how much is done."""


class TrimResult(NamedTuple):
    """What trimming did, or would do, to one partition."""

    topic: str
    partition: int
    start_before: int
    start: int
    end: int
    removed: int


class CompactionResult(NamedTuple):
    """What compacting removed from one partition; `end` is how far the compaction saw."""

    topic: str
    partition: int
    records: int
    bytes: int
    end: int


class StoreConfig(NamedTuple):
    """The settings of a store itself, which hold for every process that opens it."""

    durability: Annotated[
        str, word("full survives a power cut, normal a killed process.", DURABILITIES)
    ] = "full"
    max_bytes: Annotated[
        int | None, size("The file may not grow beyond this.", nothing="none", least=1 << 20)
    ] = None


class StoreStatus(NamedTuple):
    """The store as a whole; sizes in bytes. `wal_bytes` is what the write-ahead log takes."""

    path: str
    schema: int
    durability: str
    max_bytes: int | None
    created: int
    bytes: int
    free_bytes: int
    wal_bytes: int
    topics: int
    queues: int
    shares: int
    groups: int
    exchanges: int
    records: int
    sqlite_version: str

    @property
    def config(self) -> StoreConfig:
        """Its settings."""
        return StoreConfig(self.durability, self.max_bytes)


class Finding(NamedTuple):
    """Something that `verify` found wrong: where, and what."""

    address: str
    problem: str


class Lost(NamedTuple):
    """Something that a salvage could not copy: where it was, what it was, and why."""

    address: str
    kind: str
    problem: str


class Salvaged(NamedTuple):
    """What a salvage copied, in records and messages, and all that it could not."""

    records: int
    lost: list[Lost]


class Contents(NamedTuple):
    """What is in the file of a store: its size in bytes, counts, and the newest record's time.

    The time is wall time in milliseconds, 0 where there never was a record.
    """

    bytes: int
    topics: int
    queues: int
    records: int
    newest: int


class Loss(NamedTuple):
    """So many commits are missing; the wall time is that of the last one before them, or later."""

    commits: int
    since: int


def describe_loss(loss: Loss) -> str:
    """A loss in words."""
    from store.model.text import counted, format_time

    are = "is" if loss.commits == 1 else "are"
    commits = counted(loss.commits, "confirmed commit")
    return f"{commits} {are} missing since {format_time(loss.since)}"
