"""The lag of groups and shares: in records, in time and in bytes."""

from __future__ import annotations

from typing import Literal

from store.model.groups import GroupStatus, Lag
from store.sqlite import groups, layout, shares
from store.sqlite.file.database import Row, Snapshot
from store.sqlite.file.timekeeping import age_of, moments
from store.sqlite.groups import membership
from store.sqlite.groups.catalog import Group
from store.sqlite.log import topics
from store.sqlite.operations.trends import Rates

# The most unread records that one call sums exactly; beyond that the partition's mean record size
# has to do, since a sum over a long backlog would take as long as reading it.
_EXACT_RECORDS = 20_000
_GROUPS_ONLY = {"group_kind": "group", "share_kind": "group"}

_QUERY = f"""
with places as (
  select g.name as name, g.kind as kind, s.partition as partition, s.id as slot, s.cursor as cursor,
         s.committed as committed, s.member as member,
         iif(g.kind = 'share', s.leases, 0) as unfinished,
         iif(g.kind = 'share', ifnull((select min(l.id) - {layout.begin_of("s.id")} from mq_leases l
            where {layout.is_of("l.id", "s.id")}), s.cursor), s.cursor) as first
  from {{places}}
)
select g.name, c.name, p.number, g.kind, g.cursor, g.first, g.unfinished, g.committed, p.start,
       p.next, p.records, p.bytes, p.id, g.slot,
       iif(g.first < p.next, (select {age_of("r")} from mq_records r
          where {layout.is_between("r.id", "p.id", "max(g.first, p.start)", "p.next")}
          order by r.id limit 1), null),
       m.name
from places g
join mq_partitions p on p.id = g.partition
join mq_channels c on c.id = p.channel
left join mq_members m on m.incarnation = g.member
order by g.name, g.kind, c.name, p.number
"""
# One group is found by its name, and those of a topic by its partitions.
_BY_NAME = _QUERY.format(
    places="mq_readers g join mq_slots s on s.reader = g.id"
    " where g.kind in (:group_kind, :share_kind)"
    " and g.name between ifnull(:name, '') and ifnull(:name, x'')"
)
_BY_TOPIC = _QUERY.format(
    places="mq_slots s cross join mq_readers g on g.id = s.reader"
    " where s.partition in (select p.id from mq_channels c join mq_partitions p on p.channel = c.id"
    " where c.name = :topic)"
    " and g.kind in (:group_kind, :share_kind) and (:name is null or g.name = :name)"
)


def lag(tx: Snapshot, group: str | None = None, topic: str | None = None) -> list[Lag]:
    """Return one row per group or share and partition, as Kafka's tools have it.

    A group's lag is the end minus the committed offset, a share's the end minus the start of its
    window and the finished records in that (KIP-1226). The state is `current`, `behind`, or `lost`
    when retention or a trim removed records that the group had not read. Raises `NotFound` for a
    name that neither has, and for a topic that does not exist.
    """
    if group is not None and not (
        shares.catalog.find_or_none(tx, group) or groups.catalog.find_or_none(tx, group)
    ):
        raise tx.missing(group, "group", "share")
    if topic is not None:
        topics.find(tx, topic)
    return _rows(tx, group, topic, {"group_kind": "group", "share_kind": "share"})


def of_kind(tx: Snapshot, kind: Literal["group", "share"]) -> list[Lag]:
    """Return the lag of all groups, or of all shares: a group and a share may have one name."""
    return _rows(tx, None, None, {"group_kind": kind, "share_kind": kind})


def _rows(tx: Snapshot, name: str | None, topic: str | None, kinds: dict[str, str]) -> list[Lag]:
    query = _BY_NAME if topic is None else _BY_TOPIC
    rows = tx.rows(query, {"name": name, "topic": topic, **kinds, **moments(tx)})
    is_of_all = name is None and topic is None
    partitions, slots = (None if is_of_all else {row[place] for row in rows} for place in (12, 13))
    paces = Rates(tx, "partition", partitions), Rates(tx, "slot", slots)
    sizes = _Sizes(tx)
    return [_row(row, sizes, *paces) for row in rows]


def status(tx: Snapshot, group: Group) -> GroupStatus:
    """Return a group with its members and positions."""
    return _status(tx, group, _rows(tx, group.name, None, _GROUPS_ONLY))


def statuses(tx: Snapshot) -> list[GroupStatus]:
    """Return the same of every group, by name."""
    rows: dict[str, list[Lag]] = {name: [] for name in groups.catalog.names(tx)}
    for row in _rows(tx, None, None, _GROUPS_ONLY):
        rows[row.group].append(row)
    return [_status(tx, groups.catalog.find(tx, name), own) for name, own in rows.items()]


def _status(tx: Snapshot, group: Group, rows: list[Lag]) -> GroupStatus:
    members = membership.members(tx, group)
    state = membership.state(tx, group)
    return GroupStatus(group.name, state, group.generation, group.config, members, rows)


def _row(row: Row, sizes: _Sizes, incoming: Rates, read: Rates) -> Lag:
    (group, topic, number, kind, cursor, first, unfinished, committed, start, end, records, size,
     partition, slot, age, member) = row  # fmt: skip
    # Compaction may have removed the last records: then nothing is left to read.
    is_done = age is None and cursor >= start
    behind = 0 if is_done else end - cursor + unfinished
    return Lag(
        group=group,
        topic=topic,
        partition=number,
        committed=first if committed or kind == "share" else None,
        start=start,
        end=end,
        lag=behind,
        lag_seconds=0.0 if age is None else age / 1000,
        lag_bytes=sizes.between(
            layout.record_id(partition, 0), max(cursor, start), end, records, size
        )
        + (sizes.in_flight(slot) if unfinished else 0),
        trend=round(incoming.rate(partition, end) - read.rate(slot, cursor - unfinished), 3),
        member=member,
        state="lost" if committed and cursor < start else "behind" if behind else "current",
    )


class _Sizes:
    """Bytes between two offsets: exact while the budget lasts."""

    def __init__(self, tx: Snapshot) -> None:
        self._tx = tx
        self._budget = _EXACT_RECORDS

    def in_flight(self, slot: int) -> int:
        """Return bytes of the records that a share handed out and that are not finished."""
        return int(
            self._tx.value(
                f"select total({layout.SIZE_OF_R}) from mq_leases l join mq_records r"
                f" on r.id = l.record where {layout.is_of('l.id', ':slot')}",
                {"slot": slot},
            )
        )

    def between(self, base: int, first: int, end: int, records: int, size: int) -> int:
        unread = end - first
        if unread <= 0 or records == 0:
            return 0
        if unread > self._budget:
            return min(size, round(size * unread / records))
        self._budget -= unread
        return int(
            self._tx.value(
                f"select total({layout.SIZE}) from mq_records where id >= :first and id < :end",
                {"first": base + first, "end": base + end},
            )
        )
