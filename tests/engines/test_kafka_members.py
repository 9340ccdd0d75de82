"""Members of groups on Kafka: what a rebalance leaves them, and what it takes."""

from __future__ import annotations

from collections.abc import Iterator
from time import monotonic

import pytest

from store import Fenced, NewRecord, Record, open_place
from store.engine.broker import Broker
from store.engine.groups import GroupConsumer
from store.model.groups import RecordLoss
from store.model.positions import Position
from tests.support import kafka_server

pytestmark = pytest.mark.xdist_group("kafka")

PATIENCE = 60.0
RECORDS = 10
HOUR = 3600.0


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    """A topic of two partitions with ten records in each."""
    with kafka_server.emptied() as url, open_place(url) as broker:
        broker.create_topic("orders", partitions=2)
        broker.produce_many(
            "orders",
            [NewRecord(b"%d" % (n // 2), partition=n % 2) for n in range(2 * RECORDS)],
        )
        yield broker


def polled(member: GroupConsumer, number: int) -> list[Record]:
    """The next records of a member, so many."""
    records: list[Record] = []
    deadline = monotonic() + PATIENCE
    while len(records) < number and monotonic() < deadline:
        records += member.poll(number - len(records), timeout=1.0)
    return records


def share_out(first: GroupConsumer, second: GroupConsumer) -> tuple[int, int]:
    """Wait until each of two members has one partition; return which."""
    deadline = monotonic() + PATIENCE
    while len(first.assignment) != 1 or len(second.assignment) != 1:
        assert monotonic() < deadline
        second.heartbeat()
    ((_, one),), ((_, two),) = first.assignment, second.assignment
    return one, two


def test_a_member_that_is_busy_holds_up_no_rebalance(broker: Broker) -> None:
    with (
        broker.consumer("busy", ["orders"], max_poll_interval=HOUR, timeout=20.0),
        broker.consumer("busy", ["orders"], timeout=PATIENCE) as other,
    ):
        assert len(other.assignment) == 1


def test_a_rebalance_repeats_nothing_to_the_member_that_keeps_a_partition(broker: Broker) -> None:
    with broker.consumer("kept", ["orders"], timeout=20.0) as first:
        before = polled(first, 2 * RECORDS - 1)
        read = {p: sum(one.partition == p for one in before) for p in (0, 1)}
        with broker.consumer("kept", ["orders"]) as second:
            own, _ = share_out(first, second)
            assert first.position == {("orders", own): read[own]}
            # The other one begins where the group has committed, which is nowhere.
            assert [one.offset for one in polled(second, RECORDS)] == list(range(RECORDS))


def test_a_commit_after_a_partition_has_moved_is_fenced(broker: Broker) -> None:
    with broker.consumer("moved", ["orders"], timeout=20.0) as first:
        polled(first, 2 * RECORDS)
        with broker.consumer("moved", ["orders"]) as second:
            own, other = share_out(first, second)
            first.commit({("orders", own): 3})
            with pytest.raises(Fenced):
                first.commit({("orders", other): 3})


def test_a_static_member_is_fenced_by_another_of_its_name(broker: Broker) -> None:
    first = broker.consumer("static", ["orders"], member="one", timeout=20.0)
    polled(first, 1)
    with broker.consumer("static", ["orders"], member="one", session_timeout=6.0, timeout=20.0):
        (member,) = broker.group("static").members
        assert (member.member, member.static) == ("one", True)
        with pytest.raises(Fenced):
            first.commit()
    first.close()


def test_what_retention_took_is_told(broker: Broker) -> None:
    broker.create_topic("trimmed")
    broker.produce_many("trimmed", [b"%d" % n for n in range(5)])
    broker.reset_group("late", {("trimmed", 0): 1})
    broker.trim("trimmed", Position("offset", 3))
    with broker.consumer("late", ["trimmed"], timeout=20.0) as member:
        assert [one.offset for one in polled(member, 2)] == [3, 4]
        assert member.losses == [RecordLoss("trimmed", 0, 1, 3)]


def test_paused_partitions_are_not_handed_out_and_go_on_later(broker: Broker) -> None:
    with broker.consumer("paused", ["orders"], timeout=20.0) as member:
        paused = {("orders", 0)}
        while records := member.poll(3, timeout=0.0, paused=paused):
            assert {one.partition for one in records} == {1}
        assert member.position == {("orders", 0): 0, ("orders", 1): RECORDS}
        assert [one.offset for one in polled(member, RECORDS)] == list(range(RECORDS))


def test_the_end_is_reached_behind_marks_of_transactions(broker: Broker) -> None:
    broker.create_topic("marked")
    with broker.transaction() as tx:
        tx.produce_many("marked", [b"v"])
    with broker.consumer("marked", ["marked"], timeout=20.0) as member:
        assert len(member.poll(10, timeout=0.0)) == 1
        assert member.poll(10, timeout=0.0) == []
        assert member.position == {("marked", 0): broker.topic("marked").partitions[0].end}


def test_a_record_that_failed_comes_again_first(broker: Broker) -> None:
    with broker.consumer("failed", ["orders"], timeout=20.0) as member:
        first = member.poll(1, timeout=20.0)[0]
        assert member.fail(first, "no") == 1
        again = [one for one in polled(member, 2 * RECORDS) if one.partition == first.partition]
        assert [one.offset for one in again] == list(range(RECORDS))
        assert member.failures(first) == 1
