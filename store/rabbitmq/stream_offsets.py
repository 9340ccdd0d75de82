"""The offsets that readers of streams store on the server, by a name of theirs."""

from __future__ import annotations

import struct

from store.rabbitmq.stream_protocol import NO_OFFSET, StreamConnection, text

NOTHING_READ = 2**64 - 1
"""What is stored where not even the first record is done: its offset is one behind."""
_STORE, _QUERY = 10, 11


class OffsetStore:
    """The last offsets that readers are done with."""

    def __init__(self, connection: StreamConnection) -> None:
        self._connection = connection

    def store(self, reader: str, stream: str, offset: int) -> None:
        """Store the last offset that a reader is done with; backwards, too."""
        self._connection.send(_STORE, text(reader) + text(stream) + struct.pack(">Q", offset))

    def query(self, reader: str, stream: str) -> int | None:
        """Return the last offset that a reader is done with, or `None` before its first."""
        code, body = self._connection.call(_QUERY, text(reader) + text(stream))
        if code == NO_OFFSET:
            return None
        self._connection.check(code, f"offsets of {reader} in {stream}")
        (offset,) = struct.unpack_from(">Q", body)
        return int(offset)
