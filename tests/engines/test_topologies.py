"""Topology files on every engine: planned, applied, exported, and changed in place."""

from __future__ import annotations

import pytest

from store import StalePlan
from store.engine.broker import Broker
from store.engine.features import Feature
from store.topology.problems import InvalidTopology
from store.topology.reading import TopologyFile

pytestmark = pytest.mark.needs(Feature.TOPOLOGY)

# The sections of a shop, each with the feature that it needs.
SECTIONS = {
    Feature.TOPICS: """\
topics:
  orders: {partitions: 3, retention: 2d}
""",
    Feature.QUEUES: """\
queues:
  emails: {max_deliveries: 5, dlq: emails-dlq}
  emails-dlq: {}
  vault: {}
""",
    Feature.EXCHANGES: """\
exchanges:
  events: {type: topic, alternate: unrouted}
  unrouted: {type: fanout}
  audit: {type: headers}
bindings:
  - {from: events, to: emails, key: "order.*.created"}
  - {from: events, to: "exchange:audit", key: "#"}
  - {from: audit, to: vault, headers: {region: eu, attempts: 1}, match: all}
  - {from: audit, to: emails, headers: {x-new: true}, match: any-with-x}
""",
}
THINGS = {Feature.TOPICS: 1, Feature.QUEUES: 3, Feature.EXCHANGES: 7}


def text_for(broker: Broker) -> str:
    """The topology of the shop, as far as the engine has its things."""
    parts = [text for feature, text in SECTIONS.items() if not broker.features.lacks(feature)]
    return "version: 1\n" + "".join(parts)


def file(text: str, name: str = "shop") -> list[TopologyFile]:
    """A topology file of this text."""
    return [TopologyFile(name, text.encode())]


def marks(broker: Broker, text: str, *, prune: bool = False) -> list[str]:
    """The steps of a plan, in short."""
    plan = broker.plan(file(text), prune=prune)
    return [f"{step.action} {step.kind} {step.name}" for step in plan.steps]


@pytest.fixture
def shop(broker: Broker) -> Broker:
    """A place with the topology applied."""
    broker.apply(file(text_for(broker)))
    return broker


def test_what_is_not_there_is_created(broker: Broker) -> None:
    steps = marks(broker, text_for(broker))
    number = sum(n for feature, n in THINGS.items() if not broker.features.lacks(feature))
    assert [step.split()[0] for step in steps] == ["create"] * number


def test_once_applied_there_is_nothing_to_do(shop: Broker) -> None:
    assert marks(shop, text_for(shop)) == []


def test_an_export_is_a_plan_without_steps(shop: Broker) -> None:
    assert marks(shop, shop.export()) == []


@pytest.mark.needs(Feature.QUEUES, Feature.EXCHANGES)
def test_it_routes_as_it_says(shop: Broker) -> None:
    shop.publish("events", "order.7.created", b"v", headers={"region": "eu", "attempts": 1})
    assert (shop.queue("emails").ready, shop.queue("vault").ready) == (1, 1)


@pytest.mark.needs(Feature.QUEUES)
def test_settings_change_in_place_and_messages_stay(shop: Broker) -> None:
    shop.send("emails", b"one")
    text = text_for(shop).replace("max_deliveries: 5", "max_deliveries: 7")
    assert marks(shop, text) == ["change queue emails"]
    shop.apply(file(text))
    assert shop.queue_config("emails").max_deliveries == 7
    assert shop.queue("emails").ready == 1
    assert marks(shop, text) == []


@pytest.mark.needs(Feature.EXCHANGES)
def test_a_type_that_can_not_change_is_refused(shop: Broker) -> None:
    shop.features.need(Feature.EXCHANGES)
    with pytest.raises(InvalidTopology) as raised:
        shop.plan(file(text_for(shop).replace("audit: {type: headers}", "audit: {type: topic}")))
    assert "can't change" in str(raised.value.problems[0])


@pytest.mark.needs(Feature.OWNERSHIP, Feature.QUEUES)
def test_only_what_the_file_owned_is_pruned(shop: Broker) -> None:
    shop.create_queue("other")
    text = text_for(shop).replace("  vault: {}\n", "")
    text = "\n".join(line for line in text.splitlines() if "to: vault" not in line)
    steps = marks(shop, text, prune=True)
    bound = [] if shop.features.lacks(Feature.EXCHANGES) else [["delete", "binding"]]
    assert [step.split()[:2] for step in steps] == [*bound, ["delete", "queue"]]
    assert steps[-1] == "delete queue vault"
    shop.apply(file(text), prune=True)
    assert [queue.name for queue in shop.queues()] == ["emails", "emails-dlq", "other"]


@pytest.mark.needs(Feature.QUEUES)
def test_a_plan_that_is_out_of_date_is_refused(broker: Broker) -> None:
    planned = broker.plan(file(text_for(broker)))
    broker.create_queue("vault")
    with pytest.raises(StalePlan):
        broker.apply(file(text_for(broker)), expected=planned)


@pytest.mark.needs(Feature.QUEUES)
def test_a_setting_that_is_absent_is_refused_where_it_is_written(broker: Broker) -> None:
    broker.features.need(Feature.QUEUES)
    text = "version: 1\nqueues:\n  emails: {lease: 45s}\n"
    if not broker.features.lacks(Feature.LEASE):
        assert marks(broker, text) == ["create queue emails"]
        return
    with pytest.raises(InvalidTopology) as raised:
        broker.plan(file(text))
    assert str(raised.value.problems[0]).startswith("shop:3:19: error: ")
    assert "no lease" in str(raised.value.problems[0])


@pytest.mark.needs(Feature.ATOMIC_APPLY)
def test_an_apply_that_fails_half_way_has_done_nothing(broker: Broker) -> None:
    broker.features.need(Feature.ATOMIC_APPLY)
