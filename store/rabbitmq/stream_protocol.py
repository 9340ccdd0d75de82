"""The stream protocol: the offsets of groups and named producers, for which AMQP has no word.

https://github.com/rabbitmq/rabbitmq-server/blob/main/deps/rabbitmq_stream/docs/PROTOCOL.adoc
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from store.engine.places import Place
from store.model.errors import BadInput, Denied, MqError, NotFound, TimedOut, Unreachable

PORT, TLS_PORT = 5552, 5551
OK, NO_STREAM, NO_OFFSET = 1, 2, 19
_PROPERTIES, _MECHANISMS, _LOGIN, _TUNE, _OPEN, _CLOSE = 17, 18, 19, 20, 21, 22
_ANSWER = 0x8000
_REFUSED = (8, 9, 16)
_LARGEST_FRAME = 1 << 20


class StreamConnection:
    """A connection to the stream port of a server, which opens when it is needed."""

    def __init__(self, place: Place, password: str | None, timeout: float) -> None:
        self._place = place
        self._password = password or ""
        self._timeout = timeout
        self._socket: socket.socket | None = None
        self._number = 0
        self._largest = _LARGEST_FRAME

    @property
    def largest_frame(self) -> int:
        """The most bytes that a frame may have, as the server says."""
        with self._translated():
            self._connected()
        return self._largest

    def call(self, key: int, body: bytes) -> tuple[int, bytes]:
        """Send a request, and return the code of its answer with the rest of it."""
        with self._translated():
            self._connected()
        # The login has taken numbers of its own.
        self._number += 1
        number = self._number
        self.send(key, body, number)
        while True:
            answered, frame = self.receive()
            if answered == key | _ANSWER:
                answered_number, code = struct.unpack_from(">IH", frame)
                if answered_number == number:
                    return code, frame[6:]

    def send(self, key: int, body: bytes, number: int | None = None) -> None:
        """Send a frame; those with a number are answered."""
        correlation = b"" if number is None else struct.pack(">I", number)
        frame = struct.pack(">HH", key, 1) + correlation + body
        with self._translated():
            self._connected().sendall(struct.pack(">I", len(frame)) + frame)

    def receive(self) -> tuple[int, bytes]:
        """Return the key and the rest of the next frame; raises `TimedOut` without one."""
        with self._translated():
            (size,) = struct.unpack(">I", self._read(4))
            if size > _LARGEST_FRAME:
                raise Unreachable(f"{self._place.name}: its stream port speaks another protocol")
            frame = self._read(size)
        key, _ = struct.unpack_from(">HH", frame)
        if key == _CLOSE:
            self.drop()
            raise Unreachable(f"{self._place.name} closed the connection to its stream port")
        return key, frame[4:]

    def check(self, code: int, subject: str) -> None:
        """Raise the error that a code of an answer about a subject means."""
        if code == OK:
            return
        if code in _REFUSED:
            raise Denied(f"{self._place.name} refuses {subject}")
        if code == NO_STREAM:
            raise NotFound(f"{subject}: the stream does not exist")
        raise MqError(f"{self._place.name}: {subject}: code {code} of the stream protocol")

    def drop(self) -> None:
        """Close the socket; the next call opens another one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def close(self) -> None:
        """Close the connection."""
        if self._socket is not None:
            with suppress(MqError):
                self.call(_CLOSE, struct.pack(">H", OK) + text("done"))
            self.drop()

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
            try:
                self._log_in()
            except MqError:
                self.drop()
                raise
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
        self.check(self.call(_PROPERTIES, struct.pack(">I", 0))[0], "properties")
        self.check(self.call(_MECHANISMS, b"")[0], "mechanisms")
        secret = f"\0{user}\0{self._password}".encode()
        code, _ = self.call(_LOGIN, text("PLAIN") + struct.pack(">i", len(secret)) + secret)
        self.check(code, f"the login of {user}")
        key, limits = self.receive()
        while key != _TUNE:
            key, limits = self.receive()
        # 0 of the server is no limit.
        self._largest = struct.unpack_from(">I", limits)[0] or _LARGEST_FRAME
        # Without heartbeats.
        self.send(_TUNE, struct.pack(">II", self._largest, 0))
        self.check(self.call(_OPEN, text(self._place.path or "/"))[0], "vhost")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Raise errors of the socket as ours, and close it."""
        try:
            yield
        except OSError as error:
            self.drop()
            name = self._place.name
            if isinstance(error, TimeoutError):
                raise TimedOut(f"the stream port of {name} did not answer in time") from error
            raise Unreachable(
                f"the stream port of {name} can't be reached: {error.strerror or error}",
                hint="rabbitmq-plugins enable rabbitmq_stream, or name it: ?stream=PORT",
            ) from error


def text(text: str) -> bytes:
    """Return text as the protocol writes it, after its length."""
    encoded = text.encode()
    return struct.pack(">h", len(encoded)) + encoded
