"""The store as metrics for monitoring, in names that say thing, measure and unit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

from store.model.messages import STATES
from store.model.metrics import Family
from store.sqlite import groups, queues
from store.sqlite.file.database import Snapshot
from store.sqlite.groups import membership
from store.sqlite.operations import lag, maintenance
from store.sqlite.operations.stalls import ranking
from store.sqlite.operations.stalls.terms import Terms
from store.sqlite.queues import counts

CAUSES = ("held", "abandoned", "poison", "damaged", "unassigned")


def families(tx: Snapshot, terms: Terms) -> list[Family]:
    """Return every metric of the store, also those without samples at the moment."""
    return [
        *_store(tx),
        *_topics(tx),
        *_queues(tx),
        *_readers(tx, "group"),
        _members(tx),
        *_readers(tx, "share"),
        _in_flight(tx),
        *_stalls(tx, terms),
    ]


def _store(tx: Snapshot) -> Iterator[Family]:
    status = maintenance.status(tx)
    info = Family("mq_store_info", "gauge", "The store and how it is set; always 1.")
    info.add(1, path=status.path, durability=status.durability, schema=str(status.schema))
    yield info
    for name, help, value in (
        ("mq_store_bytes", "Size of the store's file.", status.bytes),
        ("mq_store_free_bytes", "Unused bytes inside the store's file.", status.free_bytes),
        ("mq_store_wal_bytes", "Size of the write-ahead log.", status.wal_bytes),
        ("mq_store_limit_bytes", "Size that the file may not exceed.", status.max_bytes),
    ):
        one = Family(name, "gauge", help, "bytes")
        one.add(value)
        yield one


def _topics(tx: Snapshot) -> Iterable[Family]:
    records = Family("mq_topic_records", "gauge", "Records that a partition holds.")
    size = Family("mq_topic_bytes", "gauge", "Bytes of a partition's records.", "bytes")
    appended = Family("mq_topic_appended_records", "counter", "Records ever appended.")
    for topic, number, end, held, held_bytes in tx.rows(
        "select c.name, p.number, p.next, p.records, p.bytes from mq_channels c"
        " join mq_partitions p on p.channel = c.id where c.kind = 'topic'"
        " order by c.name, p.number"
    ):
        place = {"topic": topic, "partition": str(number)}
        records.add(held, **place)
        size.add(held_bytes, **place)
        appended.add(end, **place)
    return records, size, appended


def _queues(tx: Snapshot) -> Iterable[Family]:
    messages = Family("mq_queue_messages", "gauge", "Messages in a queue, by state.")
    size = Family("mq_queue_bytes", "gauge", "Bytes of a queue's messages.", "bytes")
    oldest = Family("mq_queue_oldest_seconds", "gauge", "Age of the oldest message.", "seconds")
    letters = Family("mq_queue_dead_letters", "gauge", "Dead letters that a queue holds.")
    sent = Family("mq_queue_sent_messages", "counter", "Messages ever sent to a queue.")
    acked = Family("mq_queue_acknowledged_messages", "counter", "Messages ever acknowledged.")
    dropped = Family("mq_queue_dropped_messages", "counter", "Messages ever dropped.")
    for name in queues.catalog.names(tx):
        queue = queues.catalog.find(tx, name)
        status = counts.status(tx, queue)
        for state in STATES:
            messages.add(getattr(status, state), queue=name, state=state)
        size.add(status.bytes, queue=name)
        oldest.add(status.oldest_seconds, queue=name)
        letters.add(status.dead_letters, queue=name)
        sent.add(queue.first_lane.next, queue=name)
        acked.add(status.acknowledged, queue=name)
        dropped.add(status.dropped, queue=name)
    return messages, size, oldest, letters, sent, acked, dropped


def _readers(tx: Snapshot, kind: Literal["group", "share"]) -> Iterable[Family]:
    begin = f"mq_{kind}"
    records = Family(f"{begin}_lag_records", "gauge", f"Records that a {kind} has not finished.")
    seconds = Family(
        f"{begin}_lag_seconds", "gauge", "Age of the oldest record not finished.", "seconds"
    )
    size = Family(f"{begin}_lag_bytes", "gauge", "Bytes of the records not finished.", "bytes")
    committed = Family(f"{begin}_committed_offset", "gauge", "First offset not finished.")
    for row in lag.of_kind(tx, kind):
        place = {kind: row.group, "topic": row.topic, "partition": str(row.partition)}
        records.add(row.lag, **place)
        seconds.add(row.lag_seconds, **place)
        size.add(row.lag_bytes, **place)
        committed.add(row.committed, **place)
    return records, seconds, size, committed


def _members(tx: Snapshot) -> Family:
    members = Family("mq_group_members", "gauge", "Live members that a group has.")
    for name in groups.catalog.names(tx):
        members.add(len(membership.live_members(tx, groups.catalog.find(tx, name))), group=name)
    return members


def _in_flight(tx: Snapshot) -> Family:
    in_flight = Family("mq_share_in_flight_records", "gauge", "Records handed out, not finished.")
    for share, topic, number, count in tx.rows(
        "select r.name, c.name, p.number, s.leases from mq_readers r"
        " join mq_slots s on s.reader = r.id join mq_partitions p on p.id = s.partition"
        " join mq_channels c on c.id = p.channel where r.kind = 'share' order by 1, 2, 3"
    ):
        in_flight.add(count, share=share, topic=topic, partition=str(number))
    return in_flight


def _stalls(tx: Snapshot, terms: Terms) -> Iterable[Family]:
    count = Family("mq_stalls", "gauge", "Stalls, by cause.")
    blocked = Family("mq_stall_blocked_messages", "gauge", "Messages behind stuck ones.")
    seconds = Family("mq_stall_seconds", "gauge", "For how long nothing has moved.", "seconds")
    causes = dict.fromkeys(CAUSES, 0)
    worst: dict[tuple[str, str, str, str], tuple[int, float]] = {}
    # Message groups come and go: one series for a queue, not for each of them.
    for one in ranking.stalls(tx, terms):
        causes[one.cause] += 1
        place = (one.kind, one.place, one.reader, one.cause)
        behind, longest = worst.get(place, (0, 0.0))
        worst[place] = behind + one.blocked, max(longest, one.seconds)
    for cause, number in causes.items():
        count.add(number, cause=cause)
    for (kind, source, reader, cause), (behind, longest) in worst.items():
        blocked.add(behind, kind=kind, source=source, reader=reader, cause=cause)
        seconds.add(longest, kind=kind, source=source, reader=reader, cause=cause)
    return count, blocked, seconds
