"""Length limits: what a full queue does with the old and the new."""

from __future__ import annotations

from typing import Any

import pytest

from store import BadInput, LeaseLost, NewMessage, QueueFull, Store
from store.model.clock import ManualClock


def peek(store: Store, queue: str = "q") -> list[str]:
    return [(message.value or b"").decode() for message in store.messages(queue)]


def limited(store: Store, *values: str, **settings: Any) -> None:
    """A queue with a DLQ, to which messages were sent one by one."""
    store.create_queue("dead", fifo=settings.get("fifo", False))
    store.create_queue("q", dlq="dead", **settings)
    for value in values:
        store.send("q", value)


class TestDropHead:
    def test_the_oldest_goes_to_the_dlq(self, store: Store) -> None:
        limited(store, "a", "b", "c", max_length=2)

        assert (peek(store), peek(store, "dead")) == (["b", "c"], ["a"])
        (letter,) = store.dead_letters("dead")
        assert letter.dead is not None
        assert letter.dead.reason == "overflow"

    def test_without_a_dlq_it_is_dropped_and_counted(self, store: Store) -> None:
        store.create_queue("q", max_length=1)
        store.send_many("q", [NewMessage("a"), NewMessage("b"), NewMessage("c")])

        assert (peek(store), store.queue("q").dropped) == (["c"], 2)

    def test_leased_messages_do_not_count(self, store: Store) -> None:
        limited(store, "a", "b", max_length=2)
        store.receive("q")
        store.send("q", "c")

        assert peek(store) == ["a", "b", "c"]

    def test_a_returned_message_is_the_head_again_and_goes(self, store: Store) -> None:
        limited(store, "a", "b", max_length=2)
        taken = [message.receipt or "" for message in store.receive("q", 2)]
        store.send_many("q", [NewMessage("c"), NewMessage("d")])
        store.nack(taken)

        assert peek(store) == ["c", "d"]

    def test_so_does_one_whose_lease_lapsed(self, store: Store, clock: ManualClock) -> None:
        limited(store, "a", max_length=1)
        store.receive("q", lease=10)
        store.send("q", "b")
        clock.advance(10)

        assert [message.value for message in store.receive("q", 5)] == [b"b"]

    def test_bytes_are_bounded_as_messages_are(self, store: Store) -> None:
        limited(store, "aaaa", "bbbb", "cccc", max_bytes=8)

        assert peek(store) == ["bbbb", "cccc"]

    def test_a_batch_far_over_the_bytes_leaves_no_more_than_they_allow(self, store: Store) -> None:
        store.create_queue("q", max_bytes=1000)
        store.send_many("q", [b"x" * 100] * 1500)

        assert (store.queue("q").bytes, store.messages("q")[0].sequence) == (1000, 1490)

    def test_a_message_that_is_too_large_alone_goes_too(self, store: Store) -> None:
        limited(store, "a", "bbbbb", max_bytes=4)

        assert (peek(store), peek(store, "dead")) == ([], ["a", "bbbbb"])

    def test_leased_bytes_do_not_count(self, store: Store) -> None:
        limited(store, "aaaa", max_bytes=4)
        store.receive("q")
        store.send("q", "bbbb")

        assert peek(store) == ["aaaa", "bbbb"]

    def test_of_several_levels_the_highest_is_the_head(self, store: Store) -> None:
        store.create_queue("q", priorities=3, max_length=2)
        for value, priority in (("low", 0), ("high", 2), ("middle", 1)):
            store.send("q", value, priority=priority)

        assert peek(store) == ["low", "middle"]

    def test_a_lower_limit_applies_to_what_is_there(self, store: Store) -> None:
        limited(store, "a", "b", "c")
        store.alter_queue("q", max_length=1)

        assert peek(store) == ["c"]

    def test_in_a_fifo_queue_the_oldest_goes(self, store: Store) -> None:
        store.create_queue("q", fifo=True, max_length=1)
        store.send("q", "a", message_group="g")
        store.send("q", "b", message_group="g")

        assert [message.value for message in store.receive("q", 5)] == [b"b"]

    def test_what_the_delay_of_a_fifo_queue_holds_back_does_not_count(
        self, store: Store, clock: ManualClock
    ) -> None:
        store.create_queue("q", fifo=True, delay=10, max_length=1)
        for value in ("a", "b"):
            store.send("q", value, message_group="g")
        assert peek(store) == ["a", "b"]

        clock.advance(10)
        assert [message.value for message in store.receive("q", 5)] == [b"b"]

    def test_nor_does_what_expired_meanwhile(self, store: Store, clock: ManualClock) -> None:
        store.create_queue("q", fifo=True, delay=10, max_length=1)
        store.send("q", "a", message_group="g")
        clock.advance(10)
        store.send("q", "b", message_group="g", ttl=0)

        assert peek(store) == ["a"]

    def test_a_full_dlq_drops_its_own_head(self, store: Store) -> None:
        store.create_queue("dead", max_length=1)
        store.create_queue("q", dlq="dead", max_length=1)
        for value in "abc":
            store.send("q", value)

        assert peek(store, "dead") == ["b"]

    def test_what_expired_takes_no_room(self, store: Store, clock: ManualClock) -> None:
        store.create_queue("q", max_length=30)
        store.send_many("q", [NewMessage("old", ttl=1) for _ in range(30)])
        clock.advance(1)
        store.send_many("q", [NewMessage("new") for _ in range(30)])

        assert store.queue("q").ready == 30


