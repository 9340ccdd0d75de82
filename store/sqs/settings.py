"""The settings of a queue as attributes of SQS, and back."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from store.engine.features import Features
from store.model.addresses import EXCHANGE_PREFIX
from store.model.encoding import milliseconds
from store.model.errors import BadInput, Hint
from store.model.queues import QueueConfig
from store.model.settings import settings_of
from store.model.topics import DELIVERIES_WITH_DLQ
from store.sqs import limits
from store.sqs.features import QUEUE_SETTINGS

LABEL = "mq:label"
_TIMES = {
    "lease": "VisibilityTimeout",
    "delay": "DelaySeconds",
    "retention": "MessageRetentionPeriod",
    "wait": "ReceiveMessageWaitTimeSeconds",
}
_DEFAULTS = QueueConfig()
# Given as they are by default, these promise nothing.
_HARMLESS = frozenset(
    {"fifo", "dedup", "content_dedup", "dedup_scope", "retry_delays", "priorities", "ttl",
     "max_length", "max_bytes", "overflow", "single_active", "fair", "redrive_allow", "chaos",
     "labels",
     "dlq_key", "drop_exhausted"}
)  # fmt: skip
_SCOPES = {"queue": "queue", "group": "messageGroup"}
_ALLOWED = {"all": "allowAll", "none": "denyAll"}
_OF_A_NEW_QUEUE = {
    "RedrivePolicy": "",
    "RedriveAllowPolicy": json.dumps({"redrivePermission": "allowAll"}),
    "DeduplicationScope": "queue",
}
# A standard queue is fair as it is, and a FIFO queue remembers ids for five minutes: a file that
# says so and one that leaves it out want the same.
IMPLIED = {False: "fair", True: "dedup"}


def check_given(features: Features, given: Mapping[str, Any]) -> None:
    """Raise `Unsupported` for the first given setting that SQS lacks."""
    for name, value in given.items():
        if name in _HARMLESS and (not value or value == getattr(_DEFAULTS, name)):
            continue
        features.need(QUEUE_SETTINGS[name])


def check_config(name: str, config: QueueConfig, prefix: str = "") -> None:
    """Raise `BadInput` for settings, and a name, outside of the limits of SQS."""
    limits.check_name(name, prefix, fifo=config.fifo)
    for setting in _TIMES:
        limits.check_number(setting, getattr(config, setting) / 1000)
    limits.check_number("max_message", config.max_message)
    if config.max_deliveries is not None:
        limits.check_number("max_deliveries", config.max_deliveries)
    _check_dlq(config, prefix)
    _check_dedup(config)
    if config.redrive_allow not in _ALLOWED:
        for source in config.redrive_allow.split(","):
            limits.check_name(source, prefix)


def config_from(given: Mapping[str, Any], before: QueueConfig | None = None) -> QueueConfig:
    """Return a config with the given settings, in the units of calls, over those before."""
    values = {name: _held(name, value) for name, value in given.items()}
    if values.get("dlq") is not None and "max_deliveries" not in values:
        limit = None if before is None else before.max_deliveries
        values["max_deliveries"] = limit or DELIVERIES_WITH_DLQ
    if "dlq" in values and values["dlq"] is None and "max_deliveries" not in values:
        values["max_deliveries"] = None
    return with_implied((before or QueueConfig())._replace(**values))


def with_implied(config: QueueConfig) -> QueueConfig:
    """Return a config with what every queue of its type has."""
    if config.fifo:
        return config._replace(dedup=config.dedup or limits.DEDUP_SECONDS * 1000)
    return config._replace(fair=True)


def attributes_of(config: QueueConfig, arn: Callable[[str], str]) -> dict[str, str]:
    """Return all attributes of a queue; `arn` returns the ARN of a queue of the account."""
    attributes = {theirs: str(getattr(config, ours) // 1000) for ours, theirs in _TIMES.items()}
    attributes["MaximumMessageSize"] = str(config.max_message)
    attributes["RedrivePolicy"] = ""
    if config.dlq is not None:
        policy = {"deadLetterTargetArn": arn(config.dlq), "maxReceiveCount": config.max_deliveries}
        attributes["RedrivePolicy"] = json.dumps(policy)
    attributes["RedriveAllowPolicy"] = _allow_policy(config, arn)
    if config.fifo:
        attributes["FifoQueue"] = "true"
        attributes["ContentBasedDeduplication"] = str(config.content_dedup).lower()
        attributes["DeduplicationScope"] = _SCOPES[config.dedup_scope]
    return attributes


def for_creation(attributes: Mapping[str, str]) -> dict[str, str]:
    """Return the attributes of a new queue, without those that every new one has."""
    return {name: text for name, text in attributes.items() if _OF_A_NEW_QUEUE.get(name) != text}


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str]:
    """Return the attributes of `after` that differ; an empty one takes a policy away."""
    return {name: text for name, text in after.items() if text != before.get(name)}


def config_of(
    name: str, attributes: Mapping[str, str], name_of: Callable[[str], str]
) -> QueueConfig:
    """Return the settings of a queue by its attributes; `name_of` returns the name for an ARN."""
    redrive = _policy(attributes, "RedrivePolicy")
    target = redrive.get("deadLetterTargetArn")
    fifo = attributes.get("FifoQueue") == "true" or name.endswith(limits.FIFO_SUFFIX)
    scope = attributes.get("DeduplicationScope", "queue")
    times = {
        ours: int(attributes[theirs]) * 1000
        for ours, theirs in _TIMES.items()
        if theirs in attributes
    }
    config = QueueConfig(
        **times,  # type: ignore[arg-type]
        fifo=fifo,
        max_deliveries=int(redrive["maxReceiveCount"]) if target else None,
        dlq=name_of(target) if target else None,
        content_dedup=attributes.get("ContentBasedDeduplication") == "true",
        dedup_scope="group" if scope == _SCOPES["group"] else "queue",
        redrive_allow=_allowed(attributes, name_of),
        max_message=int(attributes.get("MaximumMessageSize", _DEFAULTS.max_message)),
    )
    return with_implied(config)


def lacking_settings(features: Features) -> frozenset[str]:
    """Return the settings that a queue does not have there, whatever a config says of them."""
    return frozenset(name for name, feature in QUEUE_SETTINGS.items() if features.lacks(feature))


def _check_dlq(config: QueueConfig, prefix: str) -> None:
    if config.dlq is None:
        return
    if config.dlq.startswith(EXCHANGE_PREFIX):
        raise BadInput(f"sqs has no exchange for dead letters: {config.dlq}", hint="name a queue")
    limits.check_name(config.dlq, prefix)
    if config.dlq.endswith(limits.FIFO_SUFFIX) != config.fifo:
        kind = "FIFO" if config.fifo else "standard"
        raise BadInput(
            f"the DLQ of a {kind} queue is a {kind} queue, and {config.dlq} is none",
            hint=Hint("{dlq QUEUE} of the same type"),
        )


def _check_dedup(config: QueueConfig) -> None:
    if config.fifo:
        if config.dedup not in {None, limits.DEDUP_SECONDS * 1000}:
            raise BadInput("sqs remembers deduplication ids for 5m", hint=Hint("{dedup 5m}"))
    elif config.dedup is not None or config.content_dedup or config.dedup_scope != "queue":
        raise BadInput("sqs has deduplication on FIFO queues alone", hint=Hint("give {fifo}"))


def _held(name: str, value: Any) -> Any:
    if settings_of(QueueConfig)[name].notation.time and value is not None:
        if name == "retry_delays":
            return tuple(milliseconds(one, name) for one in value)
        return milliseconds(value, name)
    return value


def _allow_policy(config: QueueConfig, arn: Callable[[str], str]) -> str:
    if config.redrive_allow in _ALLOWED:
        return json.dumps({"redrivePermission": _ALLOWED[config.redrive_allow]})
    sources = [arn(name) for name in config.redrive_allow.split(",")]
    return json.dumps({"redrivePermission": "byQueue", "sourceQueueArns": sources})


def _allowed(attributes: Mapping[str, str], name_of: Callable[[str], str]) -> str:
    policy = _policy(attributes, "RedriveAllowPolicy")
    match policy.get("redrivePermission", "allowAll"):
        case "byQueue":
            return ",".join(sorted(map(name_of, policy.get("sourceQueueArns") or [])))
        case "denyAll":
            return "none"
    return "all"


def _policy(attributes: Mapping[str, str], name: str) -> dict[str, Any]:
    text = attributes.get(name)
    policy = json.loads(text) if text else {}
    return policy if isinstance(policy, dict) else {}
