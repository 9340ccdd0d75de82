"""Queues in a file, from PyPI."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from .contenders import DELETED, Contender, Unavailable


def _library(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        raise Unavailable(f"{name} is not installed") from None


class LiteQueue(Contender):
    """litequeue: put, pop (which locks) and done; a batch is one transaction of its own."""

    name = "litequeue"
    fills_fast = True

    def prepare(self, folder: Path) -> None:
        self._module = _library("litequeue")

    def open(self, folder: Path, durability: str) -> None:
        self._queue = self._module.LiteQueue(str(folder / "lite.db"))
        self._queue.conn.execute(f"pragma synchronous = {durability}")

    def send(self, value: bytes) -> None:
        self._queue.put(value.decode())

    def take(self) -> None:
        self._queue.done(self._queue.pop().message_id)

    def send_batch(self, values: Sequence[bytes]) -> None:
        with self._queue.transaction():
            for value in values:
                self._queue.put(value.decode())

    def close(self) -> None:
        self._queue.conn.close()


class PersistQueue(Contender):
    """persist-queue's SQLiteAckQueue: put, get and ack."""

    name = "persist-queue"

    def prepare(self, folder: Path) -> None:
        self._module = _library("persistqueue")

    def open(self, folder: Path, durability: str) -> None:
        self._queue = self._module.SQLiteAckQueue(str(folder / "persist"), auto_commit=True)
        for connection in {self._queue._putter, self._queue._getter}:
            if isinstance(connection, sqlite3.Connection):
                connection.execute(f"pragma synchronous = {durability}")

    def send(self, value: bytes) -> None:
        self._queue.put(value)

    def take(self) -> None:
        self._queue.ack(self._queue.get(block=False))

    def close(self) -> None:
        self._queue.close()


class PersistQueuePlain(PersistQueue):
    """persist-queue's SQLiteQueue: put and get, which deletes at once."""

    name = "persist-queue plain"
    promise = DELETED

    def open(self, folder: Path, durability: str) -> None:
        self._queue = self._module.SQLiteQueue(str(folder / "persist"), auto_commit=True)
        for connection in {self._queue._putter, self._queue._getter}:
            if isinstance(connection, sqlite3.Connection):
                connection.execute(f"pragma synchronous = {durability}")

    def take(self) -> None:
        self._queue.get(block=False)


class LocalQueue(Contender):
    """localqueue: put, get with a lease, and ack; SQLite behind Rust."""

    name = "localqueue"
    fills_fast = True

    def prepare(self, folder: Path) -> None:
        self._module = _library("localqueue")

    def open(self, folder: Path, durability: str) -> None:
        modes = self._module.DurabilityMode
        mode = modes.DURABLE if durability == "full" else modes.RELAXED
        self._queue = self._module.SimpleQueue(str(folder / "local"), durability=mode)

    def send(self, value: bytes) -> None:
        self._queue.put(value.decode())

    def take(self) -> None:
        self._queue.ack(self._queue.get_nowait())

    def send_batch(self, values: Sequence[bytes]) -> None:
        self._queue.put_many([value.decode() for value in values])

    def close(self) -> None:
        self._queue.close()


class Honker(Contender):
    """honker: enqueue, claim and ack; an extension of SQLite, with `synchronous` at normal."""

    name = "honker"
    durabilities = ("normal",)

    def prepare(self, folder: Path) -> None:
        self._module = _library("honker")

    def open(self, folder: Path, durability: str) -> None:
        self._database = self._module.open(str(folder / "honker.db"))
        self._queue = self._database.queue("q")

    def send(self, value: bytes) -> None:
        self._queue.enqueue(value.decode())

    def take(self) -> None:
        self._queue.claim_one("worker").ack()

    def send_batch(self, values: Sequence[bytes]) -> None:
        with self._database.transaction() as tx:
            for value in values:
                self._queue.enqueue(value.decode(), tx=tx)

    def take_batch(self, number: int) -> None:
        jobs = self._queue.claim_batch("worker", number)
        assert len(jobs) == number
        self._queue.ack_batch([job.id for job in jobs], "worker")

    def close(self) -> None:
        self._database.close()


class SimpleBroker(Contender):
    """simplebroker: write and read_one, which deletes at once, on a persistent connection."""

    name = "simplebroker"
    promise = DELETED

    def prepare(self, folder: Path) -> None:
        self._module = _library("simplebroker")

    def open(self, folder: Path, durability: str) -> None:
        config = self._module.resolve_config(override={"BROKER_SYNC_MODE": durability.upper()})
        self._queue = self._module.Queue(
            "q", db_path=str(folder / "simple.db"), persistent=True, config=config
        )

    def send(self, value: bytes) -> None:
        self._queue.write(value.decode())

    def take(self) -> None:
        assert self._queue.read_one() is not None

    def take_batch(self, number: int) -> None:
        assert len(self._queue.read_many(number)) == number

    def close(self) -> None:
        self._queue.close()


class Huey(Contender):
    """huey's SqliteStorage: enqueue and dequeue, which deletes at once."""

    name = "huey"
    promise = DELETED

    def prepare(self, folder: Path) -> None:
        _library("huey")
        self._module = _library("huey.storage")

    def open(self, folder: Path, durability: str) -> None:
        self._storage = self._module.SqliteStorage(filename=str(folder / "huey.db"))
        self._storage.conn.execute(f"pragma synchronous = {durability}")

    def send(self, value: bytes) -> None:
        self._storage.enqueue(value)

    def take(self) -> None:
        self._storage.dequeue()

    def close(self) -> None:
        self._storage.close()


class DiskcacheDeque(Contender):
    """diskcache's Deque: append and popleft, which deletes at once."""

    name = "diskcache"
    promise = DELETED

    def prepare(self, folder: Path) -> None:
        self._module = _library("diskcache")

    def open(self, folder: Path, durability: str) -> None:
        synchronous = {"normal": 1, "full": 2}[durability]
        cache = self._module.Cache(
            str(folder / "deque"), eviction_policy="none", sqlite_synchronous=synchronous
        )
        self._deque = self._module.Deque.fromcache(cache)

    def send(self, value: bytes) -> None:
        self._deque.append(value)

    def take(self) -> None:
        self._deque.popleft()

    def send_batch(self, values: Sequence[bytes]) -> None:
        with self._deque.transact():
            self._deque.extend(values)

    def take_batch(self, number: int) -> None:
        with self._deque.transact():
            for _ in range(number):
                self._deque.popleft()

    def close(self) -> None:
        self._deque.cache.close()
