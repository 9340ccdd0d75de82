"""Reading a topic as a member of a consumer group, which commits what was printed."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import groupby
from types import TracebackType

from mq.cli.diagnostics import Diagnostics
from mq.cli.interrupts import Interrupts
from mq.read.bounds import BATCH_RECORDS, Until, in_batches
from store.api.consumer import Consumer
from store.api.store import Store
from store.crash import crash_point
from store.model.errors import Unavailable
from store.model.text import counted
from store.model.topics import Record

_LONGEST_WAIT = 60.0
# How long a command that was told to end still waits for the store's lock, each time.
_LAST_CHANCE = 0.05


class GroupReading:
    """Polls for a consumer and commits for it; leaves the group at the end of the `with` block.

    It ends at the end that was there when it was made, and before `until`; with `follow` it goes
    on with what is appended.
    """

    def __init__(
        self, store: Store, consumer: Consumer, topic: str, until: Until, *, follow: bool,
        interrupts: Interrupts, diagnostics: Diagnostics, batch: int = BATCH_RECORDS,
    ) -> None:  # fmt: skip
        self._store = store
        self._consumer = consumer
        self._until = until
        self._follow = follow
        self._interrupts = interrupts
        self._diagnostics = diagnostics
        self._batch = batch
        found = store.topic(topic).partitions
        self._ends = {(topic, partition.partition): partition.end for partition in found}

    def batches(self) -> Iterator[list[Record]]:
        """The records that are to be printed, a batch to be committed at a time."""
        while not self._is_at_end():
            now = self._store.wall()
            polled = self._consumer.poll(self._batch, self._pause(now))
            report_losses(self._consumer, self._diagnostics)
            yield from in_batches(self._before_end(polled), self._batch)
            if not polled and (not self._follow or self._is_past(now)):
                return

    def remaining(self) -> int:
        """How many offsets are still to be read in the partitions that this member owns."""
        places = self._consumer.position.items()
        return sum(max(0, self._end(*place) - offset) for place, offset in places)

    def commit(self, records: Sequence[Record]) -> None:
        """Commit that these records were dealt with.

        After a signal, or with one while it waits, it tries a last time but not for long.
        """
        crash_point("consume.printed")
        offsets = {(record.topic, record.partition): record.offset + 1 for record in records}
        if not offsets:
            return
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

    def heartbeat(self) -> None:
        """Stay in the group while nothing is polled; where the store is busy, another time."""
        with suppress(Unavailable):
            self._consumer.heartbeat()

    def __enter__(self) -> GroupReading:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            with suppress(Exception):
                self._consumer.close(_LAST_CHANCE)
            return
        try:
            with self._interrupts.allowed():
                self._consumer.close()
        except KeyboardInterrupt:
            # Whoever joins next sees that our process is gone.
            with suppress(Unavailable):
                self._consumer.close(_LAST_CHANCE)
            raise

    def _is_at_end(self) -> bool:
        """Whether this member owns partitions, and has nothing more to read in any of them."""
        position = self._consumer.position
        return bool(position) and all(
            offset >= self._end(*place) for place, offset in position.items()
        )

    def _end(self, topic: str, partition: int) -> int:
        end = sys.maxsize if self._follow else self._ends.get((topic, partition), 0)
        return self._until.end(end)

    def _before_end(self, polled: Sequence[Record]) -> Iterator[Record]:
        for _, records in groupby(polled, key=lambda record: (record.topic, record.partition)):
            page = list(records)
            yield from self._until.cut(page, self._end(page[0].topic, page[0].partition))

    def _is_past(self, now: int) -> bool:
        return self._until.time is not None and now >= self._until.time

    def _pause(self, now: int) -> float:
        if not self._follow:
            return 0.0
        if self._until.time is None:
            return _LONGEST_WAIT
        return min(_LONGEST_WAIT, max(0.0, (self._until.time - now) / 1000))


def report_losses(consumer: Consumer, diagnostics: Diagnostics) -> None:
    """Warn of the records that were removed before the group read them."""
    for loss in consumer.losses:
        lost = counted(loss.end - loss.first, "record")
        diagnostics.warning(
            f"{loss.topic}/{loss.partition}: {lost} ({loss.first} to {loss.end - 1}) were"
            f" removed before group {consumer.group} read them; went on at {loss.end}"
        )
    consumer.losses.clear()
