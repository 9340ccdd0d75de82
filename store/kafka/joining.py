"""Joining a group: how a member does it, and where it begins in the partitions that it is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition as KafkaPartition

from store.kafka.clients import Clients
from store.kafka.errors import ours_of, translated
from store.kafka.resets import resolved
from store.model.errors import BadInput, TimedOut
from store.model.groups import RecordLoss, TopicPartition
from store.model.positions import Position
from store.model.topics import Seconds, in_seconds

_LONGEST_INTERVAL = 86_400_000
# Seconds after which a commit that does not come is taken for one of an open transaction.
_HIDDEN = 2.0


class MemberRequest(NamedTuple):
    """How to join a group: the static member's name, its times, and where it begins at first."""

    group: str
    topics: tuple[str, ...]
    member: str | None
    session_timeout: Seconds
    max_poll_interval: Seconds
    start: Position

    @property
    def transactional_id(self) -> str | None:
        """The id of the transactions of a static member, whichever process it is."""
        return None if self.member is None else f"mq.{self.group}.{self.member}"


class Beginnings:
    """Where a member begins: at the group's commit, and where there is none, where it was told."""

    def __init__(
        self, clients: Clients, request: MemberRequest, end_open: Callable[[], None]
    ) -> None:
        self.losses: list[RecordLoss] = []
        self._clients = clients
        self._group = request.group
        self._start = request.start
        self._end_open = end_open

    def of(
        self,
        consumer: Consumer,
        partitions: Sequence[KafkaPartition],
        kept: Mapping[TopicPartition, int],
    ) -> list[KafkaPartition]:
        """Return partitions with their next offsets; `kept` are those that were polled further."""
        with translated(self._clients.place, f"group {self._group}"):
            committed = self._committed(consumer, list(partitions))
            return [self._beginning(consumer, one, kept) for one in committed]

    def _committed(
        self, consumer: Consumer, partitions: list[KafkaPartition]
    ) -> list[KafkaPartition]:
        """Return the commits, which an open transaction hides as long as it may change them."""
        try:
            return consumer.committed(partitions, min(_HIDDEN, self._clients.timeout))
        except KafkaException as error:
            if error.args[0].code() != KafkaError._TIMED_OUT:
                raise
        self._end_open()
        return consumer.committed(partitions, self._clients.timeout)

    def bounds(self, consumer: Consumer, place: TopicPartition) -> tuple[int, int]:
        """Return the first offset of a partition, and the end of its committed records."""
        bounds = consumer.get_watermark_offsets(
            KafkaPartition(*place), timeout=self._clients.timeout
        )
        if bounds is None:
            name = self._clients.place.name
            raise TimedOut(f"{place[0]}/{place[1]}: {name} did not answer in time")
        return bounds

    def _beginning(
        self, consumer: Consumer, committed: KafkaPartition, kept: Mapping[TopicPartition, int]
    ) -> KafkaPartition:
        if committed.error is not None:
            raise ours_of(committed.error, self._clients.place, f"group {self._group}")
        place = committed.topic, committed.partition
        start, end = self.bounds(consumer, place)
        if committed.offset < 0 and place not in kept:
            offset = resolved(
                self._start, (start, end), start, lambda: self._since(consumer, place)
            )
            return KafkaPartition(*place, min(max(offset, start), end))
        offset = max(kept.get(place, 0), committed.offset)
        if offset < start:
            self.losses.append(RecordLoss(*place, offset, start))
        return KafkaPartition(*place, offset if start <= offset <= end else start)

    def _since(self, consumer: Consumer, place: TopicPartition) -> int | None:
        (first,) = consumer.offsets_for_times(
            [KafkaPartition(*place, self._start.number)], self._clients.timeout
        )
        return first.offset if first.offset >= 0 else None


def config_of(request: MemberRequest) -> dict[str, object]:
    """Return how librdkafka joins; raises `BadInput` for times too short for a sign of life."""
    session = round(in_seconds(request.session_timeout) * 1000)
    interval = round(in_seconds(request.max_poll_interval) * 1000)
    if min(session, interval) < 1:
        raise BadInput("session_timeout and max_poll_interval must be more than 0")
    config: dict[str, object] = {
        "group.id": request.group,
        "session.timeout.ms": session,
        "heartbeat.interval.ms": max(1, min(3000, session // 3)),
        # librdkafka wants it to be no less than the session.
        "max.poll.interval.ms": min(max(interval, session), _LONGEST_INTERVAL),
        "enable.partition.eof": True,
    }
    if request.member is not None:
        config["group.instance.id"] = request.member
    return config
