"""Whether the dashboard's snapshot of a large store takes longer when its backlog grows.

    python benchmarks/snapshot.py [--trials N] [RECORDS …]

The store has 1,000 partitions with 50 stalls, 200 queues, 10,000 leases and 100,000 FIFO message
groups; what grows is how many records no reader gets past, all stalls together. `metrics` is what a
scrape asks. Filling takes 10 seconds, and 7 more per million records; 1,000 to 5,000,000 two
minutes. A ratio over 1.5 is a fault, and the exit status says so.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from growth import Call, Subject, main

from store import NewMessage, NewRecord, Store
from store.model.clock import ManualClock

TOPICS = 10
PARTITIONS = 100
STALLS = 50
QUEUES = 200
LEASES = 10_000
FIFO_GROUPS = 100_000
FIFO_LEASES = 2_000
EACH = (LEASES - FIFO_LEASES) // (QUEUES - 1)
BATCH = 5_000
VALUE = b"x" * 100


def fill(store: Store, records: int) -> None:
    """A store in which so many records are stuck."""
    clock = store.clock
    assert isinstance(clock, ManualClock)
    _fill_topics(store, max(1, records // STALLS))
    _fill_queues(store)
    _stall(store, clock)


def _fill_topics(store: Store, backlog: int) -> None:
    """Ten topics, and in the first partitions of each a record per key that no reader gets past."""
    for number in range(TOPICS):
        name = f"topic{number}"
        store.create_topic(name, partitions=PARTITIONS)
        for partition in range(STALLS // TOPICS):
            for first in range(0, backlog, BATCH):
                store.produce_many(
                    name,
                    [
                        NewRecord(VALUE, key=f"k{n % 97}", partition=partition)
                        for n in range(first, min(first + BATCH, backlog))
                    ],
                )


def _fill_queues(store: Store) -> None:
    for number in range(QUEUES - 1):
        store.create_queue(f"queue{number:03}", lease=3600)
        store.send_many(f"queue{number:03}", [NewMessage(VALUE)] * (EACH + 10))
    store.create_queue("fifo", fifo=True, lease=3600)
    for first in range(0, FIFO_GROUPS, BATCH):
        store.send_many(
            "fifo",
            [
                NewMessage(VALUE, message_group=f"g{n}")
                for n in range(first, first + BATCH)
                for _ in range(2)
            ],
        )


def _stall(store: Store, clock: ManualClock) -> None:
    """Time passes, with writers at work; then all members hold what they do not get past."""
    for _ in range(60):
        for number in range(TOPICS):
            store.produce_many(
                f"topic{number}",
                [NewRecord(VALUE, partition=n) for n in range(STALLS // TOPICS, PARTITIONS)],
            )
        clock.advance(10)
    consumer = store.consumer(
        "billing", [f"topic{n}" for n in range(TOPICS)], session_timeout=1e6, max_poll_interval=1e6
    )
    consumer.poll(1, timeout=0)
    clock.advance(60)
    ends = {
        (topic.name, partition.partition): partition.end
        for topic in store.topics()
        for partition in topic.partitions
        if partition.partition >= STALLS // TOPICS
    }
    consumer.commit(ends)
    for number in range(QUEUES - 1):
        store.receive(f"queue{number:03}", EACH, holder="worker")
    store.receive("fifo", FIFO_LEASES, holder="worker")


def calls(store: Store, records: int) -> Sequence[Call]:
    """What is asked of a store as a whole."""
    assert store.snapshot().stall_count == STALLS
    return [
        Call("snapshot", store.snapshot),
        Call("metrics", store.metrics),
    ]


if __name__ == "__main__":
    subjects = [Subject("stuck records", fill, calls, clock=ManualClock)]
    sys.exit(main(__doc__, subjects, trials=20))
