"""How records leave a log: trimmed on request, or drained after their topic was deleted."""

from __future__ import annotations

from store.db import Write

# 5,000 rows hold the write lock for about a millisecond.
STEP = 5_000


def drain(tx: Write) -> bool:
    """Remove up to `STEP` records of deleted channels; False when none are left."""
    partition = tx.value("select id from mq_partitions where channel is null limit 1")
    if partition is None:
        return False
    removed = tx.execute(
        "delete from mq_records where id in (select id from mq_records"
        " where id >= :first and id < :end order by id limit :step)",
        {"first": partition << 40, "end": (partition + 1) << 40, "step": STEP},
    )
    if removed < STEP:
        tx.execute("delete from mq_partitions where id = :id", {"id": partition})
    return True


def trim_step(tx: Write, partition: int, before: int) -> int | None:
    """Remove up to `STEP` records below offset `before`; the new start, `None` when done."""
    row = tx.row("select start from mq_partitions where id = :id", {"id": partition})
    if row is None or row[0] >= before:
        return None
    end = _step_end(tx, partition, before)
    remove_range(tx, partition, row[0], end)
    return end


def _step_end(tx: Write, partition: int, before: int) -> int:
    base = partition << 40
    last = tx.value(
        "select id from mq_records where id >= :base and id < :end"
        " order by id limit 1 offset :step",
        {"base": base, "end": base + before, "step": STEP},
    )
    return before if last is None else last - base


def remove_range(tx: Write, partition: int, first: int, end: int) -> None:
    """Remove every record with `first <= offset < end`, and move the start to `end`."""
    base = partition << 40
    span = {"first": base + first, "end": base + end}
    count, size = tx.row(  # type: ignore[misc]
        "select count(*), total(ifnull(length(key), 0) + ifnull(length(headers), 0)"
        " + ifnull(length(value), 0)) from mq_records where id >= :first and id < :end",
        span,
    )
    tx.execute("delete from mq_records where id >= :first and id < :end", span)
    tx.execute("delete from mq_tombstones where record >= :first and record < :end", span)
    tx.execute(
        "update mq_partitions set start = :start, records = records - :count,"
        " bytes = bytes - :size where id = :id",
        {"start": end, "count": count, "size": int(size), "id": partition},
    )
