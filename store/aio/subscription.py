"""A subscription: messages of a queue one by one, received many at a time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Generator
from contextlib import suppress
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any, Self
from weakref import finalize

from store.aio.blocks import ClosedByBlock
from store.api.merging import SettleCall
from store.model.errors import BadInput, StoreUnusable

if TYPE_CHECKING:
    from store.aio.committing import Committing
    from store.aio.store import AsyncStore
    from store.model.messages import Message
    from store.model.topics import Seconds


class QueueSubscription(ClosedByBlock, AsyncIterator["Message"]):
    """The messages of a queue, for `async for`; made by `AsyncStore.subscribe`.

    No more than `prefetch` messages are received and not settled; those whose lease has lapsed no
    longer count. When it is closed, by the end of its `async with` block or of the loop, or with
    the store, messages that the loop has not got are given back as if never delivered. It is for
    one task at a time.
    """

    def __init__(self, store: AsyncStore, queue: str, prefetch: int, lease: Seconds | None) -> None:
        if prefetch < 1:
            raise BadInput(f"prefetch is 1 or more, not {prefetch}")
        self.queue = queue
        self._store = store
        self._prefetch = prefetch
        self._lease = lease
        self._ready: deque[Message] = deque()
        # When the lease of each message ends that is not settled, by its receipt; wall time.
        self._held: dict[str, int] = {}
        self._settled = asyncio.Event()
        self._refill: asyncio.Task[None] | None = None
        self._acks: set[Acknowledgement] = set()
        self._is_closed = False
        store._subscriptions.add(self)
        loop = asyncio.get_running_loop()
        finalize(self, _give_back_late, loop, store._committing, self._ready).atexit = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message:
        """Return the next message, once there is one; the iteration ends when it is closed."""
        while not self._ready:
            if self._is_closed:
                raise StopAsyncIteration
            try:
                await self._fill()
            except StoreUnusable:
                if not self._is_closed:
                    raise
        message = self._ready.popleft()
        if 2 * len(self._ready) < self._prefetch <= 2 * self._room() and not self._is_refilling():
            self._refill = asyncio.create_task(self._receive(wait=0))
        return message

    def ack(self, message: Message) -> Acknowledgement:
        """Acknowledge a message with the next commit; await the result to wait for that.

        Without a wait for it, an error is raised when the subscription is closed.
        """
        receipt = message.receipt or ""
        call = SettleCall([receipt], "ack")
        pending = Acknowledgement(call, self._store._committing.start(call))
        self._acks.add(pending)
        pending.future.add_done_callback(partial(self._is_acked, pending, receipt))
        return pending

    async def aclose(self) -> None:
        """End the iteration, give back what it has not returned, and wait for acknowledgements."""
        self._is_closed = True
        if self._refill is not None:
            # Its messages are given back with the rest.
            await asyncio.wait([self._refill])
        if self._ready:
            receipts = [message.receipt or "" for message in self._ready]
            self._ready.clear()
            await self._store._committing.start(SettleCall(receipts, "unreceive"))
        for pending in list(self._acks):
            await asyncio.wait([pending.future])
        refused, self._acks = self._acks, set()
        for pending in refused:
            if not pending.is_awaited:
                pending.call.result()

    async def __aenter__(self) -> Self:
        return self

    async def _end_block(self) -> None:
        await self.aclose()

    def note_settled(self, receipt: str) -> None:
        """Make room for another message: one of them was settled."""
        self._held.pop(receipt, None)
        self._settled.set()

    def _is_refilling(self) -> bool:
        # An error of the last one is raised once the loop has what it received before.
        refill = self._refill
        return refill is not None and (not refill.done() or refill.exception() is not None)

    def _room(self) -> int:
        return self._prefetch - len(self._held)

    async def _fill(self) -> None:
        if self._refill is not None:
            # A wait for the task itself would cancel it with this one.
            await asyncio.wait([self._refill])
            refill, self._refill = self._refill, None
            refill.result()
        elif self._room() > 0:
            await self._receive(wait=inf)
        else:
            await self._wait_for_room()

    async def _receive(self, wait: float) -> None:
        messages = await self._store.receive(self.queue, self._room(), wait, self._lease)
        for message in messages:
            receipt = message.receipt or ""
            self._held[receipt] = message.lease_expires or 0
            self._store._received_by[receipt] = self
        self._ready += messages

    async def _wait_for_room(self) -> None:
        """Wait until a message is settled, or the first lease has lapsed."""
        self._settled.clear()
        left = (min(self._held.values()) - self._store._store.wall()) / 1000
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, left)):
                await self._settled.wait()
                return
        now = self._store._store.wall()
        for receipt in [receipt for receipt, ends in self._held.items() if ends <= now]:
            self._store._received_by.pop(receipt, None)
            del self._held[receipt]

    def _is_acked(self, pending: Acknowledgement, receipt: str, _: object) -> None:
        self._store._received_by.pop(receipt, None)
        self.note_settled(receipt)
        if pending.call.error is None:
            self._acks.discard(pending)


class Acknowledgement:
    """An acknowledgement on its way; awaiting it raises its error."""

    def __init__(self, call: SettleCall, future: asyncio.Future[None]) -> None:
        self.call = call
        self.future = future
        self.is_awaited = False

    def __await__(self) -> Generator[Any, None, None]:
        self.is_awaited = True
        yield from self.future.__await__()
        self.call.result()


def _give_back_late(
    loop: asyncio.AbstractEventLoop, committing: Committing, ready: deque[Message]
) -> None:
    """Give back what a forgotten subscription has received, without waiting for it."""
    receipts = [message.receipt or "" for message in ready]
    with suppress(RuntimeError):  # the loop was closed
        if receipts:
            loop.call_soon_threadsafe(committing.start, SettleCall(receipts, "unreceive"))
