"""Checksums, which tell a stored record from a damaged one."""

from __future__ import annotations

from collections.abc import Sequence
from operator import xor
from struct import Struct, error as StructError
from zlib import crc32

PLACE = Struct("<qq")
NO_KEY = 0x6B6579
_TOMBSTONE = 0x746D62
_RUN = 256
# CRC-32 is linear: a change of the lowest byte of a record's id has the same effect in every id,
# and a time the same at every place.
_ZERO = crc32(PLACE.pack(0, 0))
_LOWEST = [crc32(PLACE.pack(id, 0)) ^ _ZERO for id in range(_RUN)]


def checksum(
    record: int,
    timestamp: int,
    message_group: str | None,
    key: bytes | None,
    headers: str | None,
    value: bytes | None,
) -> int:
    """Return the CRC-32 over a record's place (which tells partition and offset), time and
    contents.
    """
    crc = crc32(PLACE.pack(record, timestamp))
    # Lengths go in, so that bytes can't move unseen from one part to the next.
    crc = crc ^ NO_KEY if key is None else crc32(key, crc ^ len(key) + 1)
    if headers is not None:
        crc = crc32(headers.encode(), crc ^ len(headers) + 1)
    if message_group is not None:
        crc = crc32(message_group.encode(), crc ^ len(message_group) + 1)
    return crc ^ _TOMBSTONE if value is None else crc32(value, crc)


def is_intact(
    record: int,
    timestamp: int,
    message_group: bytes | None,
    key: bytes | None,
    headers: bytes | None,
    value: bytes | None,
    stored: int,
) -> bool:
    """Return whether a record is as it was stored; texts are given as blobs.

    Damage may even have changed the type of a column, and left texts that are not UTF-8.
    """
    try:
        group = None if message_group is None else message_group.decode()
        text = None if headers is None else headers.decode()
        return checksum(record, timestamp, group, key, text, value) == stored
    except (AttributeError, TypeError, UnicodeDecodeError, StructError):
        return False


def checksums(
    records: Sequence[int],
    timestamps: Sequence[int],
    message_groups: Sequence[str | None] | None,
    keys: Sequence[bytes | None] | None,
    headers: Sequence[str | None] | None,
    values: Sequence[bytes | None],
) -> list[int]:
    """Return `checksum` of each record; they are given column by column."""
    if keys is None:
        crcs = _places(records, timestamps, NO_KEY)
    else:
        crcs = [
            crc ^ NO_KEY if key is None else crc32(key, crc ^ len(key) + 1)
            for crc, key in zip(_places(records, timestamps), keys, strict=True)
        ]
    for texts in (headers, message_groups):
        if texts is not None:
            crcs = [
                crc if text is None else crc32(text.encode(), crc ^ len(text) + 1)
                for crc, text in zip(crcs, texts, strict=True)
            ]
    try:
        return list(map(crc32, values, crcs))  # type: ignore[arg-type]
    except TypeError:  # a tombstone is among them
        return [
            crc ^ _TOMBSTONE if value is None else crc32(value, crc)
            for crc, value in zip(crcs, values, strict=True)
        ]


def _places(records: Sequence[int], timestamps: Sequence[int], change: int = 0) -> list[int]:
    """Return the checksums of places and times, each exclusive-or `change`."""
    if not isinstance(records, range):
        places = zip(records, timestamps, strict=True)
        return [crc32(PLACE.pack(*place)) ^ change for place in places]
    times = set(timestamps)
    if len(times) == 1:
        return _run(records, timestamps[0], change)
    of_times = {time: crc32(PLACE.pack(0, time)) ^ _ZERO for time in times}
    return list(map(xor, _run(records, 0, change), map(of_times.__getitem__, timestamps)))


def _run(records: range, timestamp: int, change: int) -> list[int]:
    crcs: list[int] = []
    for first in range(records.start & -_RUN, records.stop, _RUN):
        crc = crc32(PLACE.pack(first, timestamp)) ^ change
        lowest = _LOWEST[max(records.start - first, 0) : records.stop - first]
        crcs += [crc ^ low for low in lowest]
    return crcs
