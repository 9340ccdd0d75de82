"""Topics, groups and shares on every engine."""

from __future__ import annotations

import pytest

from store import NewRecord
from store.engine.broker import Broker
from store.engine.features import Feature
from store.model.addresses import Address
from store.model.positions import Target, parse_position


def at(word: str) -> Target:
    """A position."""
    return parse_position(word, 0)


@pytest.mark.needs(Feature.TOPICS)
def test_records_stay_where_they_are_read(broker: Broker) -> None:
    broker.create_topic("orders", partitions=2)
    broker.produce_many("orders", [NewRecord(b"%d" % n, key=b"k") for n in range(5)])
    partition = broker.partition_for("orders", b"k")
    for _ in range(2):
        records = broker.read("orders", partition)
        assert [record.value for record in records] == [b"%d" % n for n in range(5)]


@pytest.mark.needs(Feature.TRIM)
def test_records_before_an_offset_are_removed(broker: Broker) -> None:
    if not broker.features.lacks(Feature.TOPICS):
        broker.create_topic("orders")
    broker.trim("orders", parse_position("earliest", 0))


@pytest.mark.needs(Feature.COMPACTION)
def test_the_newest_record_of_a_key_is_told(broker: Broker) -> None:
    if not broker.features.lacks(Feature.TOPICS):
        broker.create_topic("orders", cleanup="compact")
    assert broker.latest("orders") == []


@pytest.mark.needs(Feature.GROUPS)
def test_a_group_goes_on_where_it_committed(broker: Broker) -> None:
    broker.create_group("billing")
    assert [group.name for group in broker.groups()] == ["billing"]


@pytest.mark.needs(Feature.LAG)
def test_the_lag_of_nothing_is_no_row(broker: Broker) -> None:
    assert broker.lag() == []


@pytest.mark.needs(Feature.GROUP_RESET)
def test_a_group_is_reset(broker: Broker) -> None:
    if not broker.features.lacks(Feature.TOPICS):
        broker.create_topic("orders")
        broker.create_group("billing", topics=["orders"])
    broker.reset_group("billing", at("earliest"))


@pytest.mark.needs(Feature.GROUP_SKIP)
def test_a_group_skips_a_record(broker: Broker) -> None:
    if not broker.features.lacks(Feature.TOPICS):
        broker.create_topic("orders")
        broker.produce("orders", b"bad")
        broker.create_group("billing", topics=["orders"])
    broker.skip("billing", Address("orders", 0, 0))


@pytest.mark.needs(Feature.SHARES)
def test_a_share_leases_records(broker: Broker) -> None:
    if not broker.features.lacks(Feature.TOPICS):
        broker.create_topic("orders")
    broker.create_share("packers", "orders")
    assert broker.acquire("packers") == []
