"""Moving a bookmark: the one number that a group keeps per partition."""

from __future__ import annotations

from collections.abc import Mapping

from store import model
from store.model.errors import BadInput, Fenced, Hint
from store.model.groups import Offsets
from store.sqlite.file.database import Snapshot, WriteTransaction
from store.sqlite.groups.catalog import Group, find_or_create
from store.sqlite.groups.membership import Membership, Owned, live_members
from store.sqlite.leases import slots
from store.sqlite.log import samples, topics
from store.sqlite.log.topics import Partition


def commit_owned(
    tx: WriteTransaction,
    membership: Membership,
    owned: Mapping[tuple[str, int], Owned],
    offsets: Offsets,
) -> None:
    """Commit next offsets of partitions that this member owns; raises `Fenced` if it lost one."""
    for place, offset in offsets.items():
        mine = owned.get(place)
        if mine is None:
            raise _fenced(membership.name, place, "it is not assigned to it")
        cursor = _check_commit(tx, membership, mine, offset)
        # A repeated commit has not moved.
        if offset != cursor:
            samples.note(tx, "slot", mine.slot, mine.cursor if cursor is None else cursor)
            slots.commit(tx, mine.slot, offset)


def commit_unowned(tx: WriteTransaction, name: str, offsets: Offsets) -> None:
    """Commit on behalf of a group without live members, which is created if it is missing.

    Raises `Fenced` when it has any: Kafka accepts a commit without a member only while the group is
    empty.
    """
    group = find_or_create(tx, name)
    if live_members(tx, group):
        raise Fenced(
            f"group {group.name} has live members; this commit names none of them",
            hint="pass the consumer that read the records: tx.commit(…, consumer=consumer)",
        )
    for (name, number), offset in offsets.items():
        partition = topics.find(tx, name).partition(number)
        _check_inside(f"{name}/{number}", offset, partition.next)
        _note_pace(tx, group, partition)
        slots.put(tx, group.id, partition.id, offset)


def _note_pace(tx: WriteTransaction, group: Group, partition: Partition) -> None:
    row = tx.row(
        "select id, cursor from mq_slots where reader = :reader and partition = :partition",
        {"reader": group.id, "partition": partition.id},
    )
    if row is not None:
        samples.note(tx, "slot", *row)


def check_place(tx: Snapshot, membership: Membership, mine: Owned, offset: int) -> None:
    """Raise `Fenced` when this member must not deal with a record any more."""
    place = (mine.topic, mine.partition)
    row = tx.row("select member, epoch from mq_slots where id = :slot", {"slot": mine.slot})
    if row != (membership.incarnation, mine.epoch):
        raise _fenced(membership.name, place, "it has another owner, or was reset, since")
    if offset < mine.cursor:
        raise _fenced(membership.name, place, f"the group was taken past {offset} since")


def _check_commit(
    tx: WriteTransaction, membership: Membership, mine: Owned, offset: int
) -> int | None:
    """Raise when the commit is not allowed; return the offset committed so far."""
    place = (mine.topic, mine.partition)
    row = tx.row(
        "select s.member, s.epoch, s.cursor, s.committed, p.next from mq_slots s"
        " join mq_partitions p on p.id = s.partition where s.id = :slot",
        {"slot": mine.slot},
    )
    if row is None:
        raise _fenced(membership.name, place, "its topic or group was deleted")
    member, epoch, cursor, committed, end = row
    # Ownership comes first: a stale member gets that error, for any offset.
    if (member, epoch) != (membership.incarnation, mine.epoch):
        raise _fenced(membership.name, place, "it has another owner, or was reset, since")
    where = f"{mine.topic}/{mine.partition}"
    _check_inside(where, offset, end)
    if committed and offset < cursor:
        raise BadInput(
            f"commit of {where}@{offset} would go back from {cursor}",
            hint=Hint(
                "to read again, reset the group: {}",
                model.actions.ResetGroup(
                    model.actions.Blank("GROUP"),
                    mine.topic,
                    mine.partition,
                    model.actions.Blank("…"),
                ),
            ),
        )
    return cursor if committed else None


def _check_inside(where: str, offset: int, end: int) -> None:
    if not 0 <= offset <= end:
        raise BadInput(
            f"commit of {where}@{offset} is outside the log, which ends at {end}",
            hint="the committed offset is the next one to read",
        )


def _fenced(member: str, place: tuple[str, int], why: str) -> Fenced:
    return Fenced(
        f"{member} may not commit {place[0]}/{place[1]}: {why}",
        hint="join again and read from the committed offset",
    )
