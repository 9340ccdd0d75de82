"""The names, settings and records of super streams, that is of topics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import amqp

from store import rabbitmq
from store.model.topics import Record, RecordId, TopicConfig
from store.rabbitmq.messages import parts_of
from store.rabbitmq.streams import offset_of

UNKNOWN = cast("int", None)
"""An offset or a time that the server does not tell: `-`, and null in JSON."""


class PlacedRecord(RecordId):
    """A record that was stored: a confirm does not tell its offset."""

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}"


def stream_name(topic: str, partition: int) -> str:
    """Return the name of the stream of a partition."""
    return f"{topic}-{partition}"


def is_super_stream(exchange: Mapping[str, Any]) -> bool:
    """Return whether an exchange stands for a topic."""
    return bool((exchange.get("arguments") or {}).get(rabbitmq.routes.SUPER_STREAM))


def topic_config_of(effective: Mapping[str, Any]) -> TopicConfig:
    """Return the settings of a topic from the arguments and the policy of its streams."""
    age, size = effective.get("x-max-age"), effective.get("x-max-length-bytes")
    return TopicConfig(
        retention=None if age is None else _milliseconds(str(age)),
        retention_bytes=size if isinstance(size, int) else None,
    )


def listed_topic_config(entry: Mapping[str, Any]) -> TopicConfig:
    """Return settings as a list shows the stream of a topic, with a policy of ten seconds ago."""
    policy = entry.get("effective_policy_definition") or {}
    return topic_config_of({f"x-{name}": value for name, value in policy.items()})


def _milliseconds(age: str) -> int | None:
    from store.topology.kinds import TOPIC_KIND
    from store.topology.rabbitmq_definitions.arguments import Arguments, topic_settings
    from store.topology.rabbitmq_definitions.definitions import Losses

    text = topic_settings(Arguments("", {"x-max-age": age}, Losses()))["retention"]
    value = TOPIC_KIND.values({"retention": text})["retention"]
    return None if value is None else int(value)


def record_of(topic: str, partition: int, message: amqp.Message) -> Record:
    """Return a message of a stream as a record."""
    parts = parts_of(message)
    time = UNKNOWN if parts.timestamp is None else parts.timestamp
    return Record(topic, partition, offset_of(message), time, parts.key, parts.headers, parts.value)
