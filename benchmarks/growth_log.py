"""Whether append, fetch, commit and lag take longer when a log grows.

    python benchmarks/growth_log.py [--only SUBJECT] [--trials N] [SIZE …]

First a topic of one partition grows by its records, then one with 20 records in each partition by
those, then one that keeps to a limit of bytes by that. `fetch on` reads 10 records where it ended
before, `fetch` 10 from anywhere, `tail` the last 10. Of lag and snapshot, which tell of every
partition, it is a partition that counts. Filling takes 4 seconds per million records; 1,000 to
10,000,000 a minute and a half. A ratio over 1.5 is a fault, and the exit status says so.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from itertools import count

from growth import Call, Subject, main

from store import NewRecord, Store

BATCH = 10_000
FETCHED = 10
RECORDS = 20
VALUE = b"x" * 100


def fill(store: Store, records: int, partitions: int) -> None:
    """A topic with its records spread evenly."""
    store.create_topic("t", partitions=partitions, retention=None)
    for first in range(0, records, BATCH):
        numbers = range(first, min(first + BATCH, records))
        store.produce_many("t", [NewRecord(VALUE, partition=n % partitions) for n in numbers])


def calls(store: Store, records: int, partitions: int) -> Sequence[Call]:
    """A reader that starts in the middle, one that jumps, a group, and producers."""
    any_of = random.Random(1)
    consumer = store.consumer("audit", ["t"])
    each = records // partitions
    furthest = max(1, each - FETCHED)
    places, commits = count(each // 2, FETCHED), count()

    def commit() -> None:
        # Always further: to commit the same again would write nothing.
        number = next(commits)
        offset = number // partitions + 1
        consumer.commit({("t", number % partitions): offset})

    # Steady work is what counts: the first change of a partition, and of a group's place in it,
    # in ten seconds notes a sample besides.
    for number in range(partitions):
        store.produce("t", VALUE, partition=number)
        commit()

    return [
        Call("append", lambda: store.produce("t", VALUE, partition=any_of.randrange(partitions))),
        Call("fetch on", lambda: store.read("t", 0, next(places) % furthest, FETCHED)),
        Call("fetch", lambda: store.read("t", 0, any_of.randrange(furthest), FETCHED)),
        Call("tail", lambda: store.read("t", partitions - 1, each - FETCHED, FETCHED)),
        Call("commit", commit),
        Call("lag", lambda: store.lag("audit"), parts=partitions, alone=True),
        Call("snapshot", store.snapshot, parts=partitions, alone=True),
    ]


def bounded(store: Store, records: int) -> None:
    """A topic at its size limit, which every append keeps."""
    store.create_topic("t", retention_bytes=records * len(VALUE))
    for _ in range(0, records, BATCH):
        store.produce_many("t", [NewRecord(VALUE)] * min(BATCH, records))


def appends(store: Store, records: int) -> Sequence[Call]:
    """The call that retention is a part of."""
    return [Call("append", lambda: store.produce("t", VALUE))]


SUBJECTS = [
    Subject("records", lambda s, size: fill(s, size, 1), lambda s, size: calls(s, size, 1)),
    Subject(
        "partitions",
        lambda s, size: fill(s, RECORDS * size, size),
        lambda s, size: calls(s, RECORDS * size, size),
        sizes=(1, 100, 1_000),
    ),
    Subject("at size limit", bounded, appends, most=1_000_000),
]

if __name__ == "__main__":
    sys.exit(main(__doc__, SUBJECTS))
