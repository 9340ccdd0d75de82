"""Messages as streams hold them, in AMQP 1.0: the stream protocol takes them in no other form.

OASIS AMQP 1.0, part 1 (types) and part 3.2 (message format). The server turns them into
AMQP 0-9-1 for a reader of that, with the same properties and headers.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import amqp

_PROPERTIES, _APPLICATION_PROPERTIES, _DATA = 0x73, 0x74, 0x75
_NULL, _TRUE, _FALSE = b"\x40", b"\x41", b"\x42"
_LONG, _DOUBLE, _TIME, _BYTES, _TEXT, _LIST, _MAP = 0x81, 0x82, 0x83, 0xB0, 0xB1, 0xD0, 0xD1
# The creation time is the tenth of the properties, and the id the first.
_BETWEEN = [_NULL] * 8


def as_amqp_1_0(message: amqp.Message) -> bytes:
    """Return a message that AMQP 0-9-1 would send as the bytes of AMQP 1.0.

    Without its section of transport headers, which RabbitMQ 3.10 fails to read.
    """
    properties = message.properties
    headers = properties["application_headers"]
    time = struct.pack(">Bq", _TIME, properties["timestamp"] * 1000)
    return b"".join(
        [
            _section(
                _PROPERTIES, _compound(_LIST, [_value(properties["message_id"]), *_BETWEEN, time])
            ),
            _section(
                _APPLICATION_PROPERTIES,
                _compound(_MAP, [_value(one) for pair in headers.items() for one in pair]),
            ),
            _section(_DATA, _value(message.body)),
        ]
    )


def _section(code: int, value: bytes) -> bytes:
    return struct.pack(">BBB", 0, 0x53, code) + value


def _compound(kind: int, values: Sequence[bytes]) -> bytes:
    body = b"".join(values)
    return struct.pack(">BII", kind, len(body) + 4, len(values)) + body


def _value(value: Any) -> bytes:
    match value:
        case None:
            return _NULL
        case bool():
            return _TRUE if value else _FALSE
        case int():
            return struct.pack(">Bq", _LONG, value)
        case float():
            return struct.pack(">Bd", _DOUBLE, value)
        case bytes():
            return struct.pack(">BI", _BYTES, len(value)) + value
    encoded = str(value).encode()
    return struct.pack(">BI", _TEXT, len(encoded)) + encoded
