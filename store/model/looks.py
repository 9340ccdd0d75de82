"""The steps that only show something, or need a terminal: nothing for `Store.perform`."""

from __future__ import annotations

from dataclasses import dataclass

from store.model.actions import Look
from store.model.addresses import Kind
from store.model.topics import HeaderValue


@dataclass(frozen=True, slots=True)
class Verify(Look):
    """Check the whole file for damage, the file at `path` if one is named."""

    path: str | None = None


@dataclass(frozen=True, slots=True)
class Doctor(Look):
    """See what is wrong, or may go wrong; `explain` tells why it matters."""

    explain: bool = False


@dataclass(frozen=True, slots=True)
class Init(Look):
    """Create a store, at `path` if one is named."""

    path: str | None = None


@dataclass(frozen=True, slots=True)
class Restore(Look):
    """Put a copy of a backup in the place of the store at `path`."""

    backup: str
    path: str


@dataclass(frozen=True, slots=True)
class HowToReset(Look):
    """See how a group's offsets are moved; `force` fences its members."""

    force: bool = False


@dataclass(frozen=True, slots=True)
class PlanTopology(Look):
    """See what applying topology files would do."""

    file: str | None = None


@dataclass(frozen=True, slots=True)
class Consume(Look):
    """Read a topic or partition and print it; as a group, commit it too."""

    address: str
    group: str | None = None
    start: int | None = None


@dataclass(frozen=True, slots=True)
class Receive(Look):
    """Lease messages of a queue."""


@dataclass(frozen=True, slots=True)
class ExportRecords(Look):
    """Print records or messages as lines of JSON, to store them elsewhere."""


@dataclass(frozen=True, slots=True)
class ImportMessages(Look):
    """Store records or messages that lines of JSON hold."""


@dataclass(frozen=True, slots=True)
class CopyBack(Look):
    """Produce copies of a queue's dead letters to the topic that they came from."""

    queue: str
    topic: str


@dataclass(frozen=True, slots=True)
class Work(Look):
    """Run a command for each message of a source, and acknowledge the finished ones."""

    source: str
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Peek(Look):
    """Look at records or messages and leave them where they are."""

    address: str
    limit: int | None = None
    condition: str | None = None
    start: str | None = None


@dataclass(frozen=True, slots=True)
class Show(Look):
    """Show one thing with its settings and numbers."""

    kind: Kind
    name: str


@dataclass(frozen=True, slots=True)
class ShowMembers(Look):
    """Show the members of a group."""

    group: str


@dataclass(frozen=True, slots=True)
class ShowLeases(Look):
    """Show leases, of one reader or of all."""

    reader: str | None = None


@dataclass(frozen=True, slots=True)
class ShowLag(Look):
    """Show the lag of a group or share."""

    reader: str
    topic: str | None = None


@dataclass(frozen=True, slots=True)
class ShowBindings(Look):
    """Show the bindings of an exchange."""

    exchange: str


@dataclass(frozen=True, slots=True)
class ShowDeadLetters(Look):
    """Show the dead letters of a queue, or where there are some."""

    queue: str | None = None


@dataclass(frozen=True, slots=True)
class ExplainRoute(Look):
    """Show where a routing key leads, and why it leads nowhere else."""

    exchange: str
    key: str
    headers: tuple[tuple[str, HeaderValue], ...] = ()


@dataclass(frozen=True, slots=True)
class RedriveLetters(Look):
    """Send dead letters of a queue back: all, those that meet conditions, or those with ids."""

    queue: str
    conditions: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    to: str | None = None


@dataclass(frozen=True, slots=True)
class EditDeadLetter(Look):
    """Give a dead letter another value."""

    address: str
    value: str
