"""The operator's view of a real Kafka: overview, flows, metrics, findings."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from store import open_place
from store.engine.broker import Broker
from store.kafka.checkup import findings
from store.kafka.looks import Looks, OffsetsLook
from store.kafka.topics import TopicSetup
from store.model.groups import Lag
from store.model.positions import parse_position
from tests.support import kafka_server

pytestmark = pytest.mark.xdist_group("kafka")


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    """A topic of two partitions with ten records, of which `billing` has read four, and others."""
    with kafka_server.emptied() as url, open_place(url) as opened:
        opened.create_topic("orders", partitions=2)
        opened.create_topic("prices", cleanup="compact")
        opened.create_group("billing", topics=["orders"])
        for number in range(10):
            opened.produce("orders", b"v", partition=number % 2, timestamp=opened.wall() - 300_000)
        opened.reset_group("billing", parse_position("2", 0))
        yield opened


def test_the_overview_shows_a_topic_by_the_group_furthest_behind(broker: Broker) -> None:
    overview = broker.snapshot()
    assert [one.name for one in overview.subjects] == ["orders", "prices"]
    orders = overview.subjects[0]
    assert (orders.state, orders.reader, orders.backlog) == ("lagging", "billing", 6)
    assert (orders.depth, orders.partitions, orders.groups) == (10, 2, 1)
    assert 299 < (orders.oldest_seconds or 0) < 400
    assert (overview.status.topics, overview.status.groups) == (2, 1)


def test_a_topic_has_its_partitions_and_the_positions_of_groups(broker: Broker) -> None:
    detail = broker.topic_detail("orders")
    assert [one.end for one in detail.status.partitions] == [5, 5]
    assert [(row.partition, row.lag) for row in detail.lags] == [(0, 3), (1, 3)]


def test_metrics_have_depths_and_lags(broker: Broker) -> None:
    families = {one.name: one for one in broker.metrics()}
    assert [one.value for one in families["mq_topic_records"].samples] == [5, 5, 0]
    lag = families["mq_group_lag_records"].samples
    assert [one.value for one in lag] == [3, 3]
    assert lag[0].labels == {"group": "billing", "topic": "orders", "partition": "0"}


def test_the_doctor_sees_that_one_server_has_all_copies(broker: Broker) -> None:
    assert [one.code for one in broker.doctor()] == ["one_server"]


def test_and_records_that_a_group_lost(broker: Broker) -> None:
    broker.trim("orders", parse_position("4", 0), 0)
    first = broker.doctor()[0]
    assert (first.code, first.address, first.severity) == ("lost_records", "orders/0", "critical")
    assert "2 records are gone" in first.evidence


def look(at: float, end: int, read: int) -> OffsetsLook:
    """A look at one partition and one group."""
    return OffsetsLook(at, {"orders": {0: end}}, {"billing": {"orders": {0: read}}})


def test_rates_are_those_of_the_last_minute() -> None:
    looks = Looks()
    for at, end, read in [(1000, 0, 0), (1100, 500, 0), (1150, 1500, 100)]:
        looks.take(look(at, end, read))
    assert looks.rate(lambda one: one.end("orders")) == 20
    assert looks.rate(lambda one: one.position("billing", "orders", 0)) == 2
    assert looks.rate(lambda one: one.end("unknown")) is None


SOUND = TopicSetup(6, 3, {"min.insync.replicas": "2"}, frozenset(), [3] * 6, 0)
ROW = Lag("billing", "orders", 0, 5, 0, 9, 4, 100.0, None, None, None, "empty")
WEEK = "604800000"


@pytest.mark.parametrize(
    ("setup", "codes"),
    [
        (SOUND, []),
        (SOUND._replace(replicas=1, in_sync=[1] * 6, config={}), ["replicas"]),
        (SOUND._replace(in_sync=[3, 2]), ["under_replicated"]),
        (SOUND._replace(in_sync=[3, 1]), ["min_isr"]),
        (SOUND._replace(without_leader=1), ["no_leader"]),
        (SOUND._replace(config={"min.insync.replicas": "3"}), ["min_isr"]),
        (SOUND._replace(config={"min.insync.replicas": "1"}), ["min_isr"]),
        (
            SOUND._replace(config={**SOUND.config, "unclean.leader.election.enable": "true"}),
            ["unclean_election"],
        ),
    ],
)
def test_what_loses_records_or_stops_producers_is_found(
    setup: TopicSetup, codes: list[str]
) -> None:
    assert [one.code for one in findings({"orders": setup}, 3, [])] == codes


@pytest.mark.parametrize(
    ("age", "retention", "codes"),
    [(0.5, WEEK, []), (0.9, WEEK, ["retention_near"]), (0.9, "-1", [])],
)
def test_records_that_retention_takes_before_they_are_read_are_found(
    age: float, retention: str, codes: list[str]
) -> None:
    setup = SOUND._replace(config={**SOUND.config, "retention.ms": retention})
    row = ROW._replace(lag_seconds=age * int(WEEK) / 1000)
    assert [one.code for one in findings({"orders": setup}, 3, [row])] == codes
