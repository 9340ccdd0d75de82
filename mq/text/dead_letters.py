"""Dead letters as lines of JSON, to take them out of a store and bring them back."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, get_args

from mq.text.messages import to_document
from mq.text.records import envelope_record, read_envelope
from store.model.dead_letters import Dead, Hop, Reason
from store.model.encoding import encode_bytes
from store.model.errors import BadInput
from store.model.messages import Message
from store.model.text import parse_duration, parse_time

_REASONS: tuple[Reason, ...] = get_args(Reason)


def to_letter_document(letter: Message) -> dict[str, Any]:
    """The envelope of a dead letter; its priority is the one that it was sent with."""
    assert letter.dead is not None
    return to_document(letter) | {"priority": letter.dead.priority}


def parse_letter(line: bytes) -> Message:
    """Read a dead letter from its envelope; raises BadInput, which does not name the line."""
    envelope = read_envelope(line)
    record = envelope_record(envelope, line)
    dead = envelope.get("dead")
    if not isinstance(dead, dict):
        raise BadInput("no dead letter: the field 'dead' is missing")
    priority = _number(envelope, "priority")
    return Message(
        queue="",
        id=_id(envelope.get("id")),
        sequence=0,
        timestamp=_time(envelope, "timestamp"),
        message_group=_text_or_null(envelope, "message_group"),
        priority=priority,
        headers=dict(record.headers or {}),
        key=encode_bytes(record.key, "key"),
        value=encode_bytes(record.value, "value"),
        deliveries=_number(dead, "deliveries"),
        redelivered=False,
        state="ready",
        dead=_dead(dead, priority),
    )


def _dead(dead: Mapping[str, Any], priority: int) -> Dead:
    hops = dead.get("hops", [])
    if not isinstance(hops, list) or not all(isinstance(hop, dict) for hop in hops):
        raise BadInput("the hops of a dead letter are not a list of objects")
    return Dead(
        source=_text(dead, "source"),
        reason=_reason(dead),
        at=_time(dead, "at"),
        deliveries=_number(dead, "deliveries"),
        error=_text_or_null(dead, "error"),
        hops=tuple(map(_hop, hops)),
        priority=priority,
    )


def _hop(hop: Mapping[str, Any]) -> Hop:
    ttl = _text_or_null(hop, "ttl")
    return Hop(
        _text(hop, "source"),
        _reason(hop),
        _number(hop, "count"),
        _time(hop, "at"),
        None if ttl is None else parse_duration(ttl),
    )


def _id(text: Any) -> str:
    try:
        return str(uuid.UUID(text))
    except (AttributeError, TypeError, ValueError):
        raise BadInput(f"{text!r} is not the id of a message") from None


def _reason(fields: Mapping[str, Any]) -> Reason:
    given = fields.get("reason")
    for reason in _REASONS:
        if given == reason:
            return reason
    raise BadInput(f"{given!r} is not a reason", hint=f"reasons are {', '.join(_REASONS)}")


def _time(fields: Mapping[str, Any], name: str) -> int:
    return parse_time(_text(fields, name), 0)


def _text(fields: Mapping[str, Any], name: str) -> str:
    text = fields.get(name)
    if isinstance(text, str):
        return text
    raise BadInput(f"the field {name!r} of a dead letter is missing, or is no text")


def _text_or_null(fields: Mapping[str, Any], name: str) -> str | None:
    return None if fields.get(name) is None else _text(fields, name)


def _number(fields: Mapping[str, Any], name: str) -> int:
    number = fields.get(name, 0)
    if isinstance(number, int) and not isinstance(number, bool) and 0 <= number < 2**63:
        return number
    raise BadInput(f"{name} is {number!r}, not a number from 0 on")
