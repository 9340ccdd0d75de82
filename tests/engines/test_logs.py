"""Topics, groups and shares on every engine."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from store import Exists, NewRecord, NotFound, Position, Record
from store.engine.broker import Broker
from store.engine.features import Feature
from store.model.addresses import Address
from store.model.placement import partition_for_key
from store.model.positions import Target, parse_position
from store.model.topics import Headers


def at(word: str) -> Target:
    """A position."""
    return parse_position(word, 0)


def values(records: Sequence[Record]) -> list[bytes | None]:
    """The values of records."""
    return [record.value for record in records]


@pytest.fixture
def orders(broker: Broker) -> Broker:
    """A topic of one partition with ten records, a second apart, the last a minute ago."""
    broker.create_topic("orders")
    begin = broker.wall() - 70_000
    broker.produce_many(
        "orders", [NewRecord(b"%d" % n, timestamp=begin + 1000 * n) for n in range(10)]
    )
    return broker


@pytest.mark.needs(Feature.TOPICS)
class TestTopics:
    def test_records_stay_where_they_are_read(self, orders: Broker) -> None:
        for _ in range(2):
            assert values(orders.read("orders")) == [b"%d" % n for n in range(10)]

    def test_a_record_has_all_its_parts(self, broker: Broker) -> None:
        broker.create_topic("orders", partitions=2)
        headers: Headers = {"text": "é", "n": 2, "yes": True, "none": None, "f": 1.5}
        moment = broker.wall() - 1234
        broker.produce("orders", b"\x00", key=b"k\xff", headers=headers, timestamp=moment)
        partition = broker.partition_for("orders", b"k\xff")
        (record,) = broker.read("orders", partition)
        assert (record.partition, record.offset, record.timestamp) == (partition, 0, moment)
        assert (record.key, record.value, record.headers) == (b"k\xff", b"\x00", headers)

    def test_keys_go_where_kafka_puts_them(self, broker: Broker) -> None:
        broker.create_topic("orders", partitions=4)
        keys = [b"key-%d" % number for number in range(50)]
        ids = broker.produce_many("orders", [NewRecord(b"v", key=key) for key in keys])
        assert [id.partition for id in ids] == [partition_for_key(key, 4) for key in keys]
        found = {
            record.key: partition
            for partition in range(4)
            for record in broker.read("orders", partition)
        }
        assert found == {key: partition_for_key(key, 4) for key in keys}

    def test_a_topic_knows_the_bounds_of_its_partitions(self, orders: Broker) -> None:
        (partition,) = orders.topic("orders").partitions
        assert (partition.start, partition.end, partition.records) == (0, 10, 10)

    def test_an_empty_partition_begins_and_ends_at_0(self, broker: Broker) -> None:
        broker.create_topic("orders", partitions=2)
        found = broker.topic("orders").partitions
        assert [(one.start, one.end) for one in found] == [(0, 0), (0, 0)]
        assert broker.read("orders", 1) == []

    @pytest.mark.parametrize(
        ("word", "offset"),
        [("earliest", 0), ("latest", 10), ("last", 9), ("4", 4), ("99", 10), ("-3", 7)],
    )
    def test_positions_are_resolved(self, orders: Broker, word: str, offset: int) -> None:
        assert orders.resolve("orders", parse_position(word, 0)) == offset

    def test_a_time_is_the_first_record_at_or_after_it(self, orders: Broker) -> None:
        times = [record.timestamp for record in orders.read("orders")]
        position = Position("time", times[6] - 10)
        assert orders.resolve("orders", position) == 6
        assert orders.resolve_all("orders", Position("time", times[9] + 1)) == [10]

    def test_reading_goes_on_where_it_was(self, orders: Broker) -> None:
        first = orders.read("orders", limit=4)
        rest = orders.read("orders", offset=4)
        orders.produce("orders", b"10")
        assert values(first + rest) == [b"%d" % n for n in range(10)]
        assert values(orders.read("orders", offset=10)) == [b"10"]

    def test_one_record_is_found_by_its_offset(self, orders: Broker) -> None:
        assert orders.record("orders", 0, 3).value == b"3"
        with pytest.raises(NotFound):
            orders.record("orders", 0, 10)

    def test_a_topic_is_created_once_and_listed(self, orders: Broker) -> None:
        assert [topic.name for topic in orders.topics()] == ["orders"]
        with pytest.raises(Exists):
            orders.create_topic("orders")
        orders.create_topic("orders", if_not_exists=True)
        assert orders.kind("orders") == "topic"

    def test_an_unknown_topic_is_not_found(self, broker: Broker) -> None:
        with pytest.raises(NotFound):
            broker.topic("orders")
        with pytest.raises(NotFound):
            broker.produce("orders", b"v")

    def test_retention_is_kept_and_changed_in_place(self, broker: Broker) -> None:
        broker.create_topic("orders", retention=3600)
        assert broker.topic("orders").config.retention == 3_600_000
        broker.alter_topic("orders", retention=7200, retention_bytes=10_000_000)
        config = broker.topic("orders").config
        assert (config.retention, config.retention_bytes) == (7_200_000, 10_000_000)

    def test_a_deleted_topic_is_gone_with_its_records(self, orders: Broker) -> None:
        orders.delete_topic("orders")
        assert orders.topics() == []
        orders.create_topic("orders")
        assert orders.topic("orders").partitions[0].end == 0


@pytest.mark.needs(Feature.MORE_PARTITIONS)
def test_partitions_are_added(broker: Broker) -> None:
    broker.create_topic("orders")
    broker.alter_topic("orders", partitions=2)
    assert len(broker.topic("orders").partitions) == 2


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
    if not broker.features.lacks(Feature.GROUPS):
        broker.create_topic("orders")
        broker.create_group("billing", topics=["orders"])
    broker.reset_group("billing", at("earliest"))


@pytest.mark.needs(Feature.GROUP_SKIP)
def test_a_group_skips_a_record(broker: Broker) -> None:
    if not broker.features.lacks(Feature.GROUPS):
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
