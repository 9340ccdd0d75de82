"""Dead letters on Kafka: four families of headers are read, and each letter goes back once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping

import pytest
from confluent_kafka import Producer

from store import BadInput, Message, NewRecord, NotFound, Record, Unsupported, open_place
from store.engine.broker import Broker
from store.model.dead_letters import Dead
from store.model.letter_groups import Field
from tests.support import kafka_server

pytestmark = pytest.mark.xdist_group("kafka")

SENT = 1_700_000_000_123
SPRING = {
    "kafka_dlt-original-topic": b"shop",
    "kafka_dlt-original-partition": (1).to_bytes(4, "big"),
    "kafka_dlt-original-offset": (7).to_bytes(8, "big"),
    "kafka_dlt-original-timestamp": SENT.to_bytes(8, "big"),
    "kafka_dlt-exception-message": b"no such customer",
    "kafka_deliveryAttempt": (3).to_bytes(4, "big"),
}
CONNECT = {
    "__connect.errors.topic": b"shop",
    "__connect.errors.partition": b"1",
    "__connect.errors.offset": b"7",
    "__connect.errors.exception.message": b"no such customer",
    "__connect.errors.stage": b"VALUE_CONVERTER",
}
SHARE = {
    "__dlq.errors.topic": b"shop",
    "__dlq.errors.partition": b"1",
    "__dlq.errors.offset": b"7",
    "__dlq.errors.message": b"no such customer",
    "__dlq.errors.delivery.count": b"3",
}
OURS = {
    "mq-dead-source": b"shop/1@7",
    "mq-dead-reason": b"max_deliveries",
    "mq-dead-error": b"no such customer",
    "mq-dead-at": b"1700000000456",
    "mq-dead-deliveries": b"3",
    "mq-dead-timestamp": str(SENT).encode(),
}


@pytest.fixture(scope="module")
def cluster() -> Iterator[tuple[str, Broker]]:
    """A topic of two partitions, and its open place."""
    with kafka_server.emptied() as url, open_place(url) as broker:
        broker.create_topic("shop", partitions=2)
        yield url, broker


@pytest.fixture
def broker(cluster: tuple[str, Broker]) -> Broker:
    """The open place."""
    return cluster[1]


def write(
    url: str, topic: str, headers: Mapping[str, bytes], value: bytes | None = b"v",
    key: bytes | None = b"k",
) -> None:  # fmt: skip
    """Write a letter as its family does."""
    producer = Producer({"bootstrap.servers": kafka_server.hosts(url), "log_level": 0})
    producer.produce(topic, value, key=key, headers=[("trace", b"t"), *headers.items()])
    assert producer.flush(30) == 0


def died(letter: Message) -> Dead:
    assert letter.dead is not None
    return letter.dead


@pytest.mark.parametrize(
    ("topic", "headers", "reason", "deliveries"),
    [
        ("a.dlq", OURS, "max_deliveries", 3),
        ("b-dlt", SPRING, "max_deliveries", 3),
        ("connect-errors", CONNECT, "rejected", 1),
        ("share-letters", SHARE, "max_deliveries", 3),
    ],
)
def test_a_letter_of_each_family_is_read(
    cluster: tuple[str, Broker], topic: str, headers: dict[str, bytes], reason: str, deliveries: int
) -> None:
    url, broker = cluster
    broker.create_topic(topic)
    write(url, topic, headers)
    (letter,) = broker.dead_letters(topic)
    dead = died(letter)
    assert (dead.source, dead.reason, dead.error) == ("shop/1@7", reason, "no such customer")
    assert (dead.deliveries, letter.key, letter.value) == (deliveries, b"k", b"v")
    assert (letter.headers, letter.address) == ({"trace": "t"}, f"{topic}/0@0")


def test_a_letter_of_spring_keeps_its_first_time(cluster: tuple[str, Broker]) -> None:
    url, broker = cluster
    broker.create_topic("old.DLT")
    write(url, "old.DLT", SPRING)
    assert broker.dead_letters("old.DLT")[0].timestamp == SENT


def test_a_record_that_is_no_letter_is_passed_over(cluster: tuple[str, Broker]) -> None:
    url, broker = cluster
    broker.create_topic("mixed.dlq")
    broker.produce("mixed.dlq", b"no letter")
    write(url, "mixed.dlq", CONNECT)
    assert [letter.value for letter in broker.dead_letters("mixed.dlq")] == [b"v"]


class TestOurs:
    """A record that fails for good, on its way into the letters and back."""

    @pytest.fixture
    def dead(self, broker: Broker, request: pytest.FixtureRequest) -> Record:
        """The only record of partition 1 of a topic, which a member gave up at its second try."""
        name = request.node.name.replace("test_", "")[:40]
        broker.create_topic(name, partitions=2)
        broker.create_topic(f"{name}.dlq")
        broker.produce_many(
            name,
            [
                NewRecord(
                    b"v", key=b"k", headers={"n": 1}, timestamp=broker.wall() - 9000, partition=1
                )
            ],
        )
        with broker.consumer(f"{name}-g", [name], timeout=20.0) as member:
            (record,) = member.poll(1, timeout=20.0)
            member.fail(record, "first")
            (record,) = member.poll(1, timeout=20.0)
            member.fail(record, "second", final=True)
            assert member.poll(1, timeout=0.0) == []
        return record

    def test_its_letter_says_where_and_why(self, broker: Broker, dead: Record) -> None:
        (letter,) = broker.dead_letters(dead.topic)
        told = died(letter)
        assert (told.source, told.error, told.deliveries) == (dead.address, "second", 2)
        assert (letter.key, letter.headers, letter.timestamp) == (b"k", {"n": 1}, dead.timestamp)

    def test_its_offset_is_committed_with_it(self, broker: Broker, dead: Record) -> None:
        (row,) = [row for row in broker.lag(f"{dead.topic}-g") if row.partition == 1]
        assert (row.committed, row.lag) == (1, 0)

    def test_its_topic_stands_for_its_letters(self, broker: Broker, dead: Record) -> None:
        assert broker.dead_letter_queue(dead.topic) == f"{dead.topic}.dlq"
        queues = {one.name: one for one in broker.dead_letter_queues()}
        queue = queues[f"{dead.topic}.dlq"]
        assert (queue.dead_letters, queue.sources) == (1, (dead.topic,))

    def test_it_goes_back_as_it_was_and_once(self, broker: Broker, dead: Record) -> None:
        (moved,) = broker.redrive(dead.topic).moved
        assert (moved.source, moved.target) == (f"{dead.topic}.dlq/0@0", dead.topic)
        assert broker.redrive(dead.topic).moved == []
        assert broker.dead_letters(dead.topic) == []
        _, back = broker.read(dead.topic, 1)
        assert back == dead._replace(offset=1)

    def test_it_goes_elsewhere_if_told(self, broker: Broker, dead: Record) -> None:
        broker.create_topic(f"{dead.topic}.other")
        broker.redrive(dead.topic, f"{dead.topic}.other")
        assert [record.value for record in broker.read(f"{dead.topic}.other")] == [b"v"]

    def test_without_its_source_it_stays(self, broker: Broker, dead: Record) -> None:
        broker.delete_topic(dead.topic)
        with pytest.raises(NotFound):
            broker.redrive(f"{dead.topic}.dlq")
        assert len(broker.dead_letters(f"{dead.topic}.dlq")) == 1


def test_a_redrive_that_is_killed_sends_nothing_twice(cluster: tuple[str, Broker]) -> None:
    url, broker = cluster
    broker.create_topic("killed")
    broker.create_topic("killed.dlq")
    for number in range(3):
        write(url, "killed.dlq", {**CONNECT, "__connect.errors.topic": b"killed"}, b"%d" % number)
    words = [sys.executable, "-m", "mq", "-s", url, "dlq", "redrive", "killed", "-q"]
    for point in ("redrive.produced", "kafka.commit", "kafka.committed"):
        crash = {**os.environ, "MQ_CRASH_AT": point}
        assert subprocess.run(words, env=crash, check=False).returncode == -signal.SIGKILL
    assert broker.redrive("killed").moved == []
    assert [record.value for record in broker.read("killed")] == [b"0", b"1", b"2"]


def test_a_redrive_is_bounded_and_goes_on(cluster: tuple[str, Broker]) -> None:
    url, broker = cluster
    broker.create_topic("some")
    broker.create_topic("some.dlq")
    for number in range(3):
        write(url, "some.dlq", {**CONNECT, "__connect.errors.topic": b"some"}, b"%d" % number)
    assert len(broker.redrive_preview("some").moved) == 3
    assert [len(broker.redrive("some", limit=2).moved) for _ in range(3)] == [2, 1, 0]


def test_letters_without_contents_come_from_their_topic(cluster: tuple[str, Broker]) -> None:
    url, broker = cluster
    broker.create_topic("bare")
    broker.create_topic("bare.dlq")
    broker.produce("bare", b"contents", key=b"k")
    names = {"topic": b"bare", "partition": b"0", "offset": b"0"}
    write(url, "bare.dlq", {f"__dlq.errors.{n}": v for n, v in names.items()}, None, key=None)
    broker.redrive("bare")
    assert [(one.key, one.value) for one in broker.read("bare")] == [(b"k", b"contents")] * 2


def test_letters_are_paged_over_partitions(cluster: tuple[str, Broker]) -> None:
    url, broker = cluster
    broker.create_topic("paged.dlq", partitions=3)
    for number in range(9):
        write(url, "paged.dlq", OURS, key=b"%d" % number)
    pages: list[int] = []
    addresses: list[str] = []
    after = -1
    while page := broker.dead_letters("paged.dlq", limit=2, after=after):
        pages.append(len(page))
        addresses += [letter.address for letter in page]
        after = page[-1].sequence
    assert addresses == [letter.address for letter in broker.dead_letters("paged.dlq")]
    assert pages == [2, 2, 2, 2, 1]


def test_letters_are_counted_by_kind_of_error(cluster: tuple[str, Broker]) -> None:
    url, broker = cluster
    broker.create_topic("kinds.dlq")
    for number in range(3):
        write(url, "kinds.dlq", {**OURS, "mq-dead-error": b"timed out after %d s" % number})
    (group,) = broker.dead_letter_groups("kinds.dlq", Field.ERROR)
    assert (group.value, group.count) == ("timed out after …", 3)


def test_what_a_log_can_not_do_is_refused(broker: Broker) -> None:
    broker.create_topic("kept.dlq")
    with pytest.raises(Unsupported, match="dlq by choice"):
        broker.redrive("kept.dlq", choice=lambda letter: True)
    with pytest.raises(Unsupported, match="dlq undo"):
        broker.undo_redrive()
    with pytest.raises(Unsupported, match="dlq edit"):
        broker.edit_dead_letter("kept.dlq", 0, b"new", before=b"old")


def test_a_topic_without_letters_is_told(broker: Broker) -> None:
    broker.create_topic("plain")
    with pytest.raises(BadInput, match=r"plain\.dlq"):
        broker.dead_letters("plain")
    with pytest.raises(NotFound, match=r"plain\.dlq"):
        broker.require_dead_letters("g", "plain")
