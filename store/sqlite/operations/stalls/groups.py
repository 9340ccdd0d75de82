"""Head-of-line stalls of consumer groups: the record at the committed offset blocks the rest."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from store.model.addresses import Address
from store.model.stalls import Cause, Remedy, Stall
from store.model.text import describe_duration
from store.sqlite import layout, log
from store.sqlite.file.database import Snapshot
from store.sqlite.file.timekeeping import age_of, moments
from store.sqlite.leases import holders
from store.sqlite.operations.stalls import evidence, remedies
from store.sqlite.operations.stalls.terms import Terms

_QUERY = f"""
select s.id, r.name, r.dead_letter_to, r.max_deliveries, c.name, t.retention, p.id, p.number,
       {layout.offset_of("q.id")}, p.next, iif(s.committed, s.cursor, null), s.member, s.tries,
       s.moved, s.taken, :wall - {age_of("q")} as oldest
from mq_readers r
join mq_slots s on s.reader = r.id
join mq_partitions p on p.id = s.partition
join mq_records q on q.id = (select min(n.id) from mq_records n
  where {layout.is_between("n.id", "p.id", "max(s.cursor, p.start)", "p.next")})
join mq_channels c on c.id = p.channel
join mq_topics t on t.channel = c.id
where r.kind = 'group' and p.next > max(s.cursor, p.start)
  and (oldest <= :arrived or exists (select 1 from mq_damages d where d.record = q.id))
  and (s.moved <= :before or s.member is null)
  and (:partition is null or p.id = :partition)
"""


@dataclass(frozen=True, slots=True)
class PartitionOwner:
    """The member that has a partition; `seen` is store time."""

    name: str
    host: str
    pid: int
    seen: int
    is_alive: bool


class Owners:
    """The members by incarnation, each looked up once."""

    def __init__(self, tx: Snapshot) -> None:
        self._tx = tx
        self._known: dict[int, PartitionOwner | None] = {}

    def get(self, incarnation: int | None) -> PartitionOwner | None:
        """Return the member; `None` without one."""
        if incarnation is None:
            return None
        if incarnation not in self._known:
            self._known[incarnation] = self._load(incarnation)
        return self._known[incarnation]

    def _load(self, incarnation: int) -> PartitionOwner | None:
        row = self._tx.row(
            "select m.name, h.host, h.pid, m.seen, h.id,"
            " min(m.seen + m.session_timeout, m.polled + m.max_poll_interval)"
            " from mq_members m join mq_holders h on h.id = m.holder"
            " where m.incarnation = :incarnation",
            {"incarnation": incarnation},
        )
        if row is None:
            return None
        name, host, pid, seen, holder, deadline = row
        is_alive = self._tx.now < deadline and not holders.is_gone(self._tx, holder)
        return PartitionOwner(name, host, pid, seen, is_alive)


@dataclass(frozen=True, slots=True)
class GroupPosition:
    """A group's position in a partition in which it is behind; times are store time."""

    slot: int
    group: str
    dlq: str | None
    max_deliveries: int | None
    topic: str
    retention: int | None
    partition: int
    number: int
    offset: int
    end: int
    committed: int | None
    member: int | None
    tries: int
    moved: int
    taken: int
    oldest: int
    """Wall time of the oldest unread record's arrival."""


