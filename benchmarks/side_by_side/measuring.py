"""Runs of all contenders in turn, so that each sees the same machine; medians and ratios."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from time import monotonic

from .contenders import Contender, Log, Unavailable
from .libraries import DiskcacheDeque, Huey, LiteQueue, PersistQueue
from .ours import BareLog, BareLogInRows, BareQueue, MqQueue, MqTopic
from .servers import RabbitQueue, RabbitWithoutConfirms, RedisStream
from .workloads import BATCH, GOALS, Call, Goal, Size, log_run, queue_run

QUEUES: Sequence[type[Contender]] = (
    MqQueue, BareQueue, LiteQueue, PersistQueue, Huey, DiskcacheDeque, RedisStream, RabbitQueue,
    RabbitWithoutConfirms,
)  # fmt: skip
LOGS: Sequence[type[Log]] = (MqTopic, BareLog, BareLogInRows)
# A call of a log moves a thousand: as many records as messages would be two calls a run.
_TIMES_AS_MANY_RECORDS = 10
_OURS = MqQueue.name


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


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether mq's rate is the wanted multiple of a peer's: the median of the runs' ratios."""

    goal: Goal
    ratio: float

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

    def figures(self) -> list[Figure]:
        """A row for every workload and contender, in the order in which they ran."""
        return [self._figure(*place) for place in self.rates]

    def _figure(self, workload: str, contender: str) -> Figure:
        rates = self.rates[workload, contender]
        ratio = None if contender == _OURS else self.ratio(workload, contender)
        latency = Latency.of(self.calls[workload, contender])
        return Figure(workload, contender, median(rates), min(rates), max(rates), ratio, latency)

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
        return [Verdict(goal, ratio) for goal, ratio in found if ratio is not None]


def measure(
    peers: Sequence[str] | None, size: Size, runs: int, watch: Callable[[Tick], None]
) -> Measurement:
    """Measure mq and the named peers, by default all there are; what is missing is skipped."""
    measurement = Measurement(size, runs)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="mq-bench-")))
        queues = list(_prepared(stack, folder, peers, measurement))
        logs = [log() for log in LOGS if _is_wanted(log.name, peers)]
        meter = _Meter(watch)
        for number in range(runs):
            for name, calls in _run(queues, logs, folder, number, size):
                _note(measurement, name, meter.watched(name, calls))
    return measurement


def _is_wanted(name: str, peers: Sequence[str] | None) -> bool:
    return peers is None or name == _OURS or name in peers


def _prepared(
    stack: ExitStack, folder: Path, peers: Sequence[str] | None, measurement: Measurement
) -> Iterator[Contender]:
    for number, kind in enumerate(QUEUES):
        if _is_wanted(kind.name, peers):
            contender = kind()
            own = folder / f"server-{number}"
            own.mkdir()
            try:
                contender.prepare(own)
            except Unavailable as why:
                measurement.skipped[kind.name] = str(why)
            else:
                stack.callback(contender.finish)
                yield contender


def _run(
    queues: Sequence[Contender], logs: Sequence[Log], folder: Path, number: int, size: Size
) -> Iterator[tuple[str, Iterable[Call]]]:
    """One run of everything: each workload by all contenders before the next workload."""
    place = iter(range(1_000_000))

    def fresh() -> Path:
        path = folder / f"run-{number}-{next(place)}"
        path.mkdir()
        return path

    for durability, batch in (("normal", 1), ("normal", BATCH), ("full", 1)):
        # Another one first each time, so that none always follows the same neighbour.
        for queue in _rotated(queues, number):
            if durability == "normal" or queue.name in ("mq", "bare table", "litequeue"):
                yield queue.name, queue_run(queue, fresh(), durability, size, batch)
    records = Size(size.messages * _TIMES_AS_MANY_RECORDS, size.bytes)
    for keyed in (False, True):
        for log in _rotated(logs, number):
            yield log.name, log_run(log, fresh(), records, keyed)


def _rotated(contenders: Sequence[object], number: int) -> Sequence:  # type: ignore[type-arg]
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
