"""Many threads on one store do everything at once: nothing is lost, doubled, or stuck."""

from __future__ import annotations

import random
import signal
import threading
from collections import Counter
from pathlib import Path

import pytest

from store import MqError, Store, StoreUnusable
from tests.support.invariants import check_all
from tests.support.processes import PATIENCE
from tests.support.queue_invariants import check_queue_invariants

THREADS, STEPS = 24, 40


class Worker(threading.Thread):
    """A thread that does random things, and notes what it was told."""

    def __init__(self, store: Store, number: int, seed: int) -> None:
        super().__init__()
        self.store, self.number = store, number
        self.chance = random.Random(f"{seed}.{number}")
        self.sent: list[str] = []
        self.done: list[str] = []
        self.failures: list[Exception] = []

    def run(self) -> None:
        """Do so many steps; what fails is the test's matter."""
        for step in range(STEPS):
            try:
                call = self.chance.choice([self.send, self.work, self.work, self.transact])
                call(f"{self.number}.{step}")
            except Exception as error:
                self.failures.append(error)

    def send(self, value: str) -> None:
        self.store.send("jobs", value)
        self.sent.append(value)

    def work(self, _: str) -> None:
        for message in self.store.receive("jobs", self.chance.randint(1, 3)):
            if self.chance.random() < 0.3:
                self.store.nack([message.receipt or ""], delay=0)
            else:
                self.store.ack([message.receipt or ""])
                self.done.append((message.value or b"").decode())

    def transact(self, value: str) -> None:
        if self.chance.random() < 0.5:
            self.store.create_queue(f"q{value}")
        else:
            with self.store.transaction(timeout=PATIENCE) as tx:
                tx.send("jobs", value)
            self.sent.append(value)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_storm_of_threads_loses_and_doubles_nothing(path: Path, seed: int) -> None:
    with Store.open(path, create=True, durability="normal") as store:
        store.create_queue("jobs", lease=3600)
        workers = [Worker(store, number, seed) for number in range(THREADS)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(PATIENCE)
            assert not worker.is_alive()
        left = [(m.value or b"").decode() for m in store.messages("jobs", limit=10_000)]
        check_all(store)
    sent = [value for worker in workers for value in worker.sent]
    done = [value for worker in workers for value in worker.done]

    assert [error for worker in workers for error in worker.failures] == []
    assert Counter(done + left) == Counter(sent)
    check_queue_invariants(path, None)


def test_the_main_thread_may_be_interrupted_while_it_waits_for_its_turn(store: Store) -> None:
    store.create_queue("jobs")
    held, go = threading.Event(), threading.Event()
    main = threading.main_thread().ident
    assert main is not None

    def hold() -> None:
        with store.transaction(timeout=PATIENCE):
            held.set()
            while not store._database.queue:
                go.wait(0.001)
            signal.pthread_kill(main, signal.SIGINT)
            go.wait(PATIENCE)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(PATIENCE)
    with pytest.raises(KeyboardInterrupt):
        store.send("jobs", "interrupted")
    go.set()
    holder.join(PATIENCE)
    store.send("jobs", "next")

    assert [message.value for message in store.messages("jobs")] == [b"next"]


def test_a_store_that_is_closed_refuses_threads_that_wait(path: Path) -> None:
    store = Store.open(path, create=True, durability="normal")
    store.create_queue("jobs")
    outcomes: list[object] = []
    entered = threading.Barrier(5)

    def send() -> None:
        entered.wait(PATIENCE)
        try:
            while True:
                store.send("jobs", "a")
        except MqError as error:
            outcomes.append(type(error))

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    entered.wait(PATIENCE)
    store.close()
    for thread in threads:
        thread.join(PATIENCE)

    assert outcomes == [StoreUnusable] * 4
