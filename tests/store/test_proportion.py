"""Ten times as many things take ten times as much work, counted in steps of SQLite, and no more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from store import NewRecord, Store
from store.model.clock import ManualClock
from store.model.positions import Position
from store.topology.reading import TopologyFile

FEW, MANY = 20, 200
# A tree of ten times as many rows may be a level higher.
GOAL = 1.4
LONG = 1_000_000
Work = Callable[[Store, int], object]


def topology(things: int, lease: str = "1m") -> list[TopologyFile]:
    """So many of each: topics, groups of them, queues with their DLQs, and bindings."""
    numbers = range(things)
    text = "".join(
        ["version: 1\nname: large\ntopics:\n", *(f"  t{n}: {{partitions: 3}}\n" for n in numbers)]
        + ["queues:\n", *(f"  q{n}: {{dlq: d{n}, lease: {lease}}}\n" for n in numbers)]
        + [f"  d{n}: {{}}\n" for n in numbers]
        + ["exchanges:\n  events: {type: topic}\nbindings:\n"]
        + [f"  - {{from: events, to: q{n}, key: k.{n}}}\n" for n in numbers]
        + ["groups:\n", *(f"  g{n}: {{topics: [t{n}]}}\n" for n in numbers)]
    )
    return [TopologyFile("large.yaml", text.encode())]


def nothing(store: Store, size: int) -> None:
    pass


def things(store: Store, size: int) -> None:
    store.apply(topology(size))
    for number in range(size):
        store.produce(f"t{number}", "x")


def letters(store: Store, size: int) -> None:
    store.create_queue("graves")
    store.create_queue("emails", dlq="graves")
    store.send_many("emails", ["x"] * size)
    store.reject([message.receipt or "" for message in store.receive("emails", size)])


def redriven(store: Store, size: int) -> None:
    letters(store, size)
    store.redrive("graves")


def leased(store: Store, size: int) -> None:
    store.create_queue("jobs", fifo=False)
    store.send_many("jobs", ["x"] * size)
    store.receive("jobs", size, lease=LONG)


def offsets(store: Store, size: int) -> None:
    store.create_topic("wide", partitions=size)
    store.produce_many("wide", [NewRecord("x", partition=n) for n in range(size)])
    with store.transaction() as tx:
        tx.commit("g", {("wide", n): 1 for n in range(size)})


def each(delete: Callable[[Store, str], object], prefix: str) -> Work:
    def work(store: Store, size: int) -> None:
        for number in range(size):
            delete(store, f"{prefix}{number}")

    return work


def prune(store: Store, size: int) -> None:
    store.apply([TopologyFile("large.yaml", b"version: 1\nname: large\n")], prune=True)


def receipts(store: Store) -> list[str]:
    return [lease.receipt or "" for lease in store.leases("jobs")]


def remove_letters(store: Store, size: int) -> None:
    store.remove_dead_letters("graves", store.chosen_dead_letters("graves"))


def reset(store: Store, size: int) -> None:
    store.reset_group("g", Position("earliest"))


CASES: list[tuple[str, Callable[[Store, int], None], Work]] = [
    ("apply", nothing, lambda store, size: store.apply(topology(size))),
    ("plan", nothing, lambda store, size: store.plan(topology(size))),
    ("apply what is there", things, lambda store, size: store.apply(topology(size))),
    ("apply changes", things, lambda store, size: store.apply(topology(size, "2m"))),
    ("prune", things, prune),
    ("export", things, lambda store, size: store.export()),
    ("groups", things, lambda store, size: store.groups()),
    ("queues", things, lambda store, size: store.queues()),
    ("topics", things, lambda store, size: store.topics()),
    ("lag", things, lambda store, size: store.lag()),
    ("lag of each topic", things, each(lambda store, name: store.lag(topic=name), "t")),
    ("metrics", things, lambda store, size: store.metrics()),
    ("stalls", things, lambda store, size: store.stalls()),
    ("doctor", things, lambda store, size: store.doctor()),
    ("snapshot", things, lambda store, size: store.snapshot()),
    ("delete groups", things, each(Store.delete_group, "g")),
    ("delete topics", things, each(Store.delete_topic, "t")),
    ("delete queues", things, each(Store.delete_queue, "q")),
    ("redrive", letters, lambda store, size: store.redrive("graves")),
    ("undo", redriven, lambda store, size: store.undo_redrive()),
    ("purge letters", letters, remove_letters),
    ("acknowledge", leased, lambda store, size: store.ack(receipts(store))),
    ("give back", leased, lambda store, size: store.nack(receipts(store))),
    ("purge", leased, lambda store, size: store.purge_queue("jobs")),
    ("reset", offsets, reset),
]


@pytest.mark.parametrize(("fill", "work"), [case[1:] for case in CASES], ids=[c[0] for c in CASES])
def test_work_grows_with_what_there_is_to_do_and_no_faster(
    tmp_path: Path, fill: Callable[[Store, int], None], work: Work
) -> None:
    few, many = (steps(tmp_path / f"{size}.db", fill, work, size) for size in (FEW, MANY))

    assert many / MANY <= GOAL * few / FEW, (few, many)


def steps(path: Path, fill: Callable[[Store, int], None], work: Work, size: int) -> int:
    """What SQLite's machine does for the work in a store with so many things."""
    with Store.open(path, create=True, durability="normal", clock=ManualClock()) as store:
        fill(store, size)
        # So that both connections are there, and know the schema.
        store.create_queue("unrelated")
        store.queue("unrelated")
        database = store._database
        done = [0]

        def count() -> None:
            done[0] += 1

        for connection in (database.read_only(), database.writer()[0]):
            connection.set_progress_handler(count, 10)
        work(store, size)
        return done[0]
