"""The state that operations share, and what they know of the request that calls them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mq.serve.http.messages import HttpRequest
from mq.serve.sqs.directory import QueueDirectory
from mq.serve.sqs.names import queue_arn, queue_url, region_of

if TYPE_CHECKING:
    from store.aio import AsyncStore


class SqsService:
    """The store behind the operations."""

    def __init__(self, store: AsyncStore) -> None:
        self.store = store
        self.queues = QueueDirectory(store)


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
