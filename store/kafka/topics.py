"""Topics as things: create, look, change, trim, delete."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from time import monotonic, sleep
from typing import Any, NamedTuple, Unpack

from confluent_kafka import TopicPartition
from confluent_kafka.admin import (
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ConfigSource,
    NewPartitions,
    NewTopic,
    ResourceType,
)

from store import kafka, model
from store.engine.features import Feature
from store.kafka.base import INTERNAL
from store.kafka.errors import translated
from store.kafka.log import Bounds, ClusterRecords
from store.model.addresses import check_name
from store.model.encoding import check_partitions
from store.model.errors import (
    BadInput,
    Denied,
    Exists,
    Hint,
    NotFound,
    TimedOut,
    Unavailable,
    Unsupported,
)
from store.model.maintenance import CompactionResult, TrimResult
from store.model.positions import Position
from store.model.settings import first_difference
from store.model.topics import PartitionStatus, TopicConfig, TopicSettings, TopicStatus

_DEFAULT_REPLICAS = -1
_LOOK = 0.01
# Newest records of each partition that are looked at for the keys that more partitions would move.
_SAMPLE = 1000


class TopicConfiguration(NamedTuple):
    """Kafka's configuration of a topic, and which of it is set on the topic itself."""

    values: Mapping[str, str]
    own: frozenset[str]


_UNTOLD = TopicConfiguration({kafka.settings.KEYS["retention"]: "-1"}, frozenset())
"""The configuration of topics of a server that does not tell it."""


class TopicSetup(NamedTuple):
    """How a topic is set up: `own` is what of its configuration is set on it.

    `in_sync` counts the replicas in sync of each partition.
    """

    partitions: int
    replicas: int
    config: Mapping[str, str]
    own: frozenset[str]
    in_sync: Sequence[int]
    without_leader: int


