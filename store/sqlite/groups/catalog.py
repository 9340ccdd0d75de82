"""Consumer groups as things: create, find, change and delete."""

from typing import NamedTuple

from store import model
from store.model.addresses import check_name
from store.model.errors import Exists, GroupActive, Hint
from store.model.groups import GroupConfig, check_group
from store.model.topics import DELIVERIES_WITH_DLQ
from store.sqlite import leases
from store.sqlite.file.database import Snapshot, WriteTransaction
from store.sqlite.file.settings import StoredSettings
from store.sqlite.leases import readers
from store.sqlite.log import topics


class Group(NamedTuple):
    """A consumer group as its module functions pass it along."""

    id: int
    name: str
    generation: int
    config: GroupConfig


def create(tx: WriteTransaction, name: str, config: GroupConfig, topic_names: list[str]) -> Group:
    """Create a group that begins at the oldest records of its topics; raises `Exists`."""
    if find_or_none(tx, name) is not None:
        raise Exists(
            f"group {name} exists already", hint=Hint("{}", model.looks.Show("group", name))
        )
    check_name(name, "group name")
    config = complete(tx, config)
    reader = readers.create(tx, _SETTINGS, config, kind="group", name=name)
    _SETTINGS.insert(tx, "mq_groups", config, reader=reader, emptied=tx.now)
    declare_topics(tx, reader, topic_names)
    return find(tx, name)


def declare_topics(tx: WriteTransaction, reader: int, topic_names: list[str]) -> None:
    """Note the topics of a group, and give it a slot in each of their partitions."""
    for name in topic_names:
        topic = topics.find(tx, name)
        tx.execute(
            "insert or ignore into mq_group_topics (reader, channel) values (:reader, :channel)",
            {"reader": reader, "channel": topic.id},
        )
        leases.slots.begin_at_start(tx, reader, topic.partitions)


def withdraw_topics(tx: WriteTransaction, reader: int, topic_names: list[str]) -> None:
    """Withdraw the topics of a group; where it has committed or has members, it stays."""
    for name in topic_names:
        channel = topics.find(tx, name).id
        tx.execute(
            "delete from mq_group_topics where reader = :reader and channel = :channel",
            {"reader": reader, "channel": channel},
        )
        leases.slots.end_unused(tx, reader, channel)


def complete(tx: Snapshot, config: GroupConfig, present: str | None = None) -> GroupConfig:
    """Return settings and their consequences: a DLQ alone sets a limit of 5 deliveries.

    Raises `BadInput` for settings that can't work and `NotFound` for a DLQ that is missing, unless
    it is the `present` one.
    """
    if config.dlq is not None and config.max_deliveries is None:
        config = config._replace(max_deliveries=DELIVERIES_WITH_DLQ)
    check_group(config)
    if config.dlq is not None and config.dlq != present:
        _check_queue(tx, config.dlq)
    return config


def _check_queue(tx: Snapshot, name: str) -> None:
    kind = tx.value("select kind from mq_channels where name = :name", {"name": name})
    if kind != "queue":
        raise tx.missing(name, "queue")


def find(tx: Snapshot, name: str) -> Group:
    """Return the group of that name; raises `NotFound`."""
    group = find_or_none(tx, name)
    if group is None:
        raise tx.missing(name, "group")
    return group


def find_or_create(tx: WriteTransaction, name: str) -> Group:
    """Return the group of that name, created for its first member if it is missing."""
    return find_or_none(tx, name) or create(tx, name, GroupConfig(), [])


def forget_stale_offsets(tx: WriteTransaction, group: Group) -> None:
    """Drop the offsets of a group that was empty for longer than its retention.

    Kafka: offsets.retention.minutes, counted from when the last member left or timed out. Offsets
    committed or reset by hand since then are kept as long, counted from that.
    """
    emptied = tx.value(
        "select ifnull(emptied, (select max(m.seen + m.session_timeout) from mq_members m"
        " where m.reader = g.reader)) from mq_groups g where g.reader = :reader",
        {"reader": group.id},
    )
    if emptied is not None and tx.now - emptied > group.config.retention:
        leases.slots.forget_commits(tx, group.id, tx.now - group.config.retention)


