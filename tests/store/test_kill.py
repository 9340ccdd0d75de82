"""kill -9 in a loop: what was confirmed is there, and nothing is there twice.

`MQ_KILL_SCALE` multiplies how often each point is hit; `MQ_KILL_SEED` repeats a run.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator

import pytest

from store import Store
from tests.support.invariants import check_all
from tests.support.storm import ANY_MOMENT, PARTITIONS, READER_POINTS, Storm, committed, everything

pytestmark = pytest.mark.xdist_group("kill")

LOADS = ("first", "second")
HITS = 10 * int(os.environ.get("MQ_KILL_SCALE", "1"))


@pytest.fixture(scope="module")
def storm(tmp_path_factory: pytest.TempPathFactory) -> Storm:
    """A store after a storm of kills, in which every point was hit, and after it has healed."""
    seed = int(os.environ.get("MQ_KILL_SEED") or random.randrange(1 << 32))
    print(f"repeat with MQ_KILL_SEED={seed}")
    path = tmp_path_factory.mktemp("storm") / "store.db"
    storm = Storm(path, random.Random(seed))
    with Store.open(path, create=True) as store:
        store.create_topic("orders", partitions=PARTITIONS)
        store.create_group("billing", topics=["orders"])
        while min(storm.hits[point] for point in (*READER_POINTS, ANY_MOMENT)) < HITS:
            storm.round()
            check_after_kills(store, storm)
        print(f"killed {dict(storm.hits)}, confirmed {len(storm.confirmed)}")
        storm.heal({name: store.producer(name).stored("orders") for name in LOADS})
    return storm


def check_after_kills(store: Store, storm: Storm) -> None:
    """No commit is ahead of what was printed; the file is sound."""
    for partition, offset in committed(store).items():
        ahead = {(partition, n) for n in range(offset)} - storm.printed.keys()
        assert not ahead, f"committed {partition}@{offset} without printing {ahead}"
    check_all(store)


@pytest.fixture
def survived(storm: Storm) -> Iterator[Store]:
    """The store after the storm."""
    with Store.open(storm.path) as store:
        yield store


def test_every_point_was_hit_often_enough(storm: Storm) -> None:
    assert all(storm.hits[point] >= HITS for point in (*READER_POINTS, ANY_MOMENT))


def test_every_confirmed_record_is_where_it_was_confirmed(storm: Storm, survived: Store) -> None:
    present = {(r.partition, r.offset): (r.value or b"").decode() for r in everything(survived)}

    assert storm.confirmed.items() <= present.items()


def test_nothing_is_stored_that_no_producer_sent(storm: Storm, survived: Store) -> None:
    names = {*LOADS} | {f"plain{n}" for n in range(storm.plain_runs)}

    assert {(r.value or b"").decode().split()[0] for r in everything(survived)} <= names


def test_no_record_is_there_twice(survived: Store) -> None:
    values = [record.value for record in everything(survived)]

    assert len(values) == len(set(values))


@pytest.mark.parametrize("name", LOADS)
def test_a_load_that_is_run_again_after_each_kill_is_stored_once_and_in_order(
    survived: Store, name: str
) -> None:
    values = [(r.value or b"").decode().split() for r in everything(survived)]
    numbers = [int(number) for who, number in values if who == name]

    assert len(numbers) > 20
    assert numbers == list(range(len(numbers)))


def test_each_kill_leaves_at_most_one_batch_unconfirmed(storm: Storm, survived: Store) -> None:
    unconfirmed = len(everything(survived)) - len(storm.confirmed)

    assert 0 <= unconfirmed <= 3 * sum(storm.hits.values())


def test_readers_printed_every_record(storm: Storm, survived: Store) -> None:
    present = {(r.partition, r.offset): (r.value or b"").decode() for r in everything(survived)}

    assert storm.printed == present


def test_a_restarted_reader_goes_on_and_does_not_begin_anew(storm: Storm, survived: Store) -> None:
    # A kill repeats at most the batch in hand, which is 500 records on the command line.
    assert storm.repeated <= 500 * sum(storm.hits.values())
    assert committed(survived) == {p.partition: p.end for p in survived.topic("orders").partitions}


def test_the_file_is_sound_after_the_storm(survived: Store) -> None:
    check_all(survived)
