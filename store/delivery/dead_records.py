"""Records of a topic that become dead letters: the log keeps its own, the queue gets a copy."""

from __future__ import annotations

from store.db import Write
from store.delivery import enqueue, origins
from store.delivery.origins import Origin
from store.delivery.queues import Queue
from store.letters import Reason
from store.log.encoding import Encoded, encode_headers
from store.models import Record


def copy(
    tx: Write,
    target: Queue,
    record: Record,
    deliveries: int,
    error: str | None,
    reason: Reason = "max_deliveries",
) -> None:
    """Put a copy of a record, with its origin, into a queue."""
    key = record.key or b""
    content = Encoded.stored(record.value, record.key, encode_headers(record.headers))
    group = key.hex() or record.address if target.config.fifo else None
    (stored,) = enqueue.enqueue(tx, target, enqueue.drafts([content], [group]))
    origin = Origin(
        message_id=origins.message_id(tx, stored),
        sent=record.timestamp,
        source=record.address,
        reason=reason,
        at=tx.wall,
        deliveries=deliveries,
        error=error,
        hops=origins.with_hop((), f"{record.topic}/{record.partition}", reason, tx.wall),
    )
    origins.put(tx, stored, origin)
