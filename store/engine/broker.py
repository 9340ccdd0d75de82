"""All that an engine offers."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Protocol, Self

from store.engine.batches import Batch, NamedProducer
from store.engine.dead_letters import DeadLetters
from store.engine.exchanges import Exchanges
from store.engine.groups import Groups
from store.engine.operations import Operations
from store.engine.queues import Queues
from store.engine.shares import Shares
from store.engine.topics import Topics
from store.engine.topologies import Topologies
from store.model.topics import Seconds


class Broker(
    Topics, Queues, Shares, Groups, DeadLetters, Exchanges, Topologies, Operations, Protocol
):
    """A place that holds topics and queues: a file, or a server.

    What an engine lacks it refuses by name.
    """

    @property
    def location(self) -> str:
        """Where it is, as a person names it, without any secret."""

    def wall(self) -> int:
        """The engine's wall clock in Unix milliseconds."""

    def monotonic(self) -> int:
        """Milliseconds by a clock that is never set, for lengths of time."""

    def producer(self, name: str) -> NamedProducer:
        """Begin a new incarnation of a named producer; older ones are fenced."""

    def batch(
        self, producer: NamedProducer | None = None, first: int = 0
    ) -> AbstractContextManager[Batch]:
        """A block whose records and messages are confirmed together when it ends.

        In a file they are stored together or not at all. Those of a named producer are numbered
        from `first` on; what it stored before is skipped.
        """

    def changed(self) -> int:
        """A number that is another one after any commit; for `wait`."""

    def wait(self, since: int, timeout: Seconds, until: Callable[[], bool] | None = None) -> bool:
        """Wait up to `timeout` seconds for a commit after `since`; False when none came."""

    def close(self) -> None:
        """Let go of the place; what was confirmed stays."""

    def __enter__(self) -> Self:
        """Use it in a `with` block."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
