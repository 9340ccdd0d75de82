"""Work on a topic: as a member of a group reads it, one record of a partition at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import monotonic
from types import TracebackType
from typing import NamedTuple

from mq.cli.diagnostics import Diagnostics
from mq.read.group import report_losses
from mq.work.sources import Delay, Task
from store.api.consumer import Consumer
from store.api.store import Store
from store.model.addresses import Address
from store.model.errors import Damaged, Fenced, NotFound, Unavailable, secondary_to
from store.model.groups import TopicPartition
from store.model.topics import Record, RecordId

# How long leaving a group waits for the store's lock, in seconds.
_LAST_CHANCE = 2.0
# How often it is looked whether a record that waits to be tried again is still there, in seconds.
_LOOK_INTERVAL = 1.0


class Retry(NamedTuple):
    """A record that failed, and when it is read again, as a reading of `monotonic()`."""

    offset: int
    at: float


class Pauses:
    """The partitions of which nothing is read for now; a container, for `Consumer.poll`.

    A partition is closed until it is opened. One whose record failed waits for its retry, but only
    as long as the group stands at that record, and the record is there.
    """

    def __init__(self, store: Store, consumer: Consumer) -> None:
        self._store = store
        self._consumer = consumer
        self._closed: set[TopicPartition] = set()
        self._retries: dict[TopicPartition, Retry] = {}
        self._looked_at = 0

    def __contains__(self, place: object) -> bool:
        retry = self._retries.get(place)  # type: ignore[call-overload]
        return place in self._closed or (retry is not None and self._is_on(place, retry))

    def close(self, place: TopicPartition) -> None:
        """Read nothing of the partition until it is opened."""
        self._closed.add(place)

    def open(self, place: TopicPartition) -> None:
        """Read on."""
        self._closed.discard(place)

    def wait(self, place: TopicPartition, offset: int, seconds: float) -> None:
        """Read this record again, and nothing behind it, in so many seconds."""
        self._retries[place] = Retry(offset, monotonic() + seconds)

    def seconds_left(self) -> float:
        """How long until it has to be looked again what may be read; infinite if for nothing."""
        self._retries = {
            place: retry for place, retry in self._retries.items() if self._is_on(place, retry)
        }
        now, since = monotonic(), self._store.changed()
        if since != self._looked_at:
            self._looked_at = since
            for place in [place for place in self._retries if self._is_gone(place)]:
                del self._retries[place]
        waits = [retry.at - now for retry in self._retries.values()]
        return min([*waits, _LOOK_INTERVAL]) if waits else math.inf

    def _is_on(self, place: object, retry: Retry) -> bool:
        position = self._consumer.position.get(place)  # type: ignore[call-overload]
        return bool(position == retry.offset and monotonic() < retry.at)

    def _is_gone(self, place: TopicPartition) -> bool:
        offset = self._retries[place].offset
        try:
            found = self._store.read(*place, offset, 1)
        except Damaged:
            return False
        except NotFound:
            return True
        return not found or found[0].offset != offset


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
        self._pauses = Pauses(store, consumer)
        self._diagnostics = diagnostics
        self._once = once
        found = store.topic(topic).partitions
        self._ends = {(topic, one.partition): one.end for one in found}
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
        self._pause(place, task.item.offset, delay)

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
            self._pause((id.topic, id.partition), id.offset, delay(number))

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
        if self._once:
            self._close_ended()
        wait = min(wait, self._pauses.seconds_left())
        records = self._consumer.poll(1, wait, paused=self._pauses, until=until)
        report_losses(self._consumer, self._diagnostics)
        for record in records:
            self._pauses.close((record.topic, record.partition))
        return records

    def _close_ended(self) -> None:
        for place, offset in self._consumer.position.items():
            if offset >= self._ends.get(place, 0):
                self._pauses.close(place)

    def _pause(self, place: TopicPartition, offset: int, delay: float | None) -> None:
        """Wait with a record that failed, unless the group's DLQ has it now."""
        if self._consumer.position[place] != offset:
            return
        if self._once:
            self._pauses.close(place)
        else:
            self._pauses.wait(place, offset, delay or 0.0)

    def _is_wanted(self, record: Record) -> bool:
        # Compaction may have left nothing between here and what was appended since.
        place = (record.topic, record.partition)
        return not self._once or record.offset < self._ends.get(place, 0)

    def _let_go(self, task: Task[Record]) -> TopicPartition:
        place = (task.item.topic, task.item.partition)
        self._pauses.open(place)
        return place

    def _check_owned(self, place: TopicPartition) -> None:
        if place not in self._consumer.assignment:
            raise Fenced(f"{place[0]}/{place[1]} is not assigned to {self._consumer.member} now")


def _record_id(address: Address) -> RecordId:
    assert address.partition is not None
    assert address.offset is not None
    return RecordId(address.name, address.partition, address.offset)
