"""Shares as things: readers of a topic that lease its records one by one (KIP-932)."""

from __future__ import annotations

from typing import Any, NamedTuple

from store import model
from store.model.addresses import check_name
from store.model.errors import BadInput, GroupActive, Hint
from store.model.groups import OffsetChange
from store.model.positions import Position
from store.model.settings import check_settings
from store.model.shares import ShareConfig
from store.sqlite import channels, leases, queues
from store.sqlite.file.database import Row, Snapshot, WriteTransaction
from store.sqlite.file.settings import StoredSettings, cached_by_settings
from store.sqlite.leases import readers
from store.sqlite.leases.readers import Reader
from store.sqlite.leases.rows import SlotProgress
from store.sqlite.log import topics
from store.sqlite.log.read import clamp, resolve
from store.sqlite.shares import window


class Share(NamedTuple):
    """A share as its module functions pass it along."""

    id: int
    name: str
    topic: str
    created: int
    config: ShareConfig
    reader: Reader


def create(
    tx: WriteTransaction, name: str, topic: str, config: ShareConfig, start: Position
) -> Share:
    """Create a share that begins at a position in each partition of its topic; raises `Exists`."""
    check_name(name, "share name")
    channels.refuse_taken(tx, name)
    source = topics.find(tx, topic)
    check_config(tx, config)
    channel = channels.create(tx, name, "share")
    reader = readers.create(
        tx, _SETTINGS, config, kind="share", name=name, channel=channel, source=source.id
    )
    _SETTINGS.insert(tx, "mq_shares", config, reader=reader)
    for p in source.partitions:
        leases.slots.begin(tx, reader, p.id, clamp(p, resolve(tx, p, start)), tx.now)
    return find(tx, name)


def check_config(tx: Snapshot, config: ShareConfig) -> None:
    """Raise `BadInput` for settings that can't work, `NotFound` for a missing DLQ."""
    check_settings(config)
    if config.dlq is not None:
        queues.catalog.find(tx, config.dlq)


def check_lease(lease: int) -> None:
    """Raise `BadInput` for a lease in which nothing could be settled: once over, it is lost."""
    if lease < 1:
        raise BadInput(
            "a share's lease must be longer than 0: no acknowledgement could count",
            hint="from 1ms to 3650d",
        )


_SETTINGS = StoredSettings(ShareConfig, "mq_shares")
_ROWS = (
    "select mq_channels.name, mq_channels.id, mq_channels.created, topics.name, mq_readers.id,"
    f" {_SETTINGS.columns} from mq_channels join mq_readers on mq_readers.channel = mq_channels.id"
    " join mq_shares on mq_shares.reader = mq_readers.id"
    " join mq_channels topics on topics.id = mq_readers.source"
)


def find(tx: Snapshot, name: str) -> Share:
    """Return the share of that name; raises `NotFound`, naming the name's other kind."""
    found = find_or_none(tx, name)
    if found is None:
        raise tx.missing(name, "share")
    return found


def find_or_none(tx: Snapshot, name: str) -> Share | None:
    """Return the share of that name, if there is one."""
    share = _settings(tx, name)
    if share is None:
        return None
    turn = tx.value(
        "select turn from mq_shares where reader = :reader", {"reader": share.reader.id}
    )
    return share._replace(reader=share.reader._replace(turn=turn))


@cached_by_settings
def _settings(tx: Snapshot, name: str) -> Share | None:
    row = tx.row(f"{_ROWS} where mq_channels.name = :name", {"name": name})
    return None if row is None else _share(row)


def reader(tx: Snapshot, name: str) -> Reader:
    """Return the rules by which a share is read, on any partition's turn; raises `NotFound`."""
    share = _settings(tx, name)
    if share is None:
        raise tx.missing(name, "share")
    return share.reader


