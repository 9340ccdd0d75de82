"""The place of a workload between log and queue: a decision table, read from the top.

When a message is acknowledged a broker deletes it, or keeps it and remembers the reader's position.
The places are in that order: from those that keep most to those that delete.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any

from store.advice.workload import Control, Order, Routing, Workload

# The rate of one FIFO queue of SQS in batches of ten. Beyond it a row per message is a burden.
HIGH_RATE = 3000.0


class Placement(StrEnum):
    """An end of the axis, or a point on it."""

    LOG = "log"
    SHARE = "share"
    LOG_AND_QUEUE = "log-and-queue"
    FIFO_QUEUE = "fifo-queue"
    QUEUE = "queue"


TITLES = {
    Placement.LOG: "a log, read by consumer groups",
    Placement.SHARE: "share groups over a log",
    Placement.LOG_AND_QUEUE: "a log and queues behind one exchange",
    Placement.FIFO_QUEUE: "a FIFO queue",
    Placement.QUEUE: "a queue",
}


class History(StrEnum):
    """The fate of an acknowledged message."""

    KEPT = "kept"
    GONE = "gone"


class Audience(StrEnum):
    """The number of independent readers."""

    ONE = "one"
    SEVERAL = "several"


class Fate(StrEnum):
    """The control that a single message needs apart from its neighbours."""

    SHARED = "shared"
    OWN_RETRIES = "own retries"
    OWN_TIME = "own time"


class Rate(StrEnum):
    """The peak rate, against the cost of a row per message."""

    MODERATE = "moderate"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class Factors:
    """A workload reduced to the factors that decide its place."""

    history: History
    audience: Audience
    fate: Fate
    order: Order
    routing: bool
    rate: Rate


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table: it holds where every factor has one of its values."""

    place: Placement
    because: str
    history: tuple[History, ...] = tuple(History)
    audience: tuple[Audience, ...] = tuple(Audience)
    fate: tuple[Fate, ...] = tuple(Fate)
    order: tuple[Order, ...] = tuple(Order)
    routing: tuple[bool, ...] = (False, True)
    rate: tuple[Rate, ...] = tuple(Rate)

    def holds(self, factors: Factors) -> bool:
        """Return whether the row covers these factors."""
        return all(getattr(factors, name) in getattr(self, name) for name in FACTORS)

    @property
    def tested(self) -> tuple[str, ...]:
        """The factors that the row tests."""
        return tuple(n for n in FACTORS if getattr(self, n) != getattr(_ANYTHING, n))


_ANYTHING = Rule(Placement.LOG, "every value of every factor")
FACTORS = tuple(field.name for field in fields(Factors))
_KEPT, _GONE = (History.KEPT,), (History.GONE,)
_SHARED, _RETRIES, _TIME = (Fate.SHARED,), (Fate.OWN_RETRIES,), (Fate.OWN_TIME,)
_OWN = (Fate.OWN_RETRIES, Fate.OWN_TIME)
_FREE, _ORDERED, _BY_KEY = (Order.NONE,), (Order.KEY, Order.ALL), (Order.KEY,)
_HIGH = (Rate.HIGH,)

TABLE = (
    Rule(Placement.LOG, "it is kept, and one number for each partition says where a reader is",
        history=_KEPT, fate=_SHARED),
    Rule(Placement.SHARE, "it is kept, and each message has a lease of its own on top",
        history=_KEPT, fate=_RETRIES, order=_FREE),
    Rule(Placement.LOG_AND_QUEUE, "the log keeps the history; a FIFO queue retries without letting"
        " one bad message hold other keys", history=_KEPT, fate=_RETRIES, order=_ORDERED),
    Rule(Placement.LOG_AND_QUEUE, "the log keeps the history; only a queue can delay and prefer"
        " single messages", history=_KEPT, fate=_TIME),
    Rule(Placement.FIFO_QUEUE, "each message group keeps its order, and retries alone",
        history=_GONE, fate=_OWN, order=_ORDERED),
    Rule(Placement.QUEUE, "each message has its own fate, and is deleted when it is done",
        history=_GONE, fate=_OWN, order=_FREE),
    Rule(Placement.QUEUE, "each reader gets only its own messages, in a queue of its own",
        history=_GONE, audience=(Audience.SEVERAL,), order=_FREE, routing=(True,)),
    Rule(Placement.FIFO_QUEUE, "each reader gets only its own messages, in order",
        history=_GONE, audience=(Audience.SEVERAL,), order=_BY_KEY, routing=(True,),
        rate=(Rate.MODERATE,)),
    Rule(Placement.LOG, "one copy serves every reader, each with a number of its own",
        history=_GONE, audience=(Audience.SEVERAL,)),
    Rule(Placement.LOG, "everything waits for its predecessor anyway: one number does, no leases",
        history=_GONE, order=(Order.ALL,)),
    Rule(Placement.LOG, "at this rate one number for 1,000 messages is cheaper than a row each",
        history=_GONE, rate=_HIGH),
    Rule(Placement.FIFO_QUEUE, "order within a key, nothing kept, and a failure holds only its key",
        history=_GONE, order=_BY_KEY),
    Rule(Placement.QUEUE, "nothing asks for history or order: deleted when done is the simplest",
        history=_GONE),
)  # fmt: skip


def factors_of(workload: Workload) -> Factors:
    """Reduce a workload to the factors that decide."""
    own_time = workload.per_message & {Control.DELAY, Control.PRIORITY}
    fate = Fate.OWN_RETRIES if workload.per_message else Fate.SHARED
    return Factors(
        History.KEPT if workload.kept else History.GONE,
        Audience.SEVERAL if len(workload.readers) > 1 else Audience.ONE,
        Fate.OWN_TIME if own_time else fate,
        workload.order,
        workload.routing is not Routing.NONE,
        Rate.HIGH if workload.future_rate > HIGH_RATE else Rate.MODERATE,
    )


def row_of(factors: Factors) -> Rule:
    """Return the first matching row of the table; the last row always matches."""
    return next(row for row in TABLE if row.holds(factors))


def alternatives(factors: Factors, name: str) -> Iterator[tuple[str, Placement]]:
    """Yield the place of the workload for each other value of a factor, as (value, place)."""
    for value in getattr(_ANYTHING, name):
        change: dict[str, Any] = {name: value}
        other = replace(factors, **change)
        impossible = other.fate is Fate.OWN_TIME and other.order is not Order.NONE
        if value != getattr(factors, name) and not impossible:
            yield str(value), row_of(other).place
