"""Looking at the store: in one thread of its own, and only when there is something new to see."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import perf_counter
from typing import Any, TypeVar

from textual import work
from textual.message import Message
from textual.timer import Timer
from textual.widget import Widget

from store import MqError, Overview, Store

Question = Callable[[Store], Any]
"""What a view asks the store besides the overview; it runs in the poller's thread."""
Answer = TypeVar("Answer")

TICKS_PER_REFRESH = 4
MOST_IDLE_SHARE = 0.01
"""Looking at a store in which nothing happens takes at most this share of a core."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What one look at the store found; `detail` answers the view's question, or is the error."""

    overview: Overview
    detail: Any
    cost: float


class Polled(Message):
    """A look at the store is done; of several that wait, the newest counts."""

    def __init__(self, sight: Sight, question: Question | None) -> None:
        super().__init__()
        self.sight = sight
        self.question = question

    def can_replace(self, message: Message) -> bool:
        """A newer look makes an older one worthless."""
        return isinstance(message, Polled)


class PollFailed(Message):
    """The store can't be read."""

    def __init__(self, error: MqError) -> None:
        super().__init__()
        self.error = error


class Poller(Widget):
    """Asks every quarter of the interval whether anything changed, and looks when it did.

    It also looks when the interval has passed, since ages grow by themselves. One thread does all
    of it, so that `data_version` is always that of the same read-only connection.
    """

    def __init__(self, store: Store, interval: float, *, ticking: bool = True) -> None:
        super().__init__()
        self.display = False
        self.interval = interval
        self.question: Question | None = None
        self.is_paused = False
        self._store = store
        self._ticking = ticking
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="poll")
        self._timer: Timer | None = None
        self._version: int | None = None
        self._looked = 0
        self._cost = 0.0
        self._is_looking = False

    def on_mount(self) -> None:
        """Begin to look."""
        self.look()
        self.set_pace(self.interval)

    def set_pace(self, interval: float) -> None:
        """Look at the latest after so many seconds."""
        self.interval = interval
        if not self._ticking:
            return
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_interval(interval / TICKS_PER_REFRESH, self.tick)

    def tick(self) -> None:
        """Look if something may have changed, unless a look is under way or all is paused."""
        if not self._is_looking and not self.is_paused:
            self._look(unless_unchanged=True)

    def look(self) -> None:
        """Look now, whatever was seen before."""
        self._look(unless_unchanged=False)

    async def ask(self, question: Callable[[Store], Answer]) -> Answer:
        """The answer to a question, from the poller's thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, question, self._store)

    @work(group="poll", exclusive=True)
    async def _look(self, *, unless_unchanged: bool) -> None:
        self._is_looking = True
        question = self.question
        try:
            sight = await self.ask(lambda store: self._see(store, question, unless_unchanged))
            if sight is not None:
                self.post_message(Polled(sight, question))
        except MqError as error:
            self.post_message(PollFailed(error))
        finally:
            self._is_looking = False

    def _see(self, store: Store, question: Question | None, unless_unchanged: bool) -> Sight | None:
        version, now = store.changed(), store.clock.boot()
        is_due = now - self._looked >= 1000 * max(self.interval, self._cost / MOST_IDLE_SHARE)
        if unless_unchanged and version == self._version and not is_due:
            return None
        begun = perf_counter()
        overview = store.snapshot()
        try:
            detail = None if question is None else question(store)
        except MqError as error:
            detail = error
        self._version, self._looked, self._cost = version, now, perf_counter() - begun
        return Sight(overview, detail, self._cost)

    def on_unmount(self) -> None:
        """End the thread after its last, short look."""
        self._thread.shutdown(wait=False, cancel_futures=True)