class GroupCandidate:
    """A partition in which a group is behind and has not moved lately."""

    def __init__(self, tx: Snapshot, terms: Terms, place: GroupPosition, owners: Owners) -> None:
        self._tx = tx
        self._terms = terms
        self._place = place
        self._base = layout.record_id(place.partition, 0)
        self._owner = owners.get(place.member)
        self.subjects = (place.topic,)
        self.reader = place.group

    @property
    def blocked(self) -> int:
        """The number of records that wait behind the next one."""
        return self._place.end - self._place.offset - 1

    @cached_property
    def _failures(self) -> evidence.Failures:
        return evidence.failures(self._tx, layout.lease_id(self._place.slot, self._place.offset))

    @cached_property
    def deliveries(self) -> int:
        """How often the record was handed out: by failures noted, or by members that had it."""
        return max(self._failures.count, self._place.tries)

    @cached_property
    def cause(self) -> Cause:
        """The cause of the stall."""
        if self._record.is_damaged:
            return "damaged"
        if self._failures.show_poison or self._is_lost_again_and_again:
            return "poison"
        if self._owner is None:
            return "unassigned"
        return "held" if self._owner.is_alive else "abandoned"

    @property
    def _is_lost_again_and_again(self) -> bool:
        return self._failures.count == 0 and self.deliveries >= evidence.LOST_DELIVERIES

    @cached_property
    def seconds(self) -> float:
        """For how long it has not moved although there was something to read."""
        if self.cause == "unassigned":
            since = self._oldest_in_store_time
        else:
            # A member that has just taken the partition gets its time.
            taken = 0 if self.cause in {"poison", "damaged"} else self._place.taken
            since = max(self._place.moved, self._arrived, taken)
        return max(0, self._tx.now - since) / 1000

    @property
    def _oldest_in_store_time(self) -> int:
        return self._tx.now - (self._tx.wall - self._oldest)

    @property
    def _oldest(self) -> int:
        # A damaged record may have any time.
        timestamp, wall = self._record.timestamp, self._tx.wall
        return min(timestamp, wall) if self._record.is_damaged else self._place.oldest

    @cached_property
    def _record(self) -> log.damage.StoredRecord:
        found = log.damage.as_found(self._tx, self._base + self._place.offset)
        assert found is not None
        return found

    @cached_property
    def _arrived(self) -> int:
        # A producer may give old timestamps; a record missing at a sample came after it. The +
        # keeps SQLite from walking the index on time instead of the few samples of the partition.
        sampled: int | None = self._tx.value(
            "select max(+at) from mq_samples where subject = 'partition' and subject_id = :id"
            " and counter <= :offset",
            {"id": self._place.partition, "offset": self._place.offset},
        )
        return max(self._oldest_in_store_time, sampled or 0)

    @property
    def _damage(self) -> str | None:
        return f"it is damaged: {log.damage.CHECKSUM}" if self._record.is_damaged else None

    @property
    def is_stalled(self) -> bool:
        """Whether that is too long."""
        return self.seconds * 1000 >= self._terms.threshold(self.cause)

    def stall(self) -> Stall:
        """Return the stall with all data of its card."""
        place, owner = self._place, self._owner
        address = f"{place.topic}/{place.number}"
        first = self._base + place.offset + 1
        keys, exact = evidence.keys_between(self._tx, first, self._base + place.end)
        record = self._record
        timestamp = None if record.is_damaged else record.timestamp
        return Stall(
            kind="group",
            source=place.topic,
            partition=place.number,
            reader=self.reader,
            blocker=f"{address}@{place.offset}",
            key=None if record.is_damaged else record.key,
            blocked=self.blocked,
            keys=keys,
            keys_exact=exact,
            seconds=self.seconds,
            threshold=self._terms.threshold(self.cause) / 1000,
            deliveries=self.deliveries,
            holder=self._failures.last_holder if owner is None else owner.name,
            holder_host=None if owner is None else owner.host,
            holder_pid=None if owner is None else owner.pid,
            holder_seen=None if owner is None else (self._tx.now - owner.seen) / 1000,
            error=self._failures.error or self._damage,
            same_errors=self._failures.same,
            cause=self.cause,
            why=self._why(),
            committed=place.committed,
            offset=place.offset,
            end=place.end,
            size=record.size,
            produced=timestamp,
            oldest_seconds=max(0, self._tx.wall - self._oldest) / 1000,
            growth=self._terms.arriving("partition", place.partition, place.end),
            retention_seconds=self._retention_left(),
            remedies=tuple(self._remedies()),
        )

    def _retention_left(self) -> float | None:
        if self._record.is_damaged or self._place.retention is None:
            return None
        return max(0, self._place.oldest + self._place.retention - self._tx.wall) / 1000

    def _why(self) -> str:
        match self.cause:
            case "poison":
                return self._why_poison()
            case "damaged":
                offset = self._place.offset
                return f"it is damaged, and nothing after {offset} is read before it is skipped"
            case "held":
                assert self._owner is not None
                return f"{self._owner.name} is alive, has it and does not commit"
            case "abandoned":
                assert self._owner is not None
                ago = describe_duration((self._tx.now - self._owner.seen) / 1000)
                return f"{self._owner.name} had it and is gone, last seen {ago} ago"
            case "unassigned":
                return "no member of the group reads this partition"

    def _why_poison(self) -> str:
        what = (
            f"{self.deliveries} members had it and none got past it"
            if self._is_lost_again_and_again
            else f"it failed {self._failures.count} times"
        )
        policy = "; there is no limit of deliveries" if self._place.max_deliveries is None else ""
        offset = self._place.offset
        return f"{what}, and nothing after {offset} can be committed before it is{policy}"

    def _remedies(self) -> list[Remedy]:
        place = self._place
        record = Address(place.topic, place.number, place.offset)
        if self.cause in {"unassigned", "abandoned"}:
            return remedies.of_idle_group(place.group, record)
        is_owned = self._owner is not None and self._owner.is_alive and self.cause != "damaged"
        return remedies.of_group(self._tx, place.group, record, place.dlq, is_owned=is_owned)


def find(tx: Snapshot, terms: Terms) -> list[GroupCandidate]:
    """Return the partitions in which a group is stalled."""
    owners = Owners(tx)
    # Nothing has been stuck for longer than its oldest record has been there.
    shortest = min(terms.over, terms.idle_after)
    rows = tx.rows(
        _QUERY,
        {
            "before": tx.now - terms.over,
            "arrived": tx.wall - shortest,
            "partition": None,
            **moments(tx),
        },
    )
    candidates = (GroupCandidate(tx, terms, GroupPosition(*row), owners) for row in rows)
    return [candidate for candidate in candidates if candidate.is_stalled]


def behind(tx: Snapshot, terms: Terms, partition: int) -> list[GroupCandidate]:
    """Return the positions of every group that is behind in one partition, stalled or not."""
    owners = Owners(tx)
    whenever = (1 << 63) - 1
    rows = tx.rows(
        _QUERY,
        {"before": tx.now, "arrived": whenever, "partition": partition, **moments(tx)},
    )
    return [GroupCandidate(tx, terms, GroupPosition(*row), owners) for row in rows]
