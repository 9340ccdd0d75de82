"""The placement of records in partitions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import repeat
from struct import unpack_from
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from store.model.encoding import RecordColumns

_MULTIPLIER = 0x5BD1E995
_SEED = 0x9747B28C
_MASK = 0xFFFFFFFF
STICKY_BYTES = 16_384


def murmur2(key: bytes) -> int:
    """Return the unsigned 32-bit hash by which Kafka's Java client places keys (Utils.murmur2)."""
    words, rest = divmod(len(key), 4)
    hashed = _SEED ^ len(key)
    for word in unpack_from(f"<{words}I", key):
        word = word * _MULTIPLIER & _MASK
        word = (word ^ word >> 24) * _MULTIPLIER & _MASK
        hashed = hashed * _MULTIPLIER & _MASK ^ word
    if rest:
        hashed = (hashed ^ int.from_bytes(key[-rest:], "little")) * _MULTIPLIER & _MASK
    hashed = (hashed ^ hashed >> 13) * _MULTIPLIER & _MASK
    return hashed ^ hashed >> 15


@lru_cache(maxsize=65_536)
def partition_for_key(key: bytes, partitions: int) -> int:
    """Return the partition of a key among `partitions`, as Kafka's default partitioner chooses
    it.
    """
    return (murmur2(key) & 0x7FFFFFFF) % partitions


class StickyPlacement:
    """Where records without a key go: one partition until 16 KiB went there, then another.

    As Kafka's BuiltInPartitioner (KIP-480, KIP-794), so that batches stay together.
    """

    __slots__ = ("_left", "_partition")

    def __init__(self) -> None:
        self._partition = -1
        self._left = 0

    def choose(self, partitions: int, size: int) -> int:
        """Return the partition for the next record of `size` bytes."""
        if self._left <= 0 or self._partition >= partitions:
            self._partition = self._another(partitions)
            self._left = STICKY_BYTES
        self._left -= size
        return self._partition

    def _another(self, partitions: int) -> int:
        if partitions == 1:
            return 0
        from random import randrange

        if self._partition < 0:
            return randrange(partitions)
        return (self._partition + randrange(1, partitions)) % partitions


def place_one(
    content: tuple[bytes | None, bytes | None, str | None, int | None, int],
    partitions: int,
    sticky: Callable[[str], StickyPlacement],
    topic: str,
) -> int:
    """Return the number of the partition that a record, as `encode_one` returns it, goes to."""
    if content[1] is not None:
        return partition_for_key(content[1], partitions)
    return sticky(topic).choose(partitions, content[-1])


def place(batch: RecordColumns, partitions: int, sticky: StickyPlacement) -> list[int]:
    """Return the number of the partition that each record goes to."""
    records = len(batch.values)
    if partitions == 1:
        return [0] * records
    if batch.partitions is None and batch.keys is not None and None not in batch.keys:
        return list(map(partition_for_key, batch.keys, repeat(partitions)))
    nothing = [None] * records
    places = []
    for number, key, size in zip(
        batch.partitions or nothing, batch.keys or nothing, batch.sizes, strict=True
    ):
        if number is None and key is not None:
            number = partition_for_key(key, partitions)
        elif number is None:
            number = sticky.choose(partitions, size)
        places.append(number)
    return places


def grouped(places: Sequence[int]) -> Mapping[int, Sequence[int]]:
    """Return the indexes of the records of each partition, in order."""
    if places and places.count(places[0]) == len(places):
        return {places[0]: range(len(places))}
    indexes: dict[int, list[int]] = defaultdict(list)
    for index, number in enumerate(places):
        indexes[number].append(index)
    return indexes
