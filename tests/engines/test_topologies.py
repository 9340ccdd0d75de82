"""Topology files on every engine: planned, applied, exported, and changed in place."""

from __future__ import annotations

import pytest

from store import StalePlan
from store.engine.broker import Broker
from store.engine.features import Feature
from store.topology.problems import InvalidTopology
from store.topology.reading import TopologyFile

pytestmark = pytest.mark.needs(Feature.TOPOLOGY, Feature.QUEUES)

SHOP = """\
version: 1
topics:
  orders: {partitions: 3, retention: 2d}
queues:
  emails: {ttl: 1h, max_deliveries: 5, dlq: emails.dlq}
  emails.dlq: {}
  vault: {max_length: 100, overflow: reject}
exchanges:
  events: {type: topic, alternate: unrouted}
  unrouted: {type: fanout}
  audit: {type: headers}
bindings:
  - {from: events, to: emails, key: "order.*.created"}
  - {from: events, to: "exchange:audit", key: "#"}
  - {from: audit, to: vault, headers: {region: eu, attempts: 1}, match: all}
  - {from: audit, to: emails, headers: {x-new: true}, match: any-with-x}
"""


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
    broker.apply(file(SHOP))
    return broker


def test_what_is_not_there_is_created(broker: Broker) -> None:
    assert len(marks(broker, SHOP)) == 11


def test_once_applied_there_is_nothing_to_do(shop: Broker) -> None:
    assert marks(shop, SHOP) == []


def test_an_export_is_a_plan_without_steps(shop: Broker) -> None:
    assert marks(shop, shop.export()) == []


def test_it_routes_as_it_says(shop: Broker) -> None:
    shop.publish("events", "order.7.created", b"v", headers={"region": "eu", "attempts": 1})
    assert (shop.queue("emails").ready, shop.queue("vault").ready) == (1, 1)


def test_settings_change_in_place_and_messages_stay(shop: Broker) -> None:
    shop.send("emails", b"one")
    text = SHOP.replace("ttl: 1h", "ttl: 2h").replace("max_deliveries: 5", "max_deliveries: 7")
    assert marks(shop, text) == ["change queue emails"]
    shop.apply(file(text))
    config = shop.queue_config("emails")
    assert (config.ttl, config.max_deliveries) == (7_200_000, 7)
    assert shop.queue("emails").ready == 1
    assert marks(shop, text) == []


def test_a_type_that_can_not_change_is_refused(shop: Broker) -> None:
    with pytest.raises(InvalidTopology) as raised:
        shop.plan(file(SHOP.replace("audit: {type: headers}", "audit: {type: topic}")))
    assert "can't change" in str(raised.value.problems[0])


@pytest.mark.needs(Feature.OWNERSHIP)
def test_only_what_the_file_owned_is_pruned(shop: Broker) -> None:
    shop.create_queue("other")
    text = SHOP.replace("  vault: {max_length: 100, overflow: reject}\n", "")
    text = "\n".join(line for line in text.splitlines() if "to: vault" not in line)
    steps = marks(shop, text, prune=True)
    assert steps[-1] == "delete queue vault"
    assert [step.split()[:2] for step in steps] == [["delete", "binding"], ["delete", "queue"]]
    shop.apply(file(text), prune=True)
    assert [queue.name for queue in shop.queues()] == ["emails", "emails.dlq", "other"]


def test_a_plan_that_is_out_of_date_is_refused(broker: Broker) -> None:
    planned = broker.plan(file(SHOP))
    broker.create_queue("vault")
    with pytest.raises(StalePlan):
        broker.apply(file(SHOP), expected=planned)


def test_a_setting_that_is_absent_is_refused_where_it_is_written(broker: Broker) -> None:
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
