"""Head-of-line stalls of FIFO queues: the first message of a message group blocks the rest."""

from __future__ import annotations

from store.model.addresses import Address
from store.model.stalls import Remedy, Stall
from store.sqlite import layout, queues
from store.sqlite.file.database import Row, Snapshot
from store.sqlite.leases import abandoned
from store.sqlite.operations.stalls import leased, remedies
from store.sqlite.operations.stalls.leased import Leased
from store.sqlite.operations.stalls.terms import Terms
from store.sqlite.queues.catalog import Queue

# A message in flight for the first time, and not for too long, is passed over unread.
_QUERY = f"""
select {leased.COLUMNS}, h.message_group, h.messages
from mq_leases l
join mq_records r on r.id = l.record
join mq_heads h on h.reader = l.reader and h.message_group = r.message_group
where l.reader = :reader and l.priority = 0 and {abandoned.IN_FLIGHT}
  and (l.started is null or l.started <= :before or l.deliveries > 1)
  and h.first = l.record and h.messages > 1
"""
# The most messages of a group that are looked at to tell leased ones from blocked ones.
_MOST_LEASED = 100


class FifoCandidate:
    """A message group whose first message is in flight, or waits for its next delivery."""

    def __init__(self, tx: Snapshot, terms: Terms, queue: Queue, row: Row) -> None:
        self._tx = tx
        self._terms = terms
        self._queue = queue
        *lease, self.message_group, self._messages = row
        self._head = Leased(tx, tuple(lease), queue.reader.max_deliveries)
        self.source = queue.name
        self.subjects = (queue.name,)
        self.reader = queue.name
        self.offset = self._head.offset

    @property
    def blocked(self) -> int:
        """How many messages of the group wait behind its first one."""
        return int(self._messages) - 1

    @property
    def seconds(self) -> float:
        """For how long the first message has been in flight, failed deliveries included."""
        return self._head.seconds

    @property
    def is_stalled(self) -> bool:
        """Whether that is too long."""
        return self.seconds * 1000 >= self._terms.over

    def stall(self) -> Stall:
        """Return the stall with all data of its card."""
        head, lane = self._head, self._queue.first_lane
        record = head.contents
        holder, host, pid, seen = head.who()
        left = self._queue.config.retention - record.age
        if record.expires is not None:
            left = record.expires - self._tx.wall
        return Stall(
            kind="fifo",
            source=self.source,
            partition=None,
            reader=self.source,
            blocker=f"{self.source}@{self.offset}",
            key=self.message_group.encode(),
            blocked=self._blocked_now(),
            keys=1,
            keys_exact=True,
            seconds=self.seconds,
            threshold=self._terms.over / 1000,
            deliveries=head.deliveries,
            holder=holder,
            holder_host=host,
            holder_pid=pid,
            holder_seen=seen,
            error=head.error,
            same_errors=head.failures.same,
            cause=head.cause,
            why=f"{head.why(holder, self._queue.config.dlq)}; its message group is in order",
            committed=None,
            offset=self.offset,
            end=lane.next,
            size=record.size,
            produced=record.timestamp,
            oldest_seconds=record.age / 1000,
            growth=self._terms.arriving("channel", self._queue.id, lane.next),
            retention_seconds=None if head.is_damaged else max(0, left) / 1000,
            remedies=tuple(self._remedies()),
        )

    def _blocked_now(self) -> int:
        """Return the blocked messages: others of the group may have been leased together with the
        first.
        """
        lane = self._queue.first_lane
        leased: int = self._tx.value(
            "select count(l.id) from (select id from mq_records where message_group = :group"
            " and id > :first and id < :end order by id limit :most) r"
            f" join mq_leases l on {layout.LEASE_OF_RECORD}"
            f" where {abandoned.IN_FLIGHT}",
            {
                **abandoned.parameters(self._tx, self._queue.reader),
                "group": self.message_group,
                "first": self._head.record,
                "end": lane.base + lane.next,
                "most": _MOST_LEASED,
                "leases": layout.lease_id(layout.owner(self._head.lease), 0),
                "records": lane.base,
            },
        )
        return self.blocked - leased

    def _remedies(self) -> list[Remedy]:
        message = Address(self.source, offset=self.offset)
        dlq = self._queue.config.dlq
        if self._head.is_damaged:
            return remedies.of_damaged_message(self._tx, message, dlq)
        if self._head.is_homeless:
            return remedies.of_homeless_message(message, self._head.deliveries)
        return remedies.of_message(self._tx, message, dlq, self._head.reject)


def find(tx: Snapshot, terms: Terms, only: str | None = None) -> list[FifoCandidate]:
    """Return the message groups that are stalled, in all FIFO queues or in one."""
    found = []
    for (name,) in tx.rows(
        "select c.name from mq_queues q join mq_channels c on c.id = q.channel where q.fifo = 1"
        " and (:only is null or c.name = :only) order by c.name",
        {"only": only},
    ):
        queue = queues.catalog.find(tx, name)
        rows = tx.rows(
            _QUERY,
            {
                **abandoned.parameters(tx, queue.reader),
                "reader": queue.reader.id,
                "before": tx.now - terms.over,
            },
        )
        candidates = (FifoCandidate(tx, terms, queue, row) for row in rows)
        found += [candidate for candidate in candidates if candidate.is_stalled]
    return found
