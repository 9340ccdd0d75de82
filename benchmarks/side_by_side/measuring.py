"""Runs of all contenders in turn, so that each sees the same machine; medians and ratios."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain, count
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from time import monotonic
from typing import TypeVar

from .commands import MqCommands, SimpleBrokerCommands
from .contenders import DELETED, KEPT, Contender, Log, Unavailable
from .goals import GOALS, Goal
from .libraries import (
    DiskcacheDeque,
    Honker,
    Huey,
    LiteQueue,
    LocalQueue,
    PersistQueue,
    PersistQueuePlain,
    SimpleBroker,
)
from .ours import BareColumns, BareLog, BareLogInRows, BareQueue, MqAutoAck, MqQueue, MqTopic
from .servers import RabbitQueue, RedisStream
from .workloads import (
    Call,
    Size,
    can_run,
    command_run,
    concurrent_run,
    log_run,
    queue_run,
    queue_works,
)

QUEUES: Sequence[type[Contender]] = (
    MqQueue, LiteQueue, LocalQueue, Honker, PersistQueue, RedisStream, RabbitQueue,
    MqAutoAck, BareQueue, DiskcacheDeque, Huey, PersistQueuePlain, SimpleBroker,
)  # fmt: skip
LOGS: Sequence[type[Log]] = (MqTopic, BareLog, BareLogInRows, BareColumns)
COMMANDS: Sequence[type[Contender]] = (MqCommands, SimpleBrokerCommands)
# They send from many threads at once, or show what one thread does.
_CONCURRENT = (MqQueue, BareQueue)
# A call of a log moves a thousand: as many records as messages would be two calls a run.
_TIMES_AS_MANY_RECORDS = 10
_OURS = MqQueue.name

Place = TypeVar("Place")


@dataclass(frozen=True, slots=True)
class Latency:
    """How long calls took, in microseconds."""

    least: float
    median: float
    p95: float
    p99: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Latency:
        """The figures of at least one call."""
        cuts = quantiles(seconds, n=100) if len(seconds) > 1 else [seconds[0]] * 99
        return cls(min(seconds) * 1e6, median(seconds) * 1e6, cuts[94] * 1e6, cuts[98] * 1e6)


@dataclass(frozen=True, slots=True)
class Tick:
    """The events of about a second, for display."""

    elapsed: float
    contender: str
    workload: str
    sent: int
    received: int
    latency: Latency


@dataclass(frozen=True, slots=True)
class Figure:
    """One contender at one workload: messages a second over the runs, and its slowest calls."""

    workload: str
    contender: str
    rate: float
    least: float
    most: float
    ratio: float | None
    latency: Latency
    waiting: int | None
    promise: str | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether mq's rate is the wanted multiple of a peer's: the median of the runs' ratios."""

    goal: Goal
    ratio: float
    waiting: int | None

    @property
    def is_met(self) -> bool:
        """Whether the goal is reached."""
        return self.ratio >= self.goal.ratio


@dataclass(slots=True)
class Measurement:
    """All runs: by workload and contender the rate of each run, and every call's time."""

    size: Size
    runs: int
    skipped: dict[str, str] = field(default_factory=dict)
    rates: dict[tuple[str, str], list[float]] = field(default_factory=lambda: defaultdict(list))
    calls: dict[tuple[str, str], list[float]] = field(default_factory=lambda: defaultdict(list))
    waiting: dict[str, int] = field(default_factory=dict)

    def figures(self) -> list[Figure]:
        """A row for every workload and contender, in the order in which they ran."""
        return [self._figure(*place) for place in self.rates]

    def _figure(self, workload: str, contender: str) -> Figure:
        rates = self.rates[workload, contender]
        ratio = None if contender == _OURS else self.ratio(workload, contender)
        latency = Latency.of(self.calls[workload, contender])
        return Figure(
            workload, contender, median(rates), min(rates), max(rates), ratio, latency,
            waiting=self.waiting.get(workload), promise=_promise(workload),
        )  # fmt: skip

    def ratio(self, workload: str, peer: str) -> float | None:
        """mq's rate as a multiple of the peer's, run by run, the median of that."""
        ours = self.rates.get((workload, _OURS))
        theirs = self.rates.get((workload, peer))
        if not ours or not theirs:
            return None
        return median(a / b for a, b in zip(ours, theirs, strict=True))

    def verdicts(self) -> list[Verdict]:
        """The goals whose peer was measured."""
        found = [(goal, self.ratio(goal.workload, goal.peer)) for goal in GOALS]
        return [
            Verdict(goal, ratio, self.waiting.get(goal.workload))
            for goal, ratio in found
            if ratio is not None
        ]


