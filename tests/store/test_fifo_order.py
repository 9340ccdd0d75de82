"""A message group waits for what is older, not for what is younger; see decision 25."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from store import LeaseLost, Message, NewMessage, Store
from store.model.clock import ManualClock


def receipts(messages: Sequence[Message]) -> list[str]:
    return [message.receipt or "" for message in messages]


def values(messages: Sequence[Message]) -> list[str]:
    return [(message.value or b"").decode() for message in messages]


@pytest.fixture
def held(store: Store) -> list[str]:
    """Receipts of the first three of four messages of one group, from one receive."""
    store.create_queue("bills", fifo=True)
    for number in range(4):
        store.send("bills", f"{number}", message_group="g")
    return receipts(store.receive("bills", 3))


def test_an_older_message_that_was_given_back_goes_out_before_younger_ones_return(
    store: Store, held: list[str]
) -> None:
    store.nack(held[:1])

    assert values(store.receive("bills", 4)) == ["0"]


def test_nothing_younger_goes_out_while_an_older_one_is_held(store: Store, held: list[str]) -> None:
    store.nack(held[1:])

    assert store.receive("bills", 4) == []


def test_the_younger_ones_stay_their_holders(store: Store, held: list[str]) -> None:
    store.nack(held[:1])
    (again,) = store.receive("bills", 4)
    store.ack(held[1:])
    store.ack(receipts([again]))

    assert values(store.receive("bills", 4)) == ["3"]


def test_one_call_that_gives_back_all_keeps_the_order(store: Store, held: list[str]) -> None:
    store.nack(held)

    assert values(store.receive("bills", 4)) == ["0", "1", "2", "3"]


def test_a_delay_of_the_older_one_holds_the_group(
    store: Store, held: list[str], clock: ManualClock
) -> None:
    store.nack(held[:1], delay=10)
    assert store.receive("bills", 4) == []
    clock.advance(10)

    assert values(store.receive("bills", 4)) == ["0"]


def test_behind_a_head_that_the_queue_delays_a_message_that_came_back_is_blocked(
    store: Store, clock: ManualClock
) -> None:
    store.create_queue("late", fifo=True, retry_delays=[1])
    store.send_many(
        "late", [NewMessage(b"a", message_group="g"), NewMessage(b"b", message_group="g")]
    )
    first, second = store.receive("late", 2)
    store.nack([second.receipt or ""])
    store.unreceive([first.receipt or ""])
    store.alter_queue("late", delay=3)
    clock.advance(2)

    assert [message.state for message in store.messages("late")] == ["delayed", "blocked"]
    assert (store.queue("late").delayed, store.queue("late").blocked) == (1, 1)
    assert store.receive("late") == []


def test_what_may_be_received_is_no_stall(
    store: Store, held: list[str], clock: ManualClock
) -> None:
    store.extend(held, 600)
    store.nack(held[:1])
    clock.advance(60)

    assert [message.state for message in store.messages("bills")] == [
        "ready", "leased", "leased", "blocked",
    ]  # fmt: skip
    assert store.stalls() == []


def test_the_stall_is_at_the_first_one_that_is_held(
    store: Store, held: list[str], clock: ManualClock
) -> None:
    store.extend(held, 600)
    store.nack(held[:1])
    store.ack(receipts(store.receive("bills")))
    clock.advance(60)

    (stall,) = store.stalls()
    assert (stall.blocker, stall.blocked) == ("bills@1", 1)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["send", "receive", "receive", "ack", "nack", "extend", "unreceive", "wait"]
        ),
        st.integers(1, 4),
        st.sampled_from("ab"),
    ),
    min_size=10,
    max_size=40,
)


@given(steps=STEPS)
@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
def test_what_comes_of_a_group_is_the_oldest_there_is_without_a_gap(steps: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        clock, held = ManualClock(), list[str]()
        path = Path(folder) / "store.db"
        with Store.open(path, create=True, durability="normal", clock=clock) as store:
            store.create_queue("bills", fifo=True, retry_delays=[5])
            for number, (what, count, group) in enumerate(steps):
                match what:
                    case "send":
                        for each in range(count):
                            store.send("bills", f"{number}.{each}", message_group=group)
                    case "wait":
                        clock.advance(count * 9)
                    case "receive":
                        present = store.messages("bills")
                        found = store.receive("bills", count)
                        check_prefixes(present, found)
                        held += receipts(found)
                    case "extend":
                        settle(lambda one: store.extend([one], 20), held[-count:])
                    case _:
                        settle(lambda one, what=what: getattr(store, what)([one]), held[-count:])


def check_prefixes(present: Sequence[Message], found: Sequence[Message]) -> None:
    for group in {message.message_group for message in found}:
        of_group = [m.sequence for m in present if m.message_group == group]
        handed_out = [m.sequence for m in found if m.message_group == group]
        assert handed_out == of_group[: len(handed_out)]


def settle(act: Any, chosen: Sequence[str]) -> None:
    for receipt in chosen:
        with suppress(LeaseLost):
            act(receipt)
