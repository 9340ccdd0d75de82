"""Dead letters on every engine: listed, and sent back to their sources."""

from __future__ import annotations

from time import monotonic

import pytest

from store import NotFound
from store.engine.broker import Broker
from store.engine.features import Feature
from store.model.dead_letters import Chosen

pytestmark = pytest.mark.needs(Feature.QUEUES, Feature.DLQ)


@pytest.fixture
def dead(broker: Broker) -> Broker:
    """Three letters in a DLQ, of `emails`."""
    broker.create_queue("emails-dlq")
    broker.create_queue("emails", dlq="emails-dlq", max_deliveries=1)
    broker.create_queue("other")
    for number in range(3):
        broker.send("emails", b"%d" % number, key=b"k", headers={"n": number})
    received = broker.receive("emails", 3)
    broker.nack([message.receipt or "" for message in received])
    # On SQS a message dies when it would be delivered once more.
    assert broker.receive("emails") == []
    deadline = monotonic() + 30
    while broker.queue("emails-dlq").ready < 3 and monotonic() < deadline:
        continue
    return broker


def chosen(broker: Broker) -> list[Chosen]:
    """The letters that a choice may take."""
    return broker.chosen_dead_letters("emails-dlq", lambda letter: True)


@pytest.mark.needs(Feature.DLQ_LIST)
def test_dead_letter_queues_are_listed_with_their_sources(dead: Broker) -> None:
    (queue,) = dead.dead_letter_queues()
    assert (queue.name, queue.dead_letters, queue.sources) == ("emails-dlq", 3, ("emails",))


@pytest.mark.needs(Feature.DLQ_LIST)
def test_a_source_stands_for_its_dlq(dead: Broker) -> None:
    names = [dead.dead_letter_queue(queue) for queue in ("emails", "emails-dlq")]
    assert names == ["emails-dlq", "emails-dlq"]


@pytest.mark.needs(Feature.DLQ_REDRIVE)
def test_a_redrive_sends_them_back_as_they_were(dead: Broker) -> None:
    assert len(dead.redrive("emails-dlq").moved) == 3
    back = dead.receive("emails", 3)
    assert [(m.value, m.key, m.headers) for m in back] == [
        (b"%d" % number, b"k", {"n": number}) for number in range(3)
    ]
    assert [(m.deliveries, m.dead) for m in back] == [(1, None)] * 3
    assert dead.queue("emails-dlq").ready == 0


@pytest.mark.needs(Feature.DLQ_REDRIVE)
def test_a_redrive_goes_elsewhere_if_told(dead: Broker) -> None:
    moved = dead.redrive("emails-dlq", "other").moved
    assert {one.target.partition("@")[0] for one in moved} == {"other"}
    assert dead.queue("other").ready == 3


@pytest.mark.needs(Feature.DLQ_SOME)
def test_a_redrive_is_bounded(dead: Broker) -> None:
    assert len(dead.redrive("emails-dlq", "other", None, 2).moved) == 2
    assert (dead.queue("other").ready, dead.queue("emails-dlq").ready) == (2, 1)


@pytest.mark.needs(Feature.DLQ_REDRIVE, Feature.DLQ_SOME)
def test_without_its_source_a_letter_stays(dead: Broker) -> None:
    dead.delete_queue("emails")
    with pytest.raises(NotFound):
        dead.redrive_more("emails-dlq", [0, 1, 2])
    stayed = {message.value for _ in range(3) for message in dead.receive("emails-dlq", wait=20.0)}
    assert stayed == {b"0", b"1", b"2"}


@pytest.mark.needs(Feature.DLQ_PEEK)
def test_letters_are_looked_at_and_stay(dead: Broker) -> None:
    assert len(dead.dead_letters("emails-dlq")) == 3
    assert dead.queue("emails-dlq").ready == 3


@pytest.mark.needs(Feature.DLQ_CHOICE)
def test_some_are_chosen_and_removed(dead: Broker) -> None:
    assert len(dead.remove_dead_letters("emails-dlq", chosen(dead)[:1])) == 1


@pytest.mark.needs(Feature.DLQ_UNDO)
def test_a_redrive_is_undone(dead: Broker) -> None:
    dead.redrive("emails-dlq")
    assert len(dead.undo_redrive().moved) == 3


@pytest.mark.needs(Feature.DLQ_EDIT)
def test_a_letter_is_edited(dead: Broker) -> None:
    dead.edit_dead_letter("emails-dlq", 0, b"new", before=b"0")


@pytest.mark.needs(Feature.DLQ_RESTORE)
def test_letters_are_put_back_from_a_file(dead: Broker) -> None:
    assert dead.restore_dead_letters("emails-dlq", []) == []


@pytest.mark.needs(Feature.OVERFLOW_DEAD_LETTER, Feature.MAX_LENGTH)
def test_overflow_to_the_dlq_is_had_or_refused(dead: Broker) -> None:
    dead.create_queue("small", dlq="emails-dlq", max_length=1, overflow="dead-letter")
