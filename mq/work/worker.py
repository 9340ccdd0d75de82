"""Running a command once per record or message, several at a time, and settling it.

All of it happens in one thread: it waits until a command ends, an item can be taken, a signal
comes, or a keepalive is due.
"""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from threading import Event
from time import monotonic
from typing import TYPE_CHECKING, Generic

from mq.cli.diagnostics import Diagnostics
from mq.cli.interrupts import Interrupts
from mq.read.source import LONGEST_WAIT, Item, Source
from mq.work.jobs import Job, environment, variables
from mq.work.live import REDRAWN_EVERY, LiveWork
from mq.work.processes import ends_noticed
from store.crash import crash_point
from store.model.addresses import parse_address
from store.model.errors import (
    BadInput,
    Conflict,
    Damaged,
    LeaseLost,
    MqError,
    from_system,
    is_of_machine,
    secondary_to,
)

if TYPE_CHECKING:
    from store.engine.broker import Broker

# The most that a doubled retry delay grows to, in seconds.
LONGEST_RETRY_DELAY = 3600.0
# Seconds between looks at whether commands that were told to end have ended.
_A_MOMENT = 0.002
_DAMAGED = "it is damaged: its checksum does not match"


class OnFailure(StrEnum):
    """The fate of a record or message whose command failed."""

    RETRY = "retry"
    DEAD_LETTER = "dead-letter"
    SKIP = "skip"
    STOP = "stop"


@dataclass(frozen=True)
class Policy:
    """The policy of a worker; times in seconds. No `retry_delay` leaves it to the queue."""

    command: Sequence[str]
    jobs: int
    prefetch: int
    timeout: float
    retry_delay: float | None
    on_failure: OnFailure
    once: bool

    def delay(self, deliveries: int) -> float | None:
        """Return the retry delay after so many deliveries, doubled each time."""
        if self.retry_delay is None:
            return None
        doubled: float = self.retry_delay * 2 ** min(deliveries - 1, 60)
        return min(doubled, max(self.retry_delay, LONGEST_RETRY_DELAY))


