"""A redrive at a limited rate, and one of a few canaries that are tried first."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from mq.cli.diagnostics import Diagnostics
from mq.cli.interrupts import Interrupts
from store.model.dead_letters import Moved, Redriven
from store.model.errors import BadInput, MqError, TimedOut
from store.model.steps import MESSAGES, cut
from store.model.text import counted, describe_duration

if TYPE_CHECKING:
    from store.engine.broker import Broker

_RATE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(?:/(s|m|h))?")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}
# The least pause between two steps, in seconds.
_SHORTEST_PAUSE = 0.05
_LONGEST_WAIT = 60.0


def parse_rate(text: str) -> float:
    """Read `--rate` as so many a second: `50/s`, `30/m`, `100/h`; raises BadInput."""
    form = _RATE.fullmatch(text)
    if form is None or not float(form[1]):
        raise BadInput(f"{text!r} is not a rate", hint="write it as 50/s, 30/m or 100/h")
    return float(form[1]) / _SECONDS[form[2] or "s"]


class Pace:
    """Paces moves, so that no stretch of time has more of them than the rate allows."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._burst = max(1.0, rate * _SHORTEST_PAUSE)
        self._allowed = 1.0
        self._counted_at: float | None = None

    def take(self, now: float) -> int:
        """Return how many may go now, in seconds of any steady clock."""
        if self._counted_at is not None:
            earned = (now - self._counted_at) * self._rate
            self._allowed = min(self._allowed + earned, self._burst)
        self._counted_at = now
        number = min(int(self._allowed + 1e-9), MESSAGES)
        self._allowed -= number
        return number

    def pause(self) -> float:
        """Return how many seconds to wait until the next may go."""
        return max((1.0 - self._allowed) / self._rate, _SHORTEST_PAUSE)


class PacedRedrive:
    """Moves dead letters in steps of a transaction each, all of them one batch.

    Signals must be held back; one ends it between two steps.
    """

    def __init__(
        self, store: Broker, queue: str, to: str | None, interrupts: Interrupts,
        diagnostics: Diagnostics,
    ) -> None:  # fmt: skip
        self.batch: int | None = None
        self.moved: list[Moved] = []
        self._store = store
        self._queue = queue
        self._to = to
        self._interrupts = interrupts
        self._diagnostics = diagnostics

    def move(self, planned: Sequence[Moved], rate: float | None) -> None:
        """Move those of these letters that are still there; raises KeyboardInterrupt after a
        signal.
        """
        pace = None if rate is None else Pace(rate)
        with self._diagnostics.progress(f"redrive {self._queue}", len(planned)) as progress:
            done = 0
            while done < len(planned):
                number = len(planned) if pace is None else pace.take(monotonic())
                part_planned = planned[done : done + number]
                for part in cut([letter.size for letter in part_planned]):
                    self._move_at_once(part_planned[part])
                    progress.advance(part.stop - part.start)
                    self._stop_if_told()
                done += number
                if pace is not None and done < len(planned):
                    self._wait(pace.pause(), lambda: False)
                    self._stop_if_told()

    def try_out(self, planned: Sequence[Moved], timeout: float) -> None:
        """Move these and wait until none of them is left at its destination.

        Raises MqError when one becomes a dead letter again, TimedOut after `timeout` seconds.
        """
        self._move_at_once(planned)
        if self.batch is None:
            return
        deadline = monotonic() + timeout
        told: list[str] = []
        while True:
            canaries = self._store.became_of_redrive(self.batch)
            if back := [canary for canary in canaries if canary.dead_letter is not None]:
                raise _came_back(back, len(canaries))
            waiting = sum(canary.is_present for canary in canaries)
            if not waiting:
                return
            told = self._tell(canaries, told, timeout)
            if monotonic() >= deadline:
                raise TimedOut(
                    f"{waiting} of {len(canaries)} canaries are still not done with",
                    hint="is a worker running? --canary-timeout waits longer",
                )
            self._wait(deadline - monotonic(), partial(self._has_changed, self._store.changed()))
            self._stop_if_told()

    def _tell(self, canaries: Sequence[Redriven], told: list[str], timeout: float) -> list[str]:
        """Tell a person which canaries are waited for, when they are not those told before."""
        targets = {moved.id: moved.target for moved in self.moved}
        waiting = [targets.get(canary.id, canary.id) for canary in canaries if canary.is_present]
        if waiting != told:
            self._diagnostics.success(
                f"waiting up to {describe_duration(timeout)} until a worker is done with"
                f" {', '.join(waiting)}: {len(waiting)} of {counted(len(canaries), 'canary')}"
            )
        return waiting

    def _move_at_once(self, planned: Sequence[Moved]) -> None:
        sequences = [letter.sequence for letter in planned]
        if not sequences:
            return
        done = self._store.redrive_more(self._queue, sequences, self._to, self.batch)
        self.batch = done.batch
        self.moved += done.moved

    def _wait(self, seconds: float, is_over: Callable[[], bool]) -> None:
        deadline = monotonic() + seconds
        while (left := deadline - monotonic()) > 0 and not is_over():
            if self._is_told_to_stop():
                return
            self._store.wait(
                self._store.changed(), min(left, _LONGEST_WAIT),
                lambda: is_over() or self._is_told_to_stop(),
            )  # fmt: skip

    def _has_changed(self, since: int) -> bool:
        return self._store.changed() != since

    def _is_told_to_stop(self) -> bool:
        return self._interrupts.received is not None

    def _stop_if_told(self) -> None:
        if self._is_told_to_stop():
            raise KeyboardInterrupt


def _came_back(back: Sequence[Redriven], sent: int) -> MqError:
    names = "; ".join(map(_named, back))
    number = "1 of 1 canary" if sent == 1 else f"{len(back)} of {sent} canaries"
    return MqError(f"{number} came back: {names}")


def _named(canary: Redriven) -> str:
    error = "" if canary.error is None else f": {canary.error}"
    return f"{canary.dead_letter} (id {canary.id}{error})"
