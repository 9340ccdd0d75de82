"""Stalls of groups on Kafka: those that no member reads, and those held up between two looks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from store import NewRecord, open_place
from store.engine.broker import Broker
from store.kafka.stalls import Standstills
from store.model.groups import Lag
from tests.support import kafka_server

HOUR = 3600.0


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    """A topic with three records, the first of them two hours old."""
    with kafka_server.emptied() as url, open_place(url) as broker:
        broker.create_topic("orders", retention=None)
        old = broker.wall() - 2 * 3_600_000
        broker.produce_many(
            "orders", [NewRecord(b"%d" % n, timestamp=old + 1000 * n) for n in range(3)]
        )
        yield broker


def row(committed: int, member: str | None = "one", lag: int = 5) -> Lag:
    return Lag(
        "billing", "orders", 0, committed, 0, 10, lag, None, None, None, member, "behind", False
    )  # fmt: skip


@pytest.mark.xdist_group("kafka")
class TestOnTheCluster:
    """What the coordinator tells."""

    def test_a_partition_without_a_member_is_unassigned(self, broker: Broker) -> None:
        broker.reset_group("gone", {("orders", 0): 1})
        (stall,) = [one for one in broker.stalls(30, HOUR) if one.reader == "gone"]
        assert (stall.cause, stall.blocker, stall.blocked) == ("unassigned", "orders/0@1", 1)
        assert stall.do[0] == "mq consume orders -g gone"

    def test_it_is_no_stall_before_its_time(self, broker: Broker) -> None:
        broker.reset_group("resting", {("orders", 0): 1})
        assert [one for one in broker.stalls(30, 3 * HOUR) if one.reader == "resting"] == []

    def test_marks_of_a_transaction_are_nothing_to_read(self, broker: Broker) -> None:
        broker.create_topic("marked")
        with broker.transaction() as tx:
            tx.produce_many("marked", [b"v"])
        broker.reset_group("done", {("marked", 0): 1})
        assert broker.lag("done")[0].lag == 1
        assert [one for one in broker.stalls(0, 0) if one.reader == "done"] == []

    def test_a_member_that_commits_nothing_shows_at_the_second_look(self, broker: Broker) -> None:
        with broker.consumer("held", ["orders"], timeout=20.0) as member:
            member.poll(1, timeout=20.0)
            member.commit({("orders", 0): 1})
            looks = [
                [one for one in broker.stalls(1e-9, HOUR) if one.reader == "held"] for _ in range(2)
            ]
            assert looks[0] == []
            (stall,) = looks[1]
            assert (stall.cause, stall.holder) == ("held", member.member)
            member.commit({("orders", 0): 2})
            assert [one for one in broker.stalls(1e-9, HOUR) if one.reader == "held"] == []


def test_a_reader_stands_still_until_it_commits() -> None:
    still = Standstills()
    for now, committed in ((0.0, 3), (40.0, 3), (50.0, 4), (60.0, 4)):
        still.take([row(committed)], now)
    assert still.seconds(row(4), 60.0) == 10.0


def test_another_member_begins_anew() -> None:
    still = Standstills()
    still.take([row(3, "one")], 0.0)
    still.take([row(3, "two")], 40.0)
    assert still.seconds(row(3, "two"), 50.0) == 10.0


def test_a_reader_that_was_at_the_end_stood_for_nothing() -> None:
    still = Standstills()
    for now, lag in ((0.0, 5), (10.0, 0), (40.0, 5)):
        still.take([row(3, lag=lag)], now)
    assert still.seconds(row(3), 50.0) == 10.0
