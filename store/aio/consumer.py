"""A member of a consumer group for asyncio, and records of a group one by one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Container, Generator
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Self, TypeVar
from weakref import finalize

from store.aio.blocks import ClosedByBlock
from store.api.consumer import LOOK_INTERVAL, Consumer
from store.api.merging import WorkCall
from store.model.errors import Fenced, MqError, StoreUnusable
from store.model.topics import in_seconds

if TYPE_CHECKING:
    from store.aio.store import AsyncStore
    from store.api.merging import MergedTransaction
    from store.model.groups import Offsets, RecordLoss, TopicPartition
    from store.model.topics import Record, RecordId, Seconds

P = ParamSpec("P")
T = TypeVar("T")


class AsyncConsumer(ClosedByBlock):
    """A `Consumer` for the tasks of one event loop; made by `AsyncStore.consumer`.

    It joins when its `async with` block is entered, or it is awaited, and leaves at the block's
    end. It is for one task at a time.
    """

    def __init__(self, store: AsyncStore, join: Callable[[], Consumer]) -> None:
        self._store = store
        self._join = join
        self._consumer: Consumer | None = None
        # Next offsets that are committed when it leaves: records that a `GroupReader` is done with.
        self.finished: dict[TopicPartition, int] = {}
        self._leaving = asyncio.Lock()
        self.has_left = False
        store._consumers.add(self)

    def __await__(self) -> Generator[Any, None, Self]:
        return self._enter().__await__()

    async def __aenter__(self) -> Self:
        return await self._enter()

    async def _end_block(self) -> None:
        await self.close()

    async def poll(
        self, max_records: int = 500, timeout: Seconds = 1.0, *,
        paused: Container[TopicPartition] = (),
        until: Callable[[], bool] | None = None,
    ) -> list[Record]:  # fmt: skip
        """Return the next records, within `timeout` seconds; see `Consumer.poll`."""
        deadline = monotonic() + in_seconds(timeout)
        while True:
            since = await self._store.changed()
            records = await self._run(Consumer.poll, max_records, 0, paused=paused)
            left = deadline - monotonic()
            if records or left <= 0 or (until is not None and until()):
                return records
            await self._store.wait(since, min(left, self._longest_wait()), until)

    async def commit(self, offsets: Offsets | None = None, timeout: Seconds | None = None) -> None:
        """Store the next offsets to read, by (topic, partition); by default all polled ones.

        Shares its commit with other calls. Raises `Fenced` as `Consumer.commit` does.
        """
        consumer = self.joined
        wanted = consumer.position if offsets is None else offsets

        def commit(tx: MergedTransaction) -> None:
            tx.commit(consumer.group, wanted, consumer)

        async with asyncio.timeout(None if timeout is None else in_seconds(timeout)):
            await self._store._commit(WorkCall(commit))

    async def heartbeat(self) -> None:
        """Keep the session alive during long work; see `Consumer.heartbeat`."""
        await self._run(Consumer.heartbeat)

    async def wait_for_partitions(self, timeout: Seconds) -> None:
        """Wait until this member owns a partition; raises `TimedOut` after `timeout` seconds."""
        await self._run(Consumer.wait_for_partitions, timeout)

    async def failures(self, record: Record | RecordId) -> int:
        """Return how many failed attempts at a record were noted."""
        return await self._run(Consumer.failures, record)

    async def fail(self, record: Record | RecordId, error: str, *, final: bool = False) -> int:
        """Note a failed attempt at a record, which is polled again; see `Consumer.fail`."""
        return await self._run(Consumer.fail, record, error, final=final)

    async def seek(self, topic: str, partition: int, offset: int) -> None:
        """Poll a partition from `offset` on; the committed offset stays."""
        self.joined.seek(topic, partition, offset)

    async def close(self, timeout: Seconds | None = None) -> None:
        """Leave the group; records that were polled and not committed will be read again."""
        async with self._leaving:
            self.has_left = True
            if self._consumer is None:
                return
            try:
                await self.commit_finished()
            finally:
                await self._run(Consumer.close, timeout)
                self._consumer = None

    async def commit_finished(self) -> None:
        """Commit what is noted as finished."""
        if self.finished:
            finished, self.finished = self.finished, {}
            await self.commit(finished)

    @property
    def group(self) -> str:
        """The group's name."""
        return self.joined.group

    @property
    def member(self) -> str:
        """The member's name."""
        return self.joined.member

    @property
    def losses(self) -> list[RecordLoss]:
        """Records that were removed before the group read them."""
        return self.joined.losses

    @property
    def position(self) -> dict[TopicPartition, int]:
        """The next offset to be polled, by (topic, partition)."""
        return self.joined.position

    @property
    def assignment(self) -> list[TopicPartition]:
        """The partitions this member owns; it is idle while there are none."""
        return self.joined.assignment

    async def _enter(self) -> Self:
        if self._consumer is None:
            self._consumer = await self._store._threads.change(self._join)
        return self

    @property
    def joined(self) -> Consumer:
        """The member of the group; raises `Fenced` before and after its block."""
        if self._consumer is None:
            raise Fenced("the consumer is not in its group", hint="async with store.consumer(…)")
        return self._consumer

    def _longest_wait(self) -> float:
        return min(LOOK_INTERVAL, self.joined._beat) / 1000

    async def _run(
        self,
        call: Callable[Concatenate[Consumer, P], T],
        *arguments: P.args,
        **named: P.kwargs,
    ) -> T:
        consumer = self.joined
        return await self._store._threads.change(partial(call, consumer, *arguments, **named))


