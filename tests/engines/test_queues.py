"""Queues on every engine: create, look, change, purge, delete, send and receive."""

from __future__ import annotations

from typing import Any

import pytest

from store import BadInput, Conflict, Exists, NewMessage, NotFound, QueueFull
from store.engine.broker import Broker
from store.engine.features import Feature
from store.model.queues import QueueConfig
from store.model.topics import Headers

pytestmark = pytest.mark.needs(Feature.QUEUES)

# A setting in a value that asks for something, and its feature.
SETTINGS: list[tuple[Feature, dict[str, Any]]] = [
    (Feature.LEASE, {"lease": 45}),
    (Feature.DELAY, {"delay": 5}),
    (Feature.RETENTION, {"retention": 3600}),
    (Feature.RETRY_DELAYS, {"retry_delays": [5, 60]}),
    (Feature.FIFO, {"fifo": True}),
    (Feature.FAIR, {"fair": True}),
    (Feature.PRIORITIES, {"priorities": 3}),
    (Feature.TTL, {"ttl": 60}),
    (Feature.MAX_LENGTH, {"max_length": 10}),
    (Feature.MAX_LENGTH, {"max_bytes": 1000, "overflow": "reject"}),
    (Feature.DROP_EXHAUSTED, {"drop_exhausted": True, "max_deliveries": 3}),
    (Feature.SINGLE_ACTIVE, {"single_active": True}),
    (Feature.REDRIVE_ALLOW, {"redrive_allow": "none"}),
    (Feature.CHAOS, {"chaos": "duplicate=5%"}),
    (Feature.RECEIVE_WAIT, {"wait": 5}),
    (Feature.MAX_MESSAGE, {"max_message": 2048}),
]
OF_A_SETTING = [
    pytest.param(given, marks=pytest.mark.needs(feature), id="-".join(given))
    for feature, given in SETTINGS
]


def test_a_new_queue_is_empty(broker: Broker) -> None:
    broker.create_queue("emails")
    queue = broker.queue("emails")
    assert (queue.name, queue.ready) == ("emails", 0)


def test_an_unknown_queue_is_not_found(broker: Broker) -> None:
    with pytest.raises(NotFound, match="queue emails does not exist"):
        broker.queue("emails")


def test_queues_are_listed_by_name(broker: Broker) -> None:
    for name in ("b", "a", "c"):
        broker.create_queue(name)
    assert [queue.name for queue in broker.queues()] == ["a", "b", "c"]


def test_a_queue_is_created_once(broker: Broker) -> None:
    broker.create_queue("emails")
    with pytest.raises(Exists):
        broker.create_queue("emails")


def test_creating_it_again_is_agreed_to_if_the_settings_agree(broker: Broker) -> None:
    broker.create_queue("emails-dlq")
    broker.create_queue("emails", dlq="emails-dlq", max_deliveries=3)
    broker.create_queue("emails", dlq="emails-dlq", max_deliveries=3, if_not_exists=True)
    with pytest.raises(Exists, match="max_deliveries"):
        broker.create_queue("emails", dlq="emails-dlq", max_deliveries=4, if_not_exists=True)


@pytest.mark.parametrize("given", OF_A_SETTING)
def test_a_setting_is_kept(broker: Broker, given: dict[str, Any]) -> None:
    queue = "emails.fifo" if "fifo" in given else "emails"
    created = broker.create_queue(queue, **given).config
    name = next(iter(given))
    assert getattr(created, name) != getattr(QueueConfig(), name)
    assert broker.queue_config(queue) == created


@pytest.mark.parametrize("given", OF_A_SETTING)
def test_a_setting_that_is_refused_creates_nothing(broker: Broker, given: dict[str, Any]) -> None:
    try:
        broker.create_queue("emails.fifo" if "fifo" in given else "emails", **given)
    except BadInput:
        assert broker.queues() == []
        raise


