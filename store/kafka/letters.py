"""Dead letters by convention: a record in a topic, whose headers say where and why it died.

Four families of headers are read: mq's own, those of Spring's DeadLetterPublishingRecoverer, of
Kafka Connect (KIP-298) and of share groups (KIP-1191). mq's own are written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, cast
from uuid import NAMESPACE_URL, uuid5

from confluent_kafka import Message as KafkaMessage

from store.kafka.headers import Pairs, from_pairs
from store.kafka.records import Outgoing
from store.model.dead_letters import Dead, Hop, Reason
from store.model.messages import Message
from store.model.topics import Record

SUFFIXES = (".dlq", "-dlq", "-dlt", ".DLT", "-DLT", ".DLQ", "-DLQ")
"""How topics of dead letters are named: mq's own first, then Spring's, older and newer."""
SHARES_PREFIX = "dlq."
"""How those of share groups are named, unless the servers have another prefix."""
_OURS = "mq-dead-"
_PREFIXES = (_OURS, "kafka_dlt-", "kafka_deliveryAttempt", "__connect.errors.", "__dlq.errors.")
_PARTITION_BITS = 40


@dataclass(frozen=True, slots=True)
class _Family:
    """The names of a family's headers; `topic` is there in every letter of it."""

    topic: str
    partition: str
    offset: str
    error: str
    deliveries: str
    timestamp: str
    reason: Reason
    is_binary: bool = False


_FAMILIES = (
    _Family(
        "kafka_dlt-original-topic", "kafka_dlt-original-partition", "kafka_dlt-original-offset",
        "kafka_dlt-exception-message", "kafka_deliveryAttempt", "kafka_dlt-original-timestamp",
        "max_deliveries", is_binary=True,
    ),
    _Family(
        "__connect.errors.topic", "__connect.errors.partition", "__connect.errors.offset",
        "__connect.errors.exception.message", "", "", "rejected",
    ),
    _Family(
        "__dlq.errors.topic", "__dlq.errors.partition", "__dlq.errors.offset",
        "__dlq.errors.message", "__dlq.errors.delivery.count", "", "max_deliveries",
    ),
)  # fmt: skip


class Death(NamedTuple):
    """Where and why a record died; `timestamp` is that of the record, where it is told."""

    topic: str
    partition: int | None
    offset: int | None
    reason: Reason
    error: str | None
    deliveries: int
    timestamp: int | None
    at: int

    @property
    def source(self) -> str:
        """The address that the record had."""
        partition = "" if self.partition is None else f"/{self.partition}"
        offset = "" if self.offset is None else f"@{self.offset}"
        return f"{self.topic}{partition}{offset if partition else ''}"


class DeadRecord(Message):
    """A dead letter in a topic; its sequence orders the letters of all partitions."""

    @property
    def address(self) -> str:
        """`topic/partition@offset`."""
        partition, offset = place_of(self.sequence)
        return f"{self.queue}/{partition}@{offset}"


def place_of(sequence: int) -> tuple[int, int]:
    """Return the partition and offset of a letter by its sequence."""
    return divmod(sequence, 1 << _PARTITION_BITS)


def default_name(topic: str) -> str:
    """Return the name of the topic for the dead letters of a topic."""
    return f"{topic}{SUFFIXES[0]}"


def is_named(topic: str) -> bool:
    """Return whether a topic has the name of one for dead letters."""
    return topic.endswith(SUFFIXES) or topic.startswith(SHARES_PREFIX)


def source_named(topic: str) -> str:
    """Return the topic whose dead letters a topic holds, by its name."""
    suffix = next((one for one in SUFFIXES if topic.endswith(one)), "")
    return topic.removesuffix(suffix) if suffix else topic.removeprefix(SHARES_PREFIX)


def names_for(topic: str) -> list[str]:
    """Return the names that a topic of a topic's dead letters may have."""
    return [*(topic + suffix for suffix in SUFFIXES), SHARES_PREFIX + topic]


