"""Exactly once inside the store: outputs and offsets are one commit, whatever dies when."""

from __future__ import annotations

import subprocess
from collections import Counter
from pathlib import Path

import pytest

from store import Consumer, Fenced, NewRecord, Record, Store
from tests.support.invariants import check_all
from tests.support.kills import HITS, kill_at_each_point
from tests.support.processes import finish, start

pytestmark = pytest.mark.xdist_group("exactly_once")

POINTS = ("commit.before", "commit.after", "copier.polled", "copier.produced", "copier.committed")
PARTITIONS = 3


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Counter[str]]:
    """A store whose inputs were copied to its outputs by a program that was killed all the time."""
    path = tmp_path_factory.mktemp("copied") / "store.db"
    fed = 0

    def feed() -> None:
        nonlocal fed
        numbers = range(fed, fed + 20)
        store.produce_many("inputs", [NewRecord(b"%d" % n, b"%d" % (n % 9)) for n in numbers])
        fed = numbers.stop
        check_all(store)

    def begin(variables: dict[str, str]) -> subprocess.Popen[str]:
        return start("copy", path, "copier", **variables)

    with Store.open(path, create=True, durability="normal") as store:
        store.create_topic("inputs", partitions=PARTITIONS)
        store.create_topic("outputs", partitions=PARTITIONS)
        hits = kill_at_each_point(begin, POINTS, feed)
        finish(begin({}))
        check_all(store)
    return path, hits


def values(path: Path, topic: str) -> list[list[bytes | None]]:
    with Store.open(path) as store:
        return [
            [record.value for record in store.read(topic, partition, limit=1_000_000)]
            for partition in range(PARTITIONS)
        ]


def test_every_point_was_hit_often_enough(copied: tuple[Path, Counter[str]]) -> None:
    assert all(copied[1][point] >= HITS for point in POINTS)


def test_outputs_equal_inputs_exactly_and_in_order(copied: tuple[Path, Counter[str]]) -> None:
    assert values(copied[0], "outputs") == values(copied[0], "inputs")


def test_the_group_has_read_everything(copied: tuple[Path, Counter[str]]) -> None:
    with Store.open(copied[0]) as store:
        assert [row.lag for row in store.lag("copier")] == [0] * PARTITIONS


def copy_in_one(store: Store, consumer: Consumer, records: list[Record]) -> None:
    with store.transaction() as tx:
        tx.produce_many("outputs", [NewRecord(record.value) for record in records])
        tx.commit("copier", consumer.position, consumer=consumer)


def test_what_a_fenced_copier_wrote_is_not_there(orders: Store) -> None:
    orders.create_topic("outputs")
    old = orders.consumer("copier", ["orders"], member="copier")
    records = old.poll(timeout=0)
    orders.consumer("copier", ["orders"], member="copier")

    with pytest.raises(Fenced):
        copy_in_one(orders, old, records)
    assert orders.read("outputs") == []
    assert orders.lag("copier")[0].committed is None


def test_a_copier_that_swallows_the_refusal_must_not_commit_its_outputs(orders: Store) -> None:
    orders.create_topic("outputs")
    old = orders.consumer("copier", ["orders"], member="copier")
    old.poll(timeout=0)
    orders.consumer("copier", ["orders"], member="copier")
    with orders.transaction() as tx:
        try:
            tx.commit("copier", old.position, consumer=old)
        except Fenced:
            tx.produce("outputs", "told apart")

    # The refused commit itself left nothing; what the program did instead is its own affair.
    assert orders.lag("copier")[0].committed is None
    assert [record.value for record in orders.read("outputs")] == [b"told apart"]


class Undone(Exception):
    """Raised in a transaction that shall be rolled back."""


def fail_in_one(store: Store, consumer: Consumer) -> None:
    with store.transaction() as tx:
        tx.produce("outputs", "x")
        tx.commit("copier", consumer.position, consumer=consumer)
        raise Undone


def test_offsets_of_a_failed_transaction_are_read_again(orders: Store) -> None:
    orders.create_topic("outputs")
    with orders.consumer("copier", ["orders"]) as consumer:
        records = consumer.poll(4, timeout=0)
        with pytest.raises(Undone):
            fail_in_one(orders, consumer)
    with orders.consumer("copier", ["orders"]) as consumer:
        assert consumer.poll(4, timeout=0) == records
    assert orders.read("outputs") == []
