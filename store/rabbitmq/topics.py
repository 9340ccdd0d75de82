"""Topics: super streams, that is a stream for each partition, behind an exchange of their name.

Client libraries place keys by hashes of their own; mq places them as Kafka's Java client does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from math import ceil
from time import monotonic
from typing import TYPE_CHECKING, Any, Unpack

from store import model, rabbitmq
from store.engine.features import Feature, lacking
from store.model.addresses import check_name
from store.model.encoding import check_partitions, encode_bytes, given_list, milliseconds
from store.model.errors import BadRecord, Exists, Hint, NotFound
from store.model.messages import NewMessage
from store.model.settings import check_settings, first_difference, settings_of
from store.model.topics import (
    Headers,
    NewRecord,
    PartitionStatus,
    Record,
    RecordId,
    Timestamp,
    TopicConfig,
    TopicSettings,
    TopicStatus,
)
from store.rabbitmq.base import CONTROL
from store.rabbitmq.deliveries import ServerDeliveries
from store.rabbitmq.errors import missing
from store.rabbitmq.messages import encoded, parts_of
from store.rabbitmq.streams import BUSY, IDLE, Streams, offset_of
from store.rabbitmq.super_streams import (
    UNKNOWN,
    PlacedRecord,
    is_super_stream,
    record_of,
    stream_name,
    topic_config_of,
)

if TYPE_CHECKING:
    import amqp

    from store.model.placement import StickyPlacement
    from store.model.positions import Position

_MOST_PARTITIONS = 1000
# Seconds for which the number of partitions is remembered: it only grows.
_KNOWN = 10.0
_PAGE = 500
_DEFAULTS = TopicConfig()


class ServerTopics(ServerDeliveries):
    """Topics: create, look, alter, delete, produce, read."""

    @cached_property
    def _streams(self) -> Streams:
        return Streams(self._connection)

    @cached_property
    def _known(self) -> dict[str, tuple[float, int]]:
        """When the partitions of a topic were counted, and how many there were."""
        return {}

    @cached_property
    def _sticky(self) -> dict[str, StickyPlacement]:
        return {}

    def create_topic(
        self,
        name: str,
        *,
        partitions: int = 1,
        if_not_exists: bool = False,
        **settings: Unpack[TopicSettings],
    ) -> TopicStatus:
        """Create a super stream, its policy first; the number of partitions is for ever."""
        check_name(name, "topic name")
        check_partitions(partitions)
        config = self._topic_config(settings, _DEFAULTS)
        present = self._count_partitions(name)
        if not present:
            self._create_topic(name, partitions, config, None)
        elif not if_not_exists:
            raise Exists(
                f"topic {name} exists already", hint=Hint("{}", model.looks.Show("topic", name))
            )
        elif present != partitions:
            raise Exists(f"topic {name} exists with {present} partitions, not {partitions}")
        elif difference := first_difference(self._topic_settings(name), config):
            setting, old, new = difference
            raise Exists(f"topic {name} exists with {setting} {old}, not {new}")
        return self.topic(name)

    def topics(self) -> list[TopicStatus]:
        """Return the super streams of the vhost, by name."""
        return [self.topic(name) for name in sorted(self._super_streams())]

    def topic(self, name: str) -> TopicStatus:
        """Return a topic with the offsets of its partitions, as of now; sizes are unknown."""
        return self._topic_status(name, self._topic_settings(name))

    def _topic_status(self, name: str, config: TopicConfig) -> TopicStatus:
        streams = self._partitions(name)
        partitions = [
            PartitionStatus(number, start, end, end - start, None, None)
            for number, (start, end) in enumerate(self._streams.bounds(streams))
        ]
        return TopicStatus(name, config, None, partitions)

    def alter_topic(
        self, name: str, *, partitions: int | None = None, **settings: Unpack[TopicSettings]
    ) -> TopicStatus:
        """Change the retention of a topic, by its policy."""
        config = self.plan_topic_alter(name, partitions=partitions, **settings)
        self._put_retention(name, config)
        return self.topic(name)

    def plan_topic_alter(
        self, name: str, *, partitions: int | None = None, **settings: Unpack[TopicSettings]
    ) -> TopicConfig:
        """Return the settings after a change; more partitions there are refused."""
        if partitions not in {None, len(self._partitions(name))}:
            raise lacking(self, Feature.MORE_PARTITIONS)
        return self._topic_config(settings, self._topic_settings(name))

    def delete_topic(self, name: str) -> TopicStatus:
        """Delete the streams of a topic, its exchange and its policy."""
        before = self.topic(name)
        self._streams.forget(self._partitions(name))
        self._delete_topic(name, len(before.partitions))
        return before

    def produce(
        self,
        topic: str,
        value: bytes | str | None,
        *,
        key: bytes | str | None = None,
        headers: Headers | None = None,
        timestamp: Timestamp | None = None,
        partition: int | None = None,
    ) -> RecordId:
        """Append one record; see `produce_many`."""
        return self.produce_many(topic, [NewRecord(value, key, headers, timestamp, partition)])[0]

    def produce_many(
        self, topic: str, records: Iterable[NewRecord | bytes | str]
    ) -> list[RecordId]:
        """Append records, each confirmed by itself; which offset each has is not told."""
        given = [
            one if isinstance(one, NewRecord) else NewRecord(one)
            for one in given_list(records, "records")
        ]
        number = len(self._partitions(topic))
        ready = self.encoded_records(given)
        places = [
            self._partition_of(index, topic, number, record) for index, record in enumerate(given)
        ]
        result = self._publisher.publish(
            topic, [(str(place), one) for place, one in zip(places, ready, strict=True)]
        )
        if result.returned:
            raise missing(f"topic {topic}")
        if result.refused:
            self._raise_full(f"topic {topic}", len(result.refused), len(ready))
        return [PlacedRecord(topic, place, UNKNOWN) for place in places]

    def encoded_records(self, records: Iterable[NewRecord]) -> list[amqp.Message]:
        """Return records as messages; raises `BadRecord` for the first that can't be sent."""
        messages = [
            NewMessage(one.value, one.key, one.headers, one.timestamp, properties=one.properties)
            for one in records
        ]
        return [one for _, one in encoded(messages, self.features, self.wall())]

    def read(
        self,
        topic: str,
        partition: int = 0,
        offset: int = 0,
        limit: int = 1000,
        max_bytes: int | None = None,
        *,
        mark_damaged: bool = False,
    ) -> list[Record]:
        """Return up to `limit` records from `offset` on; nothing is remembered."""
        records = self._records(topic, partition, offset, limit)
        if records:
            return records
        # A busy server is silent, too: only the last record tells that there is no more.
        ((_, end),) = self._streams.bounds([self._partition(topic, partition)])
        return [] if offset >= end else self._records(topic, partition, offset, limit, BUSY)

    def _records(
        self, topic: str, partition: int, offset: int, most: int, idle: float = IDLE
    ) -> list[Record]:
        stream = self._partition(topic, partition)
        return [
            record_of(topic, partition, message)
            for message in self._streams.read(stream, offset, most, idle)
        ]

    def record(
        self, topic: str, partition: int, offset: int, *, mark_damaged: bool = False
    ) -> Record:
        """Return the record at an offset; raises `NotFound`."""
        records = self.read(topic, partition, offset, 1)
        if not records or records[0].offset != offset:
            raise NotFound(f"record {topic}/{partition}@{offset} does not exist")
        return records[0]

    def resolve(
        self, topic: str, position: Position, partition: int = 0, group: str | None = None
    ) -> int:
        """Return the offset of a position in a partition, moved into the stream."""
        stream = self._partition(topic, partition)
        (bounds,) = self._streams.bounds([stream])
        return self._resolved(topic, partition, position, bounds)

    def resolve_all(self, topic: str, position: Position) -> list[int]:
        """Resolve a position in every partition of a topic, in order."""
        found = enumerate(self._streams.bounds(self._partitions(topic)))
        return [self._resolved(topic, number, position, bounds) for number, bounds in found]

    def partition_for(self, topic: str, key: bytes | str) -> int:
        """Return the partition that records with this key go to: that of Kafka's Java client."""
        number = len(self._partitions(topic))
        return model.placement.partition_for_key(encode_bytes(key, "key") or b"", number)

    def _resolved(
        self, topic: str, partition: int, position: Position, bounds: tuple[int, int]
    ) -> int:
        start, end = bounds
        match position.kind:
            case "earliest":
                return start
            case "latest":
                return end
            case "last":
                return max(start, end - 1)
            case "offset":
                return min(max(position.number, start), end)
            case "back":
                return max(start, end - position.number)
            case "committed":
                raise lacking(self, Feature.GROUPS)
        return self._first_since(topic, partition, position.number, end)

    def _first_since(self, topic: str, partition: int, time: int, end: int) -> int:
        """Return the first offset at or after a time, by the times that producers gave."""
        stream = stream_name(topic, partition)
        moment = datetime.fromtimestamp(time / 1000, UTC)
        messages = self._streams.from_time(stream, moment, _PAGE)
        while messages:
            for message in messages:
                given = parts_of(message).timestamp
                if given is None or given >= time:
                    return offset_of(message)
            offset = offset_of(messages[-1]) + 1
            if offset >= end:
                break
            messages = self._streams.read(stream, offset, _PAGE)
        return end

    def _partition_of(self, index: int, topic: str, partitions: int, record: NewRecord) -> int:
        if record.partition is not None:
            if not 0 <= record.partition < partitions:
                raise BadRecord(index, f"topic {topic} has no partition {record.partition}")
            return record.partition
        key = encode_bytes(record.key, "key")
        if key is not None:
            return model.placement.partition_for_key(key, partitions)
        sticky = self._sticky.setdefault(topic, model.placement.StickyPlacement())
        return sticky.choose(partitions, len(record.value or b""))

    def _partitions(self, topic: str) -> list[str]:
        """Return the streams of a topic, in order; raises `NotFound`."""
        counted, number = self._known.get(topic, (0.0, 0))
        if not number or monotonic() - counted > _KNOWN:
            number = self._count_partitions(topic)
            if not number:
                raise NotFound(
                    f"topic {topic} does not exist",
                    hint=Hint("{}", model.actions.create("topic", topic)),
                )
            self._known[topic] = monotonic(), number
        return [stream_name(topic, partition) for partition in range(number)]

    def _partition(self, topic: str, partition: int) -> str:
        streams = self._partitions(topic)
        if not 0 <= partition < len(streams):
            raise NotFound(
                f"partition {topic}/{partition} does not exist",
                hint=f"{topic} has partitions 0 to {len(streams) - 1}",
            )
        return streams[partition]

    def _count_partitions(self, topic: str) -> int:
        """Return how many partitions a topic has, without the management API."""
        if not self._has_exchange(topic):
            return 0
        number = 0
        while number < _MOST_PARTITIONS and self._is_queue(stream_name(topic, number)):
            number += 1
        return number

    def _has_exchange(self, name: str) -> bool:
        self._connection.open()
        try:
            with self._connection.channel(CONTROL, f"exchange {name}") as channel:
                channel.exchange_declare(name, "direct", passive=True)
        except NotFound:
            return False
        return True

    def _super_streams(self) -> dict[str, Mapping[str, Any]]:
        """Return the exchanges of super streams, by name."""
        entries = self._listed("exchanges", "name,type,arguments")
        return {one["name"]: one for one in entries if is_super_stream(one)}

    def _topic_config(self, given: Mapping[str, Any], before: TopicConfig) -> TopicConfig:
        values: dict[str, Any] = {}
        for name, value in given.items():
            rabbitmq.settings.check_topic_setting(self.features, name, value)
            is_time = settings_of(TopicConfig)[name].notation.time
            values[name] = milliseconds(value, name) if is_time and value is not None else value
        config = before._replace(**values)
        check_settings(config)
        return config

    def _topic_settings(self, name: str) -> TopicConfig:
        """Return the settings of a topic; records stay for ever where no policy is known."""
        if not self._has_management:
            return TopicConfig(retention=None)
        known = rabbitmq.policies.read(self._management)
        return topic_config_of(known.effective(stream_name(name, 0), "stream", {}))

    def _create_topic(
        self, name: str, partitions: int, config: TopicConfig, label: str | None
    ) -> None:
        self._put_retention(name, config)
        owner = {} if label is None else {rabbitmq.settings.LABEL: label}
        with self._connection.channel(CONTROL, f"topic {name}") as channel:
            channel.exchange_declare(
                name,
                "direct",
                durable=True,
                auto_delete=False,
                arguments={rabbitmq.routes.SUPER_STREAM: True, **owner},
            )
            for number in range(partitions):
                stream = stream_name(name, number)
                channel.queue_declare(
                    stream, durable=True, auto_delete=False, arguments={"x-queue-type": "stream"}
                )
                channel.queue_bind(
                    stream, name, str(number), arguments={rabbitmq.routes.PARTITION_ORDER: number}
                )

    def _put_retention(self, name: str, config: TopicConfig) -> None:
        definition: dict[str, Any] = {}
        if config.retention is not None:
            definition["max-age"] = f"{ceil(config.retention / 1000)}s"
        if config.retention_bytes is not None:
            definition["max-length-bytes"] = config.retention_bytes
        rabbitmq.policies.put(self._management, "topic", name, definition)

    def _delete_topic(self, name: str, partitions: int) -> None:
        self._known.pop(name, None)
        with self._connection.channel(CONTROL, f"topic {name}") as channel:
            for number in range(partitions):
                channel.queue_delete(stream_name(name, number))
            channel.exchange_delete(name)
        if self._has_management:
            rabbitmq.policies.remove(self._management, "topic", name)
