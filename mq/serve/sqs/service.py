"""The state that operations share, and what they know of the request that calls them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from mq.serve.figures import Figures
from mq.serve.http.messages import HttpRequest
from mq.serve.sqs.attempts import ReceiveAttempts
from mq.serve.sqs.directory import QueueDirectory
from mq.serve.sqs.names import queue_arn, queue_url, region_of
from store.model.errors import MqError

if TYPE_CHECKING:
    from store.aio import AsyncStore
    from store.model.messages import Message


class SqsService:
    """The store behind the operations, and what they count."""

    def __init__(self, store: AsyncStore, figures: Figures) -> None:
        self.store = store
        self.figures = figures
        self.queues = QueueDirectory(store)
        self.attempts = ReceiveAttempts()
        # By queue, in seconds of the loop.
        self.next_try_for_fairness: dict[str, float] = {}
        self._waits: set[asyncio.Task[list[Message]]] = set()
        self._background: set[asyncio.Task[None]] = set()
        self._is_closing = False

    def run_in_background(self, work: Coroutine[Any, Any, None]) -> None:
        """Do work that no request waits for, until the server is closed.

        Its errors are for the store to keep, and for the next process to meet.
        """
        task = asyncio.create_task(_without_store_errors(work))
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def receive(
        self, queue: str, most: int, wait: float, lease: float | None, holder: str
    ) -> list[Message]:
        """Receive messages, waiting for the first until the server is closed.

        A cancelled receive keeps nothing leased.
        """
        receive = self.store.receive(queue, most, wait, lease, holder=holder)
        if not wait:
            return await receive
        task = asyncio.create_task(receive)
        self._waits.add(task)
        if self._is_closing:
            task.cancel()
        try:
            return await task
        except asyncio.CancelledError:
            if not task.cancelled():
                await self._give_back(task)
            elif self._is_closing:
                return []
            raise
        finally:
            self._waits.discard(task)

    async def _give_back(self, task: asyncio.Task[list[Message]]) -> None:
        if task.done() and task.exception() is None:
            receipts = [message.receipt for message in task.result() if message.receipt]
            if receipts:
                with suppress(MqError):
                    await self.store.unreceive(receipts)

    async def close(self) -> None:
        """Let every wait for messages end now, without any, and the work in the background."""
        self._is_closing = True
        for task in [*self._waits, *self._background]:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)


async def _without_store_errors(work: Coroutine[Any, Any, None]) -> None:
    with suppress(MqError):
        await work


class Caller(NamedTuple):
    """The client of one request."""

    request: HttpRequest
    region: str
    user: str | None = None
    """The name of its credentials, where they were checked."""

    @classmethod
    def of(cls, request: HttpRequest, user: str | None) -> Caller:
        """Return the client that sent a request."""
        return cls(request, region_of(request), user)

    def url(self, name: str) -> str:
        """Return the URL of a queue at the address that the client uses."""
        return queue_url(self.request, name)

    def arn(self, name: str) -> str:
        """Return the ARN of a queue in the client's region."""
        return queue_arn(self.region, name)

    @property
    def holder(self) -> str:
        """The name under which it holds leases: its program, and the host that it calls from."""
        program = self.request.headers.get("user-agent", "").split(" ", 1)[0][:60]
        host = self.request.peer.rpartition(":")[0]
        return f"sqs {program} {host}".replace("  ", " ").strip()
