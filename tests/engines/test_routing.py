"""Exchanges on every engine: what is published goes where `route` says."""

from __future__ import annotations

import pytest

from store import BadInput, Exists, NotFound, Unroutable
from store.engine.broker import Broker
from store.engine.features import Feature
from store.model.topics import Headers

pytestmark = pytest.mark.needs(Feature.EXCHANGES, Feature.QUEUES)


def reached(broker: Broker, *queues: str) -> set[str]:
    """The queues that have a message."""
    return {queue for queue in queues if broker.queue(queue).ready}


@pytest.fixture
def three(broker: Broker) -> Broker:
    """Three queues `a`, `b` and `c`."""
    for name in "abc":
        broker.create_queue(name)
    return broker


def test_an_exchange_is_created_once(broker: Broker) -> None:
    broker.create_exchange("events", "topic")
    broker.create_exchange("events", "topic", if_not_exists=True)
    with pytest.raises(Exists):
        broker.create_exchange("events", "topic")
    with pytest.raises(Exists):
        broker.create_exchange("events", "fanout", if_not_exists=True)


def test_there_are_four_types(broker: Broker) -> None:
    for name in ("direct", "topic", "fanout", "headers"):
        broker.create_exchange(name, name)
    assert [one.type for one in broker.exchanges()] == ["direct", "fanout", "headers", "topic"]


def test_another_type_is_refused(broker: Broker) -> None:
    broker.features.need(Feature.EXCHANGES)
    with pytest.raises(BadInput):
        broker.create_exchange("events", "sometimes")


def test_a_direct_exchange_wants_the_same_key(three: Broker) -> None:
    three.create_exchange("events", "direct")
    three.bind("events", "a", key="x")
    three.bind("events", "b", key="y")
    three.publish("events", "x", b"v")
    assert reached(three, "a", "b", "c") == {"a"}


@pytest.mark.parametrize(
    ("key", "queues"),
    [("a.b", {"a", "c"}), ("a", {"c"}), ("a.b.c", {"b", "c"}), ("", {"c"}), ("a..c", {"b", "c"})],
)
def test_a_topic_exchange_wants_words(three: Broker, key: str, queues: set[str]) -> None:
    three.create_exchange("events", "topic")
    three.bind("events", "a", key="a.*")
    three.bind("events", "b", key="a.*.c")
    three.bind("events", "c", key="#")
    routed = {route.destination for route in three.route("events", key)}
    three.publish("events", key, b"v")
    assert (reached(three, "a", "b", "c"), routed) == (queues, queues)


@pytest.mark.parametrize(
    ("headers", "queues"),
    [
        ({"n": 1, "s": "x"}, {"a", "b", "c"}),
        ({"n": "1", "s": "x"}, {"b", "c"}),
        ({"n": True}, {"c"}),
        ({}, set()),
    ],
)
def test_a_headers_exchange_compares_with_types(
    three: Broker, headers: Headers, queues: set[str]
) -> None:
    three.create_exchange("events", "headers")
    three.bind("events", "a", headers={"n": 1, "s": "x"}, match="all")
    three.bind("events", "b", headers={"n": 1, "s": "x"}, match="any")
    three.bind("events", "c", headers={"n": None}, match="all")
    routed = {route.destination for route in three.route("events", "", headers)}
    three.publish("events", "", b"v", headers=headers)
    assert (reached(three, "a", "b", "c"), routed) == (queues, queues)


def test_an_exchange_leads_to_another_and_each_queue_gets_one_copy(three: Broker) -> None:
    three.create_exchange("events", "topic")
    three.create_exchange("all", "fanout")
    three.bind("events", "exchange:all", key="#")
    three.bind("all", "a")
    three.bind("events", "a", key="#")
    three.publish("events", "k", b"v")
    assert three.queue("a").ready == 1


def test_an_alternate_gets_what_no_binding_matches(three: Broker) -> None:
    three.create_exchange("rest", "fanout")
    three.create_exchange("events", "topic", alternate="rest")
    three.bind("rest", "b")
    three.bind("events", "a", key="x")
    three.publish("events", "y", b"v")
    assert reached(three, "a", "b") == {"b"}
    assert {route.destination for route in three.route("events", "y")} == {"b"}


def test_the_alternate_changes_in_place(three: Broker) -> None:
    three.create_exchange("rest", "fanout")
    three.create_exchange("events", "topic")
    three.alter_exchange("events", alternate="rest")
    assert three.exchange("events").alternate == "rest"
    three.alter_exchange("events", alternate=None)
    assert three.exchange("events").alternate is None


def test_binding_again_is_no_error_and_unbinding_nothing_is(three: Broker) -> None:
    three.create_exchange("events", "topic")
    assert three.bind("events", "a", key="x")
    assert not three.bind("events", "a", key="x")
    three.unbind("events", "a", key="x")
    with pytest.raises(NotFound):
        three.unbind("events", "a", key="x")


def test_a_binding_needs_both_ends(three: Broker) -> None:
    three.create_exchange("events", "topic")
    with pytest.raises(NotFound):
        three.bind("events", "nowhere")
    with pytest.raises(NotFound):
        three.bind("nowhere", "a")


def test_a_deleted_exchange_takes_its_bindings_along(three: Broker) -> None:
    three.create_exchange("events", "topic")
    three.bind("events", "a", key="x")
    assert three.delete_exchange("events").bindings == 1
    assert three.bindings() == []


def test_publishing_to_a_missing_exchange_is_not_found(broker: Broker) -> None:
    with pytest.raises(NotFound, match="exchange events does not exist"):
        broker.publish("events", "k", b"v")


def test_what_goes_nowhere_is_told_and_no_error(broker: Broker) -> None:
    broker.create_exchange("events", "topic")
    assert broker.publish("events", "k", b"v") == []


@pytest.mark.needs(Feature.MANDATORY)
def test_unless_it_is_mandatory(broker: Broker) -> None:
    broker.create_exchange("events", "topic")
    with pytest.raises(Unroutable):
        broker.publish("events", "k", b"v", mandatory=True)


@pytest.mark.needs(Feature.DESTINATIONS)
def test_a_publish_answers_with_each_destination(three: Broker) -> None:
    three.create_exchange("events", "fanout")
    three.bind("events", "a")
    placed = three.publish("events", "k", b"v")
    if str(placed[0]).startswith("exchange:"):
        three.features.need(Feature.DESTINATIONS)
    assert [str(one) for one in placed] == ["a@0"]


@pytest.mark.needs(Feature.ROUTE)
def test_a_route_explains_why_a_binding_did_not_match(three: Broker) -> None:
    three.create_exchange("events", "topic")
    three.bind("events", "a", key="x.*")
    explained = three.explain_route("events", "y.z")
    assert [one.why for one in explained.unmatched] == ["word 1 'y' is not 'x'"]


def test_the_key_is_the_routing_key(three: Broker) -> None:
    three.create_exchange("events", "fanout")
    three.bind("events", "a")
    three.publish("events", "order.7", b"v")
    assert [message.key for message in three.receive("a")] == [b"order.7"]
