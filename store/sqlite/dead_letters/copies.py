"""Records of a topic that become dead letters: the log keeps its own, the queue gets a copy."""

from __future__ import annotations

from store.model.dead_letters import Reason
from store.model.encoding import Encoded, encode_document
from store.model.topics import Record, RecordId
from store.sqlite import log
from store.sqlite.file.database import Snapshot, WriteTransaction
from store.sqlite.leases import move, origins
from store.sqlite.leases.origins import Origin
from store.sqlite.log.damage import StoredRecord
from store.sqlite.queues.catalog import Queue


def copy(
    tx: WriteTransaction,
    target: Queue,
    record: Record | RecordId,
    deliveries: int,
    error: str | None,
    reason: Reason = "max_deliveries",
) -> None:
    """Put a copy of a record, with its origin, into a queue; a damaged one stays damaged.

    A record that is given by its id has to be in its log.
    """
    found = _in_log(tx, record)
    origin = Origin(
        message_id=b"",
        sent=found.timestamp,
        source=f"{record.topic}/{record.partition}@{record.offset}",
        reason=reason,
        at=tx.wall,
        deliveries=deliveries,
        error=error,
        hops=origins.with_hop((), f"{record.topic}/{record.partition}", reason, tx.wall),
    )
    content = Encoded.stored(found.value, found.key, found.headers)
    (copied,) = move.deposit(
        tx, [content], target, [origin], message_groups=[None], kept_since=tx.wall, keeps_id=False
    )
    if found.is_damaged:
        move.keep_damage(tx, copied)


def _in_log(tx: Snapshot, record: Record | RecordId) -> StoredRecord:
    partition = log.topics.find(tx, record.topic).partition(record.partition)
    found = log.damage.as_found(tx, partition.base + record.offset)
    if found is None:
        assert isinstance(record, Record)
        # It has left the log since it was read.
        headers = encode_document(record.headers, record.properties)
        return StoredRecord(
            record.timestamp, None, record.key, headers, record.value, is_damaged=False
        )
    return found
