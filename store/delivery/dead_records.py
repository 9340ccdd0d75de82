"""Records of a topic that become dead letters: the log keeps its own, the queue gets a copy."""

from __future__ import annotations

from store.db import Write
from store.delivery import move, origins
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
    origin = Origin(
        message_id=b"",
        sent=record.timestamp,
        source=record.address,
        reason=reason,
        at=tx.wall,
        deliveries=deliveries,
        error=error,
        hops=origins.with_hop((), f"{record.topic}/{record.partition}", reason, tx.wall),
    )
    content = Encoded.stored(record.value, record.key, encode_headers(record.headers))
    move.deposit(
        tx, [content], target, [origin], message_groups=[None], kept_since=tx.wall, keeps_id=False
    )