def measure(
    peers: Sequence[str] | None, size: Size, runs: int, watch: Callable[[Tick], None]
) -> Measurement:
    """Measure mq and the named peers, by default all there are; what is missing is skipped."""
    measurement = Measurement(size, runs)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="mq-bench-")))
        queues = list(_prepared(stack, folder, QUEUES, peers, measurement))
        commands = list(_prepared(stack, folder, COMMANDS, peers, measurement))
        logs = [log() for log in LOGS if _is_wanted(log.name, peers)]
        meter = _Meter(watch)
        for number in range(runs):
            fresh = _folders(folder / f"run-{number}")
            for name, calls in chain(
                _queue_runs(queues, fresh, number, measurement),
                _other_runs(queues, commands, fresh, number, size),
                _log_runs(logs, fresh, number, size),
            ):
                _note(measurement, name, meter.watched(name, calls))
    return measurement


def _is_wanted(name: str, peers: Sequence[str] | None) -> bool:
    return peers is None or name == _OURS or name in peers


def _prepared(
    stack: ExitStack, folder: Path, kinds: Sequence[type[Contender]],
    peers: Sequence[str] | None, measurement: Measurement,
) -> Iterator[Contender]:  # fmt: skip
    for number, kind in enumerate(kinds):
        if _is_wanted(kind.name, peers):
            contender = kind()
            own = folder / f"{kind.__name__}-{number}"
            own.mkdir()
            try:
                contender.prepare(own)
            except Unavailable as why:
                measurement.skipped[kind.name] = str(why)
            else:
                stack.callback(contender.finish)
                yield contender


def _folders(folder: Path) -> Iterator[Path]:
    for number in count():
        path = folder / str(number)
        path.mkdir(parents=True)
        yield path


def _queue_runs(
    queues: Sequence[Contender], fresh: Iterator[Path], number: int, measurement: Measurement
) -> Iterator[tuple[str, Iterable[Call]]]:
    """Each work by all contenders before the next work."""
    for work in queue_works(measurement.size):
        # Another one first each time, so that none always follows the same neighbour.
        for queue in _rotated(queues, number):
            if can_run(queue, work):
                for name in work.names(queue):
                    measurement.waiting[name] = work.waiting
                yield queue.name, queue_run(queue, next(fresh), work, measurement.size)


def _other_runs(
    queues: Sequence[Contender], commands: Sequence[Contender], fresh: Iterator[Path],
    number: int, size: Size,
) -> Iterator[tuple[str, Iterable[Call]]]:  # fmt: skip
    for queue in _rotated(queues, number):
        if type(queue) in _CONCURRENT:
            yield queue.name, concurrent_run(queue, next(fresh), size)
    for command in _rotated(commands, number):
        yield command.name, command_run(command, next(fresh), size)


def _log_runs(
    logs: Sequence[Log], fresh: Iterator[Path], number: int, size: Size
) -> Iterator[tuple[str, Iterable[Call]]]:
    records = Size(size.messages * _TIMES_AS_MANY_RECORDS, size.bytes)
    for keyed in (False, True):
        for log in _rotated(logs, number):
            yield log.name, log_run(log, next(fresh), records, keyed)


def _promise(workload: str) -> str | None:
    if workload.startswith("receive+ack"):
        return KEPT
    return DELETED if workload.startswith("receive") else None


def _rotated(contenders: Sequence[Place], number: int) -> Sequence[Place]:
    turn = number % len(contenders) if contenders else 0
    return [*contenders[turn:], *contenders[:turn]]


def _note(measurement: Measurement, name: str, calls: Iterable[Call]) -> None:
    moved: dict[str, int] = defaultdict(int)
    seconds: dict[str, float] = defaultdict(float)
    for call in calls:
        moved[call.workload] += call.sent + call.received
        seconds[call.workload] += call.seconds
        measurement.calls[call.workload, name].append(call.seconds)
    for workload, number in moved.items():
        measurement.rates[workload, name].append(number / seconds[workload])


class _Meter:
    """Passes calls through and tells the watcher about them once a second."""

    def __init__(self, watch: Callable[[Tick], None]) -> None:
        self._watch = watch
        self._began = self._last = monotonic()

    def watched(self, name: str, calls: Iterable[Call]) -> Iterator[Call]:
        since: list[Call] = []
        for call in calls:
            since.append(call)
            yield call
            if monotonic() - self._last >= 1:
                self._tell(name, since)
                since = []

    def _tell(self, name: str, calls: Sequence[Call]) -> None:
        self._last = monotonic()
        self._watch(
            Tick(
                self._last - self._began,
                name,
                calls[-1].workload,
                sum(call.sent for call in calls),
                sum(call.received for call in calls),
                Latency.of([call.seconds for call in calls]),
            )
        )
