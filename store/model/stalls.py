"""The operator's values: stalls, the overview, and a screen's details. All are frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from store.model.actions import Action, Look
from store.model.groups import Lag
from store.model.maintenance import PlaceStatus
from store.model.queues import Attempt, QueueStatus
from store.model.shares import ShareStatus
from store.model.shell_texts import as_command
from store.model.topics import TopicStatus

StallKind = Literal["group", "fifo", "share", "queue"]
Cause = Literal["held", "abandoned", "poison", "damaged", "unassigned"]
Verdict = Literal["blocks", "blocked", "waits", "next", "done", "free"]
SubjectKind = Literal["topic", "queue", "share"]
SubjectState = Literal["stalled", "dead letters", "lagging", "ok", "idle"]
RemedyKind = Literal[
    "dead-letter", "release", "skip", "read", "reset", "delete", "policy", "create", "purge"
]

BUCKET_SECONDS = 10
"""Milliseconds of one of a subject's trend samples."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """A way out of a stall: the action, and its effect in a few words.

    A policy keeps the stall from coming again, and ends it where its limit is reached already.
    """

    kind: RemedyKind
    action: Action[Any] | Look
    effect: str

    @property
    def command(self) -> str:
        """The action as a command that can be run as it is."""
        return as_command(self.action)


@dataclass(frozen=True, slots=True)
class Stall:
    """A record or message that others wait for, the cause, and the ways out.

    `blocked` counts the messages behind the blocker, and `keys` their distinct keys: exact, or with
    `keys_exact` False at least so many. `seconds` is how long nothing has moved. `holder_seen` is
    how many seconds ago the holder last gave a sign of life, `growth` the arrivals less the
    departures per second, `retention_seconds` when retention will remove the blocker.
    """

    kind: StallKind
    source: str
    partition: int | None
    reader: str
    blocker: str
    key: bytes | None
    blocked: int
    keys: int
    keys_exact: bool
    seconds: float
    threshold: float
    deliveries: int
    holder: str | None
    holder_host: str | None
    holder_pid: int | None
    holder_seen: float | None
    error: str | None
    same_errors: int
    cause: Cause
    why: str
    committed: int | None
    offset: int
    end: int
    size: int | None
    produced: int | None
    oldest_seconds: float
    growth: float
    retention_seconds: float | None
    remedies: tuple[Remedy, ...]

    @property
    def do(self) -> list[str]:
        """The ways out as commands, the best first."""
        return [remedy.command for remedy in self.remedies]

    @property
    def place(self) -> str:
        """Its place: `orders/2` for a partition, the queue's name for a FIFO group."""
        return self.source if self.partition is None else f"{self.source}/{self.partition}"


@dataclass(frozen=True, slots=True)
class Subject:
    """A topic, queue or share in the overview.

    `depth` is the number of its messages (of a share: unfinished records); ready, leased, delayed
    and blocked are `None` for a topic. `lag` is that of the group that is furthest behind. Rates
    are messages per second over the last minute, out of a topic those of `reader`; `trend` is the
    number of arrivals per ten seconds, oldest first. `backlog` is what waits: the lag of the group
    `reader`, which is stalled or else the furthest behind of `groups`; all that is in a queue; the
    unfinished records of a share that reads `topic`. `growth` is its change per second over the
    last minute. `None` is unknown.
    """

    name: str
    kind: SubjectKind
    state: SubjectState
    depth: int
    ready: int | None
    leased: int | None
    delayed: int | None
    blocked: int | None
    lag: int | None
    oldest_seconds: float | None
    in_rate: float | None
    out_rate: float | None
    trend: tuple[int, ...]
    note: str
    backlog: int | None = None
    growth: float | None = None
    reader: str | None = None
    groups: int | None = None
    topic: str | None = None
    partitions: int | None = None


class FlowOf(NamedTuple):
    """A queue, a share, or a topic as one reader sees it: the one furthest behind if none is named.

    A partition narrows a topic or a share to it.
    """

    name: str
    partition: int | None = None
    reader: str | None = None
    kind: Literal["group", "share"] = "group"


@dataclass(frozen=True, slots=True)
class Flow:
    """The last ten minutes in buckets of ten seconds, oldest first; the present one is the last.

    `arrived` and `left` count what came in each bucket and what went, in whatever way; `backlog` is
    what waited at its end. `None` is unknown: before the place or its reader began, or was reset.
    """

    reader: str | None
    arrived: tuple[int | None, ...]
    left: tuple[int | None, ...]
    backlog: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Overview:
    """The store at one moment: subjects worst first, stalls worst first by blocked x age.

    `taken` is Unix milliseconds. `stalls` may be cut off: `stall_count` is how many there are.
    """

    taken: int
    status: PlaceStatus
    in_rate: float | None
    out_rate: float | None
    dead_letters: int
    stall_count: int
    stalls: tuple[Stall, ...]
    subjects: tuple[Subject, ...]


@dataclass(frozen=True, slots=True)
class TopicDetail:
    """A topic with the bars of its groups, up to the limit of partitions and rows.

    `retention_seconds` gives, by partition, when retention will next remove a record, `in_rates`
    the records that came in per second over the last minute, where that is known. `seen` is how
    many seconds ago each live member of a group that owns a partition gave a sign of life.
    """

    status: TopicStatus
    retention_seconds: dict[int, float]
    lags: tuple[Lag, ...]
    in_rates: Mapping[int, float] = field(default_factory=dict)
    seen: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LeaseRow:
    """A leased message, or one that waits for its next delivery (then `holder` is `None`).

    `lease_seconds` is the whole length of the lease, with its extensions, and `seen_seconds` how
    long ago the holder last gave a sign of life.
    """

    address: str
    message_group: str | None
    holder: str | None
    held_seconds: float | None
    seconds_left: float
    deliveries: int
    lease_seconds: float | None
    seen_seconds: float | None


@dataclass(frozen=True, slots=True)
class QueueDetail:
    """A queue or share with its leases, the next to lapse first, and then the waits."""

    status: QueueStatus | ShareStatus
    leases: tuple[LeaseRow, ...]


@dataclass(frozen=True, slots=True)
class StallDetail:
    """The deliveries of a stall's blocker; times are Unix milliseconds, `None` is unknown.

    `attempts` are the last ones that ended otherwise than by an ack, oldest first, and `earlier`
    counts those before them. `held_since` is when the present holder took it, `next_try` when it
    is delivered again unless that holder finishes it.
    """

    attempts: tuple[Attempt, ...]
    earlier: int
    held_since: int | None
    next_try: int | None


@dataclass(frozen=True, slots=True)
class LetterRow:
    """Dead letters of one source, reason and normalised error; `sample` is the newest's address."""

    queue: str
    source: str
    reason: str
    error: str | None
    count: int
    first: int
    last: int
    sample: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """The state of an address for one reader.

    It blocks others, is blocked by `blocker`, waits its turn, is read next, is done with, or is
    free. `stall` is the stall that it causes or suffers from.
    """

    address: str
    reader: str | None
    verdict: Verdict
    blocker: str | None
    why: str
    stall: Stall | None
