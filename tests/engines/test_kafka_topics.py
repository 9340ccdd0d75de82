"""Topics on a real Kafka: what Kafka's own clients and tools see of them, and mq of theirs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from confluent_kafka import Producer

from store import BadInput, BadRecord, NewRecord, NotFound, Unsupported, open_place
from store.engine.broker import Broker
from store.model.placement import partition_for_key
from store.model.positions import parse_position
from store.topology.problems import InvalidTopology
from store.topology.reading import TopologyFile
from tests.support import kafka_server

pytestmark = pytest.mark.xdist_group("kafka")


@pytest.fixture
def cluster() -> Iterator[str]:
    """A cluster without topics and groups."""
    with kafka_server.emptied() as url:
        yield url


@pytest.fixture
def broker(cluster: str) -> Iterator[Broker]:
    """The cluster, opened."""
    with open_place(cluster) as opened:
        yield opened


def set_on(topic: str) -> dict[str, str]:
    """What of the configuration of a topic is set on it, as an administrator sees it."""
    return kafka_server.own_configuration(topic)


class TestSettings:
    def test_only_what_is_given_is_set(self, broker: Broker) -> None:
        broker.create_topic("orders", partitions=2, retention=3600, cleanup="compact,delete")
        assert set_on("orders") == {
            "retention.ms": "3600000", "cleanup.policy": "compact,delete",
        }  # fmt: skip

    def test_a_change_leaves_what_it_does_not_name(self, broker: Broker) -> None:
        broker.create_topic("orders", retention=3600)
        broker.alter_topic("orders", retention_bytes=1000, max_message=2000)
        broker.alter_topic("orders", retention_bytes=None)
        assert set_on("orders") == {
            "retention.ms": "3600000", "retention.bytes": "-1", "max.message.bytes": "2000",
        }  # fmt: skip

    def test_fewer_partitions_are_refused(self, broker: Broker) -> None:
        broker.create_topic("orders", partitions=3)
        with pytest.raises(BadInput, match="they only grow"):
            broker.alter_topic("orders", partitions=2)

    def test_the_newest_keys_that_more_partitions_move_are_counted(self, broker: Broker) -> None:
        broker.create_topic("orders", partitions=2)
        broker.produce_many("orders", [NewRecord(b"v", b"%d" % n) for n in range(100)])
        moving, keys = broker.moving_keys("orders", 4)
        assert keys == 100
        assert 30 < moving < 70


class TestRecords:
    def test_a_record_beyond_the_limit_is_refused_by_its_number(self, broker: Broker) -> None:
        broker.create_topic("orders", max_message=1000)
        with pytest.raises(BadRecord) as raised:
            broker.produce("orders", b"x" * 2000)
        assert raised.value.index == 0
        assert broker.topic("orders").partitions[0].end == 0

    def test_a_question_about_a_topic_does_not_create_it(self, broker: Broker) -> None:
        latest = parse_position("latest", 0)
        for ask in (
            lambda: broker.topic("orders"),
            lambda: broker.resolve_all("orders", latest),
            lambda: broker.read("orders"),
            lambda: broker.produce("orders", b"v"),
        ):
            with pytest.raises(NotFound):
                ask()
        assert broker.topics() == []

    def test_the_end_that_was_there_is_found_behind_the_marks_of_transactions(
        self, broker: Broker, cluster: str
    ) -> None:
        broker.create_topic("orders")
        for number, commits in enumerate([True, False, True]):
            in_transaction(cluster, [b"%d" % number] * 2, commits=commits)
        assert [record.value for record in broker.read("orders")] == [b"0", b"0", b"2", b"2"]
        (partition,) = broker.topic("orders").partitions
        assert (partition.start, partition.end) == (0, 9)
        assert broker.read("orders", offset=8) == []

    def test_an_open_transaction_is_behind_the_end(self, broker: Broker, cluster: str) -> None:
        broker.create_topic("orders")
        broker.produce("orders", b"before")
        producer = transaction(cluster, [b"in it"])
        assert broker.topic("orders").partitions[0].end == 1
        assert [record.value for record in broker.read("orders")] == [b"before"]
        producer.commit_transaction(20)
        assert [record.value for record in broker.read("orders", offset=1)] == [b"in it"]

    def test_a_thousand_keys_are_where_the_java_client_puts_them(self, broker: Broker) -> None:
        broker.create_topic("orders", partitions=7)
        keys = [f"{n}-é{'x' * (n % 5)}" for n in range(1000)]
        kafka_server.tool(
            "ConsoleProducer", "--topic", "orders", "--reader-property", "parse.key=true",
            "--reader-property", "key.separator==", given="".join(f"{key}=v\n" for key in keys),
        )  # fmt: skip
        there = {
            record.key: number for number in range(7) for record in broker.read("orders", number)
        }
        assert there == {key.encode(): partition_for_key(key.encode(), 7) for key in keys}
        ids = broker.produce_many("orders", [NewRecord(b"v", key) for key in keys])
        assert [id.partition for id in ids] == [there[key.encode()] for key in keys]

    def test_headers_of_other_programs_are_text_or_bytes_or_lists(
        self, broker: Broker, cluster: str
    ) -> None:
        broker.create_topic("orders")
        producer = Producer({"bootstrap.servers": kafka_server.hosts(cluster), "log_level": 0})
        producer.produce("orders", b"v", headers=[("a", b"1"), ("a", b"\xff"), ("b", None)])
        producer.flush(20)
        (record,) = broker.read("orders")
        assert record.headers == {"a": ["1", b"\xff"], "b": None}

    def test_the_latest_of_each_key_is_told_and_a_deleted_one_is_left_out(
        self, broker: Broker
    ) -> None:
        broker.create_topic("prices", partitions=2, cleanup="compact")
        rows = [(b"a", b"1"), (b"b", b"1"), (b"a", b"2"), (b"b", None), (b"c", b"1")]
        broker.produce_many("prices", [NewRecord(value, key) for key, value in rows])
        assert [(r.key, r.value) for r in broker.latest("prices")] == [(b"a", b"2"), (b"c", b"1")]
        assert [r.value for r in broker.latest("prices", "a")] == [b"2"]

    def test_no_order_to_compact_is_given(self, broker: Broker) -> None:
        broker.create_topic("prices", cleanup="compact")
        with pytest.raises(Unsupported, match="kafka compacts by itself"):
            broker.compact_topic("prices")


class TestTrim:
    def test_the_records_before_it_are_gone(self, broker: Broker) -> None:
        broker.create_topic("orders", partitions=2)
        broker.produce_many("orders", [NewRecord(b"v", partition=n % 2) for n in range(20)])
        position = parse_position("4", 0)
        assert [r.removed for r in broker.trim_preview("orders", position)] == [4, 4]
        assert [r.start for r in broker.trim("orders", position)] == [4, 4]
        broker.trim("orders", parse_position("latest", 0), 1)
        assert [p.start for p in broker.topic("orders").partitions] == [4, 10]
        assert broker.read("orders", 0)[0].offset == 4

    def test_a_compacted_topic_is_not_trimmed(self, broker: Broker) -> None:
        broker.create_topic("prices", cleanup="compact")
        broker.produce("prices", b"v", key="k")
        with pytest.raises(BadInput):
            broker.trim("prices", parse_position("latest", 0))


def transaction(url: str, values: list[bytes]) -> Producer:
    """A producer with an open transaction that wrote values into `orders`."""
    producer = Producer(
        {"bootstrap.servers": kafka_server.hosts(url), "transactional.id": "t", "log_level": 0}
    )
    producer.init_transactions(20)
    producer.begin_transaction()
    for value in values:
        producer.produce("orders", value)
    producer.flush(20)
    return producer


def in_transaction(url: str, values: list[bytes], *, commits: bool) -> None:
    """Write values into `orders` in a transaction that is committed or aborted."""
    producer = transaction(url, values)
    if commits:
        producer.commit_transaction(20)
    else:
        producer.abort_transaction(20)


SHOP = """\
version: 1
topics:
  orders: {partitions: 2, retention: 2d, kafka: {replicas: 1}}
  prices: {cleanup: compact}
