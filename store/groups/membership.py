"""Who is in a group and owns which partition, without a coordinator.

Whoever joins, polls or commits looks, inside its own transaction, whether other members are still
there. A partition belongs to one incarnation of a member, under an epoch that rises with every
change of hands; a commit that names another incarnation or epoch is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

from store import holders
from store.db import Snapshot, Write
from store.groups.groups import Group
from store.log.topics import Topic
from store.models import Member
from store.positions import Position, clamp, resolve


@dataclass(frozen=True, slots=True)
class Owned:
    """A partition that a member owns: commits must show `epoch`; reading begins at `cursor`."""

    topic: str
    partition: int
    slot: int
    epoch: int
    cursor: int


@dataclass(frozen=True, slots=True)
class Membership:
    """One incarnation of a member in a group."""

    group: int
    incarnation: int
    name: str


def join(
    tx: Write,
    group: Group,
    topics: list[Topic],
    name: str,
    session_timeout: int,
    start: Position,
) -> Membership | None:
    """Become a member and own every partition; `None` while another live member owns them.

    A member of the same name is replaced, and fenced (Kafka: FENCED_INSTANCE_ID).
    """
    drop_dead_members(tx, group)
    _remove(tx, group, "name = :name", {"name": name})
    if live_members(tx, group):
        return None
    incarnation = tx.insert(
        "insert into mq_members (reader, name, holder, topics, joined, seen, session_timeout,"
        " max_poll_interval) values (:reader, :name, :holder, json_array(), :now, :now,"
        " :session_timeout, 300000)",
        {
            "reader": group.id,
            "name": name,
            "holder": holders.register(tx, name, attached=True),
            "now": tx.now,
            "session_timeout": session_timeout,
        },
    )
    tx.execute(
        "update mq_groups set generation = generation + 1, emptied = null where reader = :reader",
        {"reader": group.id},
    )
    for topic in topics:
        _take(tx, group, topic, incarnation, start)
    return Membership(group.id, incarnation, name)


def _take(tx: Write, group: Group, topic: Topic, incarnation: int, start: Position) -> None:
    for partition in topic.partitions:
        begin = clamp(partition, resolve(tx, partition, start, partition.start))
        tx.execute(
            "insert into mq_slots (reader, partition, cursor, member, epoch, moved)"
            " values (:reader, :partition, :begin, :incarnation, 1, :now)"
            " on conflict (reader, partition) do update set member = :incarnation,"
            " epoch = epoch + 1, moved = :now, cursor = iif(committed, cursor, :begin)",
            {
                "reader": group.id,
                "partition": partition.id,
                "begin": begin,
                "incarnation": incarnation,
                "now": tx.now,
            },
        )


def owned(tx: Snapshot, membership: Membership) -> list[Owned]:
    """The partitions of a member, by topic and number."""
    rows = tx.rows(
        "select c.name, p.number, s.id, s.epoch, s.cursor from mq_slots s"
        " join mq_partitions p on p.id = s.partition join mq_channels c on c.id = p.channel"
        " where s.member = :incarnation order by 1, 2",
        {"incarnation": membership.incarnation},
    )
    return [Owned(*row) for row in rows]


def heartbeat(tx: Write, membership: Membership) -> bool:
    """Say that the member lives; False when the group has dropped it."""
    changed = tx.execute(
        "update mq_members set seen = :now where incarnation = :incarnation",
        {"now": tx.now, "incarnation": membership.incarnation},
    )
    return changed == 1


def leave(tx: Write, group: Group, membership: Membership) -> None:
    """Give back what the member owns."""
    _remove(tx, group, "incarnation = :incarnation", {"incarnation": membership.incarnation})


def drop_dead_members(tx: Write, group: Group) -> None:
    """Remove members whose session timed out or whose process is gone."""
    for incarnation, _, alive in _all_members(tx, group):
        if not alive:
            _remove(tx, group, "incarnation = :incarnation", {"incarnation": incarnation})


def live_members(tx: Snapshot, group: Group) -> list[str]:
    """The names of the members that are alive, in order."""
    return [name for _, name, alive in _all_members(tx, group) if alive]


def _all_members(tx: Snapshot, group: Group) -> list[tuple[int, str, bool]]:
    rows = tx.rows(
        "select incarnation, name, holder, seen + session_timeout from mq_members"
        " where reader = :reader order by name",
        {"reader": group.id},
    )
    return [
        (incarnation, name, tx.now < deadline and not holders.is_gone(tx, holder))
        for incarnation, name, holder, deadline in rows
    ]


def _remove(tx: Write, group: Group, which: str, parameters: dict[str, object]) -> None:
    members = tx.rows(
        f"select incarnation, holder from mq_members where reader = :reader and {which}",
        {"reader": group.id, **parameters},
    )
    for incarnation, holder in members:
        # The epoch rises, so that nothing the old owner still holds can commit.
        tx.execute(
            "update mq_slots set member = null, epoch = epoch + 1 where member = :incarnation",
            {"incarnation": incarnation},
        )
        tx.execute("delete from mq_members where incarnation = :id", {"id": incarnation})
        tx.execute("delete from mq_holders where id = :id", {"id": holder})
    if members:
        tx.execute(
            "update mq_groups set generation = generation + 1, emptied = :now"
            " where reader = :reader",
            {"reader": group.id, "now": tx.now},
        )


def fence_everybody(tx: Write, group: Group) -> None:
    """Drop every member and raise all epochs: what they commit from now on is refused."""
    _remove(tx, group, "true", {})


def members(tx: Snapshot, group: Group) -> list[Member]:
    """The live members with their partitions."""
    rows = tx.rows(
        "select m.incarnation, m.name, h.host, h.pid, m.joined, m.seen, m.session_timeout"
        " from mq_members m join mq_holders h on h.id = m.holder"
        " where m.reader = :reader order by m.name",
        {"reader": group.id},
    )
    alive = set(live_members(tx, group))
    return [
        Member(name, host, pid, _partitions_of(tx, incarnation), joined, seen, session_timeout)
        for incarnation, name, host, pid, joined, seen, session_timeout in rows
        if name in alive
    ]


def _partitions_of(tx: Snapshot, incarnation: int) -> list[tuple[str, int]]:
    return [
        (topic, number)
        for topic, number in tx.rows(
            "select c.name, p.number from mq_slots s join mq_partitions p on p.id = s.partition"
            " join mq_channels c on c.id = p.channel where s.member = :incarnation order by 1, 2",
            {"incarnation": incarnation},
        )
    ]
