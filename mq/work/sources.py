"""Where work comes from: a queue, a share, or a topic as a member of a group reads it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Generic, Protocol, TypeVar

from store.api.store import Store
from store.model.addresses import Address
from store.model.errors import MqError, NotFound, Unavailable
from store.model.messages import Message
from store.model.shares import SharedRecord
from store.model.topics import Record

Item = TypeVar("Item", Record, Message, SharedRecord)
Leased = TypeVar("Leased", Message, SharedRecord)
Leased_co = TypeVar("Leased_co", covariant=True)


@dataclass(frozen=True, slots=True, eq=False)
class Task(Generic[Item]):
    """Something to be done, and the how many-th try it is."""

    item: Item
    deliveries: int


Delay = Callable[[int], float | None]
"""What is waited after so many failures, in seconds; `None` leaves it to the source."""


class Source(Protocol[Item]):
    """Gives tasks and is told what became of them; needs a sign of life every `patience` seconds.

    What it is told raises `Conflict` when somebody else has the record or message by now.
    """

    patience: float

    def take(self, most: int, wait: float, until: Callable[[], bool]) -> list[Task[Item]]:
        """Up to so many tasks, waiting up to `wait` seconds or `until` it is true."""

    def keep(self, tasks: Sequence[Task[Item]]) -> list[Task[Item]]:
        """Give the sign of life for what is in hand; those that somebody else has by now."""

    def done(self, task: Task[Item]) -> None:
        """It is done with."""

    def retry(self, task: Task[Item], error: str, delay: float | None) -> None:
        """It failed: again after so many seconds; `None` leaves that to the source."""

    def reject(self, task: Task[Item], error: str) -> None:
        """It failed for good: to the DLQ."""

    def give_back(self, tasks: Sequence[Task[Item]]) -> None:
        """These were not begun: for them nothing has happened."""

    def break_off(self, tasks: Sequence[Task[Item]]) -> None:
        """These were begun and not brought to an end."""

    def skip_damaged(self, addresses: Sequence[Address]) -> None:
        """These, of which `take` told by an error, are done with."""

    def fail_damaged(
        self, addresses: Sequence[Address], error: str, delay: Delay, *, final: bool
    ) -> None:
        """These have failed; with `final` for good."""

    def __enter__(self) -> Source[Item]: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


class Receive(Protocol[Leased_co]):
    """Leases up to `number`, waiting for the first up to `wait` seconds or `until` it is true."""

    def __call__(
        self, number: int, wait: float, *, attached: bool, until: Callable[[], bool]
    ) -> Sequence[Leased_co]:
        """Those that are leased now."""


class LeasedWork(Generic[Leased]):
    """What is leased for as long as this process lives and keeps it.

    With `once` it gives as many as were `present` when it was made, and keeps those that failed to
    the end, so that none comes twice. `most` are taken at a time; `lease` is in milliseconds.
    `remove` takes out what can't be received.
    """

    def __init__(
        self, store: Store, receive: Receive[Leased], remove: Callable[[Address], None],
        lease: int, present: int, *, once: bool, most: float = math.inf,
    ) -> None:  # fmt: skip
        self._store = store
        self._receive: Receive[Leased] = receive
        self._remove = remove
        self._once = once
        self._left: float = present if once else math.inf
        self._most = most
        self._lease = lease / 1000
        self._failed: dict[str, tuple[str, float | None]] = {}
        self.patience = max(self._lease / 3, 0.1)

    def take(self, most: int, wait: float, until: Callable[[], bool]) -> list[Task[Leased]]:
        """Lease some."""
        number = int(min(most, self._most, self._left))
        if not number:
            self._store.wait(self._store.changed(), wait, until)
            return []
        found = self._receive(number, wait, attached=True, until=until)
        self._left -= len(found)
        return [Task(one, one.deliveries) for one in found]

    def keep(self, tasks: Sequence[Task[Leased]]) -> list[Task[Leased]]:
        """Extend the leases."""
        receipts = [*map(_receipt, tasks), *self._failed]
        try:
            if receipts:
                self._store.extend(receipts, self._lease)
        except Unavailable:
            return []
        except MqError as error:
            for receipt in error.failures:
                self._failed.pop(receipt, None)
            return [task for task in tasks if _receipt(task) in error.failures]
        return []

    def done(self, task: Task[Leased]) -> None:
        """Acknowledge it."""
        self._store.ack([_receipt(task)])

    def retry(self, task: Task[Leased], error: str, delay: float | None) -> None:
        """Give it back, or at its last delivery away."""
        if self._once:
            self._failed[_receipt(task)] = (error, delay)
        else:
            self._store.nack([_receipt(task)], delay, error)

    def reject(self, task: Task[Leased], error: str) -> None:
        """Refuse it."""
        self._store.reject([_receipt(task)], error)

    def give_back(self, tasks: Sequence[Task[Leased]]) -> None:
        """Undo their deliveries; all returns to its place."""
        with suppress(MqError):
            self._store.unreceive([_receipt(task) for task in tasks])

    def break_off(self, tasks: Sequence[Task[Leased]]) -> None:
        """Give them back at once; a delivery that was begun counts."""
        with suppress(MqError):
            self._store.nack([_receipt(task) for task in tasks], 0)

    def skip_damaged(self, addresses: Sequence[Address]) -> None:
        """Take out those that the DLQ did not take."""
        for address in addresses:
            with suppress(NotFound):
                self._remove(address)

    def fail_damaged(
        self, addresses: Sequence[Address], error: str, delay: Delay, *, final: bool
    ) -> None:
        """Nothing: they are in the DLQ, or set aside."""

    def __enter__(self) -> LeasedWork[Leased]:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for receipt, (reason, delay) in self._failed.items():
            with suppress(MqError):
                self._store.nack([receipt], delay, reason)


class QueueWork(LeasedWork[Message]):
    """Messages of a queue. Of a FIFO queue's message group one is in hand at a time."""

    def __init__(self, store: Store, queue: str, *, once: bool) -> None:
        status = store.queue(queue)
        most = 1 if status.config.fifo else math.inf
        receive = partial(store.receive, queue)

        def purge(address: Address) -> None:
            assert address.offset is not None
            store.purge_message(queue, address.offset)

        # Leased ones too: their holder may be dead.
        present = status.messages
        super().__init__(store, receive, purge, status.config.lease, present, once=once, most=most)


class ShareWork(LeasedWork[SharedRecord]):
    """Records of a topic through a share, from any number of its partitions."""

    def __init__(self, store: Store, share: str, *, once: bool) -> None:
        status = store.share(share)
        present = sum(partition.lag for partition in status.partitions)
        receive, skip = partial(store.acquire, share), partial(store.skip_record, share)
        super().__init__(store, receive, skip, status.config.lease, present, once=once)


def _receipt(task: Task[Leased]) -> str:
    assert task.item.receipt is not None
    return task.item.receipt
