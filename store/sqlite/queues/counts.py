"""How many messages of a queue are in each state, without counting the backlog."""

from __future__ import annotations

from store.model.queues import QueueStatus
from store.sqlite import layout, leases
from store.sqlite.file.database import Snapshot
from store.sqlite.file.timekeeping import age_of, moments
from store.sqlite.leases import abandoned
from store.sqlite.queues.catalog import Queue
from store.sqlite.queues.order import fifo
from store.sqlite.queues.policies import expiry


def status(tx: Snapshot, queue: Queue) -> QueueStatus:
    """Return the queue and how many messages are in each state, without counting the backlog."""
    total = sum(lane.records for lane in queue.lanes.values())
    acknowledged, dropped = _done_with(tx, queue, total)
    in_hand, delayed = leases.counts.held_and_waiting(tx, queue.reader)
    lapsing = _waiting_for_retry(tx, queue)
    in_hand, delayed = in_hand - lapsing, delayed + lapsing
    held_by_dead, free = abandoned.count(tx, queue.reader)
    in_hand, delayed = in_hand - held_by_dead, delayed + held_by_dead - free
    blocked = 0
    if queue.config.fifo:
        ready, delayed_heads = _fifo_ready(tx, queue)
        delayed += delayed_heads
        blocked = total - in_hand - delayed - ready
    ready = total - in_hand - delayed - blocked
    gone = expiry.unswept(tx, queue)
    oldest = _oldest(tx, queue)
    return QueueStatus(
        name=queue.name,
        config=queue.config,
        created=queue.created,
        ready=ready - gone["ready"],
        leased=in_hand,
        delayed=delayed - gone["delayed"],
        blocked=blocked - gone["blocked"],
        bytes=sum(lane.bytes for lane in queue.lanes.values()) - gone["bytes"],
        oldest_seconds=None if oldest is None else max(0, tx.wall - oldest) / 1000,
        acknowledged=acknowledged,
        dropped=dropped,
        dead_letters=dead_letters(tx, queue),
    )


def dead_letters(tx: Snapshot, queue: Queue) -> int:
    """Return how many dead letters a queue holds."""
    number: int = tx.value(
        "select ifnull(sum(dead_letters), 0) from mq_partitions where channel = :channel",
        {"channel": queue.id},
    )
    return number


def _done_with(tx: Snapshot, queue: Queue, present: int) -> tuple[int, int]:
    """Return how many messages were ever acknowledged, and how many dropped.

    No ack counts itself: they are all sent messages except those present or gone otherwise.
    """
    moved, dropped = tx.row(  # type: ignore[misc]
        "select moved, dropped from mq_queues where channel = :id", {"id": queue.id}
    )
    return queue.first_lane.next - present - moved - dropped, dropped


def _waiting_for_retry(tx: Snapshot, queue: Queue) -> int:
    """Return leases that have lapsed and whose retry delay still runs: delayed, without a
    holder.
    """
    count: int = tx.value(
        "select count(*) from mq_leases indexed by mq_leases_retry where reader = :reader"
        " and due > :now and ends <= :now and ends < due and token not null",
        {"reader": queue.reader.id, "now": tx.now},
    )
    return count


# The queue's delay does not hold back messages that were handed out once.
_HANDED_OUT = f"exists (select 1 from mq_leases l where {layout.LEASE_OF_RECORD})"


# Nor does a lease of a dead holder hold back a group.
_IS_DUE = "(h.due <= :now or h.message_group in (select value from json_each(:free)))"


def _fifo_ready(tx: Snapshot, queue: Queue) -> tuple[int, int]:
    """Return how many messages are ready, and how many only the queue's delay holds back."""
    slot = leases.rows.slots(tx, queue.reader)[0]
    where = {
        **abandoned.parameters(tx, queue.reader),
        "reader": queue.reader.id,
        "free": abandoned.free_groups(tx, queue.reader),
        "young": fifo.first_young(tx, queue),
        **slot.base_ids,
        "end": queue.first_lane.base + queue.first_lane.next,
    }
    # Waiting groups are mostly the fewer ones.
    in_due_groups: int = queue.first_lane.records - tx.value(
        "select ifnull(sum(messages), 0) from mq_heads h"
        f" where h.reader = :reader and h.due > :now and not {_IS_DUE}",
        where,
    )
    # Messages of a due group at or behind the first one in flight are not ready.
    behind: int = tx.value(
        "select ifnull(sum((select count(*) from mq_records r where r.message_group = f.g"
        f" and r.id >= f.record and r.id < :end and (r.id < :young or {_HANDED_OUT}))), 0) from"
        " (select r.message_group as g, min(r.id) as record from mq_leases l"
        "  join mq_records r on r.id = l.record"
        "  join mq_heads h on h.reader = l.reader and h.message_group = r.message_group"
        f"  where l.reader = :reader and l.priority = 0 and {abandoned.IN_FLIGHT} and {_IS_DUE}"
        "  group by 1) f",
        where,
    )
    delayed, delayed_in_due_groups = tx.row(  # type: ignore[misc]
        f"select count(*), total({_IS_DUE}) from mq_records r"
        " cross join mq_heads h on h.reader = :reader and h.message_group = r.message_group"
        f" where r.id >= :young and r.id < :end and not {_HANDED_OUT}",
        where,
    )
    return in_due_groups - behind - int(delayed_in_due_groups), delayed


def _oldest(tx: Snapshot, queue: Queue) -> int | None:
    """Return when the oldest message was first sent, as wall time."""
    times = []
    for lane in queue.lanes.values():
        row = tx.row(
            f"select :wall - {age_of('r')}, o.sent from mq_records r"
            " left join mq_origins o on o.record = r.id"
            " where r.id >= :first and r.id < :end order by r.id limit 1",
            {"first": lane.base, "end": lane.base + lane.next, **moments(tx)},
        )
        if row is not None:
            # A first send in the future is no time to count from.
            times.append(row[0] if row[1] is None else min(row))
    return min(times, default=None)
