"""Any boots, jumps of the wall clock and work: nothing waits longer than its time."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from store import Store
from store.model.clock import ManualClock
from store.sqlite.file import store_time
from tests.support.invariants import check_invariants

DAY = 86_400
MINUTE = 60
QUEUES = ("jobs", "steps", "slow")
STEP = st.one_of(
    st.tuples(st.just("advance"), st.sampled_from([1, 20, 45, 400])),
    st.tuples(st.just("jump"), st.sampled_from([-28 * DAY, -7200, -30, 30, 7200, 28 * DAY])),
    st.tuples(st.just("boot"), st.sampled_from([-28 * DAY, -30, 0, 5, 28 * DAY])),
    st.tuples(st.just("send"), st.sampled_from([0, 10, 100])),
    st.tuples(st.just("receive"), st.sampled_from([1, 30, 100])),
    st.tuples(st.just("nack"), st.sampled_from([0, 30])),
    st.tuples(st.just("alter"), st.sampled_from([0, 10, 60])),
    st.tuples(st.sampled_from(["ack", "join", "trust"]), st.just(0)),
)


class Life:
    """A store that lives through boots, jumps of the wall clock, and work."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = ManualClock()
        self.store = self.open()
        self.store.create_topic("orders")
        self.store.create_queue("jobs")
        self.store.create_queue("steps", fifo=True)
        self.store.create_queue("slow", fifo=True, delay=10)

    def open(self) -> Store:
        return Store.open(self.path, create=True, durability="normal", clock=self.clock)

    def do(self, what: str, number: float) -> None:
        match what:
            case "advance":
                self.clock.advance(number)
            case "jump":
                self.clock.jump_wall(number)
            case "boot":
                self.store.close()
                self.clock.reboot()
                self.clock.jump_wall(number)
                self.store = self.open()
            case "send":
                self.store.send("jobs", "x", delay=number)
                for name in ("steps", "slow"):
                    self.store.send(name, "x", message_group="g")
                    self.store.send(name, "x", message_group=f"{number}")
            case "receive":
                for name in QUEUES:
                    self.store.receive(name, 2, lease=number)
            case "ack":
                taken = self.store.receive("jobs", lease=1)
                self.store.ack([message.receipt or "" for message in taken])
            case "nack":
                for name in QUEUES:
                    taken = self.store.receive(name, 2)
                    receipts = [message.receipt or "" for message in taken]
                    self.store.nack(receipts[:1], delay=number)
                    self.store.ack(receipts[1:])
            case "alter":
                self.store.alter_queue("slow", delay=number)
            case "join":
                self.store.consumer("billing", ["orders"], member="one", session_timeout=30)
            case "trust":
                self.store.trust_clock()

    def check(self) -> None:
        with self.store._database.read() as tx:
            assert store_time.newest(tx) <= tx.now
        for name in QUEUES:
            status = self.store.queue(name)
            states = Counter(message.state for message in self.store.messages(name))
            counts = Counter(
                {s: getattr(status, s) for s in ("ready", "leased", "delayed", "blocked")}
            )
            assert states == +counts

    def end(self) -> None:
        """Whatever was held or delayed is free when its time, and a minute, have passed."""
        self.store.produce("orders", "a write begins the boot")
        self.clock.advance(100 + MINUTE)
        for name in QUEUES:
            status = self.store.queue(name)
            assert status.leased == status.delayed == 0
        for name in ("audit", "billing"):
            assert self.store.consumer(name, ["orders"], member="two", timeout=0).assignment


def live(path: Path, steps: list[tuple[str, float]]) -> None:
    life = Life(path)
    for step in steps:
        life.do(*step)
        life.check()
    life.end()
    life.store.close()
    check_invariants(life.path)


@settings(deadline=None, max_examples=60)
@given(steps=st.lists(STEP, max_size=30))
def test_nothing_waits_longer_than_its_time_over_any_boots_and_jumps(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, float]]
) -> None:
    live(tmp_path_factory.mktemp("life") / "store.db", steps)


@pytest.mark.nightly
@settings(deadline=None, max_examples=1_000)
@given(steps=st.lists(STEP, max_size=60))
def test_nothing_waits_longer_than_its_time_over_many_boots_and_jumps(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, float]]
) -> None:
    live(tmp_path_factory.mktemp("life") / "store.db", steps)
