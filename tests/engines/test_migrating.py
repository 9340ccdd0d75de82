"""Moving a store in a file to a place of every engine, and back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from store import BadInput, Conflict, NewMessage, NewRecord, Record, Store, TimedOut
from store.engine.broker import Broker
from store.engine.features import Feature
from store.migration.envelopes import PROPERTIES_HEADER
from store.migration.migration import Migrated, Migration, Preview, Selection
from store.migration.queues import ID_HEADER
from store.migration.topics import OFFSET_HEADER
from store.model.positions import Shift
from store.model.topics import HeaderValue, Properties

HEADERS: dict[str, HeaderValue] = {"text": "é", "n": 2, "yes": True, "none": None, "f": 1.5}
PROPERTIES: Properties = {"content_type": "text/plain", "sqs": {"types": {"n": "Number"}}}
OURS = {OFFSET_HEADER, PROPERTIES_HEADER}

pytestmark = pytest.mark.needs(Feature.TOPOLOGY)


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Store]:
    """A topic of two partitions with gaps, some of them large, and a group in the midst of both."""
    with Store.open(tmp_path / "source.db", create=True, durability="normal") as store:
        store.create_topic("orders", partitions=2, cleanup="compact", compaction_lag=0)
        begin = store.wall() - 100_000
        for first in range(0, 120, 40):
            store.produce_many(
                "orders",
                [
                    NewRecord(
                        b"%d" % n, b"k%d" % (n % 23), HEADERS, begin + n, n % 2, PROPERTIES
                    )
                    for n in range(first, first + 40)
                ],
            )  # fmt: skip
        store.compact_topic("orders")
        store.create_group("billing", topics=["orders"])
        store.reset_group("billing", {("orders", 0): 45, ("orders", 1): 3})
        yield store


def migrate(source: Broker, target: Broker, selection: Selection, *allowed: str) -> Migrated:
    """Move what is selected, with these losses allowed."""
    migration = Migration(source, target, selection)
    preview = migration.preview()
    for feature in (Feature.TOPICS, Feature.QUEUES):
        if feature.word in losses(preview):
            raise target.features.refusal(feature)
    return migration.carry_out(preview, allowed, 0.0, lambda number: None)


def holds(source: Broker, target: Broker, selection: Selection, feature: Feature) -> bool:
    """Whether the target has a feature; without it the loss is named, and that is all."""
    if not target.features.lacks(feature):
        return True
    section = "queues" if feature is Feature.QUEUES else "groups"
    assert section in losses(Migration(source, target, selection).preview())
    if section == "groups":
        target.features.need(Feature.TOPICS)
    return False


def losses(preview: Preview) -> set[str]:
    """The names of the losses."""
    return {loss.name for loss in preview.losses}


def contents(broker: Broker, topic: str = "orders") -> list[list[tuple[object, ...]]]:
    """The records of a topic, by partition, without where they are."""
    return [
        [parts(record) for record in broker.read(topic, partition.partition, partition.start)]
        for partition in broker.topic(topic).partitions
    ]


def parts(record: Record) -> tuple[object, ...]:
    """A record without its place."""
    headers = {name: text for name, text in record.headers.items() if name not in OURS}
    return record.timestamp, record.key, record.value, headers


TOPIC = Selection(topic=frozenset({"orders"}))
BILLING = Selection(topic=frozenset({"orders"}), group=frozenset({"billing"}))
SETTINGS = ("cleanup", "compaction_lag", "retention")


@pytest.mark.needs(Feature.TOPICS, Feature.TOPIC_ADMIN)
class TestTopics:
    def test_records_keep_their_partition_order_key_headers_and_time(
        self, source: Store, broker: Broker
    ) -> None:
        migrate(source, broker, TOPIC, *SETTINGS)
        assert contents(broker) == contents(source)

    def test_a_second_run_copies_what_is_new_and_nothing_twice(
        self, source: Store, broker: Broker
    ) -> None:
        first = migrate(source, broker, TOPIC, *SETTINGS)
        source.produce("orders", b"new", key=b"new", partition=1)
        second = migrate(source, broker, TOPIC, *SETTINGS)
        assert (first.records["orders"] > 1, second.records["orders"]) == (True, 1)
        assert contents(broker) == contents(source)

    def test_a_topic_with_records_of_its_own_is_left_alone(
        self, source: Store, broker: Broker
    ) -> None:
        broker.create_topic("orders", partitions=2)
        broker.produce("orders", b"theirs", partition=0)
        with pytest.raises(Conflict, match="other records than copies"):
            migrate(source, broker, TOPIC, *SETTINGS)

    def test_they_come_back_into_a_new_file_as_they_were(
        self, source: Store, broker: Broker, tmp_path: Path
    ) -> None:
        migrate(source, broker, TOPIC, *SETTINGS)
        with Store.open(tmp_path / "back.db", create=True) as back:
            migrate(broker, back, TOPIC)
            assert contents(back) == contents(source)
            assert {str(dict(record.properties)) for record in back.read("orders")} == {
                str(PROPERTIES)
            }

    def test_a_group_goes_on_at_the_same_record(self, source: Store, broker: Broker) -> None:
        if not holds(source, broker, BILLING, Feature.GROUPS):
            return
        migrate(source, broker, BILLING, *SETTINGS)
        assert next_values(broker) == next_values(source)

    def test_a_group_that_went_on_at_the_source_is_moved_on(
        self, source: Store, broker: Broker
    ) -> None:
        if not holds(source, broker, BILLING, Feature.GROUPS):
            return
        migrate(source, broker, BILLING, *SETTINGS)
        source.reset_group("billing", {("orders", 0): 57})
        migrate(source, broker, BILLING, *SETTINGS)
        assert next_values(broker) == next_values(source)

    def test_a_group_that_is_read_at_the_target_is_not_moved_back(
        self, source: Store, broker: Broker
    ) -> None:
        if not holds(source, broker, BILLING, Feature.GROUPS):
            return
        migrate(source, broker, BILLING, *SETTINGS)
        broker.reset_group("billing", Shift(2))
        with pytest.raises(Conflict, match="further than at the source"):
            migrate(source, broker, BILLING, *SETTINGS)


def next_values(broker: Broker) -> list[bytes | None]:
    """The values that group billing reads next, by partition."""
    rows = broker.lag("billing")
    offsets = {row.partition: row.committed or 0 for row in rows}
    return [broker.read("orders", number, offsets[number], 1)[0].value for number in (0, 1)]


def test_what_the_target_can_not_hold_is_refused_by_name_before_any_effect(
    source: Store, broker: Broker
) -> None:
    source.create_share("packers", "orders")
    migration = Migration(source, broker, Selection())
    preview = migration.preview()
    for name in losses(preview):
        with pytest.raises(BadInput, match=name):
            migration.carry_out(preview, losses(preview) - {name}, 0.0, lambda number: None)
    assert migration.preview().plan == preview.plan


@pytest.fixture
def emails(tmp_path: Path) -> Iterator[Store]:
    """A store with a queue of 250 messages, each of all parts."""
    with Store.open(tmp_path / "source.db", create=True, durability="normal") as store:
        store.create_queue("emails")
        store.send_many("emails", [NewMessage(b"%d" % n, b"k", HEADERS) for n in range(250)])
        yield store


EMAILS = Selection(queue=frozenset({"emails"}))


class TestQueues:
    def test_messages_keep_their_id_key_headers_and_value(
        self, emails: Store, broker: Broker
    ) -> None:
        if not holds(emails, broker, EMAILS, Feature.QUEUES):
            return
        ids = {message.value: message.id for message in emails.messages("emails")}
        assert migrate(emails, broker, EMAILS).messages == {"emails": 250}
        message = broker.receive("emails", wait=5.0)[0]
        assert (message.key, message.value) == (b"k", b"0")
        assert message.headers == HEADERS | {ID_HEADER: ids[b"0"]}

    def test_a_second_run_copies_what_is_new(self, emails: Store, broker: Broker) -> None:
        if not holds(emails, broker, EMAILS, Feature.QUEUES):
            return
        migrate(emails, broker, EMAILS)
        emails.send("emails", b"new")
        assert migrate(emails, broker, EMAILS).messages == {"emails": 1}

    def test_leased_messages_are_waited_for(self, emails: Store, broker: Broker) -> None:
        if not holds(emails, broker, EMAILS, Feature.QUEUES):
            return
        emails.receive("emails", 2)
        with pytest.raises(TimedOut, match="2 messages of emails are leased"):
            migrate(emails, broker, EMAILS)

    def test_leased_messages_are_left_where_they_are_on_request(
        self, emails: Store, broker: Broker
    ) -> None:
        if not holds(emails, broker, EMAILS, Feature.QUEUES):
            return
        emails.receive("emails", 2)
        migration = Migration(emails, broker, EMAILS, leave_leased=True)
        migrated = migration.carry_out(migration.preview(), (), 0.0, lambda number: None)
        assert migrated.messages == {"emails": 248}


def test_losses_of_messages_are_counted(emails: Store, broker: Broker) -> None:
    if not holds(emails, broker, EMAILS, Feature.QUEUES):
        return
    emails.nack([emails.receive("emails")[0].receipt or ""])
    (loss,) = (x for x in Migration(emails, broker, EMAILS).preview().losses if x.messages)
    assert (loss.name, loss.thing, loss.messages) == ("deliveries", "queue emails", 1)
