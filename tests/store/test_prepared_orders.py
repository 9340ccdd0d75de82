"""Ordered queues, and those with levels, answer alike whether calls are prepared or made anew."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest

from store import Message, MqError, Store
from store.model.clock import ManualClock
from store.model.queues import QueueSettings

ORDERS: dict[str, QueueSettings] = {
    "fifo": {"fifo": True, "max_deliveries": 3, "dlq": "dead", "retry_delays": [1, 5]},
    "delayed": {"fifo": True, "delay": 2},
    "fair": {"fair": True, "ttl": 40},
    "levels": {"priorities": 4, "delay": 0},
    "crowded": {"fair": True, "lease": 100},
}
TABLES = {
    "mq_records": "id, timestamp, message_group, key, headers, value, expires, arrived",
    "mq_partitions": "id, next, records, bytes, last_timestamp",
    "mq_leases": "id, priority, due, ends, deliveries, token is null, started, record, was_due",
    "mq_slots": "id, cursor, leases, held, waiting",
    "mq_heads": "*",
    "mq_tenants": "reader, name, first, in_flight, sent",
    "mq_attempts": "lease, number, started, ended, outcome, error",
    "mq_readers": "id, noticed",
}


class Place:
    """A store whose calls are made by one handle, so that they are prepared, or by a new one each.

    Both do the same steps, chosen by a seed.
    """

    def __init__(self, path: Path, order: str, *, prepared: bool) -> None:
        self.path = path
        self.clock = ManualClock()
        self.queue = order
        self.answers: list[object] = []
        self._kept = self._open() if prepared else None
        self._held: list[Message] = []
        with self._open() as store:
            store.create_queue("dead", fifo=bool(ORDERS[order].get("fifo")))
            store.create_queue(order, **ORDERS[order])

    def _open(self) -> Store:
        return Store.open(self.path, create=True, durability="normal", clock=self.clock)

    def call(self, make: Callable[[Store], object]) -> Any:
        """Make one call; return its result, or the name of its refusal."""
        try:
            if self._kept is not None:
                return make(self._kept)
            with self._open() as store:
                return make(store)
        except MqError as error:
            return type(error).__name__

    def step(self, random: Random) -> None:
        """Do one thing, and note what can be seen of it."""
        groups = 60 if self.queue == "crowded" else 3
        most = random.choice([1, 1, 1, 1, 3])
        if random.random() < 0.4:
            fields: dict[str, Any] = {
                "message_group": f"g{random.randrange(groups) if random.random() < 0.6 else 0}",
                "key": random.choice([None, "k"]),
                "headers": random.choice([None, None, {"a": "b"}]),
                "priority": random.randrange(4) if self.queue == "levels" else 0,
                "delay": random.choice([None, 0.5]) if self.queue == "levels" else None,
                "properties": random.choice([None, None, {"type": "order"}]),
            }
            self.call(lambda store: store.send(self.queue, str(len(self.answers)), **fields))
        elif random.random() < 0.6:
            lease = random.choice([None, None, 2, 0])
            received = self.call(lambda store: store.receive(self.queue, most, lease=lease))
            self._held += received
            self.answers.append([seen(message) for message in received])
        elif self._held:
            self._settle(random)
        self.clock.advance(random.choice([0, 0, 0.001, 0.004, 0.02, 1.2, 7]))

    def _settle(self, random: Random) -> None:
        message = self._held.pop(random.randrange(len(self._held)))
        receipt = [str(message.receipt)]
        name = random.choice(["ack", "ack", "ack", "nack", "unreceive", "reject"])
        self.answers.append((name, self.call(lambda store: getattr(store, name)(receipt))))

    def rows(self) -> dict[str, list[Any]]:
        """Return what the tables hold, without tokens and what only this store has."""
        if self._kept is not None:
            self._kept.close()
        with closing(sqlite3.connect(self.path)) as connection:
            return {
                table: connection.execute(f"select {columns} from {table} order by 1").fetchall()
                for table, columns in TABLES.items()
            }


def seen(message: Message) -> tuple[object, ...]:
    """Return a message as its receiver sees it, without ids and receipts."""
    plain = message._replace(id="", receipt="")
    return (*plain, message.came, message.receipt is not None)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("seed", range(3))
def test_a_prepared_call_does_what_the_first_one_does(
    order: str, seed: int, tmp_path: Path
) -> None:
    warm = Place(tmp_path / "warm.db", order, prepared=True)
    cold = Place(tmp_path / "cold.db", order, prepared=False)
    for place in (warm, cold):
        random = Random(f"{order} {seed}")
        for _ in range(90):
            place.step(random)

    assert warm.answers == cold.answers
    assert warm.rows() == cold.rows()
