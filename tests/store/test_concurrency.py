"""Many processes at once."""

from __future__ import annotations

from pathlib import Path

from store import Store
from tests.support.invariants import check_all
from tests.support.processes import finish, start

PROCESSES = 8
EACH = 100


def test_8_processes_that_produce_at_once_are_all_confirmed(path: Path) -> None:
    with Store.open(path, create=True) as store:
        store.create_topic("orders", partitions=3)
    producers = [start("produce", path, f"p{n}", 0, EACH) for n in range(PROCESSES)]
    confirmed = {
        (int(partition), int(offset)): f"p{n} {number}".encode()
        for n, producer in enumerate(producers)
        for number, partition, offset in (line.split() for line in finish(producer))
    }

    with Store.open(path) as store:
        present = {
            (record.partition, record.offset): record.value
            for partition in range(3)
            for record in store.read("orders", partition)
        }
        assert len(confirmed) == PROCESSES * EACH
        assert present == confirmed
        check_all(store)


def test_the_records_of_one_producer_keep_their_order_among_others(path: Path) -> None:
    with Store.open(path, create=True) as store:
        store.create_topic("orders")
    producers = [start("produce", path, f"p{n}", 0, EACH) for n in range(3)]
    for producer in producers:
        finish(producer)

    with Store.open(path) as store:
        values = [(record.value or b"").decode().split() for record in store.read("orders")]
    for n in range(3):
        assert [int(number) for name, number in values if name == f"p{n}"] == list(range(EACH))


def test_readers_see_whole_batches_only(path: Path) -> None:
    with Store.open(path, create=True) as store:
        store.create_topic("orders")
        producer = start("produce_by_name", path, "loader", 300)
        seen = 0
        while seen < 300:
            since = store.changed()
            seen = len(store.read("orders"))
            assert seen % 3 == 0, "each batch has three new records"
            if seen < 300:
                store.wait(since, 10)
        finish(producer)
