"""Messages as AMQP carries them, and back: properties, headers, and how one died."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from uuid import NAMESPACE_OID, uuid4, uuid5

import amqp

from store import model
from store.engine.features import Feature, Features
from store.engine.serving import ServedMessage
from store.model.encoding import encode_bytes, encode_headers, encode_timestamp, milliseconds
from store.model.errors import BadInput, BadRecord
from store.model.messages import Message, NewMessage
from store.model.topics import Headers, HeaderValue

if TYPE_CHECKING:
    from store.model.dead_letters import Dead, Hop, Reason

KEY_HEADER = "mq-key"
# As RabbitMQ's own interceptor writes it: the property has seconds only.
TIME_HEADER = "timestamp_in_ms"
# As `store.engine.headers` has it, which is loaded where it is needed.
TYPES_HEADER = "mq-types"
PERSISTENT = 2
_OURS = frozenset(
    {KEY_HEADER, TIME_HEADER, TYPES_HEADER, "x-delivery-count", "x-death", "x-stream-offset"}
)
_DEATH = "x-first-death-"
_LAST_DEATH = "x-last-death-"
# To RabbitMQ they are lists of further routing keys.
_MORE_KEYS = ("CC", "BCC")
_REASONS: dict[str, Reason] = {
    "delivery_limit": "max_deliveries",
    "rejected": "rejected",
    "expired": "expired",
    "maxlen": "overflow",
}
# Neither numbers of messages nor the time of a foreign one are known: `-`, and null in JSON.
_UNKNOWN = cast("int", None)


class DeliveryTag(NamedTuple):
    """The receipt of a delivery, and the process that holds it."""

    receipt: str
    holder: str


class Parts(NamedTuple):
    """The parts of a message that a record has, too."""

    timestamp: int | None
    key: bytes | None
    headers: dict[str, HeaderValue]
    value: bytes


def encoded(
    messages: Sequence[NewMessage], features: Features, now: int
) -> list[tuple[NewMessage, amqp.Message]]:
    """Return messages as AMQP sends them; raises `BadRecord` for the first that can't be sent."""
    return [
        (message, _encoded(index, message, features, now)) for index, message in enumerate(messages)
    ]


def _encoded(index: int, message: NewMessage, features: Features, now: int) -> amqp.Message:
    _check_options(message, features)
    try:
        return _amqp_message(message, now)
    except BadInput as error:
        raise BadRecord(index, error.message, error.hint) from None


def _check_options(message: NewMessage, features: Features) -> None:
    if message.delay:
        features.need(Feature.DELAY)
    if message.message_group is not None:
        features.need(Feature.FIFO)
    if message.dedup_id is not None:
        features.need(Feature.DEDUP)
    if message.priority:
        features.need(Feature.PRIORITIES)
    if message.value is None:
        features.need(Feature.TOMBSTONES)
    if message.properties:
        features.need(Feature.PROPERTIES)


def _amqp_message(message: NewMessage, now: int) -> amqp.Message:
    encode_headers(message.headers)
    _check_names(message.headers or {})
    headers = _carried(message.headers or {})
    if (key := encode_bytes(message.key, "key")) is not None:
        headers[KEY_HEADER] = as_text(key)
    time = encode_timestamp(message.timestamp)
    headers[TIME_HEADER] = now if time is None else time
    more = {} if message.ttl is None else {"expiration": str(milliseconds(message.ttl, "ttl"))}
    return amqp.Message(
        encode_bytes(message.value, "value"),
        application_headers=headers,
        delivery_mode=PERSISTENT,
        message_id=str(uuid4()),
        timestamp=headers[TIME_HEADER] // 1000,  # type: ignore[operator]
        **more,
    )


def _carried(headers: Headers) -> dict[str, HeaderValue]:
    """Return headers as every queue and stream keeps them.

    py-amqp writes bytes as text, and a stream drops lists and tables: those go as JSON text, and
    the header `mq-types` names them.
    """
    structured = {name: value for name, value in headers.items() if not _is_scalar(value)}
    if not structured:
        return dict(headers)
    from store.engine.headers import to_texts

    return {**headers, **to_texts(structured)}


def _is_scalar(value: HeaderValue) -> bool:
    return value is None or isinstance(value, str | int | float)


def _check_names(headers: Mapping[str, HeaderValue]) -> None:
    for name in headers:
        if name in _MORE_KEYS:
            raise BadInput(
                f"header {name} means more routing keys to RabbitMQ", "name it otherwise"
            )
        if name in _OURS or name.startswith((_DEATH, _LAST_DEATH)):
            raise BadInput(f"header {name} is written by mq or RabbitMQ", "name it otherwise")
        if len(name.encode()) > model.exchanges.LONGEST_KEY:
            raise BadInput(f"a header's name has at most {model.exchanges.LONGEST_KEY} bytes there")


def routing_key(key: bytes | str | None) -> str:
    """Return a key as a routing key; raises `BadInput` for one that is no text, or too long."""
    encoded = encode_bytes(key, "key") or b""
    if len(encoded) > model.exchanges.LONGEST_KEY:
        raise BadInput(
            f"a routing key has at most {model.exchanges.LONGEST_KEY} bytes, not {len(encoded)}"
        )
    try:
        return encoded.decode()
    except UnicodeDecodeError as error:
        raise BadInput("a routing key is text in UTF-8 there") from error


