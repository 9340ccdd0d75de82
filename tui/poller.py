"""The poller: one thread that looks at the store, and only when something is new."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from textual import work
from textual.message import Message
from textual.timer import Timer
from textual.widget import Widget

from store import MqError, Overview
from store.engine.broker import Broker
from tui.view import Answer, Question, View

TICKS_PER_REFRESH = 4
MOST_IDLE_SHARE = 0.01
"""The most that looking at an idle store takes of a core."""


@dataclass(frozen=True, slots=True, eq=False)
class Inquiry:
    """A view and its question; each time that the view asks is an inquiry of its own."""

    view: View
    question: Question | None


@dataclass(frozen=True, slots=True)
class PollResult:
    """The result of one look at the store; `detail` is the view's answer, or the error."""

    overview: Overview
    detail: Any
    cost: float


class Polled(Message):
    """A finished look at the store, for an inquiry; of several that wait, the newest counts."""

    def __init__(self, sight: PollResult, inquiry: Inquiry) -> None:
        super().__init__()
        self.sight = sight
        self.inquiry = inquiry

    def can_replace(self, message: Message) -> bool:
        """Return whether a newer look makes this one obsolete."""
        return isinstance(message, Polled)


class PollFailed(Message):
    """The store can't be read."""

    def __init__(self, error: MqError) -> None:
        super().__init__()
        self.error = error


class Poller(Widget):
    """Checks for changes every quarter of the interval, and looks at the store after a change.

    It also looks when the interval has passed, since ages grow by themselves. One thread does all
    of it, so `data_version` always comes from the same read-only connection.
    """

    def __init__(self, store: Broker, interval: float, *, ticking: bool = True) -> None:
        super().__init__()
        self.display = False
        self.interval = max(interval, store.pace)
        self.inquiry: Inquiry | None = None
        self.is_paused = False
        self._store = store
        self._ticking = ticking
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="poll")
        self._timer: Timer | None = None
        self._fetched: asyncio.Future[Any] | None = None
        self._version: int | None = None
        self._looked = 0
        self._cost = 0.0

    def on_mount(self) -> None:
        """Begin to look."""
        self.set_pace(self.interval)

    def set_pace(self, interval: float) -> None:
        """Set the longest time between two looks, in seconds; the store's own pace is the least."""
        self.interval = max(interval, self._store.pace)
        if not self._ticking:
            return
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_interval(self.interval / TICKS_PER_REFRESH, self.tick)

    def tick(self) -> None:
        """Look if something may have changed, unless a look is under way or polling is paused."""
        is_looking = any(one.group == "poll" and not one.is_finished for one in self.workers)
        if self.inquiry is not None and not is_looking and not self.is_paused:
            self._look(self.inquiry, unless_unchanged=True)

    def look(self) -> None:
        """Look now, even without a change."""
        if self.inquiry is not None:
            self._look(self.inquiry, unless_unchanged=False)

    async def fetch(self, question: Callable[[Broker], Answer]) -> Answer:
        """Return the answer to a person's question.

        The caller, a worker, is cancelled if the person gives the question up, or asks another one,
        before the answer comes.
        """
        self.give_up()
        fetched = asyncio.ensure_future(self._ask(question))
        self._fetched = fetched
        try:
            answer = await fetched
            if self._fetched is not fetched:
                # The question was given up after its answer came, and before this task's turn.
                raise asyncio.CancelledError
            return answer
        finally:
            if self._fetched is fetched:
                self._fetched = None

    def give_up(self) -> bool:
        """Drop a person's question that has no answer yet; return whether there was one."""
        fetched, self._fetched = self._fetched, None
        if fetched is not None:
            fetched.cancel()
        return fetched is not None

    async def _ask(self, question: Callable[[Broker], Answer]) -> Answer:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, question, self._store)

    @work(group="poll", exclusive=True)
    async def _look(self, inquiry: Inquiry, *, unless_unchanged: bool) -> None:
        question = inquiry.question
        try:
            sight = await self._ask(lambda store: self._see(store, question, unless_unchanged))
            if sight is not None:
                self.post_message(Polled(sight, inquiry))
        except MqError as error:
            self.post_message(PollFailed(error))

    def _see(
        self, store: Broker, question: Question | None, unless_unchanged: bool
    ) -> PollResult | None:
        now = store.monotonic()
        passed = (now - self._looked) / 1000
        if unless_unchanged and passed < store.pace:
            return None
        version = store.changed()
        is_due = passed >= max(self.interval, self._cost / MOST_IDLE_SHARE)
        if unless_unchanged and version == self._version and not is_due:
            return None
        begun = perf_counter()
        overview = store.snapshot()
        try:
            detail = None if question is None else question(store)
        except MqError as error:
            detail = error
        self._version, self._looked, self._cost = version, now, perf_counter() - begun
        return PollResult(overview, detail, self._cost)

    def on_unmount(self) -> None:
        """End the thread after its last, short look."""
        self._thread.shutdown(wait=False, cancel_futures=True)
