"""Head-of-line stalls of FIFO queues: the first message of a message group blocks the rest."""

from __future__ import annotations

from functools import cached_property

from store import holders
from store.db import Row, Snapshot
from store.delivery import queues, receipts
from store.delivery.leases import OFFSET_BITS
from store.delivery.queues import Queue
from store.text import describe_duration
from store.watch import evidence, remedies
from store.watch.models import Cause, Remedy, Stall
from store.watch.terms import Terms

# A message in flight for the first time, and not for too long, is passed over unread.
_QUERY = """
select l.id, r.id, r.message_group, h.messages, l.ends, l.due, l.deliveries, l.token, l.holder,
       l.started
from mq_leases l
join mq_records r on r.id = l.record
join mq_heads h on h.reader = l.reader and h.message_group = r.message_group
where l.reader = :reader and l.priority = 0 and l.due > :now
  and (l.started is null or l.started <= :before or l.deliveries > 1)
  and h.first = l.record and h.messages > 1
"""
# So many of a group's first messages are looked at to tell leased ones from blocked ones.
_MOST_LEASED = 100


class FifoCandidate:
    """A message group whose first message is in flight, or waits for its next delivery."""

    def __init__(self, tx: Snapshot, terms: Terms, queue: Queue, row: Row) -> None:
        self._tx = tx
        self._terms = terms
        self._queue = queue
        (self._lease, self._record, self.message_group, self._messages, self._ends, self._due,
         self._deliveries, self._token, self._holder, self._started) = row  # fmt: skip
        self.source = self.reader = queue.name
        self.offset = self._lease & (1 << OFFSET_BITS) - 1

    @property
    def blocked(self) -> int:
        """How many messages of the group wait behind its first one."""
        return int(self._messages) - 1

    @cached_property
    def _failures(self) -> evidence.Failures:
        return evidence.failures(self._tx, self._lease)

    @property
    def _is_held(self) -> bool:
        return self._token is not None and self._ends > self._tx.now

    @property
    def _is_damaged(self) -> bool:
        # A FIFO queue's own delay makes no lease: only damage keeps back what was never delivered.
        return bool(self._deliveries == 0)

    @cached_property
    def _is_exhausted(self) -> bool:
        most = self._queue.reader.max_deliveries
        return not self._is_held and most is not None and self._deliveries >= most

    @cached_property
    def cause(self) -> Cause:
        """Which of the four it is."""
        lost = self._deliveries >= evidence.LOST_DELIVERIES and self._failures.error is None
        if self._failures.show_poison or lost or self._is_damaged or self._is_exhausted:
            return "poison"
        if self._token is None:
            return "held"
        is_there = self._is_held and not holders.is_gone(self._tx, self._holder)
        return "held" if is_there else "abandoned"

    @cached_property
    def seconds(self) -> float:
        """For how long the first message has been in flight, failed deliveries included."""
        since = self._tx.now if self._started is None else self._started
        began = self._failures.since
        if self._is_damaged:
            began = self._contents[2]
        if began is not None:
            since = min(since, self._tx.now - (self._tx.wall - began))
        return max(0, self._tx.now - since) / 1000

    @property
    def is_stalled(self) -> bool:
        """Whether that is too long."""
        return self.seconds * 1000 >= self._terms.over

    @cached_property
    def _contents(self) -> Row:
        row = self._tx.row(
            "select length(ifnull(key, '')) + length(ifnull(headers, ''))"
            " + length(ifnull(value, '')), expires, timestamp from mq_records where id = :id",
            {"id": self._record},
        )
        assert row is not None
        return row

    def stall(self) -> Stall:
        """The stall with everything that its card shows."""
        size, expires, timestamp = self._contents
        lane = self._queue.first_lane
        holder, host, pid, seen = self._who()
        ends = timestamp + self._queue.config.retention if expires is None else expires
        return Stall(
            kind="fifo",
            source=self.source,
            partition=None,
            reader=self.reader,
            blocker=f"{self.source}@{self.offset}",
            key=self.message_group.encode(),
            blocked=self._blocked_now(),
            keys=1,
            keys_exact=True,
            seconds=self.seconds,
            threshold=self._terms.over / 1000,
            deliveries=self._deliveries,
            holder=holder,
            holder_host=host,
            holder_pid=pid,
            holder_seen=seen,
            error=self._error(),
            same_errors=self._failures.same,
            cause=self.cause,
            why=self._why(holder),
            committed=None,
            offset=self.offset,
            end=lane.next,
            size=size,
            produced=timestamp,
            oldest_seconds=max(0, self._tx.wall - timestamp) / 1000,
            growth=self._terms.arriving("channel", self._queue.id, lane.next),
            retention_seconds=max(0, ends - self._tx.wall) / 1000,
            remedies=tuple(self._remedies()),
        )

    def _blocked_now(self) -> int:
        """What is blocked: others of the group may have been leased together with the first."""
        slot = self._lease >> OFFSET_BITS
        leased: int = self._tx.value(
            "select count(l.id) from (select id from mq_records where message_group = :group"
            " and id > :first and id < :end order by id limit :most) r"
            " join mq_leases l on l.id = :leases + (r.id - :records) where l.due > :now",
            {
                "group": self.message_group,
                "first": self._record,
                "end": self._queue.first_lane.base + self._queue.first_lane.next,
                "most": _MOST_LEASED,
                "leases": slot << OFFSET_BITS,
                "records": self._queue.first_lane.base,
                "now": self._tx.now,
            },
        )
        return self.blocked - leased

    def _who(self) -> tuple[str | None, str | None, int | None, float | None]:
        row = self._tx.row(
            "select name, host, pid, seen from mq_holders where id = :id", {"id": self._holder}
        )
        if row is None:
            return self._failures.last_holder, None, None, None
        name, host, pid, seen = row
        # Taking the message was a sign of life, too.
        return name, host, pid, (self._tx.now - max(seen, self._started or 0)) / 1000

    def _error(self) -> str | None:
        if self._is_damaged:
            return "it is damaged: its checksum does not match"
        return self._failures.error

    def _why(self, holder: str | None) -> str:
        if self._is_damaged:
            return "it is damaged and never handed out; its message group waits until it expires"
        if self._is_exhausted:
            return (
                f"it has used up its {self._deliveries} deliveries and has nowhere to go:"
                f" its DLQ {self._queue.config.dlq} does not take it"
            )
        until = describe_duration((self._due - self._tx.now) / 1000)
        if self.cause == "poison":
            return f"it was delivered {self._deliveries} times and never done; ordered delivery"
        if self.cause == "abandoned":
            return f"{holder} had it and is gone; it comes back in {until}"
        if self._token is None:
            return f"it failed and waits {until} for its next delivery; ordered delivery"
        return f"{holder} has it for another {until}; ordered delivery"

    def _remedies(self) -> list[Remedy]:
        if self._is_damaged:
            return []
        receipt = None
        if self._is_held:
            receipt = receipts.write(receipts.seal(self._tx), self._lease, self._token)
        return remedies.of_message(
            self._tx,
            self.source,
            f"{self.source}@{self.offset}",
            self._queue.config.dlq,
            receipt,
            can_release=not self._is_exhausted,
        )


def find(tx: Snapshot, terms: Terms, only: str | None = None) -> list[FifoCandidate]:
    """The message groups that are stalled, in all FIFO queues or in one."""
    found = []
    for (name,) in tx.rows(
        "select c.name from mq_queues q join mq_channels c on c.id = q.channel where q.fifo = 1"
        " and (:only is null or c.name = :only) order by c.name",
        {"only": only},
    ):
        queue = queues.find(tx, name)
        rows = tx.rows(
            _QUERY,
            {"reader": queue.reader.id, "now": tx.now, "before": tx.now - terms.over},
        )
        candidates = (FifoCandidate(tx, terms, queue, row) for row in rows)
        found += [candidate for candidate in candidates if candidate.is_stalled]
    return found
