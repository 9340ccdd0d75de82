"""Attributes of queues: those of SQS as settings of the store, and back. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from mq.serve.sqs.errors import (
    SqsError,
    bad_attribute,
    bad_attribute_value,
    bad_parameter,
)
from mq.serve.sqs.names import name_in_arn
from store.model.addresses import EXCHANGE_PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable

    from store.model.queues import QueueConfig, QueueStatus

FIFO_DEDUPLICATION = 300.0
"""Seconds for which SQS remembers a deduplication id."""
_MOST_RECEIVES = 1_000


class _Number(NamedTuple):
    setting: str
    least: int
    most: int
    # How many units of the store one unit of SQS is: milliseconds, or bytes.
    scale: int = 1000


_NUMBERS = {
    "DelaySeconds": _Number("delay", 0, 900),
    "MaximumMessageSize": _Number("max_message", 1024, 1 << 20, 1),
    "MessageRetentionPeriod": _Number("retention", 60, 1_209_600),
    "ReceiveMessageWaitTimeSeconds": _Number("wait", 0, 20),
    "VisibilityTimeout": _Number("lease", 0, 43_200),
}
_COUNTS = {
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesDelayed",
    "ApproximateNumberOfMessagesNotVisible",
}
# Attributes that SQS tells and no client sets.
_TOLD = {*_COUNTS, "CreatedTimestamp", "LastModifiedTimestamp", "QueueArn"}
_ONLY_FIFO = {"DeduplicationScope", "FifoThroughputLimit"}
_SCOPES = {"queue": "queue", "messageGroup": "group"}
_PERMISSIONS = {"allowAll": "all", "denyAll": "none"}
_WORDS = {
    "FifoThroughputLimit": {"perQueue", "perMessageGroupId"},
    "SqsManagedSseEnabled": {"true", "false"},
}
_KEY, _MANAGED = "KmsMasterKeyId", "SqsManagedSseEnabled"
# Attributes without an effect here: they are kept as labels and told back.
KEPT = {
    "FifoThroughputLimit": "perQueue",
    "KmsDataKeyReusePeriodSeconds": "300",
    "KmsMasterKeyId": "",
    "Policy": "",
    "SqsManagedSseEnabled": "true",
}
KNOWN = {
    "All",
    *_NUMBERS,
    *_TOLD,
    *KEPT,
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "FifoQueue",
    "RedriveAllowPolicy",
    "RedrivePolicy",
}
_WITHOUT_LABEL = {"Policy", "KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds"}


class Settings(NamedTuple):
    """Attributes as the store keeps them: settings in its own units, and labels; "" removes one."""

    settings: dict[str, Any]
    labels: dict[str, str]


def read(attributes: Mapping[str, str], *, fifo: bool, is_new: bool) -> Settings:
    """Return the settings that attributes stand for; raises `SqsError` with the first bad one."""
    settings: dict[str, Any] = {}
    labels: dict[str, str] = {}
    for name, text in attributes.items():
        _check_name(name, fifo=fifo)
        if name in _NUMBERS:
            settings[_NUMBERS[name].setting] = _number(name, text)
        elif name in KEPT:
            labels[name] = _kept(name, text)
        elif name == "FifoQueue":
            if text.lower() != "true":
                raise bad_attribute_value(name) if is_new else _other_type(name)
        else:
            settings |= _READERS[name](text)
    if labels.get(_KEY) and labels.setdefault(_MANAGED, "false") == "true":
        raise both_encryptions()
    return Settings(settings, labels)


def check_encryption(wanted: Settings, present: Mapping[str, str]) -> None:
    """Raise `SqsError` where one kind of encryption would come to the other."""
    if wanted.labels.get(_MANAGED) == "true" and {**present, **wanted.labels}.get(_KEY):
        raise both_encryptions()


def both_encryptions() -> SqsError:
    """Return the error for two kinds of encryption at one time."""
    return SqsError(
        "InvalidAttributeName",
        "You can use one type of server-side encryption (SSE) at one time. You can either enable "
        "KMS SSE or SQS SSE.",
    )


def _other_type(name: str) -> SqsError:
    message = f"Invalid value for the parameter {name}. Reason: Modifying queue type is not"
    return SqsError("InvalidAttributeValue", f"{message} supported.")


def _check_name(name: str, *, fifo: bool) -> None:
    if name not in KNOWN or name in _TOLD or name == "All":
        raise bad_attribute(name)
    if name in _ONLY_FIFO and not fifo:
        message = f"You can specify the {name} only when FifoQueue is set to true."
        raise SqsError("InvalidAttributeName", message)
    if name in {"FifoQueue", "ContentBasedDeduplication"} and not fifo:
        raise bad_attribute(name)


def _number(name: str, text: str) -> float:
    number = _NUMBERS[name]
    value = _whole(text)
    if value is None or not number.least <= value <= number.most:
        raise bad_attribute_value(name)
    return value


def _whole(text: object) -> int | None:
    if isinstance(text, int) and not isinstance(text, bool):
        return text
    if isinstance(text, str) and text.isascii() and text.lstrip("-").isdigit() and len(text) < 12:
        return int(text)
    return None


def _kept(name: str, text: str) -> str:
    if name in _WORDS and text not in _WORDS[name]:
        raise bad_attribute_value(name)
    if name == "KmsDataKeyReusePeriodSeconds" and not 60 <= (_whole(text) or 0) <= 86_400:
        raise bad_attribute_value(name)
    if name == "Policy" and text and not _is_policy(_json_object(text)):
        raise bad_attribute_value(name)
    return text


def _json_object(text: str) -> dict[str, Any] | None:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _is_policy(document: dict[str, Any] | None) -> bool:
    """Return whether a document has statements, one or a list of them, or none."""
    if document is None:
        return False
    statements = document.get("Statement", [])
    listed = statements if isinstance(statements, list) else [statements]
    return all(isinstance(each, dict) for each in listed)


def _content_deduplication(text: str) -> dict[str, Any]:
    if text.lower() not in {"true", "false"}:
        raise bad_attribute_value("ContentBasedDeduplication")
    return {"content_dedup": text.lower() == "true"}


def _deduplication_scope(text: str) -> dict[str, Any]:
    if text not in _SCOPES:
        raise bad_attribute_value("DeduplicationScope")
    return {"dedup_scope": _SCOPES[text]}


def _redrive_policy(text: str) -> dict[str, Any]:
    if not text or _json_object(text) == {}:
        return {"dlq": None, "max_deliveries": None}

    def refused(reason: str) -> SqsError:
        return bad_parameter("RedrivePolicy", text, reason)

    policy = _json_object(text)
    if policy is None:
        raise refused("Redrive policy is not a valid JSON map.")
    for name in ("deadLetterTargetArn", "maxReceiveCount"):
        if policy.get(name) in {None, ""}:
            raise refused(f"Redrive policy does not contain mandatory attribute: {name}.")
    count = _whole(policy["maxReceiveCount"])
    if count is None or not 1 <= count <= _MOST_RECEIVES:
        raise refused(
            f"Invalid value for maxReceiveCount: {policy['maxReceiveCount']}, "
            f"valid values are from 1 to {_MOST_RECEIVES} both inclusive."
        )
    try:
        dlq = name_in_arn(str(policy["deadLetterTargetArn"]), "deadLetterTargetArn")
    except SqsError:
        raise refused("Invalid value for deadLetterTargetArn.") from None
    return {"dlq": dlq, "max_deliveries": count}


def _redrive_allow_policy(text: str) -> dict[str, Any]:
    if not text:
        return {"redrive_allow": "all"}
    policy = _json_object(text) or {}
    permission, sources = policy.get("redrivePermission"), policy.get("sourceQueueArns")
    if permission in _PERMISSIONS and not sources:
        return {"redrive_allow": _PERMISSIONS[permission]}
    if permission != "byQueue" or not isinstance(sources, list) or not 1 <= len(sources) <= 10:
        raise bad_parameter(
            "RedriveAllowPolicy",
            text,
            "It is allowAll, denyAll, or byQueue with 1 to 10 sourceQueueArns.",
        )
    return {"redrive_allow": ",".join(name_in_arn(str(arn), "sourceQueueArns") for arn in sources)}


_READERS: dict[str, Callable[[str], dict[str, Any]]] = {
    "ContentBasedDeduplication": _content_deduplication,
    "DeduplicationScope": _deduplication_scope,
    "RedriveAllowPolicy": _redrive_allow_policy,
    "RedrivePolicy": _redrive_policy,
}


def check_asked(names: Iterable[str]) -> None:
    """Raise `SqsError` for the name of an attribute that no queue has."""
    for name in names:
        if name not in KNOWN:
            raise bad_attribute(name)


def settable(
    config: QueueConfig, labels: Mapping[str, str], arn: Callable[[str], str]
) -> dict[str, str]:
    """Return the attributes of a queue that can be set, as SQS writes them."""
    attributes = {
        name: str(getattr(config, number.setting) // number.scale)
        for name, number in _NUMBERS.items()
    }
    if config.fifo:
        attributes |= {
            "FifoQueue": "true",
            "ContentBasedDeduplication": "true" if config.content_dedup else "false",
            "DeduplicationScope": "messageGroup" if config.dedup_scope == "group" else "queue",
        }
    if config.dlq is not None and not config.dlq.startswith(EXCHANGE_PREFIX):
        policy = {"deadLetterTargetArn": arn(config.dlq), "maxReceiveCount": config.max_deliveries}
        attributes["RedrivePolicy"] = json.dumps(policy, separators=(",", ":"))
    if config.redrive_allow != "all":
        attributes["RedriveAllowPolicy"] = _allowed(config.redrive_allow, arn)
    for name, default in KEPT.items():
        value = labels.get(name, default)
        if (name in _WITHOUT_LABEL and value == default) or (
            name in _ONLY_FIFO and not config.fifo
        ):
            continue
        attributes[name] = value
    return attributes


def _allowed(setting: str, arn: Callable[[str], str]) -> str:
    words = {ours: theirs for theirs, ours in _PERMISSIONS.items()}
    policy: dict[str, Any] = {"redrivePermission": words.get(setting, "byQueue")}
    if setting not in words:
        policy["sourceQueueArns"] = [arn(name) for name in setting.split(",")]
    return json.dumps(policy, separators=(",", ":"))


def told(status: QueueStatus, modified: int | None, arn: Callable[[str], str]) -> dict[str, str]:
    """Return the attributes of a queue that SQS tells by itself; times are in Unix seconds."""
    created = (status.created or 0) // 1000
    return {
        "ApproximateNumberOfMessages": str(status.ready + status.blocked),
        "ApproximateNumberOfMessagesDelayed": str(status.delayed or 0),
        "ApproximateNumberOfMessagesNotVisible": str(status.leased or 0),
        "CreatedTimestamp": str(created),
        "LastModifiedTimestamp": str(modified or created),
        "QueueArn": arn(status.name),
    }


def first_difference(
    given: Mapping[str, str], present: Mapping[str, str], *, fifo: bool
) -> str | None:
    """Return the first given attribute that a present queue has with another value."""
    for name, text in given.items():
        before = present.get(name, KEPT.get(name, ""))
        if text != before and _read_one(name, text, fifo) != _read_one(name, before, fifo):
            return name
    return None


def _read_one(name: str, text: str, fifo: bool) -> Settings:
    return read({name: text}, fifo=fifo, is_new=True)
