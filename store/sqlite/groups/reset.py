"""Moving a group's bookmarks by hand: a plan first, the same plan applied afterwards."""

from __future__ import annotations

from collections.abc import Mapping

from store.model.errors import BadInput, Hint
from store.model.groups import GroupConfig, OffsetChange
from store.model.positions import Position, Scope, Shift, Target
from store.sqlite import groups
from store.sqlite.file.database import Snapshot, WriteTransaction
from store.sqlite.groups import membership
from store.sqlite.groups.catalog import Group
from store.sqlite.leases import slots
from store.sqlite.log import samples, topics
from store.sqlite.log.read import clamp, resolve
from store.sqlite.log.topics import Partition


def plan(tx: Snapshot, name: str, target: Target, scope: Scope | None) -> list[OffsetChange]:
    """Return the changes of a reset, row by row; a scope of `None` is every topic of the group.

    As Kafka's tool does it: offsets are clamped to the log, an unknown partition in the scope is an
    error for the whole plan, and a group that does not exist has no topics.
    """
    return [change for _, change in _plan(tx, groups.catalog.find_or_none(tx, name), target, scope)]


def apply(
    tx: WriteTransaction, name: str, target: Target, scope: Scope | None, force: bool
) -> list[OffsetChange]:
    """Carry out the plan; raises `GroupActive` with live members, unless `force` fences them."""
    group = groups.catalog.find_or_none(tx, name)
    planned = _plan(tx, group, target, scope)
    if not planned:
        return []
    group = group or groups.catalog.create(tx, name, GroupConfig(), [])
    if force:
        membership.fence_everybody(tx, group)
    groups.catalog.refuse_active(group, membership.live_members(tx, group))
    for partition, change in planned:
        samples.forget_place(tx, group.id, partition.id)
        if change.new is None:
            slots.forget_commit(tx, group.id, partition)
        else:
            slots.put(tx, group.id, partition.id, change.new)
    return [change for _, change in planned]


def _plan(
    tx: Snapshot, group: Group | None, target: Target, scope: Scope | None
) -> list[tuple[Partition, OffsetChange]]:
    if isinstance(target, Mapping) and scope is None:
        scope = list(target)
    if scope is None:
        scope = [] if group is None else [(t, None) for t in groups.catalog.topic_names(tx, group)]
    return [
        (partition, _change(tx, group, topic, partition, target))
        for topic, partition in _partitions(tx, scope)
    ]


def _partitions(tx: Snapshot, scope: Scope) -> list[tuple[str, Partition]]:
    known = {name: topics.find(tx, name) for name in dict.fromkeys(name for name, _ in scope)}
    found: dict[tuple[str, int], Partition] = {}
    for name, number in scope:
        topic = known[name]
        chosen = topic.partitions if number is None else [topic.partition(number)]
        found.update({(name, partition.number): partition for partition in chosen})
    return [(name, partition) for (name, _), partition in sorted(found.items())]


def _change(
    tx: Snapshot, group: Group | None, topic: str, partition: Partition, target: Target
) -> OffsetChange:
    current = None if group is None else committed_offset(tx, group.id, partition.id)
    wanted = _wanted(tx, topic, partition, target, current)
    new = None if wanted is None else clamp(partition, wanted)
    return OffsetChange(
        topic, partition.number, current, new, partition.start, partition.next, new != wanted
    )


def _wanted(
    tx: Snapshot, topic: str, partition: Partition, target: Target, current: int | None
) -> int | None:
    if isinstance(target, Shift):
        if current is None:
            raise BadInput(
                f"nothing is committed in {topic}/{partition.number} to shift from",
                hint=Hint("name a place: {target earliest}, {target latest}, {target OFFSET}"),
            )
        return current + target.by
    if isinstance(target, Position):
        # Kafka's reset to the current offset takes the log's end where nothing is committed.
        return resolve(tx, partition, target, partition.next if current is None else current)
    return target[topic, partition.number]


def committed_offset(tx: Snapshot, reader: int, partition: int) -> int | None:
    """Return the next offset a group has committed in a partition, `None` before the first
    commit.
    """
    offset: int | None = tx.value(
        "select cursor from mq_slots where reader = :reader and partition = :partition"
        " and committed = 1",
        {"reader": reader, "partition": partition},
    )
    return offset