@pytest.mark.needs(Feature.QUEUE_ALTER)
def test_a_change_is_made_in_place_and_messages_stay(broker: Broker) -> None:
    broker.create_queue("emails-dlq")
    broker.create_queue("emails", max_deliveries=3, dlq="emails-dlq")
    broker.send("emails", b"one")
    broker.alter_queue("emails", max_deliveries=4)
    config = broker.queue_config("emails")
    assert (config.dlq, config.max_deliveries) == ("emails-dlq", 4)
    assert broker.queue("emails").ready == 1


@pytest.mark.needs(Feature.QUEUE_ALTER)
def test_what_a_change_does_not_name_stays(broker: Broker) -> None:
    broker.create_queue("emails-dlq")
    before = broker.create_queue("emails", max_deliveries=3, dlq="emails-dlq").config
    broker.alter_queue("emails", max_deliveries=7)
    assert broker.queue_config("emails") == before._replace(max_deliveries=7)


def test_a_dlq_must_be_there_first(broker: Broker) -> None:
    with pytest.raises(NotFound):
        broker.create_queue("emails", dlq="nowhere")


def test_a_dlq_that_is_in_use_is_not_deleted(broker: Broker) -> None:
    broker.create_queue("emails-dlq")
    broker.create_queue("emails", dlq="emails-dlq")
    with pytest.raises(Conflict):
        broker.delete_queue("emails-dlq")


def test_a_deleted_queue_is_gone_with_its_messages_and_settings(broker: Broker) -> None:
    broker.create_queue("emails-dlq")
    broker.create_queue("emails", dlq="emails-dlq")
    broker.send("emails", b"one")
    broker.delete_queue("emails")
    assert broker.create_queue("emails").config.dlq is None
    assert broker.queue("emails").ready == 0


@pytest.mark.needs(Feature.PURGE, Feature.KEEP_LEASED)
def test_a_purge_takes_what_is_ready_and_counts_it(broker: Broker) -> None:
    broker.create_queue("emails")
    broker.send_many("emails", [b"one", b"two", b"three"])
    broker.receive("emails")
    assert broker.purge_queue("emails", keep_leased=True) == 2
    assert broker.queue("emails").ready == 0


@pytest.mark.needs(Feature.PURGE_LEASED)
def test_a_purge_takes_leased_messages_too(broker: Broker) -> None:
    broker.create_queue("emails")
    broker.send_many("emails", [b"one", b"two"])
    broker.receive("emails")
    assert broker.purge_queue("emails") == 2


@pytest.mark.needs(Feature.PURGE_MESSAGE)
def test_one_message_is_purged_by_its_number(broker: Broker) -> None:
    broker.create_queue("emails")
    sequence = broker.send("emails", b"one").sequence
    broker.purge_message("emails", sequence or 0)
    assert broker.queue("emails").ready == 0


def test_what_is_sent_is_received_with_all_its_parts(broker: Broker) -> None:
    broker.create_queue("emails")
    moment = broker.wall() - 1234
    headers: Headers = {
        "text": "é", "number": 2, "float": 1.5, "yes": True, "none": None, "empty": "",
        "raw": b"a", "list": [1],
    }  # fmt: skip
    sent = broker.send("emails", "é\n", key=b"k\xff", headers=headers, timestamp=moment)
    (message,) = broker.receive("emails")
    assert (message.id, message.value, message.key) == (sent.id, "é\n".encode(), b"k\xff")
    assert message.headers == headers
    assert {name: type(value) for name, value in message.headers.items()} == {
        name: type(value) for name, value in headers.items()
    }
    assert message.timestamp == moment
    assert (message.deliveries, message.redelivered) == (1, False)


@pytest.mark.needs(Feature.BINARY)
@pytest.mark.parametrize("value", [b"\x00\xff", b""])
def test_a_value_may_be_any_bytes_or_none(broker: Broker, value: bytes) -> None:
    broker.create_queue("emails")
    broker.send("emails", value)
    assert [message.value for message in broker.receive("emails")] == [value]


