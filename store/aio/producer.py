"""A producer that buffers, for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from store.aio.blocks import ClosedByBlock
from store.api.buffering import MOST_TOGETHER, by_destination, call_of, size_of, store_in_sequence
from store.api.merging import MergeableCall, WorkCall
from store.api.producer import Producer
from store.model.errors import BadInput, StoreUnusable, TimedOut
from store.model.messages import NewMessage
from store.model.topics import NewRecord, in_seconds

if TYPE_CHECKING:
    from store.aio.store import AsyncStore
    from store.model.messages import MessageId
    from store.model.topics import Headers, Properties, RecordId, Seconds, Timestamp


class AsyncProducer(ClosedByBlock):
    """A producer with a buffer, for the tasks of one event loop; made by `AsyncStore.producer`.

    Awaiting `produce` and `send` waits for room in the buffer, and gives a future that is done once
    the record is stored or refused. See `BufferedProducer`.
    """

    def __init__(
        self, store: AsyncStore, name: str | None, linger: float, buffer_bytes: int
    ) -> None:
        self._store = store
        self._name = name
        self._linger = linger
        self._most_bytes = buffer_bytes
        self._loop = asyncio.get_running_loop()
        self._entries: list[AwaitedEntry] = []
        self._pending: set[asyncio.Future[Any]] = set()
        self._bytes = 0
        self._timer: asyncio.Handle | None = None
        self._room: set[asyncio.Future[None]] = set()
        self._producer: Producer | None = None
        self._beginning = asyncio.Lock()
        self._batches: list[tuple[str, str, list[AwaitedEntry]]] = []
        self._storing: asyncio.Task[None] | None = None
        self._numbers: dict[str, int] = {}
        self._failure: BaseException | None = None
        self._is_closed = False
        store._producers.add(self)

    async def produce(
        self,
        topic: str,
        value: bytes | str | None,
        *,
        key: bytes | str | None = None,
        headers: Headers | None = None,
        timestamp: Timestamp | None = None,
        partition: int | None = None,
        properties: Properties | None = None,
    ) -> asyncio.Future[RecordId | None]:
        """Append a record to a topic soon; the future has its id once it is stored."""
        return await self._put(
            "topic", topic, NewRecord(value, key, headers, timestamp, partition, properties)
        )

    async def send(
        self,
        queue: str,
        value: bytes | str | None,
        *,
        key: bytes | str | None = None,
        headers: Headers | None = None,
        timestamp: Timestamp | None = None,
        delay: Seconds | None = None,
        message_group: str | None = None,
        dedup_id: str | None = None,
        priority: int = 0,
        ttl: Seconds | None = None,
        properties: Properties | None = None,
    ) -> asyncio.Future[MessageId | None]:
        """Send a message to a queue soon; the future has its id once it is stored."""
        message = NewMessage(
            value,
            key,
            headers,
            timestamp,
            delay,
            message_group,
            dedup_id,
            priority,
            ttl,
            properties,
        )
        return await self._put("queue", queue, message)

    async def stored(self, destination: str) -> int:
        """Return how many records of a named producer are stored in the topic or queue."""
        producer = await self._begun()
        if producer is None:
            raise BadInput("a producer without a name is not remembered", hint="give it a name")
        return await self._store._threads.read(partial(producer.stored, destination))

    async def flush(self, timeout: Seconds | None = None) -> None:
        """Wait until all records given so far are stored or refused; their futures say which.

        Raises `TimedOut` after `timeout` seconds.
        """
        self._hand_over()
        if not self._pending:
            return
        patience = None if timeout is None else in_seconds(timeout)
        _, left = await asyncio.wait(set(self._pending), timeout=patience)
        if left:
            raise TimedOut(f"{len(left)} records are still to be stored")

    async def close(self) -> None:
        """Store what is in the buffer, and take nothing more."""
        self._is_closed = True
        self._let_in()
        await self.flush()

    async def __aenter__(self) -> Self:
        await self._begun()
        return self

    async def _end_block(self) -> None:
        await self.close()

    async def _begun(self) -> Producer | None:
        async with self._beginning:
            if self._producer is None and self._name is not None:
                begin = partial(self._store._store.producer, self._name)
                self._producer = await self._store._threads.change(begin)
        return self._producer

    async def _put(
        self, kind: str, destination: str, content: NewRecord | NewMessage
    ) -> asyncio.Future[Any]:
        size = size_of(content)
        if self._name is not None and self._producer is None:
            await self._begun()
        while self._bytes and self._bytes + size > self._most_bytes and not self._is_closed:
            await self._wait_for_room()
        if self._is_closed:
            raise StoreUnusable("the producer was closed", hint="make another one")
        entry = AwaitedEntry(kind, destination, content, size, self._loop.create_future())
        self._bytes += size
        self._entries.append(entry)
        self._pending.add(entry.future)
        if len(self._entries) >= MOST_TOGETHER or 2 * self._bytes >= self._most_bytes:
            self._hand_over()
        elif self._timer is None:
            self._timer = self._loop.call_later(self._linger, self._hand_over)
        return entry.future

    async def _wait_for_room(self) -> None:
        room = self._loop.create_future()
        self._room.add(room)
        try:
            await room
        finally:
            self._room.discard(room)

    def _let_in(self) -> None:
        for room in self._room:
            if not room.done():
                room.set_result(None)

    def _hand_over(self) -> None:
        """Let the committer have what is in the buffer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        entries, self._entries = self._entries, []
        if self._name is not None:
            self._batches += by_destination(entries)
            if self._batches and self._storing is None:
                self._storing = self._loop.create_task(self._store_in_sequence())
            return
        for entry in entries:
            call = call_of(entry)
            stored = self._store._committing.start(call)
            stored.add_done_callback(partial(self._is_stored, entry, call))

    def _is_stored(self, entry: AwaitedEntry, call: MergeableCall[Any], _: object) -> None:
        self._settle([entry], [None] if call.error else call.result(), call.error)

    async def _store_in_sequence(self) -> None:
        try:
            while self._batches:
                await self._store_batch(*self._batches.pop(0))
        finally:
            self._storing = None

    async def _store_batch(
        self, kind: str, destination: str, batch: Sequence[AwaitedEntry]
    ) -> None:
        producer = await self._begun()
        assert producer is not None
        first = self._numbers.get(destination, 0)
        ids: list[Any] = [None] * len(batch)
        call = WorkCall(partial(store_in_sequence, producer, kind, destination, batch, first))
        if self._failure is None:
            await self._store._committing.start(call)
            self._failure = call.error
        if self._failure is None:
            stored = call.result()
            ids[len(ids) - len(stored) :] = stored
            self._numbers[destination] = first + len(batch)
        self._settle(batch, ids, self._failure)

    def _settle(
        self, batch: Sequence[AwaitedEntry], ids: Sequence[Any], error: BaseException | None
    ) -> None:
        for entry, id in zip(batch, ids, strict=True):
            self._bytes -= entry.size
            self._pending.discard(entry.future)
            if entry.future.done():
                continue
            if error is None:
                entry.future.set_result(id)
            else:
                entry.future.set_exception(error)
        self._let_in()


class AwaitedEntry(NamedTuple):
    """A record or message in the buffer of an `AsyncProducer`."""

    kind: str
    destination: str
    content: NewRecord | NewMessage
    size: int
    future: asyncio.Future[Any]
