"""The settings of a queue as a policy and arguments of RabbitMQ, and back.

Only what can never change is an argument: an argument of a queue is for ever, a policy is changed
in place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from store.engine.features import Feature, Features
from store.model.addresses import EXCHANGE_PREFIX
from store.model.encoding import milliseconds
from store.model.queues import QueueConfig
from store.model.settings import LONGEST_TIME, settings_of
from store.model.topics import DELIVERIES_WITH_DLQ, TopicConfig
from store.rabbitmq.features import QUEUE_SETTINGS, TOPIC_SETTINGS

LABEL = "x-mq-label"
_OVERFLOWS = {"drop-head": "drop-head", "reject": "reject-publish"}
_FROM_OVERFLOWS = {rabbit: ours for ours, rabbit in _OVERFLOWS.items()}
# Given as they are by default, these promise nothing.
_HARMLESS = frozenset(
    {"fifo", "delay", "dedup", "content_dedup", "dedup_scope", "retry_delays", "priorities",
     "fair", "redrive_allow", "chaos", "wait", "labels"}
)  # fmt: skip
_DEFAULTS = QueueConfig()
_TOPIC_DEFAULTS = TopicConfig()


def check_given(features: Features, given: Mapping[str, Any]) -> None:
    """Raise `Unsupported` for the first given setting that the engine lacks."""
    for name, value in given.items():
        if name in _HARMLESS and (not value or value == getattr(_DEFAULTS, name)):
            continue
        features.need(QUEUE_SETTINGS[name])
        if (name, value) == ("overflow", "dead-letter"):
            features.need(Feature.OVERFLOW_DEAD_LETTER)


def check_topic_setting(features: Features, name: str, value: Any) -> None:
    """Raise `Unsupported` for a setting of a topic that asks for something the engine lacks."""
    if name in {"cleanup", "compaction_lag", "labels"} and value == getattr(_TOPIC_DEFAULTS, name):
        return
    features.need(TOPIC_SETTINGS[name])


def config_from(given: Mapping[str, Any], before: QueueConfig | None = None) -> QueueConfig:
    """Return a config with the given settings, in the units of calls, over those before."""
    values = {name: _held(name, value) for name, value in given.items()}
    if values.get("dlq") is not None and "max_deliveries" not in values:
        limit = None if before is None else before.max_deliveries
        values["max_deliveries"] = limit or DELIVERIES_WITH_DLQ
    return (before or QueueConfig(retention=LONGEST_TIME))._replace(**values)


def _held(name: str, value: Any) -> Any:
    if settings_of(QueueConfig)[name].notation.time and value is not None:
        if name == "retry_delays":
            return tuple(milliseconds(one, name) for one in value)
        return milliseconds(value, name)
    return value


def arguments_of(config: QueueConfig, label: str | None) -> dict[str, Any]:
    """Return the arguments of a new queue: what can never change, and its owner."""
    arguments: dict[str, Any] = {"x-queue-type": "quorum"}
    if config.single_active:
        arguments["x-single-active-consumer"] = True
    if label is not None:
        arguments[LABEL] = label
    return arguments


def definition_of(config: QueueConfig, version: tuple[int, ...]) -> dict[str, Any]:
    """Return the definition of a queue's policy; empty where it needs none.

    `max_deliveries` N is a delivery limit of N - 1. From RabbitMQ 4 on none is not the default.
    """
    limit = None if config.max_deliveries is None else config.max_deliveries - 1
    if limit is None and version >= (4,):
        limit = -1
    exchange, key = _dead_letter_target(config)
    definition = {
        "message-ttl": config.ttl,
        "max-length": config.max_length,
        "max-length-bytes": config.max_bytes,
        "overflow": None if config.overflow == "drop-head" else _OVERFLOWS[config.overflow],
        "delivery-limit": limit,
        "dead-letter-exchange": exchange,
        "dead-letter-routing-key": key,
    }
    return {name: value for name, value in definition.items() if value is not None}


def config_of(queue: Mapping[str, Any], effective: Mapping[str, Any]) -> QueueConfig:
    """Return the settings of a queue as the management API shows it.

    `effective` are its arguments and its policy as one, with an `x-` before each name.
    """
    limit = _number(effective.get("x-delivery-limit"))
    if (queue.get("arguments") or {}).get("x-queue-type", queue.get("type")) == "classic":
        limit = None
    target, key = _dead_letters(effective)
    return QueueConfig(
        retention=LONGEST_TIME,
        max_deliveries=None if limit is None else limit + 1,
        dlq=target,
        dlq_key=key,
        drop_exhausted=limit is not None and target is None,
        ttl=_number(effective.get("x-message-ttl")),
        max_length=_number(effective.get("x-max-length")),
        max_bytes=_number(effective.get("x-max-length-bytes")),
        overflow=_FROM_OVERFLOWS.get(str(effective.get("x-overflow")), "drop-head"),
        single_active=bool(effective.get("x-single-active-consumer")),
    )


def lacking_settings(features: Features) -> frozenset[str]:
    """Return the settings that a queue does not have there, whatever a config says of them."""
    return frozenset(name for name, feature in QUEUE_SETTINGS.items() if features.lacks(feature))


def _dead_letter_target(config: QueueConfig) -> tuple[str | None, str | None]:
    if config.dlq is None:
        return None, None
    if config.dlq.startswith(EXCHANGE_PREFIX):
        return config.dlq.removeprefix(EXCHANGE_PREFIX), config.dlq_key
    return "", config.dlq


def _dead_letters(effective: Mapping[str, Any]) -> tuple[str | None, str | None]:
    exchange = effective.get("x-dead-letter-exchange")
    key = effective.get("x-dead-letter-routing-key")
    if exchange is None:
        return None, None
    if exchange == "":
        return (str(key), None) if key else (None, None)
    return f"{EXCHANGE_PREFIX}{exchange}", None if key is None else str(key)


def _number(value: object) -> int | None:
    is_number = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return value if is_number and isinstance(value, int) else None