_SETTINGS = StoredSettings(GroupConfig, "mq_groups")
_ROWS = (
    f"select mq_readers.name, mq_readers.id, mq_groups.generation, {_SETTINGS.columns}"
    " from mq_readers join mq_groups on mq_groups.reader = mq_readers.id"
    " where mq_readers.kind = 'group'"
)


def find_or_none(tx: Snapshot, name: str) -> Group | None:
    """Return the group of that name, if there is one."""
    row = tx.row(f"{_ROWS} and mq_readers.name = :name", {"name": name})
    return None if row is None else Group(row[1], name, row[2], _SETTINGS.read(row))


def configs(tx: Snapshot) -> dict[str, GroupConfig]:
    """Return the settings of every group, by name."""
    return {row[0]: _SETTINGS.read(row) for row in tx.rows(f"{_ROWS} order by mq_readers.name")}


def declared_topics(tx: Snapshot) -> dict[str, list[str]]:
    """Return the topics that groups were declared for, in order, by the group's name."""
    declared: dict[str, list[str]] = {}
    for group, topic in tx.rows(
        "select r.name, c.name from mq_group_topics t join mq_readers r on r.id = t.reader"
        " join mq_channels c on c.id = t.channel order by c.name"
    ):
        declared.setdefault(group, []).append(topic)
    return declared


def names(tx: Snapshot) -> list[str]:
    """Return the names of all groups, in order."""
    return [
        row[0] for row in tx.rows("select name from mq_readers where kind = 'group' order by 1")
    ]


def topic_names(tx: Snapshot, group: Group) -> list[str]:
    """Return the topics in which the group has a slot, in order."""
    rows = tx.rows(
        "select distinct c.name from mq_slots s join mq_partitions p on p.id = s.partition"
        " join mq_channels c on c.id = p.channel where s.reader = :reader order by 1",
        {"reader": group.id},
    )
    return [row[0] for row in rows]


def alter(tx: WriteTransaction, name: str, config: GroupConfig, topic_names: list[str]) -> Group:
    """Change settings in place, and add topics."""
    group = find(tx, name)
    config = complete(tx, config, group.config.dlq)
    _SETTINGS.update(tx, "mq_groups", config, reader=group.id)
    readers.alter(tx, _SETTINGS, config, group.id)
    declare_topics(tx, group.id, topic_names)
    return find(tx, name)


def delete(tx: WriteTransaction, group: Group, live: list[str]) -> None:
    """Delete a group with its offsets; raises `GroupActive` with live members (Kafka:
    NON_EMPTY_GROUP).
    """
    refuse_active(group, live)
    readers.delete(tx, group.id)


def refuse_active(group: Group, live: list[str]) -> None:
    """Raise `GroupActive` when the group has members."""
    if live:
        raise GroupActive(
            f"group {group.name} has {len(live)} live member(s): {', '.join(live[:3])}",
            hint=Hint("stop them first, or fence them: {}", model.looks.HowToReset(force=True)),
        )


def next_generation(tx: WriteTransaction, group: Group) -> None:
    """Make every member check, at its next poll, what it owns."""
    tx.execute(
        "update mq_groups set generation = generation + 1, emptied = iif(exists"
        " (select 1 from mq_members m where m.reader = :reader), null, ifnull(emptied, :now))"
        " where reader = :reader",
        {"reader": group.id, "now": tx.now},
    )


def next_generations(tx: WriteTransaction, channel: int) -> None:
    """Make the members of all groups that read a topic share its partitions out anew."""
    tx.execute(
        "update mq_groups set generation = generation + 1 where reader in (select s.reader"
        " from mq_slots s join mq_partitions p on p.id = s.partition where p.channel = :channel)",
        {"channel": channel},
    )
