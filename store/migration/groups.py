"""The offsets of groups, translated to the copies of the records that they read next."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from typing import TYPE_CHECKING

from store.migration.topics import source_offset
from store.model.errors import Conflict, NotFound

if TYPE_CHECKING:
    from store.engine.broker import Broker
    from store.engine.groups import Groups
    from store.engine.topics import Topics

_AROUND = 200
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
    """Find the first copy of a record at `offset` or after it; the end where there is none.

    A look at a server is slow, and hardly slower for many records, so each takes some around a
    guess: offsets of the source grow about evenly with those of the target. Where they do not,
    every second look halves what is left.
    """
    there = target.topic(topic).partitions[partition]
    low, high = there.start, there.end
    below, above = 0, offset + 1
    for is_guess in cycle((True, False)):
        if low >= high:
            break
        share = (offset - below) / max(1, above - below) if is_guess else 0.5
        middle = low + int(share * (high - low))
        first = min(high - 1, max(low, middle - _AROUND // 2))
        copies = [
            (source, record.offset)
            for record in target.read(topic, partition, first, _AROUND)
            if (source := source_offset(record)) is not None
        ]
        if not copies or copies[0][0] >= offset:
            high, above = first, copies[0][0] if copies else offset
        elif copies[-1][0] < offset:
            below, low = copies[-1][0] + 1, copies[-1][1] + 1
        else:
            return next(there for source, there in copies if source >= offset)
    return low
