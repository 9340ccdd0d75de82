"""Past values of counters, every ten seconds for ten minutes, in a ring: for rates and trends.

A sample is the value of a counter before its first change in a bucket. So all its movement until
the next sample happened within that bucket, and no sample means that nothing moved.
"""

from __future__ import annotations

from functools import partial
from typing import Literal

from store.sqlite.file.database import WriteTransaction

BUCKET = 10_000
BUCKETS = 60

Counter = Literal["partition", "slot", "channel", "queue"]
"""Records into a partition, records that a reader finished, messages into and out of a channel."""


class _Sampled(dict[tuple[Counter, int], int]):
    """The bucket in which this open store last sampled each counter."""


def is_due(tx: WriteTransaction, counter: Counter, id: int) -> bool:
    """Return whether this handle has not sampled the counter in the present bucket yet."""
    return tx.database.states[_Sampled].get((counter, id)) != tx.now // BUCKET


def note(tx: WriteTransaction, counter: Counter, id: int, before: int) -> None:
    """Keep the value of a counter before it changes, at its first change in a bucket."""
    if not is_due(tx, counter, id):
        return
    bucket = tx.now // BUCKET
    tx.execute(
        "insert into mq_samples (subject, subject_id, bucket, at, counter)"
        " values (:subject, :id, :bucket, :now, :before)"
        " on conflict (subject, subject_id, bucket) do update set at = :now, counter = :before"
        " where at < :began",
        {
            "subject": counter,
            "id": id,
            "bucket": bucket % BUCKETS,
            "now": tx.now,
            "before": before,
            "began": bucket * BUCKET,
        },
    )
    # Not before it is stored: a rollback would undo the sample.
    sampled = tx.database.states[_Sampled]
    tx.after_commit.append(partial(sampled.__setitem__, (counter, id), bucket))


def left(tx: WriteTransaction) -> int:
    """Return for how many milliseconds a counter that was sampled now needs no sample."""
    return BUCKET - tx.now % BUCKET


def note_produced(tx: WriteTransaction, topic: int, partition: int, before: int) -> None:
    """Keep how many records a partition, and its topic, had before the next ones."""
    note(tx, "partition", partition, before)
    if is_due(tx, "channel", topic):
        taken = tx.value(
            "select sum(next) from mq_partitions where channel = :topic", {"topic": topic}
        )
        note(tx, "channel", topic, taken)


def note_finishing(tx: WriteTransaction, slot: int) -> None:
    """Keep how many records a share had finished in a partition before the next ones."""
    if is_due(tx, "slot", slot):
        done = tx.value("select cursor - leases from mq_slots where id = :slot", {"slot": slot})
        note(tx, "slot", slot, max(0, done))


def note_leaving(tx: WriteTransaction, queue: int) -> None:
    """Keep how many messages had left a queue, in any way, before the next ones do."""
    if is_due(tx, "queue", queue):
        left = tx.value(
            "select max(next) - sum(records) from mq_partitions where channel = :queue",
            {"queue": queue},
        )
        note(tx, "queue", queue, left)


def forget_place(tx: WriteTransaction, reader: int, partition: int) -> None:
    """Forget a reader's pace in a partition, after its position was set by hand."""
    tx.execute(
        "delete from mq_samples where subject = 'slot' and subject_id = (select id from mq_slots"
        " where reader = :reader and partition = :partition)",
        {"reader": reader, "partition": partition},
    )
