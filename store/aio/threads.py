"""Calls of a store as coroutines: a small fixed number of threads runs them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from functools import partial, wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from store.api.store import Store
from store.sqlite.file.connections import inside_transaction

P = ParamSpec("P")
T = TypeVar("T")

READERS = 2


class OpenBlock(Protocol):
    """A block of `transaction`, which may have ended."""

    is_open: bool


# The last block that the task has entered: while it is open, other calls would wait for its end.
current_transaction: ContextVar[OpenBlock | None] = ContextVar("current_transaction", default=None)


class StoreThreads:
    """The threads of one store: two that read, and one that changes."""

    def __init__(self) -> None:
        self.readers = ThreadPoolExecutor(READERS, "mq-reader")
        self.writer = ThreadPoolExecutor(1, "mq-writer")
        # A transaction has the thread that changes for as long as it is open.
        self.changing = asyncio.Lock()

    async def read(self, call: Callable[[], T]) -> T:
        """Run a call that reads."""
        return await asyncio.get_running_loop().run_in_executor(self.readers, call)

    async def change(self, call: Callable[[], T]) -> T:
        """Run a call that changes something, after those before it."""
        refuse_in_transaction()
        async with self.changing:
            return await self.in_writer(call)

    async def in_writer(self, call: Callable[[], T]) -> T:
        """Run a call in the thread that changes."""
        return await asyncio.get_running_loop().run_in_executor(self.writer, call)

    def end(self) -> None:
        """End the threads once they have nothing left to do."""
        self.readers.shutdown(wait=False)
        self.writer.shutdown(wait=False)


class RunsCalls(Protocol):
    """An object whose coroutines run calls of a store in its threads."""

    _store: Store
    _threads: StoreThreads


def reading(
    call: Callable[Concatenate[Store, P], T],
) -> Callable[Concatenate[RunsCalls, P], Coroutine[Any, Any, T]]:
    """Return the coroutine of a call that reads."""

    @wraps(call)
    async def read(self: RunsCalls, /, *arguments: P.args, **named: P.kwargs) -> T:
        return await self._threads.read(partial(call, self._store, *arguments, **named))

    return read


def changing(
    call: Callable[Concatenate[Store, P], T],
) -> Callable[Concatenate[RunsCalls, P], Coroutine[Any, Any, T]]:
    """Return the coroutine of a call that changes something; these run one after another.

    A task that is cancelled meanwhile does not know whether the call was made.
    """

    @wraps(call)
    async def change(self: RunsCalls, /, *arguments: P.args, **named: P.kwargs) -> T:
        return await self._threads.change(partial(call, self._store, *arguments, **named))

    return change


def refuse_in_transaction() -> None:
    """Raise when the task is in a block of `transaction`: it would wait for itself."""
    block = current_transaction.get()
    if block is not None and block.is_open:
        raise inside_transaction()
