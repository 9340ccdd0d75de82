"""Exchanges and bindings over time: what is remembered, forgotten, refused, and all or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from store import (
    BadInput,
    BadRecord,
    Conflict,
    MessageId,
    NewMessage,
    QueueFull,
    RecordId,
    Store,
    Transaction,
    Unroutable,
)
from store.model.clock import ManualClock
from store.sqlite.file.database import Snapshot


@pytest.fixture
def post(store: Store) -> Store:
    """The topic exchange `events` leads `order.#` to the queue `emails`."""
    store.create_queue("emails")
    store.create_exchange("events", "topic")
    store.bind("events", "emails", key="order.#")
    return store


def reached(store: Store, key: str, exchange: str = "events") -> list[str]:
    return [route.destination for route in store.route(exchange, key)]


class Undone(Exception):
    pass


@contextmanager
def undone(store: Store) -> Iterator[Transaction]:
    """A transaction that is rolled back at its end."""
    with suppress(Undone), store.transaction() as tx:
        yield tx
        raise Undone


def generation(store: Store) -> int:
    with store._read() as tx:
        assert isinstance(tx, Snapshot)
        number: int = tx.value("select generation from mq_store")
    return number


class TestMemory:
    def test_a_new_binding_counts_at_once(self, post: Store) -> None:
        assert reached(post, "user.1") == []
        post.bind("events", "emails", key="user.*")
        assert reached(post, "user.1") == ["emails"]

    def test_a_change_by_another_handle_counts_at_once(
        self, post: Store, path: Path, clock: ManualClock
    ) -> None:
        assert reached(post, "order.1") == ["emails"]
        with Store.open(path, clock=clock) as other:
            other.unbind("events", "emails", key="order.#")
        assert reached(post, "order.1") == []

    def test_a_binding_that_was_rolled_back_is_never_followed(self, post: Store) -> None:
        post.create_queue("other")
        with undone(post) as tx:
            tx.bind("events", "other", key="x")
            assert len(tx.publish("events", "x", "m")) == 1
        # The same generation number now belongs to another change.
        post.bind("events", "emails", key="y")

        assert reached(post, "x") == []
        assert reached(post, "y") == ["emails"]

    def test_a_binding_of_the_same_transaction_is_followed(self, post: Store) -> None:
        with post.transaction() as tx:
            tx.bind("events", "emails", key="x")
            assert [str(place) for place in tx.publish("events", "x", "m")] == ["emails@0"]

    @pytest.mark.parametrize("what", ["queue", "topic", "exchange"])
    def test_what_is_deleted_takes_its_bindings_along(self, post: Store, what: str) -> None:
        post.create_topic("orders")
        post.create_exchange("audit", "fanout")
        post.bind("events", "orders", key="#")
        post.bind("events", "exchange:audit", key="#")
        before = generation(post)
        ways: dict[str, Callable[[], object]] = {
            "queue": lambda: post.delete_queue("emails"),
            "topic": lambda: post.delete_topic("orders"),
            "exchange": lambda: post.delete_exchange("audit"),
        }
        ways[what]()

        assert len(post.bindings()) == 2
        assert generation(post) > before

    def test_a_new_queue_of_an_old_name_has_no_bindings(self, post: Store) -> None:
        post.delete_queue("emails")
        post.create_queue("emails")
        assert reached(post, "order.1") == []

    def test_what_changes_nothing_keeps_the_generation(self, post: Store) -> None:
        before = generation(post)
        post.bind("events", "emails", key="order.#")
        post.publish("events", "order.1", "m")
        assert generation(post) == before


class TestWays:
    def test_alternates_that_name_each_other_end(self, store: Store) -> None:
        store.create_exchange("a", "direct", alternate="b")
        store.create_exchange("b", "direct", alternate="a")
        assert reached(store, "k", "a") == []

    def test_the_alternate_is_part_of_the_way(self, post: Store) -> None:
        post.create_exchange("main", "direct", alternate="events")
        (route,) = post.route("main", "order.1")
        assert [(step.destination, step.alternate) for step in route.via] == [
            ("exchange:events", True),
            ("emails", False),
        ]

    def test_every_binding_on_a_way_is_told(self, post: Store) -> None:
        post.bind("events", "emails", key="#")
        (route,) = post.route("events", "order.1")
        assert [step.key for step in route.via] == ["order.#", "#"]

    def test_headers_that_differ_only_in_type_are_two_bindings(self, store: Store) -> None:
        store.create_queue("q")
        store.create_exchange("x", "headers")
        store.bind("x", "q", headers={"a": 1})
        store.bind("x", "q", headers={"a": True})
        explained = store.explain_route("x", "", {"a": True})
        assert [missed.why for missed in explained.unmatched] == ["a is true, not the number 1"]

    def test_a_key_that_is_not_text_matches_only_wildcards(self, store: Store) -> None:
        store.create_exchange("x", "topic")
        for name, key in (("one", "*"), ("two", "\N{REPLACEMENT CHARACTER}")):
            store.create_queue(name)
            store.bind("x", name, key=key)
        (place,) = store.publish("x", b"\xff", "m")
        assert isinstance(place, MessageId)
        assert (place.queue, store.messages("one")[0].key) == ("one", b"\xff")

    def test_a_pattern_may_hold_any_character(self, store: Store) -> None:
        store.create_exchange("x", "topic")
        store.create_queue("q")
        store.bind("x", "q", key="a\0.#")
        assert store.route("x", "a\0.b")

    def test_a_binding_key_has_at_most_255_bytes(self, post: Store) -> None:
        with pytest.raises(BadInput, match="at most 255 bytes"):
            post.bind("events", "emails", key="k" * 256)

    def test_a_routing_key_has_at_most_255_bytes(self, post: Store) -> None:
        with pytest.raises(BadInput, match="at most 255 bytes"):
            post.publish("events", "k" * 256, "m")


class TestPublish:
    def test_it_tells_the_place_in_every_destination(self, post: Store) -> None:
        post.create_topic("orders")
        post.bind("events", "orders", key="#")
        places = post.publish("events", "order.1", "m", headers={"n": 1})
        assert [type(place) for place in places] == [MessageId, RecordId]
        assert post.read("orders")[0].headers == {"n": 1}

    def test_a_topic_places_by_key_as_produce_does(self, post: Store) -> None:
        post.create_topic("orders", partitions=7)
        post.bind("events", "orders", key="#")
        places = [post.publish("events", f"order.{n}", "m")[1] for n in range(20)]
        assert [place.partition for place in places if isinstance(place, RecordId)] == [
            post.partition_for("orders", f"order.{n}") for n in range(20)
        ]

    def test_a_batch_answers_in_the_order_given(self, post: Store) -> None:
        keys = ["order.1", "else", "order.2"]
        placed = post.publish_many("events", [NewMessage("m", key) for key in keys])
        assert [[str(place) for place in places] for places in placed] == [
            ["emails@0"],
            [],
            ["emails@1"],
        ]

    def test_what_one_destination_refuses_is_stored_in_none(self, post: Store) -> None:
        post.create_queue("billing", fifo=True)
        post.bind("events", "billing", key="order.2")
        with pytest.raises(BadRecord, match="billing needs a message group") as caught:
            post.publish_many("events", [NewMessage("a", "order.1"), NewMessage("b", "order.2")])
        assert caught.value.index == 1
        assert post.queue("emails").ready == 0

    def test_a_full_queue_refuses_for_all(self, post: Store) -> None:
        post.create_queue("small", max_length=1, overflow="reject")
        post.bind("events", "small", key="#")
        post.publish("events", "order.1", "a")
        with pytest.raises(QueueFull):
            post.publish("events", "order.1", "b")
        assert post.queue("emails").ready == 1

    def test_a_message_group_serves_fifo_and_other_destinations(self, post: Store) -> None:
        post.create_queue("billing", fifo=True)
        post.bind("events", "billing", key="#")
        assert len(post.publish("events", "order.1", "m", message_group="g")) == 2

    def test_mandatory_and_nowhere_to_go_stores_nothing(self, post: Store) -> None:
        with pytest.raises(Unroutable):
            post.publish_many(
                "events", [NewMessage("a", "order.1"), NewMessage("b", "else")], mandatory=True
            )
        assert post.queue("emails").ready == 0

    def test_a_bad_message_is_refused_wherever_it_leads(self, post: Store) -> None:
        with pytest.raises(BadRecord):
            post.publish("events", "else", 1)  # type: ignore[arg-type]

    def test_it_commits_with_the_rest_of_a_transaction(self, post: Store) -> None:
        with undone(post) as tx:
            tx.publish("events", "order.1", "m")
        assert post.queue("emails").ready == 0


class TestDelete:
    def test_an_alternate_is_refused_with_the_way_out(self, post: Store) -> None:
        post.create_exchange("main", "direct", alternate="events")
        with pytest.raises(Conflict) as caught:
            post.delete_exchange("events")
        assert caught.value.shell_hint == "mq exchange alter main --alternate none"

    def test_an_exchange_is_not_its_own_alternate(self, post: Store) -> None:
        with pytest.raises(BadInput, match="its own alternate"):
            post.alter_exchange("events", alternate="events")
