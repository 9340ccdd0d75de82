"""The values of dead letters, and of a message's history. Times are Unix milliseconds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from store.model.errors import Hint, MqError
from store.model.text import counted

if TYPE_CHECKING:
    from store.model.messages import Message

Reason = Literal["max_deliveries", "rejected", "expired", "overflow"]
MoveState = Literal["running", "completed", "cancelled", "failed"]


@dataclass(frozen=True, slots=True)
class Hop:
    """One queue and reason in a dead letter's history: how often, and when first (as x-death).

    `ttl` is the time to live that it had there, in milliseconds, if that ended it.
    """

    source: str
    reason: Reason
    count: int
    at: int
    ttl: int | None = None


class Dead(NamedTuple):
    """Why a message is a dead letter; `hops` is its whole history, newest first.

    `priority` is the one it was sent with, which its DLQ may not have.
    """

    source: str
    reason: Reason
    at: int
    deliveries: int
    error: str | None
    hops: tuple[Hop, ...]
    priority: int = 0

    @property
    def source_name(self) -> str:
        """Its source, without the sequence number or offset."""
        return self.source.partition("@")[0]


class Chosen(NamedTuple):
    """A dead letter to be moved or removed; `source` is the address that it had before it died.

    `size` is bytes of key and value together.
    """

    id: str
    sequence: int
    address: str
    source: str
    size: int

    @classmethod
    def of(cls, letter: Message) -> Chosen:
        """Return the choice for a dead letter."""
        assert letter.dead is not None
        size = len(letter.key or b"") + len(letter.value or b"")
        return cls(letter.id, letter.sequence, letter.address, letter.dead.source, size)


class Moved(NamedTuple):
    """A message of so many bytes that was moved from one queue to another."""

    id: str
    source: str
    target: str
    size: int = 0

    @property
    def sequence(self) -> int:
        """Its sequence number before the move."""
        return int(self.source.rpartition("@")[2])


class RedriveBatch(NamedTuple):
    """One change of dead letters; `number` is the argument of `undo_redrive`.

    `undone` says how many of the messages were taken back, `edited` tells an edit from a redrive.
    """

    number: int
    at: int
    messages: int
    undone: int
    edited: bool


class Redriven(NamedTuple):
    """The fate of a redriven message: dead again at `dead_letter`, there, or gone."""

    id: str
    is_present: bool
    dead_letter: str | None
    error: str | None


class DeadLetterQueue(NamedTuple):
    """A queue that is a DLQ or holds dead letters; `oldest` is when the first died."""

    name: str
    dead_letters: int
    sources: tuple[str, ...]
    oldest: int | None


@dataclass(frozen=True, slots=True)
class DeadLetterGroup:
    """Dead letters with a common property, and when the first and the last of them died."""

    value: str | None
    count: int
    first: int
    last: int


class Event(NamedTuple):
    """An event of a message or record at an address; unknown parts are `None`.

    `what` is `sent`, `dead-lettered`, `redriven`, `leased`, `unknown` or how a delivery ended.
    `reader` is the queue, group or share that read it there. Times are Unix milliseconds.
    """

    at: int | None
    address: str
    what: str
    reader: str | None = None
    delivery: int | None = None
    holder: str | None = None
    started: int | None = None
    error: str | None = None
    reason: Reason | None = None
    target: str | None = None


class Redrive(NamedTuple):
    """The result of a redrive, or of its dry run.

    `batch` is the argument of `undo`; `None` for a dry run, and where nothing was moved.
    """

    batch: int | None
    moved: list[Moved]


class MoveTask(NamedTuple):
    """A redrive that goes on in steps (SQS: message move task).

    `to` is `None` where each letter goes to its source, `rate` in messages a second or `None` for
    no limit. `wanted` is how many letters there were at the start. `batch` is the argument of
    `undo`, once some were moved. `pause` is the seconds until its rate allows the next step.
    """

    id: int
    queue: str
    to: str | None
    rate: float | None
    state: MoveState
    wanted: int
    moved: int
    batch: int | None
    started: int
    ended: int | None
    error: str | None
    pause: float


class TaskProgress(NamedTuple):
    """How many letters the engine has moved by itself, of about how many in all."""

    moved: int
    total: int
    is_over: bool


def cut_short(error: MqError, done: Redrive, planned: int) -> MqError:
    """Return an error that ended a redrive, with its progress and how to take that back."""
    from store.model.actions import UndoRedrive

    told = type(error)(
        f"{error.message}; {len(done.moved):,} of {counted(planned, 'dead letter')} moved"
    )
    undo = Hint("undo with: {}", UndoRedrive(done.batch or 0))
    told.hint = undo if not error.hint else undo.after(error.hint)
    return told


Choice = Callable[["Message"], bool]
