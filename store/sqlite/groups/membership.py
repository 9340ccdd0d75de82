"""Members of a group and the partitions that they own, without a coordinator.

Each member that joins, polls or leaves checks, inside its own transaction, whether the others are
still there, and then writes down the wanted owners (`wanted`). An owner releases a partition that
another member should own at its next poll; only then does the other one take it, under a higher
epoch. So partitions that do not move are read throughout (KIP-429), and a commit that names another
incarnation or epoch is refused.
"""

import json
from typing import NamedTuple

from store import sqlite
from store.model.groups import GroupConfig, Member
from store.model.positions import Position
from store.sqlite import groups
from store.sqlite.file.database import Snapshot, WriteTransaction
from store.sqlite.groups.assignors import Subscriber, assign
from store.sqlite.groups.catalog import Group, next_generation
from store.sqlite.leases import holders, slots
from store.sqlite.log import topics
from store.sqlite.log.read import clamp, resolve


class Owned(NamedTuple):
    """A partition that a member owns: commits must show `epoch`; reading begins at `cursor`."""

    topic: str
    partition: int
    slot: int
    epoch: int
    cursor: int


class Membership(NamedTuple):
    """One incarnation of a member in a group."""

    group: int
    incarnation: int
    name: str


class JoinRequest(NamedTuple):
    """The way a member joins; times in milliseconds.

    `start` is where it begins in partitions without a commit. A static member has a name of its own
    choice, under which a restarted one takes over at once (KIP-345).
    """

    name: str
    static: bool
    topic_names: tuple[str, ...]
    session_timeout: int
    max_poll_interval: int
    start: Position


def join(tx: WriteTransaction, group: Group, joining: JoinRequest) -> Membership:
    """Become a member; one of the same name is replaced and fenced (FENCED_INSTANCE_ID)."""
    inherited = _wanted_by(tx, group, joining.name)
    drop_dead_members(tx, group)
    _remove(tx, group, "name = :name", {"name": joining.name})
    incarnation = tx.insert(
        "insert into mq_members (reader, name, static, holder, topics, joined, seen, polled,"
        " session_timeout, max_poll_interval) values (:reader, :name, :static, :holder, :topics,"
        " :now, :now, :now, :session_timeout, :max_poll_interval)",
        {
            "reader": group.id,
            "name": joining.name,
            "static": int(joining.static),
            "holder": holders.register(tx, joining.name, attached=True),
            "topics": json.dumps(joining.topic_names),
            "now": tx.now,
            "session_timeout": joining.session_timeout,
            "max_poll_interval": joining.max_poll_interval,
        },
    )
    for name in joining.topic_names:
        _begin(tx, group, topics.find(tx, name), joining.start)
    # The partitions of the former member of that name stay its own, so that a restart moves
    # nothing.
    slots.want(tx, [(incarnation, slot) for slot in inherited])
    rebalance(tx, group)
    return Membership(group.id, incarnation, joining.name)


def _wanted_by(tx: Snapshot, group: Group, name: str) -> list[int]:
    rows = tx.rows(
        "select s.id from mq_slots s join mq_members m on m.incarnation = s.wanted"
        " where m.reader = :reader and m.name = :name",
        {"reader": group.id, "name": name},
    )
    return [row[0] for row in rows]


def _begin(tx: WriteTransaction, group: Group, topic: topics.Topic, start: Position) -> None:
    """Give the group a slot in every partition; `start` counts without a commit."""
    for partition in topic.partitions:
        cursor = clamp(partition, resolve(tx, partition, start, partition.start))
        slots.begin_at(tx, group.id, partition.id, cursor)


def alter(tx: WriteTransaction, name: str, config: GroupConfig, topic_names: list[str]) -> Group:
    """Change a group's settings, and settle the records over them now.

    Under another assignor its partitions are assigned anew. A record at its position that has used
    up the limit of deliveries goes to the DLQ.
    """
    before = groups.catalog.find(tx, name)
    group = groups.catalog.alter(tx, name, config, topic_names)
    if sqlite.groups.failures.settle(tx, group):
        next_generation(tx, group)
    if group.config.assignor != before.config.assignor:
        rebalance(tx, group)
    return group


