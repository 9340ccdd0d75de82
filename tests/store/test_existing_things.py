"""Things that exist already: created again, and listed by name."""

from __future__ import annotations

import pytest

from store import Exists, Store


def test_create_if_not_exists_compares_the_given_settings_only(store: Store) -> None:
    store.create_topic("orders", partitions=3, max_message=5)
    store.create_queue("mails", lease=5)
    store.create_group("billing", max_lag=5)
    store.create_exchange("events", "fanout", alternate="other")

    assert len(store.create_topic("orders", if_not_exists=True).partitions) == 3
    assert store.create_queue("mails", if_not_exists=True).config.lease == 5000
    assert store.create_group("billing", if_not_exists=True).name == "billing"
    assert store.create_exchange("events", "fanout", if_not_exists=True).alternate == "other"
    with pytest.raises(Exists, match="another lease: 5s, not 30s"):
        store.create_queue("mails", if_not_exists=True, lease=30)


def test_names_come_without_counts_by_prefix_and_from_a_name_on(store: Store) -> None:
    for name in ("a", "b.1", "b.2", "b.3", "c"):
        store.create_queue(name)
    store.create_topic("b.topic")

    assert store.queue_names() == ["a", "b.1", "b.2", "b.3", "c"]
    assert store.queue_names("b.", after="b.1") == ["b.2", "b.3"]
    assert store.queue_names("b", limit=1) == ["b.1"]
    assert store.queue_names("c", after="a") == ["c"]
    assert store.topic_names("b") == ["b.topic"]
