"""What is measured: each workload times calls of a contender, and how many messages each moved."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from .contenders import PARTITIONS, Contender, Log

BATCH = 100
LOG_BATCH = 1_000


@dataclass(frozen=True, slots=True)
class Call:
    """One call: which workload it belongs to, how long it took, how many messages it moved."""

    workload: str
    seconds: float
    sent: int = 0
    received: int = 0


@dataclass(frozen=True, slots=True)
class Size:
    """How many messages of how many bytes a run moves."""

    messages: int
    bytes: int

    @property
    def value(self) -> builtins.bytes:
        """A message of that size; it is text, which some libraries ask for."""
        return b"x" * self.bytes


def _timed(call: Callable[[], object]) -> float:
    began = perf_counter()
    call()
    return perf_counter() - began


def queue_run(
    contender: Contender, folder: Path, durability: str, size: Size, batch: int
) -> Iterator[Call]:
    """Send all messages in batches of that size, then receive and acknowledge them."""
    value, rounds = size.value, max(1, size.messages // batch)
    values = [value] * batch
    suffix = "" if batch == 1 else f" x{batch}"
    if durability == "full":
        suffix += ", full"
    contender.open(folder, durability)
    try:
        send = (
            (lambda: contender.send(value)) if batch == 1 else lambda: contender.send_batch(values)
        )
        take = contender.take if batch == 1 else lambda: contender.take_batch(batch)
        for _ in range(rounds):
            yield Call(f"send{suffix}", _timed(send), sent=batch)
        for _ in range(rounds):
            yield Call(f"receive+ack{suffix}", _timed(take), received=batch)
    finally:
        contender.close()


def log_run(log: Log, folder: Path, size: Size, keyed: bool) -> Iterator[Call]:
    """Append batches of a thousand records, by key over eight partitions or to one, and read."""
    values = [size.value] * LOG_BATCH
    keys = [b"key-%d" % (n * 7919 % 1_000) for n in range(LOG_BATCH)] if keyed else None
    rounds = max(1, size.messages // LOG_BATCH)
    log.open(folder, "normal", PARTITIONS if keyed else 1)
    try:
        name = f"append x{LOG_BATCH}, keyed" if keyed else f"append x{LOG_BATCH}"
        for _ in range(rounds):
            yield Call(name, _timed(lambda: log.append(values, keys)), sent=LOG_BATCH)
        if not keyed:
            yield from _reads(log, rounds)
    finally:
        log.close()


def _reads(log: Log, rounds: int) -> Iterator[Call]:
    for number in range(rounds):
        began = perf_counter()
        read = log.read(number * LOG_BATCH, LOG_BATCH)
        yield Call(f"read x{LOG_BATCH}", perf_counter() - began, received=read)


@dataclass(frozen=True, slots=True)
class Goal:
    """What mq's rate shall be at least, as a multiple of a peer's."""

    workload: str
    peer: str
    ratio: float


GOALS: Sequence[Goal] = (
    Goal("send", "litequeue", 1.1),
    Goal("receive+ack", "litequeue", 1.5),
    Goal(f"send x{BATCH}", "litequeue", 4.0),
    Goal(f"send x{BATCH}", "bare table", 0.55),
    Goal(f"receive+ack x{BATCH}", "redis stream", 3.0),
    Goal(f"append x{LOG_BATCH}, keyed", "bare table", 0.40),
    Goal(f"append x{LOG_BATCH}", "bare table", 1.0),
    Goal(f"read x{LOG_BATCH}", "bare table", 0.5),
    Goal("send, full", "bare table", 0.9),
)
