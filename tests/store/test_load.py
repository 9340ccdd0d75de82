"""How much of what a machine does is asked of a store."""

from __future__ import annotations

from itertools import count

import pytest

from mq.commands.operations.loading import messages_a_second
from mq.text.advice import load_document, load_text
from store import Store
from store.advice.load import Load, load_of
from store.model.clock import ManualClock
from store.model.stalls import FlowOf

BOUND = 100.0


def load(store: Store) -> Load:
    wanted = [FlowOf(topic.name) for topic in store.topics()]
    wanted += [FlowOf(queue.name) for queue in store.queues()]
    return load_of("store.db", store.flows(wanted).values(), BOUND)


def test_it_is_the_mean_rate_and_the_busiest_ten_seconds_beside_the_bound(
    store: Store, clock: ManualClock
) -> None:
    store.create_queue("mails")
    for _ in range(100):
        store.send("mails", b"x")
    clock.advance(20)

    seen = load(store)

    assert (seen.seconds, seen.rate, seen.peak) == (20, 5.0, 10.0)
    assert (seen.percent, seen.peak_percent) == (5.0, 10.0)


def test_records_and_messages_are_summed(store: Store, clock: ManualClock) -> None:
    store.create_queue("mails")
    store.create_topic("orders")
    store.send("mails", b"x")
    store.produce("orders", b"x")
    clock.advance(10)

    assert load(store).rate == 0.2


def test_a_message_that_came_and_went_at_once_counts_once(store: Store, clock: ManualClock) -> None:
    store.create_queue("mails")
    store.send("mails", b"x")
    store.ack([store.receive("mails")[0].receipt or ""])
    clock.advance(10)

    assert load(store).rate == 0.1


def test_a_store_that_does_nothing_is_at_0(store: Store, clock: ManualClock) -> None:
    store.create_queue("mails")
    clock.advance(10)

    assert load(store).percent == 0


def test_an_empty_store_is_unknown_and_not_0(store: Store) -> None:
    seen = load(store)

    assert (seen.rate, seen.percent) == (None, None)
    assert load_document(seen)["percent"] is None
    assert load_text(seen).startswith("unknown how much")


def test_the_text_says_the_share_and_the_nature_of_the_bound() -> None:
    text = load_text(Load("store.db", 600, 12.0, 30.0, BOUND))

    assert text.startswith("your store is at 12.0 % of what this machine does: 12.0 messages")
    assert "The machine does 100/s: messages that one process sends" in text


def test_a_small_share_is_not_written_as_0() -> None:
    assert "less than 0.1 %" in load_text(Load("store.db", 600, 0.001, 0.002, BOUND))


def test_the_probe_counts_messages_until_its_time_is_over(store: Store) -> None:
    ticks = count()

    rate = messages_a_second(store, lambda: next(ticks) / 10)

    assert rate == pytest.approx(10)
    assert store.queue("probe").ready == 0