def death_of(message: KafkaMessage) -> Death | None:
    """Return where and why a record died, by its headers; `None` for one that is no dead letter."""
    headers = dict(cast("Pairs", message.headers() or []))
    at = message.timestamp()[1]
    if f"{_OURS}source" in headers:
        return _ours(headers, at)
    family = next((one for one in _FAMILIES if one.topic in headers), None)
    if family is None:
        return None
    error = _text(headers.get(family.error))
    return Death(
        topic=_text(headers[family.topic]) or "",
        partition=_number(headers.get(family.partition), family.is_binary),
        offset=_number(headers.get(family.offset), family.is_binary),
        reason="rejected" if "reject" in (error or "").lower() else family.reason,
        error=error,
        deliveries=_number(headers.get(family.deliveries), family.is_binary) or 1,
        timestamp=_number(headers.get(family.timestamp), family.is_binary),
        at=at,
    )


def letter_of(message: KafkaMessage) -> DeadRecord | None:
    """Return a record as a dead letter, `None` for one that is none."""
    death = death_of(message)
    if death is None:
        return None
    topic, partition, offset = str(message.topic()), message.partition() or 0, message.offset() or 0
    headers = without_death(cast("Pairs", message.headers() or []))
    return DeadRecord(
        queue=topic,
        id=id_of(topic, partition, offset),
        sequence=(partition << _PARTITION_BITS) | offset,
        timestamp=message.timestamp()[1] if death.timestamp is None else death.timestamp,
        message_group=None,
        priority=0,
        headers=from_pairs(headers),
        key=message.key(),
        value=message.value(),
        deliveries=death.deliveries,
        redelivered=False,
        state="ready",
        dead=Dead(
            death.source, death.reason, death.at, death.deliveries, death.error,
            (Hop(death.topic, death.reason, 1, death.at),),
        ),
    )  # fmt: skip


def id_of(topic: str, partition: int, offset: int) -> str:
    """Return the id of a record, which is the same in every look at it."""
    return str(uuid5(NAMESPACE_URL, f"kafka:{topic}/{partition}@{offset}"))


def without_death(headers: Pairs) -> Pairs:
    """Return the headers that a record had before it died."""
    return [(name, value) for name, value in headers if not name.startswith(_PREFIXES)]


def buried(record: Record, headers: Pairs, error: str, deliveries: int, at: int) -> Outgoing:
    """Return the dead letter of a record; its key, value and headers are as they were."""
    death = {
        "source": record.address,
        "reason": "max_deliveries" if deliveries > 1 else "rejected",
        "error": error,
        "at": str(at),
        "deliveries": str(deliveries),
        "timestamp": str(record.timestamp),
    }
    pairs = [
        (f"{_OURS}{name}", cast("bytes | None", text.encode())) for name, text in death.items()
    ]
    return Outgoing(record.value, record.key, [*without_death(headers), *pairs], 0, None)


def _ours(headers: Mapping[str, bytes | None], at: int) -> Death:
    def told(name: str) -> str | None:
        return _text(headers.get(f"{_OURS}{name}"))

    topic, _, rest = (told("source") or "").partition("/")
    partition, _, offset = rest.partition("@")
    reason = told("reason")
    return Death(
        topic,
        int(partition) if partition.isdecimal() else None,
        int(offset) if offset.isdecimal() else None,
        "rejected" if reason == "rejected" else "max_deliveries",
        told("error"),
        _number(headers.get(f"{_OURS}deliveries"), False) or 1,
        _number(headers.get(f"{_OURS}timestamp"), False),
        _number(headers.get(f"{_OURS}at"), False) or at,
    )


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode(errors="replace")


def _number(value: bytes | None, is_binary: bool) -> int | None:
    """Return a number written as digits, or as Java's bytes of it."""
    if value is None:
        return None
    if not is_binary and value.isdigit():
        return int(value)
    return int.from_bytes(value, "big", signed=True) if len(value) in {4, 8} else None
