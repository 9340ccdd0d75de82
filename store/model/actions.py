"""The possible actions about a stall, a finding or an error, as values.

`Store.perform` carries an `Action` out; a `Look` only shows something, or needs a terminal.
`shell_texts` writes each as a shell command, `call_texts` as a call in Python. All are frozen.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any, Generic, Literal, TypeVar

from store.model.addresses import Address, Kind
from store.model.groups import OffsetChange
from store.model.messages import MessageId
from store.model.topics import RecordId

Result_co = TypeVar("Result_co", covariant=True)


class Blank(str):
    """A word in capitals in the place of a value that only the caller can choose."""

    __slots__ = ()


Value = bool | int | str | timedelta | tuple[str, ...] | None
"""A setting as calls take it, or a `Blank`."""


class WayOut:
    """A possible step against a problem."""

    __slots__ = ()


class Action(WayOut, Generic[Result_co]):
    """A change that `Store.perform` carries out; `Result_co` is what it returns."""

    __slots__ = ()


class Look(WayOut):
    """Something to look at, or to run at a terminal; nothing for `Store.perform`."""

    __slots__ = ()


def blanks(step: WayOut) -> list[str]:
    """Find the fields and settings of a step that are still to be chosen."""
    found = []
    for each in fields(step):  # type: ignore[arg-type]
        value = getattr(step, each.name)
        settings = value if each.name in {"changes", "settings"} else ()
        found += [each.name] if isinstance(value, Blank) else []
        found += [name for name, setting in settings if isinstance(setting, Blank)]
    return found


@dataclass(frozen=True, slots=True)
class SkipRecord(Action[object]):
    """Pass over a record for a group or share, copying it to the queue `to` if one is named."""

    reader: str
    record: Address
    to: str | None = None
    kind: Literal["group", "share"] = "group"


@dataclass(frozen=True, slots=True)
class ReleaseLease(Action[None]):
    """Take a message, or a record of a share, from its holder, or end its wait."""

    address: Address
    share: str | None = None


@dataclass(frozen=True, slots=True)
class ReturnLease(Action[None]):
    """Give a leased message back by its receipt; it is ready at once."""

    receipt: str


@dataclass(frozen=True, slots=True)
class RejectLease(Action[None]):
    """Refuse a leased message for good by its receipt: it becomes a dead letter if there is a
    DLQ.
    """

    receipt: str
    error: str | None = None


@dataclass(frozen=True, slots=True)
class ResetGroup(Action[list[OffsetChange]]):
    """Move a group's offsets to an offset word; `force` fences its live members."""

    group: str
    topic: str
    partition: int | None
    to: str
    force: bool = False


@dataclass(frozen=True, slots=True)
class Delete(Action[object]):
    """Delete a topic, queue, share, group or exchange; `asks` lets the command ask first."""

    kind: Kind
    name: str
    asks: bool = False


@dataclass(frozen=True, slots=True)
class Create(Action[object]):
    """Create a topic, queue, share, group or exchange; made by `create`."""

    kind: Kind
    name: str
    settings: tuple[tuple[str, Value], ...] = ()


@dataclass(frozen=True, slots=True)
class Alter(Action[object]):
    """Change settings of a topic, queue, share, group or exchange; made by `alter`."""

    kind: Kind
    name: str
    changes: tuple[tuple[str, Value], ...]


def create(kind: Kind, name: str, **settings: Value) -> Create:
    """Name the creation of a thing with these settings."""
    return Create(kind, name, tuple(settings.items()))


def alter(kind: Kind, name: str, **changes: Value) -> Alter:
    """Name the change of a thing's settings."""
    return Alter(kind, name, tuple(changes.items()))


def take_larger(kind: Kind, name: str) -> Alter:
    """Name the change that lets a topic or queue take larger records or messages."""
    return alter(kind, name, max_message=Blank("SIZE"))


@dataclass(frozen=True, slots=True)
class Bind(Action[object]):
    """Bind a queue, a topic or `exchange:NAME` to an exchange, with a key if one is needed."""

    exchange: str
    destination: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class PurgeMessage(Action[None]):
    """Remove one message of a queue for good."""

    queue: str
    sequence: int


@dataclass(frozen=True, slots=True)
class PurgeQueue(Action[int]):
    """Remove every message of a queue; `asks` lets the command ask first."""

    name: str
    asks: bool = False


@dataclass(frozen=True, slots=True)
class Trim(Action[object]):
    """Remove the records of a topic, or of one partition, before an offset word."""

    topic: str
    partition: int | None
    before: str
    asks: bool = False


@dataclass(frozen=True, slots=True)
class Send(Action[RecordId | MessageId]):
    """Store one message in a topic or queue; a FIFO queue needs the message group."""

    destination: str
    value: str
    key: str | None = None
    message_group: str | None = None


@dataclass(frozen=True, slots=True)
class Publish(Action[list[Any]]):
    """Publish one message through an exchange; the result is where it was stored."""

    exchange: str
    key: str
    value: str | None = None


@dataclass(frozen=True, slots=True)
class PurgeDeadLetters(Action[object]):
    """Remove some dead letters of a queue for good."""

    queue: str
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UndoRedrive(Action[object]):
    """Take back what a redrive or an edit of dead letters did."""

    batch: int


@dataclass(frozen=True, slots=True)
class Project(Action[int]):
    """Bring a projection up to the end of its topic, past a record that it can't take in."""

    topic: str
    table: str
    primary_key: str
    skip: Address


@dataclass(frozen=True, slots=True)
class Vacuum(Action[int]):
    """Give unused room of the file back."""


@dataclass(frozen=True, slots=True)
class TrustClock(Action[None]):
    """Trust the wall clock from now on."""


@dataclass(frozen=True, slots=True)
class AcceptLosses(Action[object]):
    """Take the file as it is, without the confirmed commits that are missing."""


@dataclass(frozen=True, slots=True)
class SetDurability(Action[None]):
    """Choose `full` or `normal` for the store."""

    durability: str


@dataclass(frozen=True, slots=True)
class SetMaxBytes(Action[None]):
    """Bound the size of the store's file."""

    most: int | Blank


@dataclass(frozen=True, slots=True)
class SetReadOnly(Action[None]):
    """Let a store take nothing new, or take it again."""

    switch: bool


@dataclass(frozen=True, slots=True)
class Salvage(Action[object]):
    """Copy everything intact in a damaged store to a new file."""

    old: str = Blank("OLD")
    new: str = Blank("NEW")
