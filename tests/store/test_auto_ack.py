"""A receive with automatic acknowledgement: in order as any other, and gone at once."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from store import BadInput, LeaseLost, Message, NewMessage, Store
from store.model.clock import ManualClock
from tests.support.queue_invariants import check_queue_invariants

KINDS: dict[str, dict[str, Any]] = {
    "standard": {},
    "fifo": {"fifo": True},
    "fair": {"fair": True},
    "priorities": {"priorities": 3},
    "retry delays": {"retry_delays": [5]},
    "ttl": {"ttl": 20},
}
each_kind = pytest.mark.parametrize("settings", KINDS.values(), ids=KINDS)


def values(messages: list[Message]) -> list[bytes | None]:
    return [message.value for message in messages]


def jobs(store: Store, number: int = 6, **settings: Any) -> None:
    """A queue with so many messages, of two groups."""
    store.create_queue("jobs", **settings)
    store.send_many(
        "jobs", [NewMessage(b"%d" % n, message_group=f"g{n % 2}") for n in range(number)]
    )


@each_kind
def test_a_message_is_gone_once_it_is_received(store: Store, settings: dict[str, Any]) -> None:
    jobs(store, **settings)

    received = store.receive("jobs", 4, auto_ack=True)

    assert len(received) == 4
    assert (store.queue("jobs").ready, store.queue("jobs").leased) == (2, 0)
    assert len(store.messages("jobs")) == 2
    check_queue_invariants(store.path)


@each_kind
def test_it_has_no_lease_and_no_receipt(store: Store, settings: dict[str, Any]) -> None:
    jobs(store, **settings)

    message = store.receive("jobs", auto_ack=True)[0]

    assert (message.receipt, message.lease_expires, message.holder) == (None, None, None)
    assert (message.state, message.deliveries, message.redelivered) == ("acknowledged", 1, False)
    assert store.leases("jobs") == []


def test_a_lease_is_refused(store: Store) -> None:
    jobs(store)

    with pytest.raises(BadInput, match="no lease"):
        store.receive("jobs", lease=10, auto_ack=True)
    assert store.queue("jobs").ready == 6


@each_kind
def test_a_message_that_was_given_back_comes_first_and_counts_its_deliveries(
    store: Store, settings: dict[str, Any]
) -> None:
    jobs(store, **settings)
    (first,) = store.receive("jobs")
    store.nack([first.receipt or ""], delay=0)

    received = store.receive("jobs", 6, auto_ack=True)

    again = next(message for message in received if message.id == first.id)
    assert (again.deliveries, again.redelivered) == (2, True)
    assert store.queue("jobs").messages == 0
    check_queue_invariants(store.path)


@each_kind
def test_the_receipt_of_a_lapsed_lease_is_refused_from_then_on(
    store: Store, clock: ManualClock, settings: dict[str, Any]
) -> None:
    jobs(store, 1, lease=2, **settings)
    (first,) = store.receive("jobs")
    clock.advance(10)

    assert values(store.receive("jobs", auto_ack=True)) == [b"0"]
    with pytest.raises(LeaseLost):
        store.ack([first.receipt or ""])


def test_only_the_active_consumer_gets_messages(store: Store) -> None:
    jobs(store, single_active=True)
    assert store.receive("jobs", holder="a")

    assert store.receive("jobs", holder="b", auto_ack=True) == []
    assert len(store.receive("jobs", holder="a", auto_ack=True)) == 1


def test_leases_in_hand_count_for_the_prefetch(store: Store) -> None:
    jobs(store)
    store.receive("jobs", 2)

    assert store.receive("jobs", 5, prefetch=2, auto_ack=True) == []
    assert len(store.receive("jobs", 5, prefetch=3, auto_ack=True)) == 1


def test_a_dead_letter_keeps_its_history(store: Store) -> None:
    store.create_queue("dead")
    jobs(store, 1, dlq="dead")
    store.reject([message.receipt or "" for message in store.receive("jobs")], "why")

    (letter,) = store.receive("dead", auto_ack=True)

    assert letter.dead is not None
    assert letter.dead.error == "why"
    assert store.queue("dead").messages == 0
    check_queue_invariants(store.path)


def test_what_a_transaction_received_stays_unless_it_commits(store: Store) -> None:
    jobs(store)
    with suppress(ZeroDivisionError), store.transaction() as tx:
        assert len(tx.receive("jobs", 3, auto_ack=True)) == 3
        raise ZeroDivisionError

    assert store.queue("jobs").ready == 6
    with store.transaction() as tx:
        tx.receive("jobs", 3, auto_ack=True)
    assert store.queue("jobs").ready == 3


def test_an_expired_message_is_not_received(store: Store, clock: ManualClock) -> None:
    jobs(store, ttl=5)
    clock.advance(6)

    assert store.receive("jobs", 6, auto_ack=True) == []


def test_a_duplicate_by_chaos_is_of_a_lease_alone(store: Store) -> None:
    jobs(store, chaos="duplicate=100%")

    assert len(store.receive("jobs", 6, auto_ack=True)) == 6
    assert store.queue("jobs").messages == 0


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.integers(1, 5), st.integers(0, 2)),
        st.tuples(st.just("receive"), st.integers(1, 5), st.just(0)),
        st.tuples(st.just("nack"), st.integers(1, 3), st.sampled_from([0, 4])),
        st.tuples(st.just("lapse"), st.integers(1, 3), st.just(0)),
        st.tuples(st.just("pass"), st.integers(1, 12), st.just(0)),
    ),
    min_size=3,
    max_size=12,
)


def run(store: Store, clock: ManualClock, queue: str, steps: list[tuple[str, int, int]]) -> Any:
    """Take the steps on a queue; an automatic acknowledgement where its name says so."""
    seen, sent, is_fifo = [], 0, store.queue_config(queue).fifo
    levels = store.queue_config(queue).priorities
    for step, number, option in steps:
        if step == "send":
            news = [
                NewMessage(
                    b"%d" % (sent + n),
                    message_group=f"g{(sent + n) % 3}",
                    priority=option % levels,
                    delay=None if is_fifo or option else n % 2 * 3.0,
                )
                for n in range(number)
            ]
            store.send_many(queue, news)
            sent += number
        elif step == "receive":
            received = store.receive(queue, number, auto_ack=queue == "auto")
            if queue != "auto":
                store.ack([message.receipt or "" for message in received])
            seen.append([(m.value, m.deliveries, m.redelivered, m.dead) for m in received])
        elif step == "nack":
            for message in store.receive(queue, number):
                store.nack([message.receipt or ""], option or None)
        elif step == "lapse":
            store.receive(queue, number, lease=1)
        else:
            clock.advance(number)
    left = [(m.value, m.state, m.deliveries) for m in store.messages(queue)]
    return seen, left, store.queue(queue)._replace(name="", config=None)  # type: ignore[arg-type]


@each_kind
@given(steps=STEPS)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_it_comes_to_the_same_as_an_acknowledgement_at_once(
    settings: dict[str, Any], steps: list[tuple[str, int, int]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        outcomes = []
        for queue in ("auto", "by hand"):
            clock = ManualClock()
            path = Path(folder) / f"{queue}.db"
            with Store.open(path, create=True, clock=clock, durability="normal") as store:
                name = queue.replace(" ", "-")
                store.create_queue(name, max_deliveries=3, drop_exhausted=True, **settings)
                outcomes.append(run(store, clock, name, steps))
                check_queue_invariants(path, clock)

    assert outcomes[0] == outcomes[1]