def test_messages_come_in_the_order_in_which_they_were_sent(broker: Broker) -> None:
    broker.create_queue("emails")
    broker.send_many("emails", [b"%d" % number for number in range(300)])
    received = broker.receive("emails", 300)
    assert [message.value for message in received] == [b"%d" % number for number in range(300)]


def test_a_queue_that_is_not_there_takes_nothing(broker: Broker) -> None:
    with pytest.raises(NotFound):
        broker.send("nowhere", b"one")


def test_an_empty_queue_gives_nothing(broker: Broker) -> None:
    broker.create_queue("emails")
    assert broker.receive("emails") == []


def send_until_full(broker: Broker) -> None:
    """Send more than a queue of two holds: limits of a server are about."""
    for _ in range(20):
        broker.send("emails", b"one")


@pytest.mark.needs(Feature.MAX_LENGTH)
def test_a_full_queue_refuses(broker: Broker) -> None:
    broker.create_queue("emails", max_length=2, overflow="reject")
    with pytest.raises(QueueFull):
        send_until_full(broker)
    assert broker.queue("emails").ready <= 3


@pytest.mark.needs(Feature.TTL)
def test_a_message_that_has_expired_is_not_delivered(broker: Broker) -> None:
    broker.create_queue("emails")
    broker.send_many("emails", [NewMessage(b"short", ttl=0.001), NewMessage(b"long", ttl=3600)])
    received = broker.receive("emails", wait=10.0)
    while received and received[0].value == b"short":
        received = broker.receive("emails", wait=10.0)
    assert [message.value for message in received] == [b"long"]


OPTIONS = [
    (Feature.DELAY, NewMessage(b"one", delay=5)),
    (Feature.PRIORITIES, NewMessage(b"one", priority=2)),
    (Feature.TOMBSTONES, NewMessage(None)),
]


@pytest.mark.parametrize(
    "message", [pytest.param(one, marks=pytest.mark.needs(feature)) for feature, one in OPTIONS]
)
def test_an_option_of_a_message_is_kept_or_refused(broker: Broker, message: NewMessage) -> None:
    broker.create_queue("emails")
    broker.send_many("emails", [message])


@pytest.mark.needs(Feature.FIFO)
def test_messages_of_a_group_come_one_after_the_other(broker: Broker) -> None:
    broker.create_queue("emails.fifo", fifo=True)
    broker.send_many("emails.fifo", [NewMessage(b"1", message_group="g", dedup_id=n) for n in "ab"])
    broker.receive("emails.fifo")
    assert broker.receive("emails.fifo") == []


@pytest.mark.needs(Feature.DEDUP, Feature.FIFO)
def test_what_is_sent_twice_is_stored_once(broker: Broker) -> None:
    broker.create_queue("emails.fifo", fifo=True, dedup=300)
    assert broker.queue_config("emails.fifo").dedup == 300_000
    broker.send("emails.fifo", b"one", dedup_id="a", message_group="g")
    assert broker.send("emails.fifo", b"one", dedup_id="a", message_group="g").duplicate


@pytest.mark.needs(Feature.ATOMIC_BATCH, Feature.MAX_LENGTH)
def test_a_batch_with_a_refused_message_stores_none(broker: Broker) -> None:
    broker.features.need(Feature.ATOMIC_BATCH)
    broker.create_queue("emails", max_length=1, overflow="reject")
    with pytest.raises(QueueFull):
        broker.send_many("emails", [b"one", b"two", b"three"])
    assert broker.queue("emails").ready == 0


@pytest.mark.needs(Feature.NAMED_PRODUCERS, Feature.DEDUP)
def test_a_named_producer_knows_how_much_it_stored(broker: Broker) -> None:
    broker.create_queue("emails")
    producer = broker.producer("load")
    with broker.batch(producer) as batch:
        batch.send("emails", [NewMessage(b"one")])
    assert broker.producer("load").stored("emails") == 1