def _share(row: Row) -> Share:
    name, channel, created, topic, reader = row[:5]
    config = _SETTINGS.read(row)
    retry = None
    if config.max_deliveries is not None:
        retry = queues.policies.retry.RetryLimits(config.max_deliveries)
    rules = Reader(
        id=reader,
        name=name,
        channel=channel,
        source=topic,
        on_ack="retain",
        ordered=False,
        lease=config.lease,
        retry=retry,
        dead_letter_to=config.dlq,
        dead_letter_key=None,
        levels=(0,),
        delay=0,
        retention=None,
        policies=readers.by_hook([retry] if retry is not None else []),
        window=config.max_in_flight,
    )
    return Share(channel, name, topic, created, config, rules)


def all_shares(tx: Snapshot) -> list[Share]:
    """Return all shares, by name."""
    rows = tx.rows("select name from mq_channels where kind = 'share' order by 1")
    return [find(tx, name) for (name,) in rows]


def altered(tx: Snapshot, name: str, settings: dict[str, Any]) -> ShareConfig:
    """Return the changed settings of a share; raises `BadInput` where they can't work."""
    config = find(tx, name).config._replace(**settings)
    check_config(tx, config)
    return config


def alter(tx: WriteTransaction, name: str, settings: dict[str, Any]) -> Share:
    """Change settings in place; records in flight stay as they are."""
    share, config = find(tx, name), altered(tx, name, settings)
    readers.alter(tx, _SETTINGS, config, share.reader.id)
    _SETTINGS.update(tx, "mq_shares", config, reader=share.reader.id)
    return find(tx, name)


def delete(tx: WriteTransaction, name: str, *, force: bool = False) -> None:
    """Delete a share, its topic stays; raises `GroupActive` while a record of it is leased."""
    share = find(tx, name)
    if not force:
        _refuse_active(tx, share)
    _forget_leases(tx, share)
    channels.delete(tx, share.id)


def plan_reset(tx: Snapshot, name: str, target: Position) -> list[OffsetChange]:
    """Return a share's new position in each partition: offsets are clamped to the log."""
    share = find(tx, name)
    slots = {slot.number: slot for slot in leases.rows.slots(tx, share.reader)}
    return [
        _change(tx, share, partition, slots[partition.number], target)
        for partition in topics.find(tx, share.topic).partitions
    ]


def _change(
    tx: Snapshot, share: Share, partition: topics.Partition, slot: SlotProgress, target: Position
) -> OffsetChange:
    current = window.start(tx, slot)
    wanted = resolve(tx, partition, target, current)
    new = clamp(partition, wanted)
    return OffsetChange(
        share.topic, partition.number, current, new, partition.start, partition.next, new != wanted
    )


def reset(
    tx: WriteTransaction, name: str, target: Position, *, force: bool = False
) -> list[OffsetChange]:
    """Carry out the plan: finished and leased records count no more.

    Raises `GroupActive` while a record is leased (Kafka: NON_EMPTY_GROUP), unless `force` takes the
    lease away.
    """
    share = find(tx, name)
    if not force:
        _refuse_active(tx, share)
    changes = plan_reset(tx, name, target)
    _forget_leases(tx, share)
    slots = {slot.number: slot.id for slot in leases.rows.slots(tx, share.reader)}
    for change in changes:
        assert change.new is not None
        leases.slots.restart(tx, slots[change.partition], change.new)
    return changes


def _refuse_active(tx: Snapshot, share: Share) -> None:
    holding = tx.rows(
        "select distinct h.name from mq_leases l join mq_holders h on h.id = l.holder"
        f" where l.reader = :reader and {leases.abandoned.HELD} order by 1 limit 4",
        {**leases.abandoned.parameters(tx, share.reader), "reader": share.reader.id},
    )
    if holding:
        names = ", ".join(name for (name,) in holding[:3])
        raise GroupActive(
            f"records of share {share.name} are in the hands of {names}",
            hint=Hint(
                "see them: {}; or take them away: {force}", model.looks.ShowLeases(share.name)
            ),
        )


def _forget_leases(tx: WriteTransaction, share: Share) -> None:
    leases.attempts.note_released(tx, share.reader.id)
    leases.rows.remove_all(tx, share.reader.id)


def keep_turn(tx: WriteTransaction, share: Share, number: int) -> None:
    """Let the next receive begin with another partition than this one did."""
    tx.execute(
        "update mq_shares set turn = :number where reader = :reader",
        {"number": number, "reader": share.reader.id},
    )