class TestReject:
    def test_a_full_queue_refuses(self, store: Store) -> None:
        limited(store, "a", max_length=1, overflow="reject")
        with pytest.raises(QueueFull, match="queue q is full"):
            store.send("q", "b")

        assert peek(store) == ["a"]

    def test_a_batch_is_refused_whole(self, store: Store) -> None:
        limited(store, max_length=2, overflow="reject")
        with pytest.raises(QueueFull):
            store.send_many("q", [NewMessage("a"), NewMessage("b"), NewMessage("c")])

        assert peek(store) == []

    def test_there_is_room_for_what_is_leased(self, store: Store) -> None:
        limited(store, "a", max_length=1, overflow="reject")
        store.receive("q")
        store.send("q", "b")

        assert peek(store) == ["a", "b"]

    def test_a_returned_message_may_exceed_the_limit(self, store: Store) -> None:
        limited(store, "a", max_length=1, overflow="reject")
        (message,) = store.receive("q")
        store.send("q", "b")
        store.nack([message.receipt or ""])

        assert store.queue("q").ready == 2

    def test_bytes_are_refused_without_overshoot(self, store: Store) -> None:
        limited(store, "aaaa", max_bytes=6, overflow="reject")
        with pytest.raises(QueueFull):
            store.send("q", "bbb")

    def test_expired_bytes_that_stood_aside_make_no_room(
        self, store: Store, clock: ManualClock
    ) -> None:
        store.create_queue("q", max_bytes=4, overflow="reject")
        store.send("q", "aaaa", delay=100, ttl=1)
        clock.advance(1)
        with pytest.raises(QueueFull):
            store.send_many("q", ["bbbb", "cccc"])

    def test_a_published_message_refused_by_one_queue_is_stored_in_none(self, store: Store) -> None:
        store.create_queue("open")
        store.create_queue("full", max_length=0, overflow="reject")
        store.create_exchange("x", "fanout")
        store.bind("x", "open")
        store.bind("x", "full")
        with pytest.raises(QueueFull):
            store.publish("x", "", "m")

        assert peek(store, "open") == []


class TestDeadLetter:
    def test_the_new_one_goes_to_the_dlq(self, store: Store) -> None:
        limited(store, "a", "b", "c", max_length=1, overflow="dead-letter")

        assert (peek(store), peek(store, "dead")) == (["a"], ["b", "c"])

    def test_of_a_batch_the_last_ones_go_in_order(self, store: Store) -> None:
        limited(store, max_length=1, overflow="dead-letter")
        sent = store.send_many("q", [NewMessage("a"), NewMessage("b"), NewMessage("c")])

        assert (peek(store), peek(store, "dead")) == (["a"], ["b", "c"])
        assert [letter.id for letter in store.dead_letters("dead")] == [sent[1].id, sent[2].id]

    def test_a_delayed_one_of_the_batch_counts_as_the_others_do(self, store: Store) -> None:
        limited(store, "a", max_length=1, overflow="dead-letter")
        store.send_many("q", [NewMessage("b"), NewMessage("c", delay=5)])

        assert (peek(store), peek(store, "dead")) == (["a"], ["b", "c"])

    def test_so_does_one_that_a_fifo_queue_delays(self, store: Store) -> None:
        limited(store, fifo=True, delay=5, max_bytes=2, overflow="dead-letter")
        store.send_many("q", [NewMessage(value, message_group="g") for value in "abc"])

        assert (peek(store), peek(store, "dead")) == (["a", "b"], ["c"])

    def test_it_needs_a_dlq(self, store: Store) -> None:
        with pytest.raises(BadInput, match="needs a DLQ"):
            store.create_queue("q", max_length=1, overflow="dead-letter")


def test_a_redrive_into_a_full_queue_counts_what_overflows_back(store: Store) -> None:
    limited(store, "a", "b", "c", max_length=1)
    store.redrive("dead")

    assert peek(store) == ["b"]
    assert list(store.verify()) == []


def test_a_redrive_passes_over_what_it_pushed_out_itself(store: Store) -> None:
    store.create_queue("dead", max_length=2)
    store.create_queue("q", dlq="dead", max_length=1)
    for value in "abcd":
        store.send("q", value)
    store.redrive("dead")

    assert store.queue("q").ready == 1
    assert list(store.verify()) == []


@pytest.mark.parametrize("settle", [Store.nack, Store.reject])
def test_what_a_rejected_message_pushed_out_can_not_be_settled_by_the_same_call(
    store: Store, clock: ManualClock, settle: Any
) -> None:
    store.create_queue("dead", max_length=1)
    store.create_queue("q", dlq="dead", max_deliveries=1)
    store.send_many("q", [NewMessage("a"), NewMessage("b")])
    first, second = store.receive("q", 2, lease=60)
    store.reject([first.receipt or ""])
    (lapsed,) = store.receive("dead", lease=10)
    clock.advance(10)

    with pytest.raises(LeaseLost):
        settle(store, [second.receipt or "", lapsed.receipt or ""])

    assert (peek(store, "dead"), store.queue("dead").ready) == (["b"], 1)
    assert store.queue("dead").dropped == 1


def test_what_a_given_back_message_pushed_out_can_not_be_settled_by_the_same_call(
    store: Store, clock: ManualClock
) -> None:
    store.create_queue("dead", max_length=1)
    store.create_queue("q", max_length=1, max_deliveries=2, dlq="dead")
    store.alter_queue("dead", dlq="q")
    store.send("dead", "old")
    store.send("q", "a")
    store.nack([store.receive("q")[0].receipt or ""])
    held = store.receive("q", lease=10)
    store.send("q", "b")
    held += store.receive("q", lease=10)
    clock.advance(10)

    # a goes to the DLQ, from where that pushes old back to q, and from there b.
    with pytest.raises(LeaseLost):
        store.nack([message.receipt or "" for message in held])

    assert (peek(store), peek(store, "dead")) == (["old"], ["a", "b"])
    assert list(store.verify()) == []
