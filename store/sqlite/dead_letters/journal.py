"""The journal of manual changes of dead letters, for undo."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from store.model.dead_letters import RedriveBatch
from store.sqlite import layout
from store.sqlite.file.database import Parameters, Snapshot, WriteTransaction
from store.sqlite.file.transactions import array
from store.sqlite.leases import origins
from store.sqlite.leases.messages import StoredMessage
from store.sqlite.leases.origins import Origin

KEEP = 30 * 86_400_000
# Entries that are removed beyond the number added.
_PRUNED_AT_ONCE = 20


class Entry(NamedTuple):
    """One dead letter that was moved from an address, or edited there; `record` is its present one.

    `origin` is its former origin, and after an edit `value` its former value.
    """

    id: int
    record: int
    moved_from: str
    moved_from_record: int
    origin: Origin
    edited: bool
    value: bytes | None


def next_batch(tx: Snapshot) -> int:
    """Return the number of a new batch."""
    number: int = tx.value("select ifnull(max(batch), 0) + 1 from mq_moves")
    return number


def note_moves(
    tx: WriteTransaction,
    batch: int,
    messages: Sequence[StoredMessage],
    queue: str,
    records: Sequence[int],
    origins: Sequence[Origin],
) -> None:
    """Note that messages of a queue, with these origins, went into these records."""
    tx.insert_columns(
        "mq_moves",
        {
            "batch": batch,
            "at": tx.wall,
            "record": list(records),
            "moved_from": [f"{queue}@{one.sequence}" for one in messages],
            "moved_from_record": [one.record for one in messages],
            "origin": list(map(_origin_to_json, origins)),
        },
    )
    _prune(tx, len(records))


def note_edit(
    tx: WriteTransaction, batch: int, record: int, address: str, origin: Origin, value: bytes | None
) -> None:
    """Note a change of the value in a record, which was `value` before."""
    tx.execute(
        "insert into mq_moves"
        " (batch, at, record, moved_from, moved_from_record, origin, edited, value)"
        " values (:batch, :at, :record, :address, :record, :origin, 1, :value)",
        {
            "batch": batch,
            "at": tx.wall,
            "record": record,
            "address": address,
            "origin": _origin_to_json(origin),
            "value": value,
        },
    )
    _prune(tx, 1)


def last_batch(tx: Snapshot) -> int | None:
    """Return the last batch that was not undone completely."""
    batch: int | None = tx.value("select max(batch) from mq_moves where not undone")
    return batch


def batches(tx: Snapshot, limit: int) -> list[RedriveBatch]:
    """Return the last batches, newest first (SQS: ListMessageMoveTasks)."""
    rows = tx.rows(
        "select batch, min(at), count(*), sum(undone), max(edited) from mq_moves"
        " group by batch order by batch desc limit :limit",
        {"limit": limit},
    )
    return [
        RedriveBatch(number, at, messages, undone, bool(edited))
        for number, at, messages, undone, edited in rows
    ]


def not_undone(tx: Snapshot, batch: int | None) -> list[tuple[int, int]]:
    """Return the undoable part of a batch, in order: ids of entries, and bytes of messages."""
    return tx.rows(
        f"select m.id, {layout.SIZE_OF_R} + ifnull(length(m.value), 0)"
        " from mq_moves m left join mq_records r on r.id = m.record"
        " where m.batch = :batch and not m.undone order by m.id",
        {"batch": batch},
    )


def entries(tx: Snapshot, ids: Sequence[int]) -> list[Entry]:
    """Return entries that were not undone yet, in the order of their ids."""
    return _entries(
        tx,
        "where id in (select value from json_each(:ids)) and not undone order by id",
        {"ids": array(ids)},
    )


def of_batch(tx: Snapshot, batch: int) -> list[Entry]:
    """Return all entries of a batch, undone or not, in order."""
    return _entries(tx, "where batch = :batch order by id", {"batch": batch})


def _entries(tx: Snapshot, where: str, parameters: Parameters) -> list[Entry]:
    rows = tx.rows(
        "select id, record, moved_from, moved_from_record, origin, edited, value from mq_moves"
        f" {where}",
        parameters,
    )
    return [
        Entry(id, record, source, was, _origin_from_json(origin), bool(edited), value)
        for id, record, source, was, origin, edited, value in rows
    ]


def came_from(tx: Snapshot, record: int) -> tuple[str, Origin, int] | None:
    """Return the former place and origin of a redriven record, and the time."""
    row = tx.row(
        "select moved_from, origin, at from mq_moves where record = :record and not edited"
        " order by id desc limit 1",
        {"record": record},
    )
    return None if row is None else (row[0], _origin_from_json(row[1]), row[2])


def is_edited_since(tx: Snapshot, entry: Entry) -> bool:
    """Return whether an edit was followed by another one that was not undone."""
    return bool(
        tx.value(
            "select exists (select 1 from mq_moves where record = :record and edited"
            " and not undone and id > :id)",
            {"record": entry.record, "id": entry.id},
        )
    )


def undone(tx: WriteTransaction, entries: Sequence[Entry]) -> None:
    """Note that entries were undone."""
    tx.execute(
        "update mq_moves set undone = 1 where id in (select value from json_each(:ids))",
        {"ids": array(entry.id for entry in entries)},
    )


def follow(tx: WriteTransaction, entries: Sequence[Entry], records: Sequence[int]) -> None:
    """Note that dead letters are back in other records: their edits can be undone there."""
    tx.many(
        "update mq_moves set record = ? where record = ? and edited",
        [(new, entry.moved_from_record) for entry, new in zip(entries, records, strict=True)],
    )


def _prune(tx: WriteTransaction, added: int) -> None:
    tx.execute(
        "delete from mq_moves where id in (select id from mq_moves order by id limit :step)"
        " and at < :before",
        {"before": tx.wall - KEEP, "step": added + _PRUNED_AT_ONCE},
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
            "hops": origins.hops_to_lists(origin.hops),
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
        hops=origins.hops_from_lists(fields["hops"]),
        priority=fields["priority"],
    )