class ClusterTopics(ClusterRecords):
    """Topics: create, list, alter, trim, delete."""

    def create_topic(
        self,
        name: str,
        *,
        partitions: int = 1,
        if_not_exists: bool = False,
        **settings: Unpack[TopicSettings],
    ) -> TopicStatus:
        """Create a topic with the servers' replication factor; settings not given are theirs."""
        self.features.need(Feature.TOPIC_ADMIN)
        check_name(name, "topic name")
        check_partitions(partitions)
        self._refuse_labels(settings)
        values = kafka.settings.held(settings)
        try:
            self._create_topic(name, partitions, values)
        except Exists:
            if not if_not_exists:
                raise Exists(
                    f"topic {name} exists already", hint=Hint("{}", model.looks.Show("topic", name))
                ) from None
            self._check_same(name, partitions, values)
        return self.topic(name)

    def topics(self) -> list[TopicStatus]:
        """Return every topic that is not one of Kafka's own, by name."""
        counts = self._topic_partitions()
        bounds = self._bounds([(name, p) for name, number in counts.items() for p in range(number)])
        configs = self._configs(counts)
        return [
            _status(name, number, bounds, kafka.settings.config_of(configs[name].values))
            for name, number in counts.items()
        ]

    def topic(self, name: str) -> TopicStatus:
        """Return a topic with the offsets of its partitions; the end is that of committed records.

        `records` counts offsets: compaction and the marks of transactions leave gaps.
        """
        number = self._partition_count(name)
        bounds = self._bounds([(name, partition) for partition in range(number)])
        return _status(name, number, bounds, self._topic_config(name))

    def alter_topic(
        self, name: str, *, partitions: int | None = None, **settings: Unpack[TopicSettings]
    ) -> TopicStatus:
        """Change the given settings of a topic alone (incremental), and add partitions."""
        self.features.need(Feature.TOPIC_ADMIN)
        self.plan_topic_alter(name, partitions=partitions, **settings)
        if partitions is not None and partitions != self._partition_count(name):
            self._add_partitions(name, partitions)
        self._set(name, kafka.settings.held(settings))
        return self.topic(name)

    def plan_topic_alter(
        self, name: str, *, partitions: int | None = None, **settings: Unpack[TopicSettings]
    ) -> TopicConfig:
        """Return the settings that `alter_topic` would leave; raises its errors."""
        self._refuse_labels(settings)
        if partitions is not None:
            check_partitions(partitions)
            present = self._partition_count(name)
            if partitions < present:
                raise BadInput(
                    f"topic {name} has {present} partitions, and they only grow",
                    hint="for fewer, create another topic and copy the records",
                )
            if partitions > present:
                self.features.need(Feature.MORE_PARTITIONS)
        return self._topic_config(name)._replace(**kafka.settings.held(settings))

    def delete_topic(self, name: str) -> TopicStatus:
        """Delete a topic with its records; Kafka removes the offsets of its groups."""
        self.features.need(Feature.TOPIC_ADMIN)
        before = self.topic(name)
        futures = self._clients.admin.delete_topics([name], request_timeout=self._clients.timeout)
        self._clients.settled(futures, "topic ")
        self._reads.forget(name)
        self._until(name, lambda: self._count_partitions(name) == 0)
        return before

    def trim(self, topic: str, before: Position, partition: int | None = None) -> list[TrimResult]:
        """Remove the records before a position (DeleteRecords); refused for a compacted topic."""
        planned = self.trim_preview(topic, before, partition)
        futures = self._clients.admin.delete_records(
            [TopicPartition(topic, one.partition, one.start) for one in planned],
            request_timeout=self._clients.timeout,
        )
        self._reads.forget(topic)
        done = self._clients.settled(
            {one.partition: future for one, future in futures.items()}, f"topic {topic}"
        )
        return [_trimmed(plan, int(done[plan.partition].low_watermark)) for plan in planned]

    def trim_preview(
        self, topic: str, before: Position, partition: int | None = None
    ) -> list[TrimResult]:
        """Return what `trim` would remove at most: gaps count as records."""
        if partition is not None:
            self._check_partition(topic, partition)
        numbers = range(self._partition_count(topic)) if partition is None else [partition]
        bounds = self._bounds([(topic, number) for number in numbers])
        resolved = self._resolved(
            topic, before, {number: bounds[topic, number] for number in numbers}
        )
        return [
            TrimResult(topic, number, start, resolved[number], end, resolved[number] - start)
            for number in numbers
            for start, end in (bounds[topic, number],)
        ]

    def moving_keys(self, topic: str, partitions: int) -> tuple[int, int]:
        """Return how many of the newest keys another number of partitions would move, and of how
        many.
        """
        number = self._partition_count(topic)
        keys: set[bytes] = set()
        for partition in range(number):
            _, end = self._reads.bounds(topic, partition)
            newest = self._reads.read(topic, partition, max(0, end - _SAMPLE), _SAMPLE)
            keys.update(key for message in newest if (key := message.key()) is not None)
        place = model.placement.partition_for_key
        return sum(place(key, number) != place(key, partitions) for key in keys), len(keys)

    def compact_topic(self, topic: str) -> list[CompactionResult]:
        """Refuse: the servers compact by themselves, and take no order to."""
        raise Unsupported(
            "kafka compacts by itself, and takes no order to",
            "min.cleanable.dirty.ratio and max.compaction.lag.ms of the topic",
            Feature.COMPACTION.word,
        )

    def _create_topic(
        self,
        name: str,
        partitions: int,
        values: Mapping[str, Any],
        replicas: int = _DEFAULT_REPLICAS,
    ) -> None:
        new = NewTopic(
            name,
            partitions,
            replicas,
            config={
                kafka.settings.KEYS[setting]: kafka.settings.to_kafka(setting, value)
                for setting, value in values.items()
            },
        )
        futures = self._clients.admin.create_topics([new], request_timeout=self._clients.timeout)
        self._clients.settled(futures, "topic ")
        self._until_led(name, partitions)

    def _add_partitions(self, name: str, partitions: int) -> None:
        futures = self._clients.admin.create_partitions(
            [NewPartitions(name, partitions)], request_timeout=self._clients.timeout
        )
        self._clients.settled(futures, "topic ")
        self._until_led(name, partitions)

    def _until_led(self, topic: str, partitions: int) -> None:
        """Wait until every partition of a topic has a leader that answers."""

        def is_led() -> bool:
            with suppress(NotFound, Unavailable):
                if self._count_partitions(topic) == partitions:
                    self._bounds([(topic, partition) for partition in range(partitions)])
                    return True
            return False

        self._until(topic, is_led)

    def _until(self, topic: str, is_so: Callable[[], bool]) -> None:
        """Wait until the server that answers has heard of a change of a topic."""
        self._counted.pop(topic, None)
        deadline = monotonic() + self._clients.timeout
        while not is_so():
            if monotonic() > deadline:
                raise TimedOut(f"topic {topic}: the change has not reached every server yet")
            sleep(_LOOK)

    def _set(self, name: str, values: Mapping[str, Any]) -> None:
        """Set settings of a topic; `DEFAULT` takes back what is set, so that the servers' holds."""
        if not values:
            return
        entries = [_entry(setting, value) for setting, value in values.items()]
        resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=entries)
        futures = self._clients.admin.incremental_alter_configs(
            [resource], request_timeout=self._clients.timeout
        )
        self._clients.settled(futures, f"topic {name}")

    def _configs(self, names: Iterable[str]) -> dict[str, TopicConfiguration]:
        """Return Kafka's configuration of topics, by name."""
        asked = [ConfigResource(ResourceType.TOPIC, name) for name in names]
        if kafka.probing.DESCRIBE_CONFIGS not in self._clients.offer.calls:
            return dict.fromkeys(names, _UNTOLD)
        if not asked:
            return {}
        futures = self._clients.admin.describe_configs(asked, request_timeout=self._clients.timeout)
        found = self._clients.settled(
            {resource.name: future for resource, future in futures.items()}, "topic "
        )
        return {
            name: TopicConfiguration(
                {key: entry.value for key, entry in entries.items()},
                frozenset(
                    key
                    for key, entry in entries.items()
                    if entry.source == ConfigSource.DYNAMIC_TOPIC_CONFIG.value
                ),
            )
            for name, entries in found.items()
        }

    def _topic_config(self, name: str) -> TopicConfig:
        return kafka.settings.config_of(self._configs([name])[name].values)

    def _setups(self) -> dict[str, TopicSetup]:
        """Return how every topic is set up that is not one of Kafka's own, by name."""
        with translated(self._place, "the list of topics"):
            known = self._clients.reader.list_topics(timeout=self._clients.timeout).topics
        topics = {name: one for name, one in known.items() if not name.startswith(INTERNAL)}
        found = self._configs(topics)
        return {
            name: TopicSetup(
                len(one.partitions),
                min((len(part.replicas) for part in one.partitions.values()), default=0),
                found[name].values,
                found[name].own,
                [len(part.isrs) for part in one.partitions.values()],
                sum(part.leader < 0 for part in one.partitions.values()),
            )
            for name, one in sorted(topics.items())
        }

    def _servers(self) -> list[int]:
        """Return the numbers of the servers that are there."""
        with translated(self._place, "the list of servers"):
            return list(self._clients.reader.list_topics(timeout=self._clients.timeout).brokers)

    def _default_replicas(self) -> int | None:
        """Return how many replicas a topic has that asks for none; `None` where it is not told."""
        resource = ConfigResource(ResourceType.BROKER, str(min(self._servers())))
        futures = self._clients.admin.describe_configs(
            [resource], request_timeout=self._clients.timeout
        )
        with suppress(Denied, KeyError, ValueError):
            entries = self._clients.settled(futures, "settings of the servers")[resource]
            return int(entries["default.replication.factor"].value)
        return None

    def _check_same(self, name: str, partitions: int, values: Mapping[str, Any]) -> None:
        present = self._partition_count(name)
        if present != partitions:
            raise Exists(f"topic {name} exists with {present} partitions, not {partitions}")
        config = self._topic_config(name)
        if difference := first_difference(config, config._replace(**values)):
            setting, old, new = difference
            raise Exists(f"topic {name} exists with {setting} {old}, not {new}")


def _entry(setting: str, value: Any) -> ConfigEntry:
    key = kafka.settings.KEYS[setting]
    if value is kafka.settings.DEFAULT:
        return ConfigEntry(key, None, incremental_operation=AlterConfigOpType.DELETE)
    text = kafka.settings.to_kafka(setting, value)
    return ConfigEntry(key, text, incremental_operation=AlterConfigOpType.SET)


def _status(name: str, number: int, bounds: Bounds, config: TopicConfig) -> TopicStatus:
    partitions = [
        PartitionStatus(partition, start, end, end - start, None, None)
        for partition in range(number)
        for start, end in (bounds[name, partition],)
    ]
    return TopicStatus(name, config, None, partitions)


def _trimmed(plan: TrimResult, start: int) -> TrimResult:
    return plan._replace(start=start, removed=start - plan.start_before)
