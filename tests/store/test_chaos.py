"""A queue under chaos: it misbehaves as SQS may, and does so again from the same seed."""

from __future__ import annotations

from pathlib import Path

import pytest

from store import BadInput, Message, NewMessage, Store, Throttled
from store.model.clock import ManualClock

MANY = 200


def under(store: Store, chaos: str, messages: int = MANY) -> None:
    """A queue under chaos, with messages in it."""
    store.create_queue("q", lease=1000)
    store.alter_queue("q", chaos=chaos)
    store.send_many("q", [NewMessage(b"%d" % n) for n in range(messages)])


def drain(store: Store) -> list[Message]:
    """Receive and acknowledge one by one until nothing is left."""
    found = []
    while taken := store.receive("q"):
        found += taken
        store.ack([message.receipt or "" for message in taken])
    return found


def values(messages: list[Message]) -> list[int]:
    return [int(message.value or b"") for message in messages]


def test_some_messages_come_twice_under_the_same_id_although_acknowledged_in_time(
    store: Store,
) -> None:
    under(store, "duplicate=10%,seed=1")
    found = drain(store)

    assert set(values(found)) == set(range(MANY))
    assert MANY < len(found) < MANY * 1.3
    assert len({message.id for message in found}) == MANY


def test_two_receivers_can_have_the_same_message(store: Store) -> None:
    under(store, "duplicate=100%,seed=1", 1)

    first, second = store.receive("q", holder="a"), store.receive("q", holder="b")
    assert first[0].id == second[0].id


def test_the_order_is_disturbed_within_the_window(store: Store) -> None:
    under(store, "reorder=10,seed=1")
    found = values(drain(store))

    assert found != sorted(found)
    assert sorted(found) == list(range(MANY))
    assert all(abs(value - place) < 10 for place, value in enumerate(found))


def test_messages_are_seen_late(store: Store, clock: ManualClock) -> None:
    under(store, "delay=200ms,seed=1", 50)
    assert len(store.receive("q", 50)) < 10
    clock.advance(0.2)
    assert store.queue("q").ready + (store.queue("q").leased or 0) == 50


def test_calls_are_refused_although_messages_wait(store: Store, clock: ManualClock) -> None:
    under(store, "throttle=5/s", 20)
    for _ in range(4):
        assert store.receive("q")
    with pytest.raises(Throttled, match="5 calls a second"):
        store.receive("q")
    clock.advance(0.2)
    assert store.receive("q")


def test_a_refused_call_changes_nothing(store: Store) -> None:
    under(store, "throttle=1/s", 1)
    with pytest.raises(Throttled):
        store.send("q", "more")

    assert store.queue("q").ready == 1


def test_the_same_seed_and_calls_give_the_same_trace(tmp_path: Path) -> None:
    traces = []
    for name in ("a", "b"):
        path = tmp_path / f"{name}.db"
        with Store.open(path, create=True, durability="normal", clock=ManualClock()) as store:
            under(store, "duplicate=20%,reorder=10,delay=5ms,seed=7")
            traces.append(values(drain(store)))

    assert traces[0] == traces[1]


def test_another_seed_gives_another(tmp_path: Path) -> None:
    traces = []
    for seed in (1, 2):
        path = tmp_path / f"{seed}.db"
        with Store.open(path, create=True, durability="normal", clock=ManualClock()) as store:
            under(store, f"duplicate=20%,reorder=10,seed={seed}")
            traces.append(values(drain(store)))

    assert traces[0] != traces[1]


def test_it_ends_on_request(store: Store) -> None:
    under(store, "reorder=10,duplicate=50%,seed=1", 0)
    store.alter_queue("q", chaos=None)
    store.send_many("q", [NewMessage(b"%d" % n) for n in range(MANY)])

    assert values(drain(store)) == list(range(MANY))


def test_a_fifo_queue_can_only_be_throttled(store: Store) -> None:
    store.create_queue("q", fifo=True)
    with pytest.raises(BadInput, match="FIFO"):
        store.alter_queue("q", chaos="duplicate=5%")

    store.alter_queue("q", chaos="throttle=300/s")


class TestConsumers:
    """Why it is there: a consumer that counts on once is found out, an idempotent one is not."""

    @pytest.fixture
    def payments(self, store: Store) -> Store:
        under(store, "duplicate=10%,reorder=10,seed=3")
        with store.transaction() as tx:
            tx.execute("create table totals (naive integer, idempotent integer)")
            tx.execute("insert into totals values (0, 0)")
        return store

    def totals(self, store: Store) -> tuple[int, int]:
        with store.transaction() as tx:
            naive, idempotent = tx.execute("select naive, idempotent from totals")[0]
        return naive, idempotent

    def work(self, store: Store) -> None:
        while True:
            with store.transaction() as tx:
                taken = tx.receive("q")
                for message in taken:
                    tx.execute("update totals set naive = naive + 1")
                    if tx.first_time("payments", message.id):
                        tx.execute("update totals set idempotent = idempotent + 1")
                    tx.ack([message.receipt or ""])
            if not taken:
                return

    def test_who_counts_every_delivery_counts_double(self, payments: Store) -> None:
        self.work(payments)

        assert self.totals(payments)[0] > MANY

    def test_who_asks_whether_it_is_the_first_time_counts_right(self, payments: Store) -> None:
        self.work(payments)

        assert self.totals(payments)[1] == MANY
