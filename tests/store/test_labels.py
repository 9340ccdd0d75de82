"""Labels are names and values of a user's own on a thing; mq keeps them and tells them back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, strategies

from store import BadInput, Exists, Store
from store.model.labels import checked, read, write
from store.topology.reading import TopologyFile

LABELS = {"team": "payments", "aws:cost": "a,b=c%", "sqs.Policy": '{"Version":"2012-10-17"}'}


def test_each_kind_of_thing_keeps_its_labels(store: Store) -> None:
    store.create_topic("orders", labels=LABELS)
    store.create_queue("mails", labels=LABELS)
    store.create_group("billing", labels=LABELS)
    store.create_share("packers", "orders", labels=LABELS)
    store.create_exchange("events", "fanout", labels=LABELS)

    assert dict(store.exchange("events").labels) == LABELS
    things = store.topic("orders"), store.queue("mails"), store.share("packers")
    for thing in (*things, store.group("billing")):
        assert dict(thing.config.labels) == LABELS


def test_labels_are_replaced_as_a_whole(store: Store, open_store: Callable[..., Store]) -> None:
    store.create_queue("mails", labels=LABELS)
    other = open_store()
    assert dict(other.queue("mails").config.labels) == LABELS

    store.alter_queue("mails", lease=5)
    assert dict(other.queue("mails").config.labels) == LABELS
    store.alter_queue("mails", labels={"team": "shop"})
    assert dict(other.queue("mails").config.labels) == {"team": "shop"}
    store.alter_queue("mails", labels=None)
    assert other.queue("mails").config.labels == ()


def test_an_exchange_keeps_labels_and_alternate_apart(store: Store) -> None:
    store.create_exchange("events", "fanout", alternate="rest", labels=LABELS)

    store.alter_exchange("events", alternate=None)
    assert dict(store.exchange("events").labels) == LABELS
    changed = store.alter_exchange("events", labels={"team": "shop"})

    assert (changed.alternate, changed.labels) == (None, (("team", "shop"),))
    with pytest.raises(Exists, match="another labels: team=shop, not none"):
        store.create_exchange("events", "fanout", if_not_exists=True, labels={})


def test_other_labels_are_another_setting(store: Store) -> None:
    store.create_queue("mails", labels={"team": "shop"})

    with pytest.raises(Exists, match="another labels: team=shop, not team=pay"):
        store.create_queue("mails", if_not_exists=True, labels={"team": "pay"})


@given(
    strategies.dictionaries(
        strategies.text(strategies.characters(codec="utf-8"), min_size=1, max_size=20),
        strategies.text(strategies.characters(codec="utf-8"), max_size=20),
        min_size=1,
        max_size=5,
    )
)
def test_labels_are_read_as_they_are_written(labels: dict[str, str]) -> None:
    assert read(write(checked(labels))) == labels


@pytest.mark.parametrize(
    ("labels", "why"),
    [
        ({"": "a"}, "1 to 256 characters"),
        ({"a" * 257: "a"}, "1 to 256 characters"),
        ({"a": 1}, "are text"),
        ({"a": "x" * (64 << 10)}, "64 KiB together"),
        ({f"{n}": "" for n in range(129)}, "at most 128"),
        ({"a": "\ud800"}, "not valid text"),
        ("team=shop", "a mapping"),
    ],
)
def test_labels_that_are_none_are_refused(store: Store, labels: Any, why: str) -> None:
    with pytest.raises(BadInput, match=why):
        store.create_queue("mails", labels=labels)


def test_an_export_has_them_and_plans_no_change(store: Store) -> None:
    store.create_queue("mails", labels=LABELS)
    store.create_topic("orders", labels={"one": "1"})
    store.create_exchange("events", "fanout", labels={"two": "2"})

    exported = store.export()

    assert 'orders: {labels: ["one=1"]}' in exported
    assert store.plan([TopologyFile("a.yaml", exported.encode())]).steps == ()
    assert 'events: {type: fanout, labels: ["two=2"]}' in exported
    changed = [TopologyFile("a.yaml", exported.replace("two=2", "two=3").encode())]
    store.apply(changed)
    assert store.exchange("events").labels == (("two", "3"),)
    assert store.plan([TopologyFile("a.yaml", exported.replace("one=1", "one=2").encode())]).steps
