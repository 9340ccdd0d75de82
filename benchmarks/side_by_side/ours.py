"""mq itself, and the bare SQLite table that bounds what it can reach."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from pathlib import Path

from store import NewRecord, Store

from .contenders import DELETED, Contender, Log

_ROWS_A_STATEMENT = 100


class MqQueue(Contender):
    """mq's queue through its public Python API."""

    name = "mq"
    fills_fast = True

    def open(self, folder: Path, durability: str) -> None:
        self._store = Store.open(folder / "mq.db", create=True, durability=durability)
        self._store.create_queue("q")

    def send(self, value: bytes) -> None:
        self._store.send("q", value)

    def take(self) -> None:
        (message,) = self._store.receive("q")
        self._store.ack([message.receipt or ""])

    def send_batch(self, values: Sequence[bytes]) -> None:
        self._store.send_many("q", values)

    def take_batch(self, number: int) -> None:
        messages = self._store.receive("q", number)
        assert len(messages) == number
        self._store.ack([message.receipt or "" for message in messages])

    def send_at_once(self, values: Sequence[bytes], threads: int) -> None:
        with ThreadPoolExecutor(threads) as pool:
            for _ in pool.map(self.send, values):
                pass

    def close(self) -> None:
        self._store.close()


class MqAutoAck(MqQueue):
    """The same with `auto_ack`, beside those that delete on receive."""

    promise = DELETED
    counts_sends = False

    def take(self) -> None:
        (_,) = self._store.receive("q", auto_ack=True)

    def take_batch(self, number: int) -> None:
        assert len(self._store.receive("q", number, auto_ack=True)) == number


class MqTopic(Log):
    """mq's topic through its public Python API."""

    name = "mq"

    def open(self, folder: Path, durability: str, partitions: int) -> None:
        self._store = Store.open(folder / "mq.db", create=True, durability=durability)
        self._store.create_topic("t", partitions=partitions)

    def append(self, values: Sequence[bytes], keys: Sequence[bytes] | None) -> None:
        if keys is None:
            self._store.produce_many("t", values)
        else:
            self._store.produce_many("t", map(NewRecord, values, keys))

    def read(self, offset: int, number: int) -> int:
        return len(self._store.read("t", offset=offset, limit=number))

    def close(self) -> None:
        self._store.close()


class _Table:
    """A connection to one table with an id and a value, as fast as SQLite goes."""

    def __init__(self, folder: Path, durability: str) -> None:
        self.connection = sqlite3.connect(folder / "bare.db", isolation_level=None)
        for pragma in ("journal_mode = wal", f"synchronous = {durability}", "temp_store = memory"):
            self.connection.execute(f"pragma {pragma}")
        self.connection.execute("create table t (id integer primary key, value blob)")

    def insert_each(self, values: Sequence[bytes]) -> None:
        self.connection.execute("begin immediate")
        self.connection.executemany("insert into t (value) values (?)", [(v,) for v in values])
        self.connection.execute("commit")

    def insert_rows(self, values: Sequence[bytes]) -> None:
        self.connection.execute("begin immediate")
        for first in range(0, len(values), _ROWS_A_STATEMENT):
            rows = values[first : first + _ROWS_A_STATEMENT]
            marks = ",".join(["(?)"] * len(rows))
            self.connection.execute(f"insert into t (value) values {marks}", rows)
        self.connection.execute("commit")


class BareQueue(Contender):
    """A table from which a reader deletes each row that it takes: no leases, no counts."""

    name = "bare table"
    promise = DELETED
    fills_fast = True

    def open(self, folder: Path, durability: str) -> None:
        self._table = _Table(folder, durability)

    def send(self, value: bytes) -> None:
        self._table.connection.execute("insert into t (value) values (?)", (value,))

    def take(self) -> None:
        self._table.connection.execute(
            "delete from t where id = (select min(id) from t) returning value"
        ).fetchall()

    def send_batch(self, values: Sequence[bytes]) -> None:
        self._table.insert_each(values)

    def take_batch(self, number: int) -> None:
        self._table.connection.execute(
            "delete from t where id in (select id from t order by id limit ?) returning value",
            (number,),
        ).fetchall()

    def close(self) -> None:
        self._table.connection.close()


class BareLog(Log):
    """A table filled by executemany and read by id; it has no partitions and ignores keys."""

    name = "bare table"

    def open(self, folder: Path, durability: str, partitions: int) -> None:
        self._table = _Table(folder, durability)

    def append(self, values: Sequence[bytes], keys: Sequence[bytes] | None) -> None:
        self._table.insert_each(values)

    def read(self, offset: int, number: int) -> int:
        rows = self._table.connection.execute(
            "select id, value from t where id > ? order by id limit ?", (offset, number)
        )
        return len(rows.fetchall())

    def close(self) -> None:
        self._table.connection.close()


class BareLogInRows(BareLog):
    """The same table filled by statements of a hundred rows each: the limit."""

    name = "bare multi-row"

    def append(self, values: Sequence[bytes], keys: Sequence[bytes] | None) -> None:
        self._table.insert_rows(values)


class BareColumns(Log):
    """A table with the columns of a record, which a read returns as rows."""

    name = "bare columns"

    def open(self, folder: Path, durability: str, partitions: int) -> None:
        self._connection = sqlite3.connect(folder / "bare.db", isolation_level=None)
        self._connection.execute("pragma journal_mode = wal")
        self._connection.execute(f"pragma synchronous = {durability}")
        self._connection.execute(
            "create table t (id integer primary key, timestamp, key, headers, value)"
        )

    def append(self, values: Sequence[bytes], keys: Sequence[bytes] | None) -> None:
        self._connection.execute("begin immediate")
        self._connection.executemany(
            "insert into t (timestamp, key, value) values (1700000000000, ?, ?)",
            zip(keys or repeat(None, len(values)), values, strict=True),
        )
        self._connection.execute("commit")

    def read(self, offset: int, number: int) -> int:
        rows = self._connection.execute(
            "select id, timestamp, key, headers, value from t where id > ? order by id limit ?",
            (offset, number),
        )
        return len(rows.fetchall())

    def close(self) -> None:
        self._connection.close()
