"""Queues in a file, from PyPI."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from .contenders import Contender, Unavailable


def _library(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        raise Unavailable(f"{name} is not installed") from None


class LiteQueue(Contender):
    """litequeue: put, pop (which locks) and done; a batch is one transaction of its own."""

    name = "litequeue"

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


class Huey(Contender):
    """huey's SqliteStorage: enqueue and dequeue, which deletes at once."""

    name = "huey"
    redelivers = False

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
    redelivers = False

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
