"""Topics, groups and shares on every engine."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from store import (
    Exists,
    GroupActive,
    NewRecord,
    NotFound,
    Position,
    Record,
    Shift,
    open_place,
)
from store.engine.broker import Broker
from store.engine.features import Feature
from store.model.addresses import Address
from store.model.groups import OffsetChange
from store.model.placement import partition_for_key
from store.model.positions import Target, parse_position
from store.model.topics import Headers
from tests.engines.conftest import NewTopic

EVERY_KIND: Headers = {
    "text": "é", "n": 2, "yes": True, "none": None, "f": 1.5, "bytes": b"abc\xff", "plain": b"abc",
    "time": datetime(2026, 1, 2, 3, 4, 5, 678, UTC), "decimal": Decimal("1.50"),
    "list": [1, "a", b"b"], "table": {"x": {"y": None}},
}  # fmt: skip


def at(word: str) -> Target:
    """A position."""
    return parse_position(word, 0)


def values(records: Sequence[Record]) -> list[bytes | None]:
    """The values of records."""
    return [record.value for record in records]


@pytest.fixture
def orders(broker: Broker, new_topic: NewTopic) -> Broker:
    """A topic of one partition with ten records, a second apart, the last a minute ago."""
    new_topic("orders", 1)
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

    def test_a_record_has_all_its_parts(self, broker: Broker, new_topic: NewTopic) -> None:
        new_topic("orders", 2)
        headers: Headers = {"text": "é", "n": 2, "yes": True, "none": None, "f": 1.5}
        moment = broker.wall() - 1234
        broker.produce("orders", b"\x00", key=b"k\xff", headers=headers, timestamp=moment)
        partition = broker.partition_for("orders", b"k\xff")
        (record,) = broker.read("orders", partition)
        assert (record.partition, record.offset, record.timestamp) == (partition, 0, moment)
        assert (record.key, record.value, record.headers) == (b"k\xff", b"\x00", headers)

    def test_headers_of_every_kind_come_back_as_they_were(
        self, broker: Broker, new_topic: NewTopic
    ) -> None:
        new_topic("orders", 1)
        broker.produce("orders", b"x", headers=EVERY_KIND)
        assert broker.read("orders")[0].headers == EVERY_KIND

    def test_keys_go_where_kafka_puts_them(self, broker: Broker, new_topic: NewTopic) -> None:
        new_topic("orders", 4)
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

    def test_an_empty_partition_begins_and_ends_at_0(
        self, broker: Broker, new_topic: NewTopic
    ) -> None:
        new_topic("orders", 2)
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

    @pytest.mark.needs(Feature.TOPIC_ADMIN)
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

    @pytest.mark.needs(Feature.TOPIC_ADMIN)
    def test_retention_is_kept_and_changed_in_place(self, broker: Broker) -> None:
        broker.create_topic("orders", retention=3600)
        assert broker.topic("orders").config.retention == 3_600_000
        broker.alter_topic("orders", retention=7200, retention_bytes=10_000_000)
        config = broker.topic("orders").config
        assert (config.retention, config.retention_bytes) == (7_200_000, 10_000_000)

    @pytest.mark.needs(Feature.TOPIC_ADMIN)
    def test_a_deleted_topic_is_gone_with_its_records(self, orders: Broker) -> None:
        orders.delete_topic("orders")
        assert orders.topics() == []
        orders.create_topic("orders")
        assert orders.topic("orders").partitions[0].end == 0


@pytest.mark.needs(Feature.TOPICS, Feature.NAMED_PRODUCERS)
class TestNamedProducers:
    """A load that is run again."""

    def test_a_repeated_load_is_stored_once(self, broker: Broker) -> None:
        broker.create_topic("orders", partitions=3)
        load = [NewRecord(b"%d" % n, key=b"%d" % (n % 7) if n % 2 else None) for n in range(40)]
        for size in (25, 40):
            broker.producer("load").produce_many("orders", load[:size], 0)
        stored = [value for p in range(3) for value in values(broker.read("orders", p))]
        assert sorted(stored, key=lambda value: int(value or b"")) == [one.value for one in load]

    def test_only_the_new_records_have_ids(self, broker: Broker) -> None:
        broker.create_topic("orders")
        producer = broker.producer("load")
        assert len(producer.produce_many("orders", [b"0", b"1", b"2"], 0)) == 3
        assert len(producer.produce_many("orders", [b"2", b"1", b"3"], 1)) == 1
        assert len(broker.read("orders")) == 4

    def test_it_is_known_how_much_is_stored(self, broker: Broker) -> None:
        broker.create_topic("orders", partitions=2)
        assert broker.producer("load").stored("orders") == 0
        broker.producer("load").produce_many("orders", [b"%d" % n for n in range(10)], 0)
        assert 9 <= broker.producer("load").stored("orders") <= 10
        assert broker.producer("other").stored("orders") == 0

    def test_its_records_have_all_their_parts(self, broker: Broker) -> None:
        broker.create_topic("orders")
        headers = EVERY_KIND
        moment = broker.wall() - 1234
        record = NewRecord(b"\x00", b"k\xff", headers, moment)
        broker.producer("load").produce_many("orders", [record], 0)
        (stored,) = broker.read("orders")
        assert (stored.key, stored.value, stored.headers) == (b"k\xff", b"\x00", headers)
        assert stored.timestamp == moment


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


@pytest.mark.needs(Feature.COMPACTION, Feature.TOPIC_ADMIN)
def test_the_newest_record_of_a_key_is_told(broker: Broker) -> None:
    if not broker.features.lacks(Feature.TOPICS):
        broker.create_topic("orders", cleanup="compact")
    assert broker.latest("orders") == []


def read_by(broker: Broker, group: str, most: int = 100) -> list[bytes | None]:
    """The records that a new member of a group reads and commits, before it leaves."""
    consumer = broker.consumer(group, ["orders"], timeout=20.0)
    try:
        records = consumer.poll(most, timeout=20.0)
        consumer.commit({("orders", record.partition): record.offset + 1 for record in records})
    finally:
        consumer.close()
    return values(records)


@pytest.mark.needs(Feature.GROUPS)
class TestGroups:
    def test_a_group_goes_on_where_it_committed(self, orders: Broker) -> None:
        assert read_by(orders, "billing", 4) == [b"0", b"1", b"2", b"3"]
        assert read_by(orders, "billing") == [b"%d" % n for n in range(4, 10)]

    def test_what_is_not_committed_is_read_again(self, orders: Broker) -> None:
        consumer = orders.consumer("billing", ["orders"], timeout=20.0)
        assert len(consumer.poll(3, timeout=20.0)) == 3
        consumer.close()
        assert read_by(orders, "billing", 3) == [b"0", b"1", b"2"]

    def test_groups_do_not_notice_each_other(self, orders: Broker) -> None:
        assert read_by(orders, "billing", 2) == read_by(orders, "audit", 2)

    def test_a_partition_has_one_reader_of_a_group(self, orders: Broker, place: str) -> None:
        first = orders.consumer("billing", ["orders"], timeout=20.0)
        with open_place(place) as other:
            second = other.consumer("billing", ["orders"])
            assert (first.assignment, second.assignment) == ([("orders", 0)], [])
            second.close()
        first.close()

    def test_another_takes_over_when_it_leaves(self, orders: Broker, place: str) -> None:
        with open_place(place) as other:
            first = other.consumer("billing", ["orders"], timeout=20.0)
            first.poll(2, timeout=20.0)
            first.commit({("orders", 0): 2})
            first.close()
        assert read_by(orders, "billing", 1) == [b"2"]

    def test_a_new_group_begins_where_it_is_told(self, orders: Broker) -> None:
        consumer = orders.consumer("billing", ["orders"], start="-2", timeout=20.0)
        assert values(consumer.poll(10, timeout=20.0)) == [b"8", b"9"]
        consumer.close()

    def test_a_group_is_shown_by_its_offsets(self, orders: Broker) -> None:
        read_by(orders, "billing", 4)
        status = orders.group("billing")
        assert [(row.topic, row.committed) for row in status.offsets] == [("orders", 4)]
        assert status.state == "empty"

    def test_an_unknown_group_is_not_found(self, orders: Broker) -> None:
        with pytest.raises(NotFound):
            orders.group("billing")


@pytest.mark.needs(Feature.GROUPS, Feature.LAG)
def test_the_lag_is_the_distance_to_the_end_or_more(orders: Broker) -> None:
    read_by(orders, "billing", 4)
    (row,) = orders.lag("billing")
    assert row.lag == 6 if row.exact else row.lag >= 6


@pytest.mark.needs(Feature.GROUPS, Feature.GROUP_LIST)
def test_groups_are_listed(orders: Broker) -> None:
    read_by(orders, "billing", 1)
    assert [group.name for group in orders.groups()] == ["billing"]


@pytest.mark.needs(Feature.GROUP_SETTINGS)
def test_a_group_is_declared_with_its_objectives(orders: Broker) -> None:
    assert orders.create_group("billing", topics=["orders"], max_lag=10).config.max_lag == 10


@pytest.mark.needs(Feature.GROUPS, Feature.GROUP_RESET)
class TestResets:
    @pytest.mark.parametrize(("word", "new"), [("earliest", 0), ("7", 7), ("-3", 7)])
    def test_a_reset_is_planned_and_then_made(self, orders: Broker, word: str, new: int) -> None:
        read_by(orders, "billing", 4)
        end = orders.topic("orders").partitions[0].end
        new = new if end == 10 or word != "-3" else end - 3
        (planned,) = orders.plan_reset("billing", at(word), [("orders", None)])
        assert (planned.current, planned.new) == (4, new)
        assert orders.group("billing").offsets[0].committed == 4
        orders.reset_group("billing", at(word), [("orders", None)])
        assert orders.group("billing").offsets[0].committed == new

    def test_it_goes_on_reading_there(self, orders: Broker) -> None:
        read_by(orders, "billing", 4)
        orders.reset_group("billing", Shift(-3), [("orders", None)])
        assert read_by(orders, "billing", 1) == [b"1"]

    def test_the_offsets_before_can_be_given_back(self, orders: Broker) -> None:
        read_by(orders, "billing", 4)
        noted: list[OffsetChange] = []
        orders.reset_group("billing", at("earliest"), [("orders", None)], note=noted.extend)
        before = {(change.topic, change.partition): change.current for change in noted}
        orders.reset_group("billing", before)
        assert orders.group("billing").offsets[0].committed == 4

    def test_it_is_refused_while_a_member_reads(self, orders: Broker, place: str) -> None:
        read_by(orders, "billing", 4)
        with open_place(place) as other:
            member = other.consumer("billing", ["orders"], timeout=20.0)
            with pytest.raises(GroupActive):
                orders.reset_group("billing", at("earliest"), [("orders", None)])
            member.close()


@pytest.mark.needs(Feature.GROUPS, Feature.GROUP_SKIP)
def test_a_group_skips_a_record(orders: Broker) -> None:
    read_by(orders, "billing", 4)
    orders.skip("billing", Address("orders", 0, 4))


@pytest.mark.needs(Feature.SHARES, Feature.TOPIC_ADMIN)
def test_a_share_leases_records(broker: Broker) -> None:
    if not broker.features.lacks(Feature.TOPICS):
        broker.create_topic("orders")
    broker.create_share("packers", "orders")
    assert broker.acquire("packers") == []
