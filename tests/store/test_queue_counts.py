"""A queue's counts are exact, however messages come and leave."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from store import Message, NewMessage, NotFound, Store
from store.model.clock import ManualClock
from store.model.errors import Conflict

QUEUES = ("work", "dead", "copy", "plain")


class Program:
    """Random calls on a few queues; what of each queue was acknowledged is counted beside."""

    def __init__(self, store: Store, clock: ManualClock, chance: random.Random) -> None:
        self.store, self.clock, self.chance = store, clock, chance
        self.acknowledged: Counter[str] = Counter()
        store.create_topic("log")
        store.create_queue("dead", max_length=6)
        store.create_queue("copy", fifo=False, retention=500)
        store.create_queue("plain", max_deliveries=2, drop_exhausted=True)
        store.create_exchange("graves", "fanout")
        for destination in ("dead", "copy", "log"):
            store.bind("graves", destination)
        store.create_queue("work", dlq="exchange:graves", max_deliveries=2, priorities=3, ttl=60)

    def step(self) -> None:
        """Do something."""
        self.chance.choice(
            [self.send, self.send, self.work, self.work, self.work, self.empty, self.move]
        )()
        self.clock.advance(self.chance.choice([0, 1, 20, 20, 70]))

    def send(self) -> None:
        """Send a few, some of them late."""
        queue = self.chance.choice(["work", "plain"])
        delay, level = self.chance.choice([0, 10]), self.chance.randrange(2)
        self.store.send_many(
            queue, [NewMessage(b"m", delay=delay, priority=level)] * self.chance.randint(1, 4)
        )

    def work(self) -> None:
        """Receive some, and settle them one way or another."""
        queue = self.chance.choice(QUEUES)
        held = self.store.receive(queue, self.chance.randint(1, 5), wait=0, lease=15)
        if self.chance.random() < 0.3:
            # Some are given to others, expire or are pushed out in the meantime.
            self.clock.advance(5)
        receipts = [message.receipt or "" for message in held]
        match self.chance.choice(["ack", "ack", "nack", "reject", "die", "release"]):
            case "ack":
                self.store.ack(receipts)
                self.store.ack(receipts)
                self.acknowledged[queue] += len(receipts)
            case "nack":
                self.store.nack(receipts)
            case "reject":
                self.store.reject(receipts)
            case "release":
                for message in held:
                    self.store.release(queue, message.sequence)

    def empty(self) -> None:
        """Purge a queue, or a part of it."""
        queue = self.chance.choice(QUEUES)
        if self.chance.random() < 0.3:
            self.store.purge_queue(queue, keep_leased=self.chance.random() < 0.5)
        else:
            self.store.purge_dead_letters("copy", lambda letter: letter.sequence % 2 == 0)

    def move(self) -> None:
        """Redrive, take back, or put back what was exported."""
        try:
            match self.chance.choice(["redrive", "undo", "restore"]):
                case "redrive":
                    self.store.redrive(self.chance.choice(["dead", "copy"]), limit=3)
                case "undo":
                    self.store.undo_redrive()
                case "restore":
                    self.store.restore_dead_letters("copy", self._letters())
        except (NotFound, Conflict):
            pass

    def _letters(self) -> list[Message]:
        return self.store.dead_letters("dead", limit=2)


@pytest.fixture(params=range(4))
def program(request: pytest.FixtureRequest, path: Path, clock: ManualClock) -> Iterator[Program]:
    """One of four random programs, in a store of its own."""
    with Store.open(path, create=True, durability="normal", clock=clock) as store:
        yield Program(store, clock, random.Random(request.param))


def test_what_was_acknowledged_is_counted_and_nothing_else_is(program: Program) -> None:
    for _ in range(150):
        program.step()
        counted = {queue: program.store.queue(queue).acknowledged for queue in QUEUES}
        assert counted == {queue: program.acknowledged[queue] for queue in QUEUES}
    assert program.acknowledged["work"]
    assert program.acknowledged["dead"]


def test_as_many_dead_letters_are_counted_as_are_listed(program: Program) -> None:
    most = 0
    for _ in range(150):
        program.step()
        for queue in ("dead", "copy"):
            listed = len(program.store.dead_letters(queue))
            assert program.store.queue(queue).dead_letters == listed
            most = max(most, listed)
    assert most
