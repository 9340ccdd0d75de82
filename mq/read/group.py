"""Reading a topic as a member of a consumer group."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from mq.cli.context import Context
from mq.cli.interrupts import Interrupts
from mq.read.source import Source
from mq.read.topic import Until, in_batches
from store import model
from store.model.errors import Unavailable
from store.model.groups import TopicPartition
from store.model.positions import Position
from store.model.text import counted
from store.model.topics import Record

if TYPE_CHECKING:
    from store.engine.broker import Broker
    from store.engine.transactions import Outputs

# The reader of our output may be slow, such as a pager; a group waits for it as long as for us.
LONGEST_PRINTING = timedelta(days=1)
# Seconds for which a command that was told to end still waits for the store's lock, each time.
_LAST_CHANCE = 0.05


class Subscription(NamedTuple):
    """How to join a group to read a topic; `session_timeout` is in seconds."""

    group: str
    topic: str
    session_timeout: float
    member: str | None = None
    start: str | Position = "earliest"


class MemberSource(Source[Record]):
    """A topic read as a member of a group, which it joins here and leaves when it is closed."""

    def __init__(self, context: Context, store: Broker, subscription: Subscription) -> None:
        self._store = store
        self._diagnostics = context.diagnostics
        partitions = store.topic(subscription.topic).partitions
        self._ends = {(subscription.topic, status.partition): status.end for status in partitions}
        self.keepalive_interval = subscription.session_timeout / 3
        self._consumer = store.consumer(
            subscription.group,
            [subscription.topic],
            member=subscription.member,
            session_timeout=subscription.session_timeout,
            max_poll_interval=LONGEST_PRINTING,
            start=subscription.start,
            timeout=context.timeout,
        )

    def keepalive(self, items: Sequence[Record]) -> Sequence[Record]:
        """Stay in the group; raises `Fenced` when it has dropped us."""
        # A busy store is no reason to end: the next one is due well before the session is over.
        with suppress(Unavailable):
            self._consumer.heartbeat()
        return ()

    def skip_command(self, item: Record) -> str:
        """Name the command by which the group skips the record."""
        record = model.addresses.Address(item.topic, item.partition, item.offset)
        skip = model.actions.SkipRecord(self._consumer.group, record)
        return model.shell_texts.as_command(skip)

    def _poll(
        self,
        most: int,
        wait: float,
        until: Callable[[], bool],
        paused: Container[TopicPartition] = (),
    ) -> list[Record]:
        records = self._consumer.poll(most, wait, paused=paused, until=until)
        for loss in self._consumer.losses:
            lost = counted(loss.end - loss.first, "record")
            self._diagnostics.warning(
                f"{loss.topic}/{loss.partition}: {lost} ({loss.first} to {loss.end - 1}) were"
                f" removed before group {self._consumer.group} read them; went on at {loss.end}"
            )
        self._consumer.losses.clear()
        return records


class GroupSource(MemberSource):
    """Records in batches, each committed as a whole.

    It ends at the end that was there when it was made, and before `until`; with `follow` it goes
    on with what is appended.
    """

    def __init__(
        self, context: Context, store: Broker, subscription: Subscription, interrupts: Interrupts,
        *, until: Until, follow: bool,
    ) -> None:  # fmt: skip
        super().__init__(context, store, subscription)
        self._until = until
        self._follow = follow
        self._interrupts = interrupts
        self._batches: deque[list[Record]] = deque()
        self._is_past = False

    def take(self, most: int, wait: float, until: Callable[[], bool]) -> list[Record]:
        """Poll the records that follow."""
        while not self._batches and not self.is_over():
            now = self._store.wall()
            with self._interrupts.allowed():
                records = self._poll(most, self._until.pause(wait, now), until)
            self._batches += in_batches(self._before_end(records), most)
            if not records:
                self._is_past = self._until.is_past(now)
                break
        return self._batches.popleft() if self._batches else []

    def is_over(self) -> bool:
        """Return whether this member owns partitions, and has read all of them."""
        position = self._consumer.position
        is_at_end = bool(position) and all(
            offset >= self._end(*partition) for partition, offset in position.items()
        )
        return not self._batches and (is_at_end or self._is_past)

    def remaining(self) -> int:
        """Count the offsets that are still to be read in the partitions that this member owns."""
        position = self._consumer.position.items()
        return sum(max(0, self._end(*partition) - offset) for partition, offset in position)

    def done(self, items: Sequence[Record], tx: Outputs | None = None) -> None:
        """Commit the offsets behind the records.

        A signal that comes before or meanwhile leaves it one short last try.
        """
        offsets = {(record.topic, record.partition): record.offset + 1 for record in items}
        if tx is not None:
            tx.commit(self._consumer.group, offsets, self._consumer)
        elif offsets:
            self._commit(offsets)

    def close(self, error: BaseException | None) -> None:
        """Leave the group; records that are not committed are read again."""
        if error is not None:
            with suppress(Exception):
                self._consumer.close(_LAST_CHANCE)
            return
        try:
            with self._interrupts.allowed():
                self._consumer.close()
        except KeyboardInterrupt:
            # The next member to join sees that this process is gone.
            with suppress(Unavailable):
                self._consumer.close(_LAST_CHANCE)
            raise

    def _commit(self, offsets: dict[TopicPartition, int]) -> None:
        try:
            with self._interrupts.allowed():
                self._consumer.commit(offsets)
        except KeyboardInterrupt:
            try:
                self._consumer.commit(offsets, _LAST_CHANCE)
            except Unavailable as error:
                self._diagnostics.warning(
                    f"the last records printed will be read again: {error.message}"
                )
            raise

    def _end(self, topic: str, partition: int) -> int:
        end = sys.maxsize if self._follow else self._ends.get((topic, partition), 0)
        return self._until.end(end)

    def _before_end(self, polled: Sequence[Record]) -> Iterator[Record]:
        for partition, records in groupby(polled, key=lambda record: record[:2]):
            yield from self._until.cut(list(records), self._end(*partition))
