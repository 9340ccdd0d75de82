"""The base of each group of calls: the clients, the features, what the server knows of a topic."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from time import monotonic, time
from typing import Any

from confluent_kafka import KafkaError

from store.engine.features import Feature, Features
from store.engine.places import Place
from store.kafka.clients import Clients
from store.kafka.errors import missing, ours_of, translated
from store.kafka.features import features_of
from store.kafka.partition_reads import PartitionReads
from store.model.errors import NotFound

# Seconds for which the number of partitions is remembered: it only grows.
_KNOWN = 10.0
INTERNAL = "__"
"""How the names begin of the topics that Kafka keeps its own state in."""


class Cluster:
    """A Kafka cluster, of which every group of calls has a part."""

    def __init__(
        self, place: Place, password: str | None, timeout: float, tell: Callable[[str], None]
    ) -> None:
        self._place = place
        self._tell = tell
        self._clients = Clients(place, password, timeout)
        self._counted: dict[str, tuple[float, int]] = {}

    @cached_property
    def features(self) -> Features:
        """The features of this cluster: by its version, its calls and what is switched on."""
        return features_of(self._clients.offer)

    @cached_property
    def _reads(self) -> PartitionReads:
        return PartitionReads(self._clients)

    def _refuse_labels(self, settings: Mapping[str, Any]) -> None:
        if settings.get("labels"):
            self.features.need(Feature.LABELS)

    def wall(self) -> int:
        """Return this machine's wall clock in Unix milliseconds; that of the servers is unknown."""
        return round(time() * 1000)

    def _partition_count(self, topic: str) -> int:
        """Return how many partitions a topic has; raises `NotFound`. No topic is created by it."""
        counted, number = self._counted.get(topic, (0.0, 0))
        if not number or monotonic() - counted > _KNOWN:
            number = self._count_partitions(topic)
            if not number:
                raise missing(f"topic {topic}")
            self._counted[topic] = monotonic(), number
        return number

    def _count_partitions(self, topic: str) -> int:
        """Return how many partitions a topic has at the moment, 0 without the topic."""
        with translated(self._place, f"topic {topic}"):
            found = self._clients.reader.list_topics(topic, timeout=self._clients.timeout)
        known = found.topics[topic]
        if known.error is None:
            return len(known.partitions)
        if known.error.code() in {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.TOPIC_EXCEPTION}:
            return 0
        raise ours_of(known.error, self._place, f"topic {topic}")

    def _topic_partitions(self) -> dict[str, int]:
        """Return the number of partitions of every topic that is not one of Kafka's own."""
        with translated(self._place, "the list of topics"):
            found = self._clients.reader.list_topics(timeout=self._clients.timeout)
        return {
            name: len(known.partitions)
            for name, known in sorted(found.topics.items())
            if not name.startswith(INTERNAL)
        }

    def _check_partition(self, topic: str, partition: int) -> None:
        number = self._partition_count(topic)
        if not 0 <= partition < number:
            raise NotFound(
                f"partition {topic}/{partition} does not exist",
                hint=f"{topic} has partitions 0 to {number - 1}",
            )
