"""The stream protocol, as far as it keeps the offsets of groups: AMQP has no word for them.

https://github.com/rabbitmq/rabbitmq-server/blob/main/deps/rabbitmq_stream/docs/PROTOCOL.adoc
"""

from __future__ import annotations

import socket
import struct
from contextlib import suppress
from typing import Any

from store.engine.places import Place
from store.model.errors import BadInput, Denied, MqError, TimedOut, Unreachable

PORT, TLS_PORT = 5552, 5551
NOTHING_READ = 2**64 - 1
"""What is stored where not even the first record is done: its offset is one behind."""
_STORE, _QUERY, _PROPERTIES, _MECHANISMS, _LOGIN, _TUNE, _OPEN, _CLOSE = (
    10,
    11,
    17,
    18,
    19,
    20,
    21,
    22,
)
_ANSWER = 0x8000
_OK, _NO_STREAM, _NO_VHOST, _NO_OFFSET = 1, 2, 12, 19
_REFUSED = (8, 9, 16)
_LARGEST_FRAME = 1 << 20


class OffsetStore:
    """The offsets that readers of streams stored, by name; the connection opens when needed."""

    def __init__(self, place: Place, password: str | None, timeout: float) -> None:
        self._place = place
        self._password = password or ""
        self._timeout = timeout
        self._socket: socket.socket | None = None
        self._number = 0

    def store(self, reader: str, stream: str, offset: int) -> None:
        """Store the last offset that a reader is done with; backwards, too."""
        self._send(_STORE, _text(reader) + _text(stream) + struct.pack(">Q", offset), None)

    def query(self, reader: str, stream: str) -> int | None:
        """Return the last offset that a reader is done with, or `None` before its first."""
        code, body = self._call(_QUERY, _text(reader) + _text(stream))
        if code == _NO_OFFSET:
            return None
        self._check(code, f"offsets of {reader} in {stream}")
        (offset,) = struct.unpack_from(">Q", body)
        return int(offset)

    def close(self) -> None:
        """Close the connection."""
        if self._socket is not None:
            with suppress(MqError):
                self._call(_CLOSE, struct.pack(">H", _OK) + _text("done"))
            self._socket.close()
            self._socket = None

    def _call(self, key: int, body: bytes) -> tuple[int, bytes]:
        """Send a request, and return the code of its answer with the rest of it."""
        with self._translated():
            self._connected()
        # The login has taken numbers of its own.
        self._number += 1
        number = self._number
        self._send(key, body, number)
        while True:
            answered, frame = self._receive()
            if answered == key | _ANSWER:
                answered_number, code = struct.unpack_from(">IH", frame)
                if answered_number == number:
                    return code, frame[6:]

    def _send(self, key: int, body: bytes, number: int | None) -> None:
        correlation = b"" if number is None else struct.pack(">I", number)
        frame = struct.pack(">HH", key, 1) + correlation + body
        with self._translated():
            self._connected().sendall(struct.pack(">I", len(frame)) + frame)

    def _receive(self) -> tuple[int, bytes]:
        with self._translated():
            (size,) = struct.unpack(">I", self._read(4))
            if size > _LARGEST_FRAME:
                raise Unreachable(f"{self._place.name}: its stream port speaks another protocol")
            frame = self._read(size)
        key, _ = struct.unpack_from(">HH", frame)
        return key, frame[4:]

    def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self._connected().recv(size - len(data))
            if not more:
                raise ConnectionResetError("the server ended it")
            data += more
        return data

    def _connected(self) -> socket.socket:
        if self._socket is None:
            self._socket = self._opened()
            self._log_in()
        return self._socket

    def _opened(self) -> socket.socket:
        place = self._place
        host = place.hosts[0][0].strip("[]")
        port = place.option("stream", str(TLS_PORT if place.tls else PORT))
        if not port.isdecimal():
            raise BadInput(f"stream={port} is not a port")
        opened = socket.create_connection((host, int(port)), self._timeout)
        if not place.tls:
            return opened
        from store.rabbitmq.management import tls_context

        return tls_context(place).wrap_socket(opened, server_hostname=host)  # type: ignore[no-any-return]

    def _log_in(self) -> None:
        user = self._place.user or "guest"
        self._check(self._call(_PROPERTIES, struct.pack(">I", 0))[0], "properties")
        self._check(self._call(_MECHANISMS, b"")[0], "mechanisms")
        secret = f"\0{user}\0{self._password}".encode()
        code, _ = self._call(_LOGIN, _text("PLAIN") + struct.pack(">i", len(secret)) + secret)
        self._check(code, f"the login of {user}")
        key, limits = self._receive()
        while key != _TUNE:
            key, limits = self._receive()
        # The server's largest frame, and no heartbeats.
        self._send(_TUNE, limits[:4] + struct.pack(">I", 0), None)
        self._check(self._call(_OPEN, _text(self._place.path or "/"))[0], "vhost")

    def _check(self, code: int, subject: str) -> None:
        if code == _OK:
            return
        if code in _REFUSED:
            raise Denied(f"{self._place.name} refuses {subject}")
        raise MqError(f"{self._place.name}: {subject}: code {code} of the stream protocol")

    def _translated(self) -> Any:
        return _Translated(self)


class _Translated:
    """Turns errors of the socket into ours, and closes it."""

    def __init__(self, offsets: OffsetStore) -> None:
        self._offsets = offsets

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if not isinstance(error, OSError):
            return
        offsets = self._offsets
        if offsets._socket is not None:
            offsets._socket.close()
            offsets._socket = None
        name = offsets._place.name
        if isinstance(error, TimeoutError):
            raise TimedOut(f"the stream port of {name} did not answer in time") from error
        raise Unreachable(
            f"the stream port of {name} can't be reached: {error.strerror or error}",
            hint="rabbitmq-plugins enable rabbitmq_stream, or name it: ?stream=PORT",
        ) from error


def _text(text: str) -> bytes:
    encoded = text.encode()
    return struct.pack(">h", len(encoded)) + encoded
