"""The journal of what was done to dead letters by hand, so that it can be taken back."""

from __future__ import annotations

import json
from typing import NamedTuple

from store.db import Snapshot, Write
from store.delivery import origins
from store.delivery.origins import Origin
from store.letters import Batch

KEEP = 30 * 86_400_000
_PRUNED_AT_ONCE = 20


class Entry(NamedTuple):
    """One dead letter that was moved from an address, or edited there; `record` is where it is.

    `origin` is what it was before, and after an edit `value` the value before.
    """

    id: int
    record: int
    moved_from: str
    moved_from_record: int
    origin: Origin
    edited: bool
    value: bytes | None


def next_batch(tx: Snapshot) -> int:
    """A number for what is done now."""
    number: int = tx.value("select ifnull(max(batch), 0) + 1 from mq_moves")
    return number


def note(
    tx: Write, batch: int, record: int, moved_from: str, moved_from_record: int, origin: Origin,
    *, edited: bool = False, value: bytes | None = None,
) -> None:  # fmt: skip
    """Write down a move to a record, or with `edited` a change of the value in that record."""
    tx.execute(
        "insert into mq_moves"
        " (batch, at, record, moved_from, moved_from_record, origin, edited, value)"
        " values (:batch, :at, :record, :source, :source_record, :origin, :edited, :value)",
        {
            "batch": batch,
            "at": tx.wall,
            "record": record,
            "source": moved_from,
            "source_record": moved_from_record,
            "origin": _origin_to_json(origin),
            "edited": int(edited),
            "value": value,
        },
    )
    _prune(tx)


def last_batch(tx: Snapshot) -> int | None:
    """The last batch of which something was not undone."""
    batch: int | None = tx.value("select max(batch) from mq_moves where not undone")
    return batch


def batches(tx: Snapshot, limit: int) -> list[Batch]:
    """The last batches, newest first (SQS: ListMessageMoveTasks)."""
    rows = tx.rows(
        "select batch, min(at), count(*), sum(undone), max(edited) from mq_moves"
        " group by batch order by batch desc limit :limit",
        {"limit": limit},
    )
    return [
        Batch(number, at, messages, undone, bool(edited))
        for number, at, messages, undone, edited in rows
    ]


def entries(tx: Snapshot, batch: int | None, *, all: bool = False) -> list[Entry]:
    """What a batch did and was not undone, with `all` also what was, in that order."""
    rows = tx.rows(
        "select id, record, moved_from, moved_from_record, origin, edited, value from mq_moves"
        " where batch = :batch and undone <= :all order by id",
        {"batch": batch, "all": int(all)},
    )
    return [
        Entry(id, record, source, was, _origin_from_json(origin), bool(edited), value)
        for id, record, source, was, origin, edited, value in rows
    ]


def came_from(tx: Snapshot, record: int) -> tuple[str, Origin, int] | None:
    """Where a redrive took what is in a record from, what it was there, and when."""
    row = tx.row(
        "select moved_from, origin, at from mq_moves where record = :record and not edited"
        " order by id desc limit 1",
        {"record": record},
    )
    return None if row is None else (row[0], _origin_from_json(row[1]), row[2])


def is_edited_since(tx: Snapshot, entry: Entry) -> bool:
    """Whether what was edited was edited once more, and that stands."""
    return bool(
        tx.value(
            "select exists (select 1 from mq_moves where record = :record and edited"
            " and not undone and id > :id)",
            {"record": entry.record, "id": entry.id},
        )
    )


def undone(tx: Write, entry: Entry) -> None:
    """Note that an entry was taken back."""
    tx.execute("update mq_moves set undone = 1 where id = :id", {"id": entry.id})


def follow(tx: Write, entry: Entry, record: int) -> None:
    """Note that a dead letter is back in another record: its edits can be undone there."""
    tx.execute(
        "update mq_moves set record = :record where record = :before and edited",
        {"record": record, "before": entry.moved_from_record},
    )


def _prune(tx: Write) -> None:
    tx.execute(
        "delete from mq_moves where id in (select id from mq_moves order by id limit :step)"
        " and at < :before",
        {"before": tx.wall - KEEP, "step": _PRUNED_AT_ONCE},
    )


def _origin_to_json(origin: Origin) -> str:
    return json.dumps(
        {
            "message_id": origin.message_id.hex(),
            "sent": origin.sent,
            "source": origin.source,
            "reason": origin.reason,
            "at": origin.at,
            "deliveries": origin.deliveries,
            "error": origin.error,
            "hops": json.loads(origins.hops_to_json(origin.hops)),
            "priority": origin.priority,
        }
    )


def _origin_from_json(text: str) -> Origin:
    fields = json.loads(text)
    return Origin(
        message_id=bytes.fromhex(fields["message_id"]),
        sent=fields["sent"],
        source=fields["source"],
        reason=fields["reason"],
        at=fields["at"],
        deliveries=fields["deliveries"],
        error=fields["error"],
        hops=origins.hops_from_json(json.dumps(fields["hops"])),
        priority=fields["priority"],
    )
