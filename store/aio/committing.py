"""Calls of tasks on their way to the committer, and their results on the way back."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from threading import Lock, Thread
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from store import sqlite
from store.api.committer import Committer, TakenApart
from store.api.merging import AcquireCall, MergeableCall, ReceiveCall, SettleCall
from store.model.errors import MqError, StoreFull

if TYPE_CHECKING:
    from store.api.store import Store

Result = TypeVar("Result")


class Committing:
    """The committer of one event loop: a thread that runs the calls of all its tasks.

    Calls that tasks make in one turn of the loop go to the committer together.
    """

    def __init__(self, store: Store, loop: asyncio.AbstractEventLoop) -> None:
        self._store = store
        self._loop = loop
        self._committer = Committer(store)
        # Not an executor: a future for each batch would wake the loop a second time.
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name="mq-committer", daemon=True)
        self._thread.start()
        self._fresh: deque[MergeableCall[Any]] = deque()
        self._waiting: dict[MergeableCall[Any], asyncio.Future[None]] = {}
        self._done: list[MergeableCall[Any]] = []
        self._done_lock = Lock()
        self._idle: asyncio.Future[None] | None = None

    async def commit(self, call: MergeableCall[Result]) -> Result:
        """Wait until the call is stored, and return its result.

        A task that is cancelled meanwhile keeps nothing leased: a receive is given back.
        """
        future = self.start(call)
        try:
            await future
        except asyncio.CancelledError:
            self._withdraw(call)
            raise
        return call.result()

    def start(self, call: MergeableCall[Any]) -> asyncio.Future[None]:
        """Let the call be run with others; the future is done when it is stored or refused."""
        future = self._loop.create_future()
        self._waiting[call] = future
        self._enter(call)
        return future

    async def finish(self) -> None:
        """Wait until no call is under way, and end the thread."""
        while self._waiting:
            self._idle = self._loop.create_future()
            await self._idle
        self._work.put(None)

    def _enter(self, call: MergeableCall[Any]) -> None:
        call.begin(None)
        call.on_done = self._is_done
        call.deadline = monotonic() + self._store._database.timeout
        if not self._fresh:
            self._loop.call_soon(self._hand_over)
        self._fresh.append(call)

    def _hand_over(self) -> None:
        if self._fresh:
            self._committer.calls.extend(self._fresh)
            self._fresh.clear()
            self._work.put(self._committer.serve)

    def _run(self) -> None:
        """Do work of the committer in its thread, until there is no more."""
        while (work := self._work.get()) is not None:
            work()

    def _is_done(self, call: MergeableCall[Any]) -> None:
        """Note, in the thread that committed it, that a call is done."""
        with self._done_lock:
            self._done.append(call)
            is_first = len(self._done) == 1
        if is_first:
            with suppress(RuntimeError):  # the loop was closed
                self._loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        with self._done_lock:
            done, self._done = self._done, []
        for call in done:
            if isinstance(call.error, TakenApart):
                call.runs_alone = True
                self._enter(call)
            elif isinstance(call.error, StoreFull) and call.frees_room:
                self._work.put(partial(self._make_room, call))
            else:
                self._resolve(call)
        if not self._waiting and self._idle is not None and not self._idle.done():
            self._idle.set_result(None)

    def _make_room(self, call: MergeableCall[Any]) -> None:
        """Repeat a call that frees room, with room from the reserve, while there is any."""
        try:
            has_room = sqlite.file.reserve.give(self._store._database)
        except MqError:
            has_room = False
        self._loop.call_soon_threadsafe(self._enter if has_room else self._resolve, call)

    def _resolve(self, call: MergeableCall[Any]) -> None:
        future = self._waiting.pop(call)
        if not future.done():
            future.set_result(None)
        else:
            self._give_back(call)

    def _give_back(self, call: MergeableCall[Any]) -> None:
        if isinstance(call, ReceiveCall | AcquireCall) and (receipts := call.receipts()):
            self.start(SettleCall(receipts, "unreceive"))

    def _withdraw(self, call: MergeableCall[Any]) -> None:
        if call not in self._waiting:
            # The task was cancelled after its result was there.
            self._give_back(call)
            return
        with suppress(ValueError):
            self._fresh.remove(call)
            del self._waiting[call]
            return
        if self._committer.withdraw(call):
            del self._waiting[call]
