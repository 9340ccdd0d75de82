"""Stalls of shares: the window is full, and its first unfinished record keeps it where it is."""

from __future__ import annotations

from dataclasses import dataclass

from store.model.addresses import Address
from store.model.stalls import Remedy, Stall
from store.sqlite import layout
from store.sqlite.file.database import Snapshot
from store.sqlite.leases import abandoned
from store.sqlite.operations.stalls import evidence, leased, remedies
from store.sqlite.operations.stalls.leased import Leased
from store.sqlite.operations.stalls.terms import Terms

# The first record blocks nothing while the window has room, or while any worker may take it.
_QUERY = f"""
select r.name, r.dead_letter_to, r.max_deliveries, c.name, t.retention, p.id, p.number, s.cursor,
       p.next, {leased.COLUMNS}
from mq_shares w
join mq_readers r on r.id = w.reader
join mq_slots s on s.reader = r.id
join mq_partitions p on p.id = s.partition
join mq_channels c on c.id = p.channel
join mq_topics t on t.channel = c.id
join mq_leases l on l.id = (select min(f.id) from mq_leases f
                            where {layout.is_of("f.id", "s.id")})
where s.leases > 0 and p.next > s.cursor and {abandoned.IN_FLIGHT}
  and s.cursor - (l.id - {layout.begin_of("s.id")}) >= w.max_in_flight
  and (:partition is null or p.id = :partition)
"""


@dataclass(frozen=True, slots=True)
class Window:
    """A share's position in a partition: every offset below the cursor was handed out."""

    share: str
    dlq: str | None
    max_deliveries: int | None
    topic: str
    retention: int | None
    partition: int
    number: int
    cursor: int
    end: int


class ShareCandidate:
    """A partition in which a share hands out nothing new before its first record is finished."""

    def __init__(self, tx: Snapshot, terms: Terms, window: Window, first: Leased) -> None:
        self._tx = tx
        self._terms = terms
        self._window = window
        self._first = first
        self.subjects = (window.topic, window.share)
        self.reader = window.share
        self.offset = first.offset

    @property
    def blocked(self) -> int:
        """The number of records that can't be handed out."""
        return self._window.end - self._window.cursor

    @property
    def seconds(self) -> float:
        """For how long the first record has been in flight, failed deliveries included."""
        return self._first.seconds

    @property
    def is_stalled(self) -> bool:
        """Whether that is too long."""
        return self.seconds * 1000 >= self._terms.over

    def stall(self) -> Stall:
        """Return the stall with all data of its card."""
        window, first = self._window, self._first
        record = first.contents
        holder, host, pid, seen = first.who()
        address = f"{window.topic}/{window.number}@{self.offset}"
        base = layout.record_id(window.partition, 0)
        keys, exact = evidence.keys_between(self._tx, base + window.cursor, base + window.end)
        left = None if window.retention is None else window.retention - record.age
        return Stall(
            kind="share",
            source=window.topic,
            partition=window.number,
            reader=window.share,
            blocker=address,
            key=record.key,
            blocked=self.blocked,
            keys=keys,
            keys_exact=exact,
            seconds=self.seconds,
            threshold=self._terms.over / 1000,
            deliveries=first.deliveries,
            holder=holder,
            holder_host=host,
            holder_pid=pid,
            holder_seen=seen,
            error=first.error,
            same_errors=first.failures.same,
            cause=first.cause,
            why=f"{first.why(holder, window.dlq)}; the window up to {window.cursor} is full",
            committed=self.offset,
            offset=self.offset,
            end=window.end,
            size=record.size,
            produced=record.timestamp,
            oldest_seconds=record.age / 1000,
            growth=self._terms.arriving("partition", window.partition, window.end),
            retention_seconds=None if left is None else max(0, left) / 1000,
            remedies=tuple(self._remedies()),
        )

    def _remedies(self) -> list[Remedy]:
        window = self._window
        record = Address(window.topic, window.number, self.offset)
        if self._first.is_damaged:
            return remedies.of_damaged_record(self._tx, self.reader, record, window.dlq)
        return remedies.of_shared_record(self.reader, record, window.dlq, self._first.reject)


def find(tx: Snapshot, terms: Terms, partition: int | None = None) -> list[ShareCandidate]:
    """Return the windows that are stalled, in all partitions or in one."""
    found = []
    for row in tx.rows(_QUERY, {**abandoned.parameters(tx), "partition": partition}):
        window = Window(*row[:9])
        first = Leased(tx, row[9:], window.max_deliveries)
        candidate = ShareCandidate(tx, terms, window, first)
        if candidate.is_stalled:
            found.append(candidate)
    return found
