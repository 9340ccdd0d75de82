"""Records that a group can't process: counted, and at the limit copied to the group's DLQ."""

from __future__ import annotations

from store.db import Write
from store.delivery import attempts, dead_records, queues
from store.groups.groups import Group
from store.letters import Reason
from store.models import Record, RecordId


def note(
    tx: Write, group: Group, slot: int, record: Record | RecordId, member: str, error: str, *,
    final: bool = False,
) -> tuple[int, bool]:  # fmt: skip
    """Note a failed attempt; how many there were, and whether the record is a dead letter now.

    With `final` it becomes one at its first failure, if the group has a DLQ.
    """
    number = attempts.note_failure(tx, slot, record.offset, member, error)
    most = group.config.max_deliveries
    is_exhausted = most is not None and number >= most
    if group.config.dlq is None or not (final or is_exhausted):
        return number, False
    target = queues.find(tx, group.config.dlq)
    reason: Reason = "rejected" if final else "max_deliveries"
    dead_records.copy(tx, target, record, number, error, reason)
    return number, True
