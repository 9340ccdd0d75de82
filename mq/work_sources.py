"""Where work comes from: a queue, a share, or a topic as a member of a group reads it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from time import monotonic
from types import TracebackType
from typing import Generic, Protocol, TypeVar

from mq.diagnostics import Diagnostics
from mq.group_reading import report_losses
from store.addresses import Address
from store.broker import Store
from store.consumer import Consumer
from store.errors import Damaged, Fenced, MqError, NotFound, Unavailable, secondary_to
from store.messages import Message
from store.models import Record, RecordId
from store.shared_records import SharedRecord

Item = TypeVar("Item", Record, Message, SharedRecord)
Leased = TypeVar("Leased", Message, SharedRecord)
Leased_co = TypeVar("Leased_co", covariant=True)

# How long leaving a group waits for the store's lock, in seconds.
_LAST_CHANCE = 2.0


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


class TopicWork:
    """Records of a topic, one of each partition at a time and in order; leaves the group at exit.

    With `once` a partition ends where it ended at first, or at a record that failed: going on
    behind it would commit it as well.
    """

    def __init__(
        self, store: Store, consumer: Consumer, topic: str, session_timeout: float,
        diagnostics: Diagnostics, *, once: bool,
    ) -> None:  # fmt: skip
        self._consumer = consumer
        self._diagnostics = diagnostics
        self._once = once
        found = store.topic(topic).partitions
        self._ends = {(topic, one.partition): one.end for one in found}
        # Until when nothing is read of a partition, as a reading of monotonic().
        self._paused: dict[tuple[str, int], float] = {}
        self.patience = session_timeout / 3

    def take(self, most: int, wait: float, until: Callable[[], bool]) -> list[Task[Record]]:
        """The next record of partitions of which none is in hand."""
        tasks: list[Task[Record]] = []
        while len(tasks) < most:
            try:
                records = self._poll(0.0 if tasks else wait, until)
            except Damaged:
                # What was taken before it comes first; the next call comes upon it again.
                if not tasks:
                    raise
                break
            if not records:
                break
            wanted = filter(self._is_wanted, records)
            tasks += [Task(one, self._consumer.failures(one) + 1) for one in wanted]
        return tasks

    def keep(self, tasks: Sequence[Task[Record]]) -> list[Task[Record]]:
        """Stay in the group; raises `Fenced` when it has dropped us."""
        with suppress(Unavailable):
            self._consumer.heartbeat()
        return []

    def done(self, task: Task[Record]) -> None:
        """Commit the record."""
        place = self._let_go(task)
        self._consumer.commit({place: task.item.offset + 1})

    def retry(self, task: Task[Record], error: str, delay: float | None) -> None:
        """Note the failure; the record is read again, unless the group's DLQ has it now."""
        place = self._let_go(task)
        self._check_owned(place)
        self._consumer.fail(task.item, error)
        if self._consumer.position[place] == task.item.offset:
            self._paused[place] = math.inf if self._once else monotonic() + (delay or 0.0)

    def reject(self, task: Task[Record], error: str) -> None:
        """Copy the record to the group's DLQ and pass over it."""
        self._check_owned(self._let_go(task))
        self._consumer.fail(task.item, error, final=True)

    def give_back(self, tasks: Sequence[Task[Record]]) -> None:
        """Nothing: what is not committed is read again."""

    break_off = give_back

    def skip_damaged(self, addresses: Sequence[Address]) -> None:
        """Commit the record, and read on behind it."""
        for id in map(_record_id, addresses):
            following = id.offset + 1
            self._consumer.commit({(id.topic, id.partition): following})
            self._consumer.seek(id.topic, id.partition, following)

    def fail_damaged(
        self, addresses: Sequence[Address], error: str, delay: Delay, *, final: bool
    ) -> None:
        """Note the failure; the partition waits, unless the group's DLQ has the record now."""
        for id in map(_record_id, addresses):
            number = self._consumer.fail(id, error, final=final)
            place = (id.topic, id.partition)
            if self._consumer.position[place] == id.offset:
                pause = math.inf if self._once else delay(number) or 0.0
                self._paused[place] = monotonic() + pause

    def __enter__(self) -> TopicWork:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # Whoever joins next sees that our process is gone.
        with secondary_to(error), suppress(Unavailable):
            self._consumer.close(_LAST_CHANCE)

    def _poll(self, wait: float, until: Callable[[], bool]) -> list[Record]:
        now = monotonic()
        self._paused = {place: time for place, time in self._paused.items() if time > now}
        if self._once:
            self._pause_ended()
        pause = min([wait, *(time - now for time in self._paused.values())])
        records = self._consumer.poll(1, pause, paused=self._paused, until=until)
        report_losses(self._consumer, self._diagnostics)
        for record in records:
            self._paused[record.topic, record.partition] = math.inf
        return records

    def _pause_ended(self) -> None:
        for place, offset in self._consumer.position.items():
            if offset >= self._ends.get(place, 0):
                self._paused[place] = math.inf

    def _is_wanted(self, record: Record) -> bool:
        # Compaction may have left nothing between here and what was appended since.
        place = (record.topic, record.partition)
        return not self._once or record.offset < self._ends.get(place, 0)

    def _let_go(self, task: Task[Record]) -> tuple[str, int]:
        place = (task.item.topic, task.item.partition)
        self._paused.pop(place, None)
        return place

    def _check_owned(self, place: tuple[str, int]) -> None:
        if place not in self._consumer.assignment:
            raise Fenced(f"{place[0]}/{place[1]} is not assigned to {self._consumer.member} now")


def _record_id(address: Address) -> RecordId:
    assert address.partition is not None
    assert address.offset is not None
    return RecordId(address.name, address.partition, address.offset)


def _receipt(task: Task[Leased]) -> str:
    assert task.item.receipt is not None
    return task.item.receipt
