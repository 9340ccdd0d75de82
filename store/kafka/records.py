"""Records as Kafka carries them, and back."""

from __future__ import annotations

from typing import NamedTuple, cast

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Message

from store.kafka.headers import Pairs, from_pairs, to_pairs
from store.model.encoding import encode_bytes, encode_headers, encode_timestamp
from store.model.errors import BadInput, BadRecord
from store.model.topics import NewRecord, Record

UNKNOWN = cast("int", None)
"""A time that the server does not tell: `-`, and null in JSON."""


class Outgoing(NamedTuple):
    """A record as librdkafka takes it; a time of 0 is now."""

    value: bytes | None
    key: bytes | None
    headers: Pairs
    timestamp: int
    partition: int | None


def encoded(index: int, record: NewRecord) -> Outgoing:
    """Return a record as it is sent; raises `BadRecord` for one that can't be."""
    try:
        if record.properties:
            raise BadInput("a record there has headers alone", "send the properties as headers")
        headers = dict(record.headers or {})
        encode_headers(headers)
        return Outgoing(
            encode_bytes(record.value, "value"),
            encode_bytes(record.key, "key"),
            to_pairs(headers),
            encode_timestamp(record.timestamp) or 0,
            record.partition,
        )
    except BadInput as error:
        raise BadRecord(index, error.message, error.hint) from None


def record_of(message: Message) -> Record:
    """Return a message as a record."""
    kind, time = message.timestamp()
    return Record(
        str(message.topic()),
        cast("int", message.partition()),
        cast("int", message.offset()),
        UNKNOWN if kind == TIMESTAMP_NOT_AVAILABLE else time,
        message.key(),
        from_pairs(cast("Pairs", message.headers() or [])),
        message.value(),
    )
