"""The protocols of an engine in one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self

from store.engine.batches import Batch, NamedProducer
from store.engine.dead_letters import DeadLetters
from store.engine.exchanges import Exchanges
from store.engine.features import Feature, lacking
from store.engine.groups import Groups
from store.engine.operations import Operations
from store.engine.queues import Queues
from store.engine.shares import Shares
from store.engine.topics import Topics
from store.engine.topologies import Topologies
from store.engine.transactions import Transactions

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from types import TracebackType

    from store.model.topics import Seconds


class Broker(
    Topics,
    Queues,
    Shares,
    Groups,
    DeadLetters,
    Exchanges,
    Topologies,
    Transactions,
    Operations,
    Protocol,
):
    """A place that holds topics and queues: a file, or a server.

    As a base it refuses, by name, each call that an engine does not define.
    """

    @property
    def location(self) -> str:
        """The broker's place, as people name it, without any secret."""

    def wall(self) -> int:
        """Return the engine's wall clock in Unix milliseconds."""

    def monotonic(self) -> int:
        """Return milliseconds by a clock that is never set, for measuring durations."""

    def producer(self, name: str) -> NamedProducer:
        """Begin a new incarnation of a named producer; older ones are fenced."""
        raise lacking(self, Feature.NAMED_PRODUCERS)

    def batch(
        self, producer: NamedProducer | None = None, first: int = 0
    ) -> AbstractContextManager[Batch]:
        """Return a block whose records and messages are confirmed together when it ends.

        In a file they are stored together or not at all. Those of a named producer are numbered
        from `first` on; records that it stored before are skipped.
        """
        raise lacking(self, Feature.QUEUES)

    @property
    def pace(self) -> float:
        """The least seconds between two looks; sooner there is nothing new, or a look has a price.

        0 where a look is cheap and `changed` tells when one is worth it, as in a file.
        """

    def changed(self) -> int:
        """Return a number that differs after any commit; for `wait`."""

    def wait(self, since: int, timeout: Seconds, until: Callable[[], bool] | None = None) -> bool:
        """Wait up to `timeout` seconds for a commit after `since`; return False without one."""

    def close(self) -> None:
        """Close the connection; confirmed data stays."""

    def __enter__(self) -> Self:
        """Enter a `with` block."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the broker."""
