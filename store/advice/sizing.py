"""How many consumers, partitions and message groups: the arithmetic, shown step by step."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor

from store.advice.placements import Placement
from store.advice.workload import Order, Workload
from store.model.encoding import MOST_PARTITIONS
from store.model.text import describe_size, format_duration

# A cautious figure for one partition on one broker's disk, as Kafka's operators use it.
_PARTITION_BYTES = 10_000_000
_SHARE_WINDOW = 2000


@dataclass(frozen=True, slots=True)
class SizingStep:
    """One line of the arithmetic: name, formula and result."""

    what: str
    calculation: str
    result: str


@dataclass(frozen=True, slots=True)
class Sizing:
    """The number of consumers, partitions and groups. `workers` are the consumers busy at the peak.

    `parallel` is the most that can be busy at once, `None` without a limit; `shortfall` the
    messages per second beyond any number of consumers.
    """

    workers: int
    partitions: int | None
    message_groups: int | None
    parallel: int | None
    shortfall: float
    steps: tuple[SizingStep, ...]


def size(workload: Workload, place: Placement) -> Sizing:
    """Size a place for a workload."""
    needed, steps = _workers(workload)
    parallel, limits = _parallel(workload)
    partitions, more = _partitions(workload, place, needed)
    fifo = workload.order is not Order.NONE and place in {
        Placement.FIFO_QUEUE,
        Placement.LOG_AND_QUEUE,
    }
    groups = _groups(workload) if fifo else None
    if fifo:
        shown = "as many as keys" if groups is None else f"{groups:,}"
        more.append(SizingStep("message groups", "one for each thing that keeps its order", shown))
    busy = needed if parallel is None else min(needed, parallel)
    most = None if parallel is None else _most(workload)
    shortfall = 0.0 if most is None else max(0.0, workload.future_rate - most)
    return Sizing(busy, partitions, groups, parallel, shortfall, (*steps, *limits, *more))


def divisor_rich(number: int) -> int:
    """Return the least number from `least` on that has as many divisors as every smaller one.

    So many partitions can be dealt evenly to many different numbers of consumers.
    """
    most = max((_divisors(one) for one in range(1, number)), default=0)
    while _divisors(number) < most:
        number += 1
    return number


def _divisors(number: int) -> int:
    roots = range(1, floor(number**0.5) + 1)
    return sum((1 if one * one == number else 2) for one in roots if number % one == 0)


def _workers(workload: Workload) -> tuple[int, list[SizingStep]]:
    peak = workload.future_rate
    headroom = 1 + workload.outage / workload.catch_up
    needed = max(1, ceil(peak * headroom / workload.consumer_rate - 1e-9))
    outage, level = format_duration(workload.outage), format_duration(workload.catch_up)
    return needed, [
        SizingStep(
            "peak to build for",
            f"{workload.peak_rate:,.10g}/s × {workload.growth:.10g}",
            f"{peak:,.10g}/s",
        ),
        SizingStep(
            "with headroom",
            f"× (1 + {outage} outage ÷ {level} to catch up) = × {headroom:.3g}",
            f"{peak * headroom:,.10g}/s",
        ),
        SizingStep(
            "consumers",
            f"{peak * headroom:,.10g}/s ÷ {workload.consumer_rate:,.10g}/s each, rounded up",
            f"{needed:,}",
        ),
    ]


def _parallel(workload: Workload) -> tuple[int | None, list[SizingStep]]:
    """Return how many consumers can be busy at once under the required order."""
    if workload.order is Order.NONE:
        return None, []
    if workload.order is Order.ALL:
        step = SizingStep("at once", "strict order over everything: one at a time", "1")
        return 1, [step]
    limits = [("different keys", workload.keys)]
    if workload.hottest_share is not None:
        limits.append(
            (f"1 ÷ {workload.hottest_share:.3g} for the hottest key", _by_hottest(workload))
        )
    known = [(what, limit) for what, limit in limits if limit is not None]
    steps = [SizingStep("at once, at most", what, f"{limit:,}") for what, limit in known]
    return min((limit for _, limit in known), default=None), steps


def _by_hottest(workload: Workload) -> int:
    assert workload.hottest_share is not None
    return max(1, ceil(1 / workload.hottest_share - 1e-9))


def _most(workload: Workload) -> float:
    """Return the messages per second that the order allows for any number of consumers."""
    if workload.order is Order.ALL:
        return workload.consumer_rate
    share = max(workload.hottest_share or 0, 1 / workload.keys if workload.keys else 0)
    return workload.consumer_rate / share


def _groups(workload: Workload) -> int | None:
    return 1 if workload.order is Order.ALL else workload.keys


def _partitions(
    workload: Workload, place: Placement, needed: int
) -> tuple[int | None, list[SizingStep]]:
    if place not in {Placement.LOG, Placement.SHARE, Placement.LOG_AND_QUEUE}:
        return None, []
    if workload.order is Order.ALL:
        return 1, [SizingStep("partitions", "order over everything needs a single one", "1")]
    stream = workload.future_rate * workload.message_size
    by_bytes = max(1, ceil(stream / _PARTITION_BYTES))
    steps = [_bytes_step(stream, by_bytes)] if by_bytes > 1 else []
    if place is Placement.SHARE:
        least = max(by_bytes, ceil(needed / _SHARE_WINDOW))
        why = f"a share's consumers are not bound to partitions; each leases up to {_SHARE_WINDOW}"
    else:
        least = max(by_bytes, needed)
        why = f"from {least:,} to the next number with many divisors, to be dealt evenly"
    partitions = min(divisor_rich(min(least, MOST_PARTITIONS)), MOST_PARTITIONS)
    steps.append(SizingStep("partitions", why, f"{partitions:,}"))
    return _within_keys(workload, partitions, steps), steps


def _bytes_step(stream: float, partitions: int) -> SizingStep:
    shown = describe_size(round(stream))
    return SizingStep("for the bytes", f"{shown}/s ÷ 10 MB/s for a partition", f"{partitions:,}")


def _within_keys(workload: Workload, partitions: int, steps: list[SizingStep]) -> int:
    keys = workload.keys
    if workload.order is not Order.KEY or keys is None or keys >= partitions:
        return partitions
    steps.append(SizingStep("partitions", "not more than there are keys", f"{keys:,}"))
    return keys
