"""The store for asyncio: every call is a coroutine, and concurrent ones share commits."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar
from weakref import WeakSet, WeakValueDictionary

from store.aio.blocks import ClosedByBlock
from store.aio.committing import Committing
from store.aio.merged_calls import MergedCalls
from store.aio.threads import StoreThreads
from store.aio.waiting import WaitingRoom
from store.api.store import Store
from store.model.errors import MqError
from store.model.topics import in_seconds

if TYPE_CHECKING:
    from store.aio.consumer import AsyncConsumer, GroupReader
    from store.aio.producer import AsyncProducer
    from store.aio.subscription import QueueSubscription
    from store.aio.transaction import AsyncTransaction
    from store.engine.features import Features
    from store.model.clock import Clock
    from store.model.errors import Damaged
    from store.model.positions import Position
    from store.model.topics import Seconds

Result = TypeVar("Result")
Taken = TypeVar("Taken")


class AsyncStore(ClosedByBlock, MergedCalls):
    """An open store, for the tasks of one event loop; `mq.aio.Store`.

    Its coroutines are the calls of `Store`, which may use the same file beside it. A task that is
    cancelled in a receive keeps nothing leased; one that is cancelled in another call does not know
    whether it was made.
    """

    def __init__(self, store: Store, threads: StoreThreads) -> None:
        loop = asyncio.get_running_loop()
        self._store = store
        self._threads = threads
        self._committing = Committing(store, loop)
        self._room = WaitingRoom(store, loop, threads)
        self._untold: dict[str, Damaged] = {}
        self._subscriptions: WeakSet[QueueSubscription] = WeakSet()
        self._consumers: WeakSet[AsyncConsumer] = WeakSet()
        self._producers: WeakSet[AsyncProducer] = WeakSet()
        # The subscription that has received a message, by its receipt.
        self._received_by: WeakValueDictionary[str, QueueSubscription] = WeakValueDictionary()
        self._is_closing = False

    @staticmethod
    def open(
        path: str | os.PathLike[str],
        *,
        create: bool = False,
        durability: str = "full",
        timeout: Seconds = 30.0,
        clock: Clock | None = None,
        allow_network_fs: bool = False,
        accept_log: bool = False,
        tell: Callable[[str], None] | None = None,
    ) -> Opening:
        """Open a store as `Store.open` does: `async with Store.open(path)`, or await it."""
        return Opening(
            partial(
                Store.open, path, create=create, durability=durability, timeout=timeout,
                clock=clock, allow_network_fs=allow_network_fs, accept_log=accept_log, tell=tell,
            )
        )  # fmt: skip

    @property
    def path(self) -> Path:
        """The file, as an absolute path."""
        return self._store.path

    @property
    def location(self) -> str:
        """The store's place, as people name it."""
        return self._store.location

    @property
    def clock(self) -> Clock:
        """The store's source of time."""
        return self._store.clock

    @property
    def features(self) -> Features:
        """The features of the engine: a file has all of them."""
        return self._store.features

    def subscribe(
        self, queue: str, prefetch: int = 100, *, lease: Seconds | None = None
    ) -> QueueSubscription:
        """Receive messages for as long as the loop goes on: `async for message in …`.

        At most `prefetch` of them are received and not settled (RabbitMQ: basic.qos). Messages that
        the loop has not got when it ends are given back.
        """
        from store.aio.subscription import QueueSubscription

        return QueueSubscription(self, queue, prefetch, lease)

    def consumer(
        self,
        group: str,
        topics: Iterable[str],
        *,
        member: str | None = None,
        session_timeout: Seconds = 45.0,
        max_poll_interval: Seconds = 300.0,
        start: str | Position = "earliest",
        timeout: Seconds | None = None,
    ) -> AsyncConsumer:
        """Join a group as `Store.consumer` does, when the block of `async with` is entered."""
        from store.aio.consumer import AsyncConsumer

        join = partial(
            self._store.consumer, group, list(topics), member=member, timeout=timeout,
            session_timeout=session_timeout, max_poll_interval=max_poll_interval, start=start,
        )  # fmt: skip
        return AsyncConsumer(self, join)

    def read_group(
        self,
        group: str,
        topics: Iterable[str],
        *,
        member: str | None = None,
        start: str | Position = "earliest",
        max_records: int = 500,
    ) -> GroupReader:
        """Read topics for a group for as long as the loop goes on: `async for record in …`.

        A record is committed, with others, after the loop has come back for the next one. Up to
        `max_records` are read at once.
        """
        from store.aio.consumer import GroupReader

        consumer = self.consumer(group, topics, member=member, start=start)
        return GroupReader(self, consumer, max_records)

    def producer(
        self, name: str | None = None, *, linger: Seconds = 0.0, buffer_bytes: int = 32 << 20
    ) -> AsyncProducer:
        """Return a producer that buffers, named or not; see `Store.producer`."""
        from store.aio.producer import AsyncProducer

        return AsyncProducer(self, name, in_seconds(linger), buffer_bytes)

    def transaction(self, timeout: Seconds = 5.0) -> AsyncTransaction:
        """Return an `async with` block that commits together or not at all.

        Other writers wait meanwhile, so it must end within `timeout` seconds: await nothing in it
        but calls of the transaction.
        """
        from store.aio.transaction import AsyncTransaction

        return AsyncTransaction(self._store, self._threads, timeout)

    async def changed(self) -> int:
        """Return a number that differs after any commit, by any process; for `wait`."""
        self._room.watch()
        return self._room.commits

    async def wait(
        self, since: int, timeout: Seconds, until: Callable[[], bool] | None = None
    ) -> bool:
        """Wait up to `timeout` seconds for a commit after `since = await store.changed()`."""
        if self._room.commits == since:
            await self._room.wait_for_commit(monotonic() + in_seconds(timeout), until)
        return self._room.commits != since

    async def close(self) -> None:
        """Close subscriptions, producers and consumers, wait for calls, and close the file."""
        if self._is_closing:
            return
        self._is_closing = True
        for subscription in list(self._subscriptions):
            await subscription.aclose()
        for producer in list(self._producers):
            await producer.close()
        for consumer in list(self._consumers):
            with suppress(MqError):
                await consumer.close()
        self._is_closed = True
        self._room.close()
        await self._committing.finish()
        await self._threads.in_writer(self._store.close)
        self._threads.end()

    async def __aenter__(self) -> Self:
        return self

    async def _end_block(self) -> None:
        await self.close()


class Opening:
    """A store that is about to be opened: for `await`, or for `async with`, which closes it."""

    def __init__(self, open_store: Callable[[], Store]) -> None:
        self._open_store = open_store
        self._store: AsyncStore | None = None

    def __await__(self) -> Generator[Any, None, AsyncStore]:
        return self._open().__await__()

    async def __aenter__(self) -> AsyncStore:
        self._store = await self._open()
        return self._store

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._store is not None:
            await self._store.__aexit__(kind, error, traceback)

    async def _open(self) -> AsyncStore:
        threads = StoreThreads()
        try:
            return AsyncStore(await threads.in_writer(self._open_store), threads)
        except BaseException:
            threads.end()
            raise
