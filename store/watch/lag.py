"""How far groups are behind: in records, in time and in bytes."""

from __future__ import annotations

from store.db import Row, Snapshot
from store.groups import groups, membership
from store.groups.groups import Group
from store.log import topics
from store.models import GroupStatus, Lag
from store.watch.trends import Rates

# Up to so many unread records are summed exactly in one call; beyond that the partition's mean
# record size has to do, since a sum over a long backlog would take as long as reading it.
_EXACT_RECORDS = 20_000

_QUERY = """
select g.name, c.name, p.number, s.cursor, s.committed, p.start, p.next, p.records, p.bytes,
       p.id, s.id,
       iif(s.cursor < p.next, (select r.timestamp from mq_records r
          where r.id >= (p.id << 40) + max(s.cursor, p.start) and r.id < (p.id << 40) + p.next
          order by r.id limit 1), null),
       m.name
from mq_readers g
join mq_slots s on s.reader = g.id
join mq_partitions p on p.id = s.partition
join mq_channels c on c.id = p.channel
left join mq_members m on m.incarnation = s.member
where g.kind = 'group' and (:group is null or g.name = :group)
  and (:topic is null or c.name = :topic)
order by g.name, c.name, p.number
"""


def lag(tx: Snapshot, group: str | None = None, topic: str | None = None) -> list[Lag]:
    """One row per group and partition; lag is end minus committed offset, as Kafka's tool has it.

    The state is `current`, `behind`, or `lost` when retention or a trim removed records that the
    group had not read. Raises `NotFound` for a group or a topic that does not exist.
    """
    if group is not None:
        groups.find(tx, group)
    if topic is not None:
        topics.find(tx, topic)
    rows = tx.rows(_QUERY, {"group": group, "topic": topic})
    paces = Rates(tx, "partition"), Rates(tx, "slot")
    sizes = _Sizes(tx)
    return [_row(tx, row, sizes, *paces) for row in rows]


def status(tx: Snapshot, group: Group) -> GroupStatus:
    """A group with its members and where it stands."""
    members = membership.members(tx, group)
    return GroupStatus(
        group.name,
        membership.state(tx, group),
        group.generation,
        group.config,
        members,
        lag(tx, group.name),
    )


def _row(tx: Snapshot, row: Row, sizes: _Sizes, incoming: Rates, read: Rates) -> Lag:
    (group, topic, number, cursor, committed, start, end, records, size, partition, slot, oldest,
     member) = row  # fmt: skip
    behind = end - cursor
    return Lag(
        group=group,
        topic=topic,
        partition=number,
        committed=cursor if committed else None,
        start=start,
        end=end,
        lag=behind,
        lag_seconds=0.0 if oldest is None else max(0, tx.wall - oldest) / 1000,
        lag_bytes=sizes.between(partition << 40, max(cursor, start), end, records, size),
        trend=round(incoming.rate(partition, end) - read.rate(slot, cursor), 3),
        member=member,
        state="lost" if committed and cursor < start else "behind" if behind else "current",
    )


class _Sizes:
    """Bytes between two offsets: exact while the budget lasts."""

    def __init__(self, tx: Snapshot) -> None:
        self._tx = tx
        self._budget = _EXACT_RECORDS

    def between(self, base: int, first: int, end: int, records: int, size: int) -> int:
        unread = end - first
        if unread <= 0 or records == 0:
            return 0
        if unread > self._budget:
            return min(size, round(size * unread / records))
        self._budget -= unread
        return int(
            self._tx.value(
                "select total(ifnull(length(key), 0) + ifnull(length(headers), 0)"
                " + ifnull(length(value), 0)) from mq_records where id >= :first and id < :end",
                {"first": base + first, "end": base + end},
            )
        )
