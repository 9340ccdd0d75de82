"""Reads by offset: a partition is assigned and read up to the end that it has at the moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from time import monotonic
from typing import NamedTuple

from confluent_kafka import (
    KafkaError,
    Message,
    TopicPartition,
)

from store.kafka.clients import Clients
from store.kafka.errors import ours_of, translated
from store.model.errors import Hint, TimedOut

_At = tuple[str, int, int]
# A page of fewer records takes no more than it asks for.
_PAGE = 100
# Records that came with a page are kept for the next one: this many of each of so many partitions,
# for seconds. A topic is read in pages of its partitions in turn, and each fetch brings more.
_AHEAD = 5_000
_PARTITIONS = 64
_SECONDS = 5.0


class _Kept(NamedTuple):
    """Records of a partition from an offset on, and until when they are good."""

    offset: int
    messages: list[Message]
    until: float


class PartitionReads:
    """Reads of one place; the partition that was read last goes on where it was."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._next: _At | None = None
        self._seen_end = -1
        self._kept: dict[tuple[str, int], _Kept] = {}

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """Return the first offset of a partition and the end of its committed records."""
        with self._about(topic):
            found = self._clients.reader.get_watermark_offsets(
                TopicPartition(topic, partition), timeout=self._clients.timeout
            )
        if found is None:
            raise self._too_slow(topic)
        return found

    def since(self, topic: str, times: Mapping[int, int]) -> dict[int, int | None]:
        """Return the first offset at or after a time (Unix ms) by partition; `None` without one."""
        asked = [TopicPartition(topic, number, time) for number, time in times.items()]
        with self._about(topic):
            answered = self._clients.reader.offsets_for_times(asked, self._clients.timeout)
        found: dict[int, int | None] = {}
        for one in answered:
            if one.error is not None:
                raise ours_of(one.error, self._clients.place, f"topic {topic}")
            found[one.partition] = one.offset if one.offset >= 0 else None
        return found

    def read(self, topic: str, partition: int, offset: int, most: int) -> list[Message]:
        """Return up to `most` committed records from an offset on, as far as there are any now.

        Kafka's own marks of transactions take offsets, so that fewer may be there than offsets.
        """
        page = self._from_kept(topic, partition, offset, most)
        if len(page) == most:
            return page
        after = (page[-1].offset() or 0) + 1 if page else offset
        return page + self._fetched(topic, partition, after, most - len(page))

    def forget(self, topic: str) -> None:
        """Forget what was read of a topic that has changed."""
        self._kept = {place: kept for place, kept in self._kept.items() if place[0] != topic}
        self._next = None

    def _from_kept(self, topic: str, partition: int, offset: int, most: int) -> list[Message]:
        kept = self._kept.pop((topic, partition), None)
        if kept is None or kept.offset != offset or monotonic() > kept.until:
            return []
        self._keep(topic, partition, kept.messages, most, kept.until)
        return kept.messages[:most]

    def _keep(
        self, topic: str, partition: int, messages: list[Message], most: int, until: float
    ) -> None:
        """Keep what is behind the first `most` messages for the next page."""
        if len(messages) <= most:
            return
        self._kept[topic, partition] = _Kept(
            (messages[most - 1].offset() or 0) + 1, messages[most:], until
        )
        if len(self._kept) > _PARTITIONS:
            del self._kept[next(iter(self._kept))]

    def _fetched(self, topic: str, partition: int, offset: int, most: int) -> list[Message]:
        start, end = self.bounds(topic, partition)
        offset = max(offset, start)
        if offset >= end or most <= 0:
            return []
        if self._next != (topic, partition, offset):
            self._begin(topic, partition, offset)
        elif self._seen_end >= end:
            return []
        taken = self._take(topic, partition, end, most)
        self._keep(topic, partition, taken, most, monotonic() + _SECONDS)
        return taken[:most]

    def _begin(self, topic: str, partition: int, offset: int) -> None:
        with self._about(topic):
            self._clients.reader.assign([TopicPartition(topic, partition, offset)])
        self._next, self._seen_end = (topic, partition, offset), -1

    def _take(self, topic: str, partition: int, end: int, most: int) -> list[Message]:
        taken: list[Message] = []
        deadline = monotonic() + self._clients.timeout
        while len(taken) < most:
            wanted = _AHEAD if most >= _PAGE else most - len(taken)
            batch = self._some(wanted, deadline - monotonic())
            if not batch:
                raise self._too_slow(topic)
            for message in batch:
                error = message.error()
                if error is None:
                    taken.append(message)
                    self._next = (topic, partition, (message.offset() or 0) + 1)
                elif error.code() == KafkaError._PARTITION_EOF:
                    self._seen_end = message.offset() or 0
                else:
                    self._next = None
                    raise ours_of(error, self._clients.place, f"topic {topic}")
            at = self._next
            if self._seen_end >= end or (at is not None and at[2] >= end):
                break
            deadline = monotonic() + self._clients.timeout
        return taken

    def _some(self, most: int, left: float) -> Sequence[Message]:
        """Return what is there, after a wait for the first of it."""
        reader = self._clients.reader
        first = reader.poll(max(0.0, left))
        if first is None:
            return []
        more = reader.consume(most - 1, timeout=0) if most > 1 else []
        return [first, *more]

    def _about(self, topic: str) -> AbstractContextManager[None]:
        return translated(self._clients.place, f"topic {topic}")

    def _too_slow(self, topic: str) -> TimedOut:
        return TimedOut(
            f"topic {topic}: {self._clients.place.name} did not answer in time",
            hint=Hint("wait longer with {timeout}"),
        )
