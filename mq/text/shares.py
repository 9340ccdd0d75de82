"""Records leased through a share as JSON envelopes and as rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mq.cli.output import Column
from mq.text.lines import cell_text
from mq.text.records import text_field
from store.model.text import format_time

if TYPE_CHECKING:
    from store.model.shares import SharedRecord


def to_document(record: SharedRecord) -> dict[str, Any]:
    """The envelope of a record, with what its delivery adds."""
    return {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": format_time(record.timestamp),
        **text_field("key", record.key),
        "headers": record.headers,
        **text_field("value", record.value),
        "deliveries": record.deliveries,
        "state": record.state,
        "receipt": record.receipt,
        "lease_expires": format_time(record.lease_expires),
        "holder": record.holder,
    }


SHARED_COLUMNS: list[Column[SharedRecord]] = [
    Column("receipt", lambda record: record.receipt),
    Column("address", lambda record: record.address),
    Column("timestamp", lambda record: format_time(record.timestamp)),
    Column("deliveries", lambda record: record.deliveries, right=True),
    Column("lease_expires", lambda record: format_time(record.lease_expires)),
    Column("key", lambda record: cell_text(record.key)),
    Column("headers", lambda record: record.headers or None),
    Column("value", lambda record: cell_text(record.value)),
]
