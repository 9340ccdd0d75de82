"""The processing times of messages: a histogram for each reader, of a sample of its acks.

Every sixteenth delivery counts, chosen by its lease and token, so that acks cost nearly as much as
before. The buckets are a quarter of a power of two wide: a percentile read from them is at most
19 % too high.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from math import ceil, log2
from typing import NamedTuple

from store.model.addresses import Kind
from store.sqlite.file.database import Snapshot, WriteTransaction
from store.sqlite.leases import runs
from store.sqlite.leases.rows import Lease

_BUCKETS_A_DOUBLING = 4
_HIGHEST_BUCKET = 255
# When a bucket is this full all are halved, so that old times are forgotten.
_FULL = 256


_ADD = (
    "insert into mq_processing_times (reader, bucket, count) values (?, ?, ?)"
    " on conflict do update set count = count + excluded.count returning count"
)


class ProcessingTimes(NamedTuple):
    """The times of a reader's messages from lease to ack, in milliseconds, and how many were
    timed.
    """

    reader: str
    kind: Kind
    lease: int
    samples: int
    median: int
    p99: int


def note(tx: WriteTransaction, reader: int, settled: Iterable[Lease]) -> None:
    """Count the times of deliveries that are acknowledged now, of those in the sample."""
    taken = [
        tx.now - lease.started
        for lease in settled
        if lease.token is not None
        and runs.is_timed(lease.id, lease.token)
        and lease.started is not None
    ]
    for bucket, count in Counter(map(bucket_of, taken)).items():
        add(tx, reader, bucket, count)


def add(tx: WriteTransaction, reader: int, bucket: int, count: int) -> None:
    """Count so many deliveries more in a bucket."""
    ((stored,),) = tx.cursor.execute(_ADD, (reader, bucket, count)).fetchall()
    if stored >= _FULL:
        _fade(tx, reader)


def _fade(tx: WriteTransaction, reader: int) -> None:
    tx.execute(
        "delete from mq_processing_times where reader = :reader and count = 1", {"reader": reader}
    )
    tx.execute(
        "update mq_processing_times set count = count / 2 where reader = :reader",
        {"reader": reader},
    )


def bucket_of(duration: int) -> int:
    """Return the bucket of a duration in milliseconds."""
    if duration <= 1:
        return 0
    return min(_HIGHEST_BUCKET, ceil(_BUCKETS_A_DOUBLING * log2(duration)))


def longest_in(bucket: int) -> int:
    """Return the longest time that a bucket counts, in milliseconds."""
    return int(2 ** (bucket / _BUCKETS_A_DOUBLING))


def every(tx: Snapshot) -> list[ProcessingTimes]:
    """Return every reader's processing times."""
    counts: dict[tuple[str, Kind, int], list[tuple[int, int]]] = {}
    for name, kind, lease, bucket, count in tx.rows(
        "select r.name, r.kind, r.lease, t.bucket, t.count from mq_processing_times t"
        " join mq_readers r on r.id = t.reader order by r.name, t.bucket"
    ):
        counts.setdefault((name, kind, lease), []).append((bucket, count))
    return [_summary(*reader, buckets) for reader, buckets in counts.items()]


def _summary(
    name: str, kind: Kind, lease: int, buckets: Sequence[tuple[int, int]]
) -> ProcessingTimes:
    samples = sum(count for _, count in buckets)
    return ProcessingTimes(
        reader=name,
        kind=kind,
        lease=lease,
        samples=samples,
        median=_percentile(buckets, samples * 0.5),
        p99=_percentile(buckets, samples * 0.99),
    )


def _percentile(buckets: Sequence[tuple[int, int]], rank: float) -> int:
    seen = 0
    for bucket, count in buckets:
        seen += count
        if seen >= rank:
            return longest_in(bucket)
    return 0