def rebalance(tx: WriteTransaction, group: Group) -> None:
    """Drop dead members and write down the wanted owners."""
    drop_dead_members(tx, group)
    members = _subscribers(tx, group)
    partitions = _partitions(tx, group, members)
    target = assign(group.config.assignor, [s for _, s in members], {
        topic: len(places) for topic, places in partitions.items()
    })  # fmt: skip
    incarnations = {subscriber.name: incarnation for incarnation, subscriber in members}
    wanted = {
        partitions[topic][number]: incarnations[name]
        for name, places in target.items()
        for topic, number in places
    }
    # Also where no member subscribes to the topic any more.
    slots.want_none(tx, group.id)
    slots.want(tx, [(incarnation, slot) for slot, incarnation in wanted.items()])
    next_generation(tx, group)


def _subscribers(tx: Snapshot, group: Group) -> list[tuple[int, Subscriber]]:
    rows = tx.rows(
        "select incarnation, name, static, topics from mq_members where reader = :reader"
        " order by name",
        {"reader": group.id},
    )
    return [
        (
            incarnation,
            Subscriber(
                name, frozenset(json.loads(names)), bool(static), _claims(tx, group, incarnation)
            ),
        )
        for incarnation, name, static, names in rows
    ]


def _claims(tx: Snapshot, group: Group, incarnation: int) -> tuple[tuple[str, int], ...]:
    rows = tx.rows(
        "select c.name, p.number from mq_slots s join mq_partitions p on p.id = s.partition"
        " join mq_channels c on c.id = p.channel where s.reader = :reader"
        " and s.wanted = :incarnation order by 1, 2",
        {"reader": group.id, "incarnation": incarnation},
    )
    return tuple((topic, number) for topic, number in rows)


def _partitions(
    tx: WriteTransaction, group: Group, members: list[tuple[int, Subscriber]]
) -> dict[str, list[int]]:
    """Return the slot of every partition of the subscribed topics, by topic and number.

    A partition added since begins at its start, so that nothing in it is missed.
    """
    found = {}
    for name in sorted({topic for _, member in members for topic in member.topics}):
        topic = topics.find_or_none(tx, name)
        if topic is None:
            continue
        slots.begin_at_start(tx, group.id, topic.partitions)
        rows = tx.rows(
            "select s.id from mq_slots s join mq_partitions p on p.id = s.partition"
            " where s.reader = :reader and p.channel = :channel order by p.number",
            {"reader": group.id, "channel": topic.id},
        )
        found[name] = [row[0] for row in rows]
    return found


def hand_over(tx: WriteTransaction, membership: Membership) -> None:
    """Release partitions that others should own, and take free ones that this member should own."""
    slots.hand_over(tx, membership.group, membership.incarnation)


def is_settled(tx: Snapshot, membership: Membership, generation: int) -> bool:
    """Return whether nothing has changed for this member since it saw that generation."""
    return bool(
        tx.value(
            "select g.generation = :generation and not exists (select 1 from mq_slots s"
            " where s.reader = g.reader and s.wanted = :me and s.member is null)"
            " from mq_groups g where g.reader = :group",
            {
                "generation": generation,
                "me": membership.incarnation,
                "group": membership.group,
            },
        )
    )


def owned(tx: Snapshot, membership: Membership) -> list[Owned]:
    """Return the partitions of a member, by topic and number."""
    rows = tx.rows(
        "select c.name, p.number, s.id, s.epoch, s.cursor from mq_slots s"
        " join mq_partitions p on p.id = s.partition join mq_channels c on c.id = p.channel"
        " where s.member = :incarnation order by 1, 2",
        {"incarnation": membership.incarnation},
    )
    return [Owned(*row) for row in rows]


def heartbeat(tx: WriteTransaction, membership: Membership, polled: bool) -> bool:
    """Note a sign of life of the member, or a poll; return False when the group has dropped it."""
    changed = tx.execute(
        "update mq_members set seen = :now, polled = iif(:polled, :now, polled)"
        " where incarnation = :incarnation",
        {"now": tx.now, "polled": int(polled), "incarnation": membership.incarnation},
    )
    return changed == 1


