"""A workload as its owner describes it, and the answers that contradict each other."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from store.model.addresses import LONGEST_NAME
from store.model.errors import BadInput

DAY = 86_400_000
HOUR = 3_600_000
# The prefix of things that are created beside the readers' own.
DEAD_LETTERS = "dlq"
UNROUTED = "unrouted"
_RESERVED = {DEAD_LETTERS, UNROUTED}


class Control(StrEnum):
    """The control that a single message needs, independent of its neighbours."""

    RETRY = "retry"
    UNEVEN = "uneven"
    DELAY = "delay"
    PRIORITY = "priority"


class Order(StrEnum):
    """The scope within which processing must follow the order of sending."""

    NONE = "none"
    KEY = "key"
    ALL = "all"


class Routing(StrEnum):
    """The property by which the broker decides which readers get a message."""

    NONE = "none"
    KEY = "key"
    HEADERS = "headers"


class WorkloadOperations(StrEnum):
    """The owner's readiness to run servers."""

    NONE = "none"
    SOME = "some"
    TEAM = "team"


@dataclass(frozen=True, slots=True)
class Workload:
    """The demands on a message system. Times are milliseconds, rates messages per second.

    `peak_rate` is today's, `growth` its factor before the next redesign; `consumer_rate` is the
    rate of one consumer; `hottest_share` is between 0 and 1. After an `outage` the consumers must
    have caught up within `catch_up`.
    """

    name: str = "events"
    replay: bool = False
    readers: tuple[str, ...] = ("worker",)
    source_of_truth: bool = False
    latest_only: bool = False
    per_message: frozenset[Control] = frozenset()
    routing: Routing = Routing.NONE
    order: Order = Order.NONE
    survive_machine_loss: bool = False
    operations: WorkloadOperations = WorkloadOperations.SOME
    peak_rate: float = 10.0
    consumer_rate: float = 100.0
    message_size: int = 1024
    growth: float = 2.0
    keys: int | None = None
    hottest_share: float | None = None
    latency: int | None = None
    retention: int | None = None
    outage: int = HOUR
    catch_up: int = 2 * HOUR

    @property
    def processing(self) -> float:
        """Milliseconds that one consumer takes for one message."""
        return 1000 / self.consumer_rate

    @property
    def future_rate(self) -> float:
        """The peak to build for, in messages per second."""
        return self.peak_rate * self.growth

    @property
    def kept(self) -> bool:
        """Whether a message must outlive its acknowledgement."""
        return self.replay or self.source_of_truth or self.latest_only


def check(workload: Workload) -> None:
    """Raise `BadInput` where a number is out of range, or two answers contradict each other."""
    for rules in (_out_of_range, _contradictions):
        for wrong, message, hint in rules(workload):
            if wrong:
                raise BadInput(message, hint=hint)


_Rule = tuple[bool, str, str]


def _out_of_range(workload: Workload) -> tuple[_Rule, ...]:
    share, keys = workload.hottest_share, workload.keys
    return (
        (not workload.readers, "a workload without a reader needs no message system", "readers 1"),
        (
            len(set(workload.readers)) < len(workload.readers),
            "two readers have the same name",
            "readers that share the work are one reader with several consumers",
        ),
        (workload.peak_rate <= 0, "the peak rate must be more than 0", "100, 5000/s or 20k/h"),
        (workload.consumer_rate <= 0, "a consumer must do more than 0/s", "50/s, or 20ms each"),
        (workload.growth < 1, "the growth must be a factor of 1 or more", "3 for three times"),
        (workload.message_size <= 0, "the message size must be more than 0", "1KiB"),
        (keys is not None and keys < 1, "there must be a key at least", "leave it out if unknown"),
        (
            share is not None and not 0 < share <= 1,
            "the hottest key's share must be more than 0 and at most 100%",
            "20% or 0.2",
        ),
        (workload.catch_up <= 0, "catching up must take more than no time", "2h"),
        (workload.retention == 0, "the retention must be more than 0", "7d"),
        (
            not _RESERVED.isdisjoint(workload.readers),
            f"no reader may be called {' or '.join(sorted(_RESERVED))}",
            "those names are taken by what will be created beside it",
        ),
        (
            len(workload.name) + max(map(len, (*workload.readers, *_RESERVED))) >= LONGEST_NAME,
            "the names of messages and readers are too long together",
            f"{LONGEST_NAME - 1} characters",
        ),
    )


def _contradictions(workload: Workload) -> tuple[_Rule, ...]:
    ordered = workload.order is not Order.NONE
    share, keys, latency = workload.hottest_share, workload.keys, workload.latency
    return (
        (
            ordered and Control.PRIORITY in workload.per_message,
            "priorities contradict the order: a message that overtakes is out of order",
            "give up one of the two, or split the stream: ordered ones here, urgent ones apart",
        ),
        (
            ordered and Control.DELAY in workload.per_message,
            "delays per message contradict the order: a delayed one is overtaken, or holds all",
            "delay the whole queue, or send delayed messages to a queue without order",
        ),
        (
            workload.source_of_truth and workload.retention is not None,
            "history that is the source of truth must not end after a while",
            "leave out the retention, or say that it is not the source of truth",
        ),
        (
            workload.source_of_truth and workload.latest_only,
            "history that is the source of truth can't keep only the newest value of a key",
            "keep all of it, and a second topic of newest values beside it",
        ),
        (
            share is not None and keys is not None and share * keys < 1 - 1e-9,
            f"the hottest of {keys} keys has at least {1 / (keys or 1):.1%} of the messages",
            "give the share of the busiest key, or leave it out",
        ),
        (
            latency is not None and latency < workload.processing,
            f"a message takes {workload.processing:g} ms, longer than the latency tolerated",
            "make the work shorter, or tolerate more: no queue or log makes it faster",
        ),
    )
