"""Records that a group can't process: counted, and at the limit copied to the group's DLQ."""

from __future__ import annotations

from store.model.dead_letters import Reason
from store.model.topics import Record, RecordId
from store.sqlite import layout, queues
from store.sqlite.dead_letters import copies
from store.sqlite.file.database import WriteTransaction
from store.sqlite.groups.catalog import Group
from store.sqlite.leases import attempts, slots
from store.sqlite.log import read, topics


def note(
    tx: WriteTransaction,
    group: Group,
    slot: int,
    record: Record | RecordId,
    member: str,
    error: str,
    *,
    held: int,
    final: bool = False,
) -> tuple[int, bool]:
    """Note a failed attempt, `held` milliseconds after the poll; return how many there were, and
    whether the record is a dead letter now.

    With `final` it becomes one at its first failure, if the group has a DLQ.
    """
    number = attempts.note_failure(tx, slot, record.offset, member, error, held)
    most = group.config.max_deliveries
    is_exhausted = most is not None and number >= most
    if group.config.dlq is None or not (final or is_exhausted):
        return number, False
    target = queues.catalog.find(tx, group.config.dlq)
    reason: Reason = "rejected" if final else "max_deliveries"
    copies.copy(tx, target, record, number, error, reason)
    return number, True


def settle(tx: WriteTransaction, group: Group) -> int:
    """Dead-letter the records at a group's positions that are over its limit; return how many.

    The owner of such a partition is fenced, and reads on behind the record.
    """
    most = group.config.max_deliveries
    if most is None or group.config.dlq is None:
        return 0
    settled = 0
    for topic_name, number, slot, cursor in tx.rows(
        "select c.name, p.number, s.id, max(s.cursor, p.start) from mq_slots s"
        " join mq_partitions p on p.id = s.partition join mq_channels c on c.id = p.channel"
        " where s.reader = :reader and s.cursor < p.next order by s.id",
        {"reader": group.id},
    ):
        partition = topics.find(tx, topic_name).partition(number)
        offset = read.next_offset(tx, partition, cursor)
        failed = attempts.failures(tx, slot, offset)
        if failed < most or offset >= partition.next:
            continue
        error = attempts.last_error(tx, layout.lease_id(slot, offset))
        target = queues.catalog.find(tx, group.config.dlq)
        record = RecordId(topic_name, number, offset)
        copies.copy(tx, target, record, failed, error)
        slots.put(tx, group.id, partition.id, offset + 1)
        settled += 1
    return settled