def leave(tx: WriteTransaction, group: Group, membership: Membership) -> None:
    """Release the member's partitions for the others."""
    if _remove(tx, group, "incarnation = :me", {"me": membership.incarnation}):
        rebalance(tx, group)


def drop_dead_members(tx: WriteTransaction, group: Group) -> None:
    """Remove members that timed out or whose process is gone."""
    for incarnation, _, alive in _all_members(tx, group):
        if not alive:
            _remove(tx, group, "incarnation = :me", {"me": incarnation})


def has_dead_members(tx: Snapshot, group: Group) -> bool:
    """Return whether a member is gone, and a rebalance is due."""
    return not all(alive for _, _, alive in _all_members(tx, group))


def needs_rebalance(tx: Snapshot, group: Group) -> bool:
    """Return whether a member is gone, or a subscribed partition has no owner.

    The topic of such a partition may have been created, or created anew, after the members joined.
    """
    return has_dead_members(tx, group) or bool(
        tx.value(
            "select exists (select 1 from mq_members m, json_each(m.topics) t"
            " join mq_channels c on c.name = t.value and c.kind = 'topic'"
            " join mq_partitions p on p.channel = c.id"
            " left join mq_slots s on s.partition = p.id and s.reader = m.reader"
            " where m.reader = :reader and s.wanted is null)",
            {"reader": group.id},
        )
    )


def live_members(tx: Snapshot, group: Group) -> list[str]:
    """Return the names of the members that are alive, in order."""
    return [name for _, name, alive in _all_members(tx, group) if alive]


def last_seen(tx: Snapshot, group: Group) -> dict[str, int]:
    """Return the store time of the last sign of life of each member that is alive."""
    alive = set(live_members(tx, group))
    rows = tx.rows("select name, seen from mq_members where reader = :reader", {"reader": group.id})
    return {name: seen for name, seen in rows if name in alive}


def _all_members(tx: Snapshot, group: Group) -> list[tuple[int, str, bool]]:
    rows = tx.rows(
        "select incarnation, name, holder, min(seen + session_timeout, polled + max_poll_interval)"
        " from mq_members where reader = :reader order by name",
        {"reader": group.id},
    )
    return [
        (incarnation, name, tx.now < deadline and not holders.is_gone(tx, holder))
        for incarnation, name, holder, deadline in rows
    ]


def _remove(tx: WriteTransaction, group: Group, which: str, parameters: dict[str, object]) -> bool:
    members = tx.rows(
        f"select incarnation, holder from mq_members where reader = :reader and {which}",
        {"reader": group.id, **parameters},
    )
    for incarnation, holder in members:
        slots.disown(tx, group.id, incarnation)
        tx.execute("delete from mq_members where incarnation = :id", {"id": incarnation})
        holders.forget(tx, holder)
    if members:
        next_generation(tx, group)
    return bool(members)


def fence_everybody(tx: WriteTransaction, group: Group) -> None:
    """Drop every member and raise all epochs: their commits are refused from now on."""
    _remove(tx, group, "true", {})


def state(tx: Snapshot, group: Group) -> str:
    """Return `empty`, `rebalancing` while a partition still has to change hands, or `stable`."""
    if not live_members(tx, group):
        return "empty"
    moving = tx.value(
        "select exists (select 1 from mq_slots where reader = :reader and wanted is not member)",
        {"reader": group.id},
    )
    return "rebalancing" if moving or has_dead_members(tx, group) else "stable"


def members(tx: Snapshot, group: Group) -> list[Member]:
    """Return the live members with their partitions; one that owns none is idle."""
    rows = tx.rows(
        "select m.incarnation, m.name, h.host, h.pid, m.static, m.joined, m.seen,"
        " m.session_timeout from mq_members m join mq_holders h on h.id = m.holder"
        " where m.reader = :reader order by m.name",
        {"reader": group.id},
    )
    alive = set(live_members(tx, group))
    return [
        Member(name, host, pid, _owned_places(tx, me), bool(static), joined, seen, session_timeout)
        for me, name, host, pid, static, joined, seen, session_timeout in rows
        if name in alive
    ]


def _owned_places(tx: Snapshot, incarnation: int) -> list[tuple[str, int]]:
    mine = Membership(0, incarnation, "")
    return [(one.topic, one.partition) for one in owned(tx, mine)]