class GroupReader(ClosedByBlock, AsyncIterator["Record"]):
    """The records of a group's topics, for `async for`; made by `AsyncStore.read_group`.

    The loop comes back for the next record when it is done with one, which is committed then: with
    all others of its batch, at the latest when the reader is closed. So each record is read at
    least once, as with Kafka's `enable.auto.commit`.
    """

    def __init__(self, store: AsyncStore, consumer: AsyncConsumer, max_records: int) -> None:
        self._store = store
        self._consumer = consumer
        self._max_records = max_records
        self._ready: deque[Record] = deque()
        self._current: Record | None = None
        self._is_closed = False
        finalize(self, _leave_late, asyncio.get_running_loop(), consumer).atexit = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Record:
        """Return the next record, once there is one; the iteration ends when it is closed."""
        self.done()
        while not self._ready:
            if self._is_closed or self._consumer.has_left:
                raise StopAsyncIteration
            try:
                await self._consumer
                await self.commit()
                self._ready += await self._consumer.poll(self._max_records)
            except (Fenced, StoreUnusable):
                if not self._consumer.has_left:
                    raise
        self._current = self._ready.popleft()
        return self._current

    def done(self) -> None:
        """Say that the loop is done with the record in hand, before it comes back or ends."""
        record, self._current = self._current, None
        if record is not None:
            self._consumer.finished[record.topic, record.partition] = record.offset + 1

    async def commit(self) -> None:
        """Commit the records that the loop is done with."""
        await self._consumer.commit_finished()

    async def aclose(self) -> None:
        """Commit what the loop is done with, and leave the group; the rest is read again."""
        self._is_closed = True
        self._ready.clear()
        await self._consumer.close()

    async def __aenter__(self) -> Self:
        await self._consumer
        return self

    async def _end_block(self) -> None:
        await self.aclose()


def _leave_late(loop: asyncio.AbstractEventLoop, consumer: AsyncConsumer) -> None:
    """Leave the group of a forgotten reader, without waiting for it."""
    with suppress(RuntimeError):  # the loop was closed
        loop.call_soon_threadsafe(lambda: loop.create_task(_leave(consumer)))


async def _leave(consumer: AsyncConsumer) -> None:
    with suppress(MqError):
        await consumer.close()
