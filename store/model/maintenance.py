"""The values of maintenance: the state of a store, removals and findings. All are frozen."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, NamedTuple

from store.model.settings import DURABILITIES, flag, size, word

Progress = Callable[[int, int], None]
"""A callback for progress: the number done, and the total."""


class TrimResult(NamedTuple):
    """The result of trimming one partition, or of its dry run."""

    topic: str
    partition: int
    start_before: int
    start: int
    end: int
    removed: int


class CompactionResult(NamedTuple):
    """The result of compacting one partition; `end` is how far the compaction looked."""

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
    read_only: Annotated[
        bool, flag("Nothing new is taken or handed out; what is leased can be settled.")
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceStatus:
    """A place as a whole: the engine behind it, and how much is in it; `None` is unknown.

    `location` is the place as a person names it, without any secret; `version` is the engine's.
    """

    location: str
    engine: str
    version: str
    topics: int | None
    queues: int | None
    shares: int | None
    groups: int | None
    exchanges: int | None
    records: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreStatus(PlaceStatus):
    """A store in a file, of which every count is known.

    Sizes are in bytes; `wal_bytes` is the size of the write-ahead log.
    """

    topics: int
    queues: int
    shares: int
    groups: int
    exchanges: int
    records: int
    schema: int
    durability: str
    max_bytes: int | None
    read_only: bool
    created: int
    bytes: int
    free_bytes: int
    wal_bytes: int

    @property
    def path(self) -> str:
        """The path of the file."""
        return self.location

    @property
    def sqlite_version(self) -> str:
        """The version of SQLite."""
        return self.version

    @property
    def config(self) -> StoreConfig:
        """Its settings."""
        return StoreConfig(self.durability, self.max_bytes, self.read_only)


class Finding(NamedTuple):
    """A problem that `verify` found: its place, and a description."""

    address: str
    problem: str


class Lost(NamedTuple):
    """A loss of a salvage: the address, the kind, and the reason."""

    address: str
    kind: str
    problem: str


class Salvaged(NamedTuple):
    """The result of a salvage: the records and messages copied, and the losses."""

    records: int
    lost: list[Lost]


class StoreContents(NamedTuple):
    """The contents of a store's file: its size in bytes, counts, and the newest record's time.

    The time is wall time in milliseconds, 0 if there never was a record.
    """

    bytes: int
    topics: int
    queues: int
    records: int
    newest: int


class CommitLoss(NamedTuple):
    """A number of missing commits; the wall time is that of the last one before them, or later."""

    commits: int
    since: int


def describe_loss(loss: CommitLoss) -> str:
    """Return a loss in words."""
    from store.model.text import counted, format_time

    are = "is" if loss.commits == 1 else "are"
    commits = counted(loss.commits, "confirmed commit")
    return f"{commits} {are} missing since {format_time(loss.since)}"
