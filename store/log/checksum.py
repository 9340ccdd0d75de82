"""What tells a record that was stored from one that was damaged since."""

from __future__ import annotations

from struct import Struct
from zlib import crc32

_PLACE = Struct("<qq")
_NO_KEY = 0x6B6579
_TOMBSTONE = 0x746D62


def checksum(
    record: int,
    timestamp: int,
    message_group: str | None,
    key: bytes | None,
    headers: str | None,
    value: bytes | None,
) -> int:
    """CRC-32 over a record's place (which tells partition and offset), time and contents."""
    crc = crc32(_PLACE.pack(record, timestamp))
    # Lengths go in, so that bytes can't move unseen from one part to the next.
    crc = crc ^ _NO_KEY if key is None else crc32(key, crc ^ len(key) + 1)
    if headers is not None:
        crc = crc32(headers.encode(), crc ^ len(headers) + 1)
    if message_group is not None:
        crc = crc32(message_group.encode(), crc ^ len(message_group) + 1)
    return crc ^ _TOMBSTONE if value is None else crc32(value, crc)
