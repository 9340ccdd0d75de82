"""A share hands out the same records whether its calls are prepared or made for the first time."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest

from store import MqError, SharedRecord, Store
from store.model.clock import ManualClock

TABLES = {
    "mq_leases": "id, due, ends, deliveries, token is null, started, record, was_due",
    "mq_slots": "id, cursor, leases, held, waiting",
    "mq_shares": "reader, turn",
    "mq_attempts": "lease, number, started, ended, outcome",
}


class Place:
    """A store whose calls are made by one handle, so that they are prepared, or by a new one each.

    Both do the same steps, chosen by a seed.
    """

    def __init__(self, path: Path, partitions: int, *, prepared: bool) -> None:
        self.path = path
        self.clock = ManualClock()
        self.answers: list[object] = []
        self._kept = self._open() if prepared else None
        self._held: list[SharedRecord] = []
        with self._open() as store:
            store.create_topic("events", partitions=partitions)
            store.create_share("work", "events", max_in_flight=10)

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
        chance, number = random.random(), len(self.answers)
        if chance < 0.4:
            key, headers = f"k{random.randrange(9)}", random.choice([None, {"a": "b"}])
            self.call(lambda store: store.produce("events", str(number), key=key, headers=headers))
        elif chance < 0.75:
            most, lease = random.choice([1, 1, 1, 2, 5]), random.choice([None, None, 1])
            acquired = self.call(lambda store: store.acquire("work", most, lease=lease))
            self._held += acquired
            self.answers.append([record._replace(receipt="") for record in acquired])
        elif self._held:
            receipt = [self._held.pop(random.randrange(len(self._held))).receipt]
            name = random.choice(["ack", "ack", "ack", "nack", "unreceive", "reject"])
            self.answers.append((name, self.call(lambda store: getattr(store, name)(receipt))))
        if chance > 0.98:
            self.call(lambda store: store.alter_share("work", max_in_flight=3 + number % 9))
        self.clock.advance(random.choice([0, 0, 0.001, 0.02, 0.6]))

    def rows(self) -> dict[str, list[Any]]:
        """Return what the tables hold, without tokens."""
        if self._kept is not None:
            self._kept.close()
        with closing(sqlite3.connect(self.path)) as connection:
            return {
                table: connection.execute(f"select {columns} from {table} order by 1").fetchall()
                for table, columns in TABLES.items()
            }


@pytest.mark.parametrize("partitions", [1, 3])
@pytest.mark.parametrize("seed", range(2))
def test_a_prepared_receive_acquires_what_the_first_one_does(
    partitions: int, seed: int, tmp_path: Path
) -> None:
    warm = Place(tmp_path / "warm.db", partitions, prepared=True)
    cold = Place(tmp_path / "cold.db", partitions, prepared=False)
    for place in (warm, cold):
        random = Random(f"{partitions} {seed}")
        for _ in range(120):
            place.step(random)

    assert warm.answers == cold.answers
    assert warm.rows() == cold.rows()
