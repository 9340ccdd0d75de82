"""The queues that requests name, with their settings, remembered for a moment."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from mq.serve.sqs.errors import no_queue
from mq.serve.sqs.names import queue_name
from store.model.errors import BadInput, NotFound

if TYPE_CHECKING:
    from store.aio import AsyncStore
    from store.model.queues import QueueConfig

# Seconds for which settings are remembered. Another process that changes them is seen after this;
# until then a send or a receive finds out by itself.
MEMORY = 0.1
_MOST_REMEMBERED = 1_000


class NamedQueue(NamedTuple):
    """A queue as requests see it."""

    name: str
    config: QueueConfig


class QueueDirectory:
    """Finds queues by URL or name; a repeated look within a moment asks the store no more."""

    def __init__(self, store: AsyncStore) -> None:
        self._store = store
        self._known: dict[str, tuple[float, NamedQueue]] = {}

    async def at(self, url: str) -> NamedQueue:
        """Return the queue at a URL, or with a name; raises `SqsError` without one."""
        return await self.named(queue_name(url))

    async def named(self, name: str) -> NamedQueue:
        """Return the queue with a name; raises `SqsError` without one."""
        queue = await self.find(name)
        if queue is None:
            raise no_queue()
        return queue

    async def find(self, name: str) -> NamedQueue | None:
        """Return the queue with a name; `None` without one."""
        now = asyncio.get_running_loop().time()
        until, queue = self._known.get(name, (0.0, None))
        if queue is not None and now < until:
            return queue
        self.forget(name)
        try:
            queue = NamedQueue(name, await self._store.queue_config(name))
        except (NotFound, BadInput):
            return None
        if len(self._known) >= _MOST_REMEMBERED:
            self._known.clear()
        self._known[name] = now + MEMORY, queue
        return queue

    def forget(self, name: str) -> None:
        """Ask the store anew for a queue that was changed here."""
        self._known.pop(name, None)

    def forget_all(self) -> None:
        """Ask the store anew for every queue."""
        self._known.clear()
