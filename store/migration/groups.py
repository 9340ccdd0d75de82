"""The offsets of groups, translated to the copies of the records that they read next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from store.migration.topics import source_offset
from store.model.errors import Conflict, NotFound

if TYPE_CHECKING:
    from store.engine.broker import Broker
    from store.engine.groups import Groups
    from store.engine.topics import Topics

Offsets = Mapping[tuple[str, int], int]


def committed(broker: Groups, group: str) -> Offsets:
    """Return the committed offsets of a group; none where there is no such group."""
    try:
        rows = broker.lag(group)
    except NotFound:
        return {}
    return {(row.topic, row.partition): row.committed for row in rows if row.committed is not None}


def move_group(source: Broker, target: Broker, group: str) -> Offsets:
    """Set a group at the copies of its next records, and return the offsets.

    Topics that are not at the target are left out, and a group that was set before goes on from
    there. Raises `Conflict` where it has been read further at the target than at the source.
    """
    offsets = committed(source, group)
    there = {topic for topic in {topic for topic, _ in offsets} if _has(target, topic)}
    wanted = translated(target, {part: at for part, at in offsets.items() if part[0] in there})
    present = committed(target, group)
    for (topic, partition), offset in present.items():
        if offset > wanted.get((topic, partition), offset):
            raise Conflict(
                f"group {group} is at {topic}/{partition}@{offset} at the target already, further"
                " than at the source",
                hint="it is read there: leave it out",
            )
    if changed := {part: at for part, at in wanted.items() if present.get(part) != at}:
        target.reset_group(group, changed)
    return wanted


def _has(target: Topics, topic: str) -> bool:
    try:
        target.topic(topic)
    except NotFound:
        return False
    return True


def translated(target: Topics, offsets: Offsets) -> Offsets:
    """Return, for offsets of the source, those of the first copies from there on."""
    return {
        (topic, partition): _first_copy(target, topic, partition, offset)
        for (topic, partition), offset in offsets.items()
    }


def _first_copy(target: Topics, topic: str, partition: int, offset: int) -> int:
    """Find the first copy of a record at `offset` or after it by halving; its end without one."""
    there = target.topic(topic).partitions[partition]
    low, high = there.start, there.end
    while low < high:
        middle = (low + high) // 2
        # The record at an offset, or the next one after it.
        records = target.read(topic, partition, middle, 1)
        before = source_offset(records[0]) if records else None
        if before is None or before >= offset:
            high = middle
        else:
            low = records[0].offset + 1
    return low