"""


def file(text: str) -> list[TopologyFile]:
    """A topology file of this text."""
    return [TopologyFile("shop.yaml", text.encode())]


def steps(broker: Broker, text: str) -> list[str]:
    """The steps of a plan, in short."""
    return [
        f"{step.action} {step.name} {' '.join(change.setting for change in step.changes)}"
        for step in broker.plan(file(text)).steps
    ]


def problems(broker: Broker, text: str) -> str:
    """The problems of a plan that is refused."""
    with pytest.raises(InvalidTopology) as raised:
        broker.plan(file(text))
    return "\n".join(map(str, raised.value.problems))


class TestTopologies:
    def test_a_plan_is_empty_once_it_is_applied_and_so_is_that_of_the_export(
        self, broker: Broker
    ) -> None:
        assert steps(broker, SHOP) == [
            "create orders partitions retention kafka.replicas", "create prices cleanup",
        ]  # fmt: skip
        broker.apply(file(SHOP))
        assert steps(broker, SHOP) == []
        assert steps(broker, broker.export()) == []

    def test_an_export_names_what_is_set_and_no_default(self, broker: Broker) -> None:
        broker.create_topic("orders", retention=7 * 86_400)
        broker.create_topic("prices")
        assert broker.export() == "version: 1\ntopics:\n  orders: {retention: 7d}\n  prices: {}"

    def test_more_partitions_are_a_risk_and_settings_change_in_place(self, broker: Broker) -> None:
        broker.apply(file(SHOP))
        text = SHOP.replace("partitions: 2, retention: 2d", "partitions: 6, retention: 3d")
        (step,) = broker.plan(file(text)).steps
        assert "67 % of the keys go to other partitions" in step.risks[0]
        broker.apply(file(text))
        assert steps(broker, text) == []
        assert len(broker.topic("orders").partitions) == 6

    def test_what_a_file_names_no_more_is_the_servers_own_again(self, broker: Broker) -> None:
        broker.apply(file(SHOP))
        broker.apply(file(SHOP.replace(", retention: 2d", "")))
        assert set_on("orders") == {}

    @pytest.mark.parametrize(
        ("old", "new", "problem"),
        [
            ("partitions: 2", "partitions: 1", "they only grow"),
            ("replicas: 1", "replicas: 3", "has 1 replicas, not 3"),
            ("replicas: 1", "replica: 1", "no setting of its own"),
            ("topics:", "queues: {emails: {}}\ntopics:", "kafka has no queues"),
            (
                "topics:",
                "shares: {s: {topic: orders}}\ntopics:",
                "mq share create s --topic orders",
            ),
            ("topics:", "groups: {billing: {}}\ntopics:", "kafka has no group settings"),
        ],
    )
    def test_the_impossible_is_refused(
        self, broker: Broker, old: str, new: str, problem: str
    ) -> None:
        broker.apply(file(SHOP))
        assert problem in problems(broker, SHOP.replace(old, new))

    def test_no_labels_are_no_setting(self, broker: Broker) -> None:
        text = SHOP.replace("partitions: 2", "partitions: 2, labels: none")
        broker.apply(file(text))
        assert steps(broker, text) == []

    def test_nothing_is_pruned(self, broker: Broker) -> None:
        with pytest.raises(Unsupported, match="ownership"):
            broker.plan(file(SHOP), prune=True)
