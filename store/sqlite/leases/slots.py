"""The slots of readers in partitions, as they begin, change hands and end: rows of mq_slots.

The cursor of a reader that leases, and the counts of its leases, are moved in `rows`.
"""

from __future__ import annotations

from collections.abc import Iterable

from store.sqlite.file.database import WriteTransaction
from store.sqlite.log.topics import Partition


def begin(tx: WriteTransaction, reader: int, partition: int, cursor: int, moved: int = 0) -> None:
    """Give a reader a slot in a partition where it has none."""
    tx.execute(
        "insert into mq_slots (reader, partition, cursor, moved) values (?, ?, ?, ?)",
        (reader, partition, cursor, moved),
    )


def begin_at_start(tx: WriteTransaction, reader: int, partitions: Iterable[Partition]) -> None:
    """Give a group a slot at the oldest record of each partition where it has none."""
    tx.many(
        "insert or ignore into mq_slots (reader, partition, cursor) values (?, ?, ?)",
        [(reader, partition.id, partition.start) for partition in partitions],
    )


def begin_at(tx: WriteTransaction, reader: int, partition: int, cursor: int) -> None:
    """Give a group a slot in a partition; one that committed or is owned stays where it is."""
    tx.execute(
        "insert into mq_slots (reader, partition, cursor, moved)"
        " values (:reader, :partition, :cursor, :now)"
        " on conflict (reader, partition) do update"
        " set cursor = iif(committed or member not null, cursor, :cursor)",
        {"reader": reader, "partition": partition, "cursor": cursor, "now": tx.now},
    )


def follow_growth(tx: WriteTransaction, channel: int, present: int) -> None:
    """Give the readers of a topic a slot in its partitions from number `present` on."""
    tx.execute(
        "insert into mq_slots (reader, partition, cursor) select distinct s.reader, new.id, 0"
        " from mq_partitions old join mq_slots s on s.partition = old.id"
        " join mq_partitions new on new.channel = old.channel and new.number >= :present"
        " where old.channel = :channel and old.number < :present",
        {"channel": channel, "present": present},
    )


def end_all(tx: WriteTransaction, reader: int) -> None:
    """Delete all slots of a reader."""
    tx.execute("delete from mq_slots where reader = :reader", {"reader": reader})


def end_in(tx: WriteTransaction, channel: int) -> None:
    """Delete the slots of all readers in a channel."""
    tx.execute(
        "delete from mq_slots where partition in"
        " (select id from mq_partitions where channel = :channel)",
        {"channel": channel},
    )


def end_unused(tx: WriteTransaction, reader: int, channel: int) -> None:
    """Delete a group's slots in a topic, unless it has committed or has members there."""
    tx.execute(
        "delete from mq_slots where reader = :reader and committed = 0 and member is null"
        " and wanted is null"
        " and partition in (select id from mq_partitions where channel = :channel)",
        {"reader": reader, "channel": channel},
    )


def commit(tx: WriteTransaction, slot: int, offset: int) -> None:
    """Move the cursor of a group on to a member's commit."""
    tx.execute(
        "update mq_slots set cursor = :offset, committed = 1, moved = :now, tries = 1,"
        " last_commit = :number where id = :slot",
        {"offset": offset, "now": tx.now, "number": tx.number_slot(slot), "slot": slot},
    )


def put(tx: WriteTransaction, reader: int, partition: int, offset: int) -> None:
    """Set a group's next offset, back or forth; a member that owns the partition is fenced."""
    tx.execute(
        "insert into mq_slots (reader, partition, cursor, committed, moved)"
        " values (:reader, :partition, :offset, 1, :now) on conflict (reader, partition)"
        " do update set cursor = :offset, committed = 1, moved = :now, epoch = epoch + 1,"
        " tries = 0",
        {"reader": reader, "partition": partition, "offset": offset, "now": tx.now},
    )


def forget_commit(tx: WriteTransaction, reader: int, partition: Partition) -> None:
    """Leave a group without a commit in a partition, as it was before its first one."""
    tx.execute(
        "update mq_slots set cursor = :start, committed = 0, moved = :now, epoch = epoch + 1,"
        " tries = 0 where reader = :reader and partition = :partition",
        {"start": partition.start, "now": tx.now, "reader": reader, "partition": partition.id},
    )


def forget_commits(tx: WriteTransaction, reader: int, before: int) -> None:
    """Leave a group without the commits that it made before a store time."""
    tx.execute(
        "update mq_slots set committed = 0 where reader = :reader and moved < :before",
        {"reader": reader, "before": before},
    )


def pass_to(tx: WriteTransaction, slot: int, end: int) -> None:
    """Move a slot's cursor on, at least to offset `end`."""
    tx.execute(
        "update mq_slots set cursor = max(cursor, :end) where id = :id", {"end": end, "id": slot}
    )


def restart(tx: WriteTransaction, slot: int, cursor: int) -> None:
    """Put the cursor of a slot whose leases were all deleted."""
    tx.execute(
        "update mq_slots set cursor = ?, moved = ?, leases = 0, held = 0, waiting = 0 where id = ?",
        (cursor, tx.now, slot),
    )


def want(tx: WriteTransaction, wanted: Iterable[tuple[int, int]]) -> None:
    """Note the wanted incarnation of slots: pairs of an incarnation and a slot."""
    tx.many("update mq_slots set wanted = ? where id = ?", list(wanted))


def want_none(tx: WriteTransaction, reader: int) -> None:
    """Note that no member of a group is wanted for any of its slots."""
    tx.execute("update mq_slots set wanted = null where reader = :reader", {"reader": reader})


def hand_over(tx: WriteTransaction, reader: int, incarnation: int) -> None:
    """Release a member's slots that others are wanted for, and take free ones that it is wanted
    for.
    """
    mine = {"me": incarnation, "group": reader, "now": tx.now}
    tx.execute(
        "update mq_slots set member = null where member = :me and wanted is not :me",
        mine,
    )
    # A member that takes a partition in which nothing waits is not stuck at later records.
    tx.execute(
        "update mq_slots set member = :me, epoch = epoch + 1, taken = :now, tries = 1 + iif("
        " cursor < (select p.next from mq_partitions p where p.id = partition), tries, 0)"
        " where reader = :group and wanted = :me and member is null",
        mine,
    )


def disown(tx: WriteTransaction, reader: int, incarnation: int) -> None:
    """Take all slots from a member, which can't commit any more."""
    tx.execute(
        "update mq_slots set member = null, epoch = epoch + 1 where member = :incarnation",
        {"incarnation": incarnation},
    )
    tx.execute(
        "update mq_slots set wanted = null where reader = :reader and wanted = :incarnation",
        {"reader": reader, "incarnation": incarnation},
    )
