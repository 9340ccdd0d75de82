"""Reads by offset: a partition is assigned and read up to the end that it has at the moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from time import monotonic

from confluent_kafka import (
    KafkaError,
    Message,
    TopicPartition,
)

from store.kafka.clients import Clients
from store.kafka.errors import ours_of, translated
from store.model.errors import Hint, TimedOut

_At = tuple[str, int, int]


class PartitionReads:
    """Reads of one place; the partition that was read last goes on where it was."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._next: _At | None = None
        self._seen_end = -1

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
        start, end = self.bounds(topic, partition)
        offset = max(offset, start)
        if offset >= end or most <= 0:
            return []
        if self._next != (topic, partition, offset):
            self._begin(topic, partition, offset)
        elif self._seen_end >= end:
            return []
        return self._take(topic, partition, end, most)

    def _begin(self, topic: str, partition: int, offset: int) -> None:
        with self._about(topic):
            self._clients.reader.assign([TopicPartition(topic, partition, offset)])
        self._next, self._seen_end = (topic, partition, offset), -1

    def _take(self, topic: str, partition: int, end: int, most: int) -> list[Message]:
        taken: list[Message] = []
        deadline = monotonic() + self._clients.timeout
        while len(taken) < most:
            batch = self._some(most - len(taken), deadline - monotonic())
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
