"""Received messages on every engine: acknowledged, returned, refused; across processes."""

from __future__ import annotations

import pytest

from store import Message, open_place
from store.engine.broker import Broker
from store.engine.features import Feature

pytestmark = pytest.mark.needs(Feature.QUEUES)


def one_of(broker: Broker, queue: str = "emails") -> Message:
    """The next message, for which there is time enough."""
    (message,) = broker.receive(queue, wait=20.0)
    return message


def receipt_of(message: Message) -> str:
    """The receipt of a received message."""
    assert message.receipt is not None
    return message.receipt


@pytest.fixture
def emails(broker: Broker) -> Broker:
    """A queue with one message, which dies at its third delivery."""
    broker.create_queue("emails-dlq")
    broker.create_queue("emails", dlq="emails-dlq", max_deliveries=2)
    broker.send("emails", b"one")
    return broker


def test_an_acknowledged_message_is_gone(emails: Broker, place: str) -> None:
    emails.ack([receipt_of(one_of(emails))])
    emails.close()
    with open_place(place) as anew:
        assert anew.receive("emails") == []
        assert anew.queue("emails").ready == 0


def test_a_message_acknowledged_with_its_receive_is_gone_and_has_no_receipt(
    emails: Broker, place: str
) -> None:
    (message,) = emails.receive("emails", wait=20.0, auto_ack=True)
    assert (message.value, message.receipt, message.state) == (b"one", None, "acknowledged")
    emails.close()
    with open_place(place) as anew:
        assert anew.receive("emails") == []


def test_acknowledging_twice_is_no_error(emails: Broker) -> None:
    receipt = receipt_of(one_of(emails))
    emails.ack([receipt])
    emails.ack([receipt])


def test_a_received_message_is_not_given_to_another(emails: Broker, place: str) -> None:
    one_of(emails)
    with open_place(place) as another:
        assert another.receive("emails") == []


def test_a_returned_message_comes_again_and_counts(emails: Broker) -> None:
    emails.nack([receipt_of(one_of(emails))])
    again = one_of(emails)
    assert (again.value, again.deliveries, again.redelivered) == (b"one", 2, True)


def test_after_its_last_delivery_it_is_a_dead_letter(emails: Broker) -> None:
    first = one_of(emails)
    emails.nack([receipt_of(first)])
    emails.nack([receipt_of(one_of(emails))])
    # On SQS a message dies when it would be delivered once more.
    assert emails.receive("emails") == []
    letter = one_of(emails, "emails-dlq")
    assert (letter.id, letter.value) == (first.id, b"one")
    assert letter.dead is not None
    assert (letter.dead.source_name, letter.dead.reason) == ("emails", "max_deliveries")


@pytest.mark.needs(Feature.REJECT)
def test_a_rejected_message_is_a_dead_letter_at_once(emails: Broker) -> None:
    emails.reject([receipt_of(one_of(emails))])
    letter = one_of(emails, "emails-dlq")
    assert letter.dead is not None
    assert letter.dead.reason == "rejected"


@pytest.mark.needs(Feature.PREFETCH)
def test_a_reader_that_ends_gives_back_what_it_holds(emails: Broker, place: str) -> None:
    with open_place(place) as reader:
        assert reader.receive("emails", wait=20.0, attached=True)
        if not emails.features.lacks(Feature.RECEIPTS):
            # In a file the reader's process must end, or its leases.
            reader.nack([receipt_of(m) for m in reader.receive("emails")])
            return
    assert one_of(emails).redelivered


@pytest.mark.needs(Feature.SINGLE_ACTIVE)
def test_a_second_reader_of_a_single_active_queue_stands_by(broker: Broker, place: str) -> None:
    broker.create_queue("emails", single_active=True)
    broker.send_many("emails", [b"one", b"two"])
    first = one_of(broker)
    with open_place(place) as second:
        assert second.receive("emails", holder="second") == []
    assert first.value == b"one"


@pytest.mark.needs(Feature.PREFETCH)
def test_a_reader_gets_no_more_than_it_asks_for(broker: Broker) -> None:
    broker.create_queue("emails")
    broker.send_many("emails", [b"%d" % number for number in range(10)])
    taken = broker.receive("emails", 2, wait=20.0, attached=True, prefetch=5)
    assert len(taken) <= 2


@pytest.mark.needs(Feature.RECEIPTS)
def test_another_process_settles_by_the_receipt(emails: Broker, place: str) -> None:
    receipt = receipt_of(one_of(emails))
    with open_place(place) as another:
        another.ack([receipt])
    assert emails.queue("emails").leased == 0


@pytest.mark.needs(Feature.RECEIPTS)
def test_a_receipt_can_be_handed_over(emails: Broker) -> None:
    emails.require_receipts()


@pytest.mark.needs(Feature.LEASE)
def test_a_lease_of_its_own_is_given(emails: Broker) -> None:
    emails.receive("emails", lease=120)


@pytest.mark.needs(Feature.LEASE)
def test_a_lease_is_extended(emails: Broker) -> None:
    emails.extend([receipt_of(one_of(emails))], 120)


@pytest.mark.needs(Feature.RETURN_LATER)
def test_a_message_is_returned_later(emails: Broker) -> None:
    emails.nack([receipt_of(one_of(emails))], delay=3600)
    assert emails.receive("emails") == []


@pytest.mark.needs(Feature.LEASE_LIST)
def test_leases_are_listed_with_their_holder(emails: Broker) -> None:
    one_of(emails)
    assert [lease.deliveries for lease in emails.leases("emails")] == [1]


@pytest.mark.needs(Feature.PEEK)
def test_a_look_leases_nothing(emails: Broker) -> None:
    assert [message.value for message in emails.messages("emails")] == [b"one"]
    assert one_of(emails).deliveries == 1


@pytest.mark.needs(Feature.HISTORY)
def test_failed_deliveries_are_told_with_their_error(emails: Broker) -> None:
    message = one_of(emails)
    emails.nack([receipt_of(message)], error="why")
    assert [attempt.error for attempt in emails.history("emails", message.sequence)] == ["why"]
