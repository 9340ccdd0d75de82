"""What is measured: each workload times calls of a contender, and how many messages each moved."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from .contenders import KEPT, PARTITIONS, Contender, Log

BATCH = 100
LOG_BATCH = 1_000
SENDERS = 64
# A deep backlog is so many times the messages of a run.
_DEEP = 50
_DEEP_ROUNDS = 100
# A call that waits for the disk takes many times as long.
_FEWER_WHEN_FULL = 4
_COMMANDS = 10


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


@dataclass(frozen=True, slots=True)
class QueueWork:
    """Calls of a queue in which so many messages wait all the time: a send, then a receive."""

    durability: str
    batch: int
    waiting: int
    rounds: int
    #: What distinguishes it from the work with the same calls.
    note: str = ""

    @property
    def suffix(self) -> str:
        """The end of the names of its workloads."""
        batch = "" if self.batch == 1 else f" x{self.batch}"
        full = ", full" if self.durability == "full" else ""
        return batch + full + self.note

    def names(self, contender: Contender) -> tuple[str, str]:
        """The workloads that its calls belong to: a receive promises one thing or another."""
        received = "receive+ack" if contender.promise == KEPT else "receive, auto-ack"
        return f"send{self.suffix}", f"{received}{self.suffix}"


def queue_works(size: Size) -> list[QueueWork]:
    """The works of a run; a new store is `full`, so that comes first."""
    few, batches = size.messages // _FEWER_WHEN_FULL, max(2, size.messages // BATCH)
    deep = size.messages * _DEEP
    return [
        QueueWork("full", 1, BATCH, few),
        QueueWork("full", BATCH, BATCH, batches),
        QueueWork("normal", 1, 1_000, size.messages),
        QueueWork("normal", BATCH, 1_000, batches),
        QueueWork("normal", 1, 100, size.messages, ", few waiting"),
        QueueWork("normal", 1, deep, _DEEP_ROUNDS, ", many waiting"),
    ]


def can_run(contender: Contender, work: QueueWork) -> bool:
    """Return whether a contender has that durability, and fills a deep backlog in seconds."""
    is_deep = "many" in work.note
    return work.durability in contender.durabilities and (contender.fills_fast or not is_deep)


def _timed(call: Callable[[], object]) -> float:
    began = perf_counter()
    call()
    return perf_counter() - began


def queue_run(contender: Contender, folder: Path, work: QueueWork, size: Size) -> Iterator[Call]:
    """Send and receive by turns, so that the backlog stays as it is."""
    value, values = size.value, [size.value] * work.batch
    sending, receiving = work.names(contender)
    single = work.batch == 1
    contender.open(folder, work.durability)
    try:
        for _ in range(work.waiting // BATCH):
            contender.send_batch([value] * BATCH)
        send = (lambda: contender.send(value)) if single else lambda: contender.send_batch(values)
        take = contender.take if single else lambda: contender.take_batch(work.batch)
        for _ in range(work.rounds):
            sent = _timed(send)
            if contender.counts_sends:
                yield Call(sending, sent, sent=work.batch)
            yield Call(receiving, _timed(take), received=work.batch)
    finally:
        contender.close()


def concurrent_run(contender: Contender, folder: Path, size: Size) -> Iterator[Call]:
    """Send from many threads at once, durably; a contender without them sends from one."""
    number = max(SENDERS, size.messages // _FEWER_WHEN_FULL)
    contender.open(folder, "full")
    try:
        seconds = _timed(lambda: contender.send_at_once([size.value] * number, SENDERS))
        yield Call(f"send from {SENDERS} threads, full", seconds, sent=number)
    finally:
        contender.close()


def command_run(contender: Contender, folder: Path, size: Size) -> Iterator[Call]:
    """Send and receive by a whole command each, as a shell script does."""
    contender.open(folder, "full")
    try:
        for _ in range(_COMMANDS):
            yield Call("send, a command", _timed(lambda: contender.send(size.value)), sent=1)
            yield Call("receive, a command", _timed(contender.take), received=1)
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
