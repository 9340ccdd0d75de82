"""A proxy that ends a connection in the middle: after a message was sent, before its confirm."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

# The class and the method of Basic.Publish, at the begin of a method frame's payload.
PUBLISH = b"\x00\x3c\x00\x28"
# The key and the version of a Publish frame of the stream protocol.
STREAM_PUBLISH = b"\x00\x02\x00\x01"


@contextmanager
def cutting(host: str, port: int, at: bytes = PUBLISH) -> Iterator[int]:
    """Forward connections to a server until a message is published; yield the proxy's port.

    Neither side gets anything of what follows.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_serve, args=(listener, host, port, at), daemon=True)
        thread.start()
        yield listener.getsockname()[1]


def _serve(listener: socket.socket, host: str, port: int, at: bytes) -> None:
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            server = socket.create_connection((host, port))
            for one, other, ends in ((client, server, at), (server, client, None)):
                threading.Thread(target=_forward, args=(one, other, ends), daemon=True).start()


def _forward(source: socket.socket, target: socket.socket, ends: bytes | None) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
            if ends is not None and ends in data:
                break
    for one in (source, target):
        # The other thread may still read from it.
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()
