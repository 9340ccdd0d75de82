"""Envelopes of messages: a record, and what only a queue makes use of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mq.text.records import envelope_record, read_envelope
from store.model.errors import BadInput
from store.model.topics import NewRecord


class MessageRecord(NewRecord):
    """A record from the envelope of a message."""

    __slots__ = ("message_group", "priority")

    def __init__(self, record: NewRecord, message_group: str | None, priority: int) -> None:
        super().__init__(record.value, record.key, record.headers, record.timestamp)
        self.message_group = message_group
        self.priority = priority


def parse_message_envelope(line: bytes) -> NewRecord:
    """Read a record and the message's group and priority; raises BadInput like `parse_envelope`."""
    envelope = read_envelope(line)
    record = envelope_record(envelope, line)
    return MessageRecord(record, _group(envelope), _priority(envelope))


def _group(envelope: Mapping[str, Any]) -> str | None:
    group = envelope.get("message_group")
    if group is None or isinstance(group, str):
        return group
    raise BadInput("the message_group is neither text nor null")


def _priority(envelope: Mapping[str, Any]) -> int:
    priority = envelope.get("priority", 0)
    if isinstance(priority, int) and not isinstance(priority, bool) and priority >= 0:
        return priority
    raise BadInput(f"{priority!r} is not a priority", hint="a priority is a number from 0 on")
