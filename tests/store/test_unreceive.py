"""What was received and not begun goes back as if it had never been delivered."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from store import LeaseLost, Message, NewMessage, NewRecord, SharedRecord, Store
from store.model.clock import ManualClock
from tests.support.queue_invariants import check_queue_invariants

ONE_DELIVERY: dict[str, dict[str, Any]] = {
    "standard": {},
    "fifo": {"fifo": True},
    "fair": {"fair": True},
    "priorities": {"priorities": 3},
    "retry delays": {"retry_delays": [60]},
    "single active": {"single_active": True},
}
each_kind = pytest.mark.parametrize("settings", ONE_DELIVERY.values(), ids=ONE_DELIVERY)


def receipts(received: Sequence[Message | SharedRecord]) -> list[str]:
    return [one.receipt or "" for one in received]


def values(received: Sequence[Message | SharedRecord]) -> list[bytes | None]:
    return [one.value for one in received]


def jobs(store: Store, settings: dict[str, Any], number: int = 6) -> None:
    """A queue of so many messages, each of which may be delivered once."""
    store.create_queue("dead", fifo=settings.get("fifo", False))
    store.create_queue("jobs", max_deliveries=1, dlq="dead", **settings)
    messages = [NewMessage(b"%d" % n, message_group=f"g{n % 2}") for n in range(number)]
    store.send_many("jobs", messages)


@each_kind
def test_an_undone_delivery_counts_for_no_limit(store: Store, settings: dict[str, Any]) -> None:
    jobs(store, settings)
    for _ in range(3):
        store.unreceive(receipts(store.receive("jobs", 6)))

    assert [message.deliveries for message in store.receive("jobs", 6)] == [1] * 6
    assert store.messages("dead") == []


def test_a_message_returns_to_the_delay_that_its_fifo_queue_has_by_now(
    store: Store, clock: ManualClock
) -> None:
    store.create_queue("jobs", fifo=True)
    store.send("jobs", "value", message_group="g")
    received = store.receive("jobs")
    clock.advance(1)
    store.alter_queue("jobs", delay=3)
    store.unreceive(receipts(received))

    assert store.receive("jobs") == []
    clock.advance(2)
    assert values(store.receive("jobs")) == [b"value"]


@each_kind
def test_messages_return_to_their_places(store: Store, settings: dict[str, Any]) -> None:
    jobs(store, settings)
    first = store.receive("jobs", 4, holder="a")
    store.unreceive(receipts(first))

    assert values(store.receive("jobs", 4, holder="a")) == values(first)


@each_kind
def test_it_leaves_no_trace_to_look_at(store: Store, path: Path, settings: dict[str, Any]) -> None:
    jobs(store, settings)
    before = (store.messages("jobs"), store.queue("jobs"))
    store.unreceive(receipts(store.receive("jobs", 6)))

    assert (store.messages("jobs"), store.queue("jobs")) == before
    assert [store.history("jobs", n) for n in range(6)] == [[]] * 6
    assert store.leases("jobs") == []
    check_queue_invariants(path)


def test_a_message_that_failed_before_keeps_what_it_failed(
    store: Store, clock: ManualClock
) -> None:
    store.create_queue("jobs", max_deliveries=2, drop_exhausted=True)
    store.send("jobs", "a")
    store.nack(receipts(store.receive("jobs")), error="no")
    clock.advance(1)
    store.unreceive(receipts(store.receive("jobs")))

    assert [attempt.error for attempt in store.history("jobs", 0)] == ["no"]
    assert [message.deliveries for message in store.receive("jobs")] == [2]


def test_a_message_group_stays_in_order_and_keeps_its_turn(store: Store) -> None:
    store.create_queue("jobs", fifo=True)
    for value in ("a1", "b1", "a2", "c1", "a3"):
        store.send("jobs", value, message_group=value[0])
    held = store.receive("jobs", 2)
    store.unreceive(receipts(held))

    assert values(held) == [b"a1", b"a2"]
    assert values(store.receive("jobs", 5)) == [b"a1", b"a2", b"a3", b"b1", b"c1"]


def test_what_stands_behind_a_message_in_hand_stays_behind_it(store: Store) -> None:
    store.create_queue("jobs", fifo=True)
    for value in ("a1", "a2", "a3"):
        store.send("jobs", value, message_group="a")
    held = store.receive("jobs", 3)
    store.unreceive(receipts(held)[1:])

    assert store.receive("jobs", 3) == []
    store.ack(receipts(held)[:1])
    assert values(store.receive("jobs", 3)) == [b"a2", b"a3"]


def test_a_tenant_of_a_fair_queue_has_less_in_flight_again(store: Store) -> None:
    store.create_queue("jobs", fair=True)
    noisy = [NewMessage(b"noisy", message_group="n") for _ in range(80)]
    store.send_many("jobs", noisy)
    store.unreceive(receipts(store.receive("jobs", 40)))
    store.send("jobs", "quiet", message_group="q")

    # With forty in flight the quiet one would have gone first.
    assert values(store.receive("jobs")) == [b"noisy"]


def test_the_next_in_line_takes_over_from_one_who_gave_back_and_left(store: Store) -> None:
    jobs(store, {"single_active": True})
    held = store.receive("jobs", 6, holder="first")
    store.unreceive(receipts(held))
    store.leave("jobs", "first")

    assert values(store.receive("jobs", 6, holder="second")) == values(held)


def test_a_copy_made_by_chaos_stays_a_message_of_its_own(store: Store) -> None:
    store.create_queue(
        "jobs", chaos="duplicate=100%,reorder=5,seed=1", max_deliveries=1, drop_exhausted=True
    )
    store.send_many("jobs", [NewMessage(b"%d" % n) for n in range(5)])
    held = store.receive("jobs", 5)
    store.unreceive(receipts(held))

    again = store.receive("jobs", 10)
    assert sorted(values(again)) == sorted(values(held) * 2)  # type: ignore[type-var]
    assert {message.deliveries for message in again} == {1}


def test_a_share_hands_a_record_out_again_with_its_first_delivery(store: Store) -> None:
    store.create_topic("t")
    store.create_queue("dead")
    store.create_share("s", "t", max_deliveries=1, max_in_flight=3, dlq="dead")
    store.produce_many("t", [NewRecord(b"%d" % n) for n in range(6)])
    for _ in range(3):
        store.unreceive(receipts(store.acquire("s", 6)))

    held = store.acquire("s", 6)
    assert [(record.offset, record.deliveries) for record in held] == [(0, 1), (1, 1), (2, 1)]
    store.ack(receipts(held))
    assert [record.offset for record in store.acquire("s", 6)] == [3, 4, 5]
    assert store.messages("dead") == []


@each_kind
def test_its_receipt_is_worth_nothing_any_more(store: Store, settings: dict[str, Any]) -> None:
    jobs(store, settings)
    held = receipts(store.receive("jobs"))
    store.unreceive(held)

    for settle in (store.ack, store.nack, store.reject, store.unreceive):
        with pytest.raises(LeaseLost):
            settle(held)
    assert store.message("jobs", 0).deliveries == 0


@each_kind
def test_its_receipt_stays_refused_after_another_one_acknowledged(
    store: Store, settings: dict[str, Any]
) -> None:
    jobs(store, settings, 1)
    held = receipts(store.receive("jobs"))
    store.unreceive(held)
    store.ack(receipts(store.receive("jobs")))

    for settle in (store.ack, store.nack, store.reject, store.unreceive):
        with pytest.raises(LeaseLost):
            settle(held)


def test_a_receipt_of_a_share_stays_refused_after_another_one_acknowledged(store: Store) -> None:
    store.create_topic("t")
    store.create_share("s", "t")
    store.produce("t", "0")
    held = receipts(store.acquire("s"))
    store.unreceive(held)
    store.ack(receipts(store.acquire("s")))

    with pytest.raises(LeaseLost):
        store.ack(held)


def test_undone_deliveries_are_forgotten_with_the_history(
    store: Store, clock: ManualClock, path: Path
) -> None:
    store.create_queue("jobs", retention=10**8)
    store.send("jobs", "0")
    store.unreceive(receipts(store.receive("jobs")))
    clock.advance(15 * 86_400)
    store.unreceive(receipts(store.receive("jobs")))

    with closing(sqlite3.connect(path)) as connection:
        (number,) = connection.execute("select count(*) from mq_undone_receives").fetchone()
    assert number == 1


def test_what_somebody_else_has_taken_since_is_not_touched(
    store: Store, clock: ManualClock
) -> None:
    store.create_queue("jobs")
    store.send("jobs", "a")
    late = receipts(store.receive("jobs"))
    clock.advance(31)
    store.receive("jobs")

    with pytest.raises(LeaseLost, match="jobs@0"):
        store.unreceive(late)
    assert store.message("jobs", 0).deliveries == 2


def test_in_a_transaction_it_is_undone_with_it(store: Store) -> None:
    store.create_queue("jobs")
    store.send("jobs", "a")
    held = receipts(store.receive("jobs"))
    with suppress(Undone), store.transaction() as tx:
        tx.unreceive(held)
        raise Undone

    store.ack(held)
    assert store.queue("jobs").messages == 0


class Undone(Exception):
    """Raised in a transaction that shall be rolled back."""


# Whatever was done before: with and without a delivery that was undone, the rest is the same.

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["send", "receive", "ack", "nack", "wait"]),
        st.integers(1, 4),
        st.sampled_from("ab"),
    ),
    max_size=12,
)


class Run:
    """A store on which the same steps are taken as on another one."""

    def __init__(self, folder: str, settings: dict[str, Any]) -> None:
        self.clock = ManualClock()
        self.store = Store.open(
            Path(folder) / "store.db", create=True, durability="normal", clock=self.clock
        )
        self.fifo = settings.get("fifo", False)
        self.store.create_queue("jobs", max_deliveries=3, drop_exhausted=True, **settings)
        self.held: list[str] = []
        self.sent = 0

    def step(self, what: str, number: int, group: str) -> None:
        match what:
            case "send":
                for _ in range(number):
                    self.sent += 1
                    self.store.send(
                        "jobs", b"%d" % self.sent, message_group=group,
                        priority=0 if self.fifo else number % 2,
                    )  # fmt: skip
            case "receive":
                self.held += receipts(self.store.receive("jobs", number))
            case "wait":
                # Late words of who lost a lease are another matter.
                self.held.clear()
                self.clock.advance(number * 11)
            case _:
                settle = self.store.ack if what == "ack" else self.store.nack
                for receipt in self.held[:number]:
                    with suppress(LeaseLost):
                        settle([receipt])
                del self.held[:number]

    def rest(self) -> list[tuple[object, ...]]:
        """What comes from here on, one by one, until no more does."""
        told: list[tuple[object, ...]] = []
        while found := self.store.receive("jobs", lease=10_000):
            told += [(one.value, one.deliveries, one.redelivered) for one in found]
        return told


@pytest.mark.parametrize("kind", ["standard", "fifo", "priorities"])
@given(before=STEPS, number=st.integers(1, 5), after=STEPS)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_nothing_that_comes_later_differs(
    kind: str, before: list[Any], number: int, after: list[Any]
) -> None:
    with tempfile.TemporaryDirectory() as ours, tempfile.TemporaryDirectory() as theirs:
        with_undone, without = Run(ours, ONE_DELIVERY[kind]), Run(theirs, ONE_DELIVERY[kind])
        with with_undone.store, without.store:
            for step in before:
                with_undone.step(*step)
                without.step(*step)
            undone = with_undone.store.receive("jobs", number)
            with_undone.store.unreceive(receipts(undone))
            for step in after:
                with_undone.step(*step)
                without.step(*step)

            assert with_undone.rest() == without.rest()