class Worker(Generic[Item]):
    """Takes items from a source and runs the command on them; counts successes and failures.

    Refused are items that could not be settled as their command said; `refusal` is the first
    reason. Signals must be held back. The first one lets running commands finish, the second one
    ends them.
    """

    def __init__(
        self, store: Broker, source: Source[Item], policy: Policy, interrupts: Interrupts,
        diagnostics: Diagnostics, live: LiveWork | None = None,
    ) -> None:  # fmt: skip
        self.succeeded = 0
        self.failed = 0
        self.refused = 0
        self.refusal: Conflict | None = None
        self._store = store
        self._source: Source[Item] = source
        self._policy = policy
        self._interrupts = interrupts
        self._diagnostics = diagnostics
        self._live = live
        self._environment = environment(store.location)
        self._waiting: deque[Item] = deque()
        self._running: dict[Job, Item] = {}
        self._signals = 0
        self._renew_at = monotonic() + source.keepalive_interval
        self._stopped_by: MqError | None = None
        self._is_exhausted = False

    def run(self) -> None:
        """Work until a signal, with `once` until all was tried; raises the failure it stops at."""
        with self._source, ends_noticed():
            try:
                while not self._is_over():
                    self._step()
            except BaseException as error:
                with secondary_to(error):
                    self._abandon()
                raise
        if self._stopped_by is not None:
            raise self._stopped_by

    def _is_over(self) -> bool:
        return (self._is_exhausted or self._is_stopping) and not self._running and not self._waiting

    @property
    def _is_stopping(self) -> bool:
        return self._interrupts.received is not None or self._stopped_by is not None

    def _step(self) -> None:
        # First of all, so that a signal from here on is news.
        self._signals = self._interrupts.count
        self._settle_finished()
        if self._is_stopping:
            self._give_back_waiting()
        if self._signals > 1:
            self._end_running()
        while self._waiting and len(self._running) < self._policy.jobs:
            self._start(self._waiting[0])
            self._waiting.popleft()
        if monotonic() >= self._renew_at:
            self._renew()
        if self._live is not None:
            self._live.update(self.succeeded, self.failed, len(self._running))
        self._take_or_wait()

    def _settle_finished(self) -> None:
        for job in [job for job in self._running if job.is_over()]:
            item = self._running.pop(job)
            crash_point("work.ran")
            if job.held is not None and job.error is None:
                self._diagnostics.relay(job.held)
            if self._interrupts.count > 1 and job.error is not None:
                self._source.give_back([item], begun=True)
            else:
                self._settle(item, job.error)

    def _settle(self, item: Item, error: str | None) -> None:
        try:
            if error is None:
                self._source.done([item])
                self.succeeded += 1
            else:
                self.failed += 1
                self._fail(item, error)
        except Conflict as conflict:
            self._note_refusal(item, conflict)

    def _note_refusal(self, item: Item, conflict: Conflict) -> None:
        self.refused += 1
        self.refusal = self.refusal or conflict
        self._diagnostics.warning(f"{item.address}: {conflict.message}")

    def _fail(self, item: Item, error: str) -> None:
        address = item.address
        match self._policy.on_failure:
            case OnFailure.RETRY:
                if self._is_told(error):
                    self._diagnostics.note(f"{address} failed: {error}")
                delay = self._policy.delay(self._source.deliveries(item))
                self._source.failed([item], error, delay)
            case OnFailure.DEAD_LETTER:
                if self._is_told(error):
                    self._diagnostics.note(f"{address} failed and is dead-lettered: {error}")
                self._source.failed([item], error, final=True)
            case OnFailure.SKIP:
                self._diagnostics.warning(f"{address} failed and is skipped: {error}")
                self._source.done([item])
            case OnFailure.STOP:
                self._stopped_by = self._stopped_by or MqError(f"{address} failed: {error}")
                self._source.failed([item], error, 0.0)

    def _is_told(self, error: str) -> bool:
        # A person sees the number of failures grow, and wants to read each kind of error once.
        return self._live is None or self._live.is_new(error)

    def _step_over(self, damage: Damaged) -> None:
        """Treat damaged records as failed; raise where single ones are not known."""
        if not damage.addresses:
            raise damage
        addresses = [parse_address(address) for address in damage.addresses]
        self.failed += len(addresses)
        match self._policy.on_failure:
            case OnFailure.STOP:
                self._stopped_by = self._stopped_by or damage
            case OnFailure.SKIP:
                self._diagnostics.warning(f"{damage.message}; skipped")
                self._source.skip_damaged(addresses)
            case on_failure:
                self._diagnostics.warning(damage.message)
                final = on_failure is OnFailure.DEAD_LETTER
                self._source.fail_damaged(addresses, _DAMAGED, self._policy.delay, final=final)

    def _give_back_waiting(self) -> None:
        if self._waiting:
            self._source.give_back(list(self._waiting))
            self._waiting.clear()

    def _end_running(self) -> None:
        for job in self._running:
            job.terminate()

    def _start(self, item: Item) -> None:
        try:
            job = Job(
                self._policy.command,
                self._environment | variables(item, self._source.deliveries(item)),
                item.value,
                self._policy.timeout,
                self._diagnostics.relay,
                holds_last=self._live is not None,
            )
        except OSError as error:
            self._refuse(item, error)
        else:
            self._running[job] = item

    def _refuse(self, item: Item, error: OSError) -> None:
        # A key or header that is too long for an environment is the message's fault, any other
        # error ours.
        if error.errno == errno.E2BIG:
            self._settle(item, "its key and headers are too long for an environment")
            return
        if is_of_machine(error):
            raise from_system(error, f"{self._policy.command[0]} can't be run") from error
        raise BadInput(
            f"{self._policy.command[0]} can't be run: {error.strerror}",
            hint="is it a program, or a script that begins with #! and its interpreter?",
        ) from error

    def _renew(self) -> None:
        self._renew_at = monotonic() + self._source.keepalive_interval
        lost = self._source.keepalive(self._in_hand())
        for item in lost:
            if item in self._waiting:
                self._waiting.remove(item)
                self._note_refusal(item, LeaseLost("the lease is lost before its turn"))

    def _take_or_wait(self) -> None:
        room = self._policy.prefetch - len(self._waiting) - len(self._running)
        is_idle = not self._running and not self._waiting
        pause = 0.0 if self._policy.once and is_idle else self._pause()
        if self._is_stopping or room <= 0:
            if not self._is_over():
                self._store.wait(self._store.changed(), pause, self._has_news)
            return
        try:
            taken = self._source.take(room, pause, self._has_news)
        except Damaged as damage:
            self._step_over(damage)
            return
        crash_point("work.taken")
        self._waiting += taken
        self._is_exhausted = self._policy.once and is_idle and not taken

    def _pause(self) -> float:
        due = min([self._renew_at, *(job.deadline for job in self._running)]) - monotonic()
        return min(max(due, 0.0), LONGEST_WAIT if self._live is None else REDRAWN_EVERY)

    def _has_news(self) -> bool:
        return self._interrupts.count != self._signals or any(
            job.is_over() for job in self._running
        )

    def _abandon(self) -> None:
        self._end_running()
        # Not by a wait for commits: the store may have failed itself.
        never = Event()
        # No signal reports the end of a process group.
        while not self._have_all_ended():
            never.wait(_A_MOMENT)
        self._give_back_waiting()
        if self._running:
            self._source.give_back(list(self._running.values()), begun=True)

    def _have_all_ended(self) -> bool:
        return all(job.is_over() for job in self._running)

    def _in_hand(self) -> list[Item]:
        return list(chain(self._waiting, self._running.values()))
