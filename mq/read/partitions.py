"""Reading a topic as a member of a group, one record of a partition at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

from mq.cli.context import Context
from mq.read.group import MemberSource, Subscription
from mq.read.source import Delay
from store.model.addresses import Address
from store.model.errors import Damaged, Fenced, NotFound, Unavailable, secondary_to
from store.model.groups import TopicPartition
from store.model.topics import Record, RecordId

if TYPE_CHECKING:
    from store.engine.broker import Broker
    from store.engine.groups import GroupConsumer
    from store.engine.transactions import Outputs

# Seconds for which leaving a group waits for the store's lock.
_LAST_CHANCE = 2.0
# Seconds between two looks at whether a record that waits for its retry is still there.
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

    def __init__(self, store: Broker, consumer: GroupConsumer) -> None:
        self._store = store
        self._consumer = consumer
        self._closed: set[TopicPartition] = set()
        self._retries: dict[TopicPartition, Retry] = {}
        self._looked_at = 0

    def __contains__(self, partition: object) -> bool:
        retry = self._retries.get(partition)  # type: ignore[call-overload]
        return partition in self._closed or (retry is not None and self._is_on(partition, retry))

    def close(self, partition: TopicPartition) -> None:
        """Read nothing of the partition until it is opened."""
        self._closed.add(partition)

    def open(self, partition: TopicPartition) -> None:
        """Read on."""
        self._closed.discard(partition)

    def wait(self, partition: TopicPartition, offset: int, seconds: float) -> None:
        """Read this record again, and nothing behind it, in so many seconds."""
        self._retries[partition] = Retry(offset, monotonic() + seconds)

    def seconds_left(self) -> float:
        """Return the seconds until the next look at waiting partitions; infinite without any."""
        self._retries = {
            partition: retry
            for partition, retry in self._retries.items()
            if self._is_on(partition, retry)
        }
        now, since = monotonic(), self._store.changed()
        if since != self._looked_at:
            self._looked_at = since
            for partition in [part for part in self._retries if self._is_gone(part)]:
                del self._retries[partition]
        waits = [retry.at - now for retry in self._retries.values()]
        return min([*waits, _LOOK_INTERVAL]) if waits else math.inf

    def _is_on(self, partition: object, retry: Retry) -> bool:
        position = self._consumer.position.get(partition)  # type: ignore[call-overload]
        return bool(position == retry.offset and monotonic() < retry.at)

    def _is_gone(self, partition: TopicPartition) -> bool:
        offset = self._retries[partition].offset
        try:
            records = self._store.read(*partition, offset, 1)
        except Damaged:
            return False
        except NotFound:
            return True
        return not records or records[0].offset != offset


class PartitionSource(MemberSource):
    """The next record of each partition, which is committed before the one behind it comes.

    With `once` a partition ends where it ended at first, or at a record that failed: going on
    behind it would commit it as well.
    """

    def __init__(
        self, context: Context, store: Broker, subscription: Subscription, *, once: bool
    ) -> None:
        super().__init__(context, store, subscription)
        self._pauses = Pauses(store, self._consumer)
        self._once = once
        self._deliveries: dict[TopicPartition, int] = {}

    def take(self, most: int, wait: float, until: Callable[[], bool]) -> list[Record]:
        """Poll the next record of partitions of which none is in hand."""
        taken: list[Record] = []
        while len(taken) < most:
            if self._once:
                self._close_ended()
            seconds = 0.0 if taken else min(wait, self._pauses.seconds_left())
            try:
                records = self._poll(1, seconds, until, self._pauses)
            except Damaged:
                # Taken records come first; the next call meets the error again.
                if not taken:
                    raise
                break
            if not records:
                break
            for record in records:
                self._pauses.close(_partition(record))
                if self._is_wanted(record):
                    self._deliveries[_partition(record)] = self._consumer.failures(record) + 1
                    taken.append(record)
        return taken

    def deliveries(self, item: Record) -> int:
        """Count the failed attempts at the record, and this one."""
        return self._deliveries[_partition(item)]

    def done(self, items: Sequence[Record], tx: Outputs | None = None) -> None:
        """Commit the records."""
        for record in items:
            self._pauses.open(_partition(record))
            self._consumer.commit({_partition(record): record.offset + 1})

    def failed(
        self,
        items: Sequence[Record],
        error: str,
        delay: float | None = None,
        *,
        final: bool = False,
    ) -> None:
        """Note the failure; a record is read again, unless the group's DLQ has it now."""
        for record in items:
            partition = _partition(record)
            self._pauses.open(partition)
            if partition not in self._consumer.assignment:
                raise Fenced(
                    f"{record.topic}/{record.partition} is not assigned to"
                    f" {self._consumer.member} now"
                )
            self._fail(record, error, lambda _: delay, final=final)

    def skip_damaged(self, addresses: Sequence[Address]) -> None:
        """Commit the records, and read on behind them."""
        for id in map(_record_id, addresses):
            self._consumer.commit({_partition(id): id.offset + 1})
            self._consumer.seek(*_partition(id), id.offset + 1)

    def fail_damaged(
        self, addresses: Sequence[Address], error: str, delay: Delay, *, final: bool
    ) -> None:
        """Note the failure; a partition waits, unless the group's DLQ has the record now."""
        for id in map(_record_id, addresses):
            self._fail(id, error, delay, final=final)

    def close(self, error: BaseException | None) -> None:
        """Leave the group; records that are not committed are read again."""
        # The next member to join sees that this process is gone.
        with secondary_to(error), suppress(Unavailable):
            self._consumer.close(_LAST_CHANCE)

    def _fail(self, record: Record | RecordId, error: str, delay: Delay, *, final: bool) -> None:
        number = self._consumer.fail(record, error, final=final)
        partition = _partition(record)
        if self._consumer.position[partition] != record.offset:
            return
        if self._once:
            self._pauses.close(partition)
        else:
            self._pauses.wait(partition, record.offset, delay(number) or 0.0)

    def _close_ended(self) -> None:
        for partition, offset in self._consumer.position.items():
            if offset >= self._ends.get(partition, 0):
                self._pauses.close(partition)

    def _is_wanted(self, record: Record) -> bool:
        # Compaction may have left nothing between here and the records appended since.
        return not self._once or record.offset < self._ends.get(_partition(record), 0)


def _partition(record: Record | RecordId) -> TopicPartition:
    return record.topic, record.partition


def _record_id(address: Address) -> RecordId:
    assert address.partition is not None
    assert address.offset is not None
    return RecordId(address.name, address.partition, address.offset)