def decoded(queue: str, message: amqp.Message, delivery: DeliveryTag) -> Message:
    """Return a delivered message; one without an id gets one from its content."""
    properties, info = message.properties, message.delivery_info
    headers = dict(properties.get("application_headers") or {})
    body = message.body if isinstance(message.body, bytes) else str(message.body).encode()
    deaths = headers.get("x-death") or []
    count = headers.get("x-delivery-count")
    return ServedMessage(
        queue=queue,
        id=properties.get("message_id") or _id_by_content(headers, properties, body),
        sequence=_UNKNOWN,
        timestamp=_time_of(headers, properties),
        message_group=None,
        priority=properties.get("priority") or 0,
        headers=_plain_headers(headers),
        key=_key_of(headers, info, deaths),
        value=body,
        deliveries=1 + (count if isinstance(count, int) else int(bool(info["redelivered"]))),
        redelivered=bool(info["redelivered"]),
        state="leased",
        receipt=delivery.receipt,
        holder=delivery.holder,
        dead=_dead(headers, deaths),
    )


def parts_of(message: amqp.Message) -> Parts:
    """Return the parts of a record of a stream."""
    headers = dict(message.properties.get("application_headers") or {})
    body = message.body if isinstance(message.body, bytes) else str(message.body).encode()
    key = headers.get(KEY_HEADER)
    encoded_key = key.encode(errors="surrogatepass") if isinstance(key, str) else key
    time = _time_of(headers, message.properties)
    return Parts(time, encoded_key, _plain_headers(headers), body)


def without_death(message: amqp.Message) -> amqp.Message:
    """Return a dead letter as a new message: as it was sent, without how it died."""
    properties = dict(message.properties)
    headers = {
        name: value
        for name, value in (properties.pop("application_headers", None) or {}).items()
        if name not in {"x-death", "x-delivery-count"}
        and not name.startswith((_DEATH, _LAST_DEATH))
    }
    return amqp.Message(message.body, application_headers=headers, **properties)


def source_of(message: amqp.Message) -> str | None:
    """Return the queue in which a dead letter died first."""
    source = (message.properties.get("application_headers") or {}).get("x-first-death-queue")
    return str(source) if source else None


def _time_of(headers: Mapping[str, Any], properties: Mapping[str, Any]) -> int:
    time = headers.get(TIME_HEADER)
    if isinstance(time, int):
        return time
    seconds = properties.get("timestamp")
    return seconds * 1000 if isinstance(seconds, int) else _UNKNOWN


def _key_of(
    headers: Mapping[str, Any], info: Mapping[str, Any], deaths: Sequence[Any]
) -> bytes | None:
    key = headers.get(KEY_HEADER)
    if isinstance(key, str):
        return key.encode(errors="surrogatepass")
    if isinstance(key, bytes):
        return key
    exchange, routing = info["exchange"], info["routing_key"]
    if deaths and isinstance(deaths[-1], dict):
        exchange = deaths[-1].get("exchange", "")
        routing = (deaths[-1].get("routing-keys") or [""])[0]
    # A message that was sent to a queue by its name has that as its routing key.
    return str(routing).encode(errors="surrogatepass") if exchange else None


def _plain_headers(headers: Mapping[str, Any]) -> dict[str, HeaderValue]:
    plain = {
        name: _plain(value)
        for name, value in headers.items()
        if name not in _OURS and not name.startswith((_DEATH, _LAST_DEATH))
    }
    if TYPES_HEADER not in headers:
        return plain
    from store.engine.headers import from_texts

    texts = [(name, value) for name, value in plain.items() if isinstance(value, str)]
    return {**plain, **from_texts([*texts, (TYPES_HEADER, str(headers[TYPES_HEADER]))])}


def _plain(value: Any) -> HeaderValue:
    """Return a header's value; py-amqp reads times without their zone, which is UTC."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC)
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    return value  # type: ignore[no-any-return]


def _dead(headers: Mapping[str, Any], deaths: Sequence[Any]) -> Dead | None:
    source, reason = headers.get(f"{_DEATH}queue"), headers.get(f"{_DEATH}reason")
    if source is None or reason not in _REASONS:
        return None
    hops = tuple(_hop(death) for death in deaths if death.get("reason") in _REASONS)
    at = hops[0].at if hops else _UNKNOWN
    return model.dead_letters.Dead(str(source), _REASONS[str(reason)], at, _UNKNOWN, None, hops)


def _hop(death: Mapping[str, Any]) -> Hop:
    time = death.get("time")
    at = round(time.replace(tzinfo=UTC).timestamp() * 1000) if isinstance(time, datetime) else 0
    ttl = death.get("original-expiration")
    return model.dead_letters.Hop(
        str(death.get("queue")),
        _REASONS[death["reason"]],
        int(death.get("count") or 1),
        at,
        int(ttl) if ttl and str(ttl).isdecimal() else None,
    )


def as_text(data: bytes) -> str | bytes:
    """Return bytes as text, if they are UTF-8."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def _id_by_content(headers: Mapping[str, Any], properties: Mapping[str, Any], body: bytes) -> str:
    """Return an id that is the same at each delivery: equal messages have equal ids."""
    kept = {name: value for name, value in headers.items() if not name.startswith("x-")}
    content = json.dumps([kept, properties.get("timestamp")], default=str, sort_keys=True)
    return str(uuid5(NAMESPACE_OID, content + body.hex()))
