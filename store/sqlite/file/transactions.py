"""Transactions: the state of one that reads or writes, and the block around one that writes."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import chain
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any

from store import sqlite
from store.crash import crash_point
from store.model.errors import MqError
from store.sqlite.file import connections
from store.sqlite.file.connections import begin, translate, translated
from store.sqlite.file.lockfile import IN_USE
from store.sqlite.file.settings import SettingsCache
from store.sqlite.file.timekeeping import carry, is_stale, store_time

if TYPE_CHECKING:
    from store.model.addresses import Kind
    from store.model.errors import NotFound
    from store.sqlite.file.database import Database
    from store.sqlite.file.lockfile import WriteLock

Parameters = Mapping[str, object] | Sequence[object]
Row = tuple[Any, ...]
# More rows gain little. Each length is a statement that stays prepared, and to prepare a row takes
# as long as to insert ten, so there are few lengths and short ones.
_ROWS_A_STATEMENT = (64, 32, 16, 8, 4, 2, 1)

# The log is looked at once in this many commits, of any process: each time would cost 4 %.
_LOOKS_AT_LOG = 8


def array(numbers: Iterable[int]) -> str:
    """Return whole numbers as one parameter, which SQL takes apart again with `json_each`."""
    return f"[{','.join(map(str, numbers))}]"


class Snapshot:
    """A read transaction: all its statements see the same state of the store."""

    __slots__ = (
        "_memory", "_now", "_wall", "ahead_of_boot", "connection", "database", "gone_holders",
    )  # fmt: skip

    def __init__(self, database: Database, connection: sqlite3.Connection) -> None:
        self.database = database
        self.connection = connection
        self._memory: SettingsCache | None = None
        self._now: int | None = None
        self._wall: int | None = None
        # By how many milliseconds store time is ahead of the boot clock, once it was looked up.
        self.ahead_of_boot: int | None = None
        # Looked up once, see `holders.gone`.
        self.gone_holders: frozenset[int] | None = None

    def memory(self) -> SettingsCache:
        """Return the remembered settings as of this transaction."""
        if self._memory is None:
            self._memory = self.database.memory(self.generation())
        return self._memory

    def generation(self) -> int:
        """Return the number that every change of settings raises."""
        number: int = self.value("select generation from mq_store")
        return number

    def rows(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        """Return all rows of a query, fetched whole: an open cursor would pin the WAL."""
        return self.connection.execute(sql, parameters).fetchall()

    def row(self, sql: str, parameters: Parameters = ()) -> Row | None:
        """Return the first row of a query, if there is one."""
        row: Row | None = self.connection.execute(sql, parameters).fetchone()
        return row

    def value(self, sql: str, parameters: Parameters = ()) -> Any:
        """Return the first column of the first row; `None` without a row."""
        row = self.connection.execute(sql, parameters).fetchone()
        return None if row is None else row[0]

    def missing(self, name: str, *kinds: Kind) -> NotFound:
        """Return the error for a name that is none of these kinds; see `sqlite.missing`."""
        return sqlite.missing.missing(self, name, *kinds)

    @property
    def now(self) -> int:
        """Store time in milliseconds, the same throughout the transaction."""
        if self._now is None:
            self._now = store_time(self)
        return self._now

    @property
    def wall(self) -> int:
        """Unix time in milliseconds, the same throughout the transaction."""
        if self._wall is None:
            self._wall = self.database.clock.wall()
        return self._wall


class WriteTransaction(Snapshot):
    """A write transaction: it is stored whole or not at all.

    `afterwards` is work that it made due in transactions of its own; it runs once this one is
    stored and the lock is free. `number` counts the commits of the store. It is written into a row
    that is changed anyway, where there is one: a row of its own would be a page more to write.
    """

    __slots__ = ("_began", "_changes", "_committed", "_row", "after_commit", "lock", "number")

    def __init__(
        self,
        database: Database,
        connection: sqlite3.Connection,
        committed: SettingsCache,
        lock: WriteLock,
    ) -> None:
        super().__init__(database, connection)
        self.after_commit: list[Callable[[], object]] = []
        self.lock = lock
        self._row: int | None = None
        self._committed = committed
        self._began = self._changes = connection.total_changes
        last = lock.last_commit(database.noted_as)
        if last is None or database.has_unnoted_loss:
            last = sqlite.file.losses.last_known_commit(self, lock.mark())
        self.number = last + 1

    def memory(self) -> SettingsCache:
        """Return the remembered settings; nothing once this transaction has changed any.

        Its changes may be undone, and their number be taken by others.
        """
        changes = self.connection.total_changes
        if changes != self._changes:
            if self.generation() != self._committed.generation:
                return SettingsCache(0)
            self._changes = changes
        return self._committed

    def require_reserve(self) -> None:
        """Raise `StoreFull` where the disk has no room for anything new; see `reserve`."""
        if not self.lock.has_reserve or self.lock.lends:
            sqlite.file.reserve.require(self)

    def has_changed(self) -> bool:
        """Return whether the transaction has changed any row so far."""
        return self.connection.total_changes != self._began

    def number_anew(self, *, has_more: bool) -> None:
        """Write the number once more: one call may have removed the row of another.

        `has_more` says that there were changes which are no rows.
        """
        self._row = None
        self._began -= has_more

    def write_number(self) -> None:
        """Write the number of this commit into the store's own row, if no other row bears it."""
        if self._row is None and self.has_changed():
            self._row = 0
            with translated(self.database.path):
                self.execute("update mq_store set last_commit = ?", (self.number,))

    def note_commit(self) -> None:
        """Note this commit beside the file, while the lock is held."""
        look = self.database.files.version
        if self._row is None:
            self.lock.note_file(IN_USE, look())
        else:
            self.lock.note(self.database.noted_as, self.number, self.wall, self._row, look)

    def number_partition(self, id: int) -> int:
        """Return the number of this commit, for a row of mq_partitions."""
        self._row = id << 1
        return self.number

    def number_slot(self, id: int) -> int:
        """Return the number of this commit, for a row of mq_slots."""
        self._row = id << 1 | 1
        return self.number

    def remember_nothing(self) -> None:
        """Look everything up anew from here on: the latest notes may be undone."""
        self._committed = SettingsCache(-1)

    def execute(self, sql: str, parameters: Parameters = ()) -> int:
        """Run one statement and return how many rows it changed."""
        return self.connection.execute(sql, parameters).rowcount

    def insert(self, sql: str, parameters: Parameters = ()) -> int:
        """Run one insert and return the new row's id."""
        identifier = self.connection.execute(sql, parameters).lastrowid
        assert identifier is not None
        return identifier

    def many(self, sql: str, parameters: Iterator[Parameters] | Sequence[Parameters]) -> None:
        """Run one statement once per set of parameters."""
        self.connection.executemany(sql, parameters)

    def delete_rows(self, table: str, ids: Sequence[int]) -> None:
        """Delete the rows with these ids; together they take two thirds of the time of `many`."""
        if len(ids) == 1:
            self.connection.execute(f"delete from {table} where id = ?", ids)
        else:
            self.connection.execute(
                f"delete from {table} where id in (select value from json_each(?))",
                (array(ids),),
            )

    def insert_row(self, table: str, row: Mapping[str, object]) -> None:
        """Insert one row; `None` values are left out, since binding them costs more."""
        given = {name: value for name, value in row.items() if value is not None}
        self.connection.execute(_row_statement(table, tuple(given)), tuple(given.values()))

    def insert_columns(self, table: str, columns: Mapping[str, object]) -> None:
        """Insert rows that are given by column, many to a statement.

        A list or tuple holds a value for each row, a range is counted by the statement, `None` is
        left out, and any other value stands in every row. Bytes go through `blobs` first.
        """
        shared, lists = {}, {}
        for name, column in columns.items():
            if isinstance(column, list | tuple):
                lists[name] = column
            elif column is not None:
                shared[name] = column
        marks = [f"?{n}{'+row' * isinstance(c, range)}" for n, c in enumerate(shared.values(), 1)]
        row = ",".join(marks + ["?"] * len(lists))
        into = f"{table} ({','.join([*shared, *lists])})"
        values = list(chain.from_iterable(zip(*lists.values(), strict=True)))
        first, width = 0, len(lists)
        for rows in _cut(len(values) // width):
            bound = [c[first] if isinstance(c, range) else c for c in shared.values()]
            bound += values[first * width : (first + rows) * width]
            self.connection.execute(_insert_statement(into, row, rows), bound)
            first += rows


class WriteBlock:
    """One write transaction as a `with` block: commit at its end, rollback on any exception."""

    # Whether this thread has its turn before the block begins; see `turns`.
    has_turn = False

    __slots__ = ("_connection", "_database", "_lock", "_mine", "_timeout", "_tx", "_until")

    def __init__(
        self, database: Database, timeout: float, until: Callable[[], bool] | None = None
    ) -> None:
        self._database = database
        self._timeout = timeout
        self._until = until

    def __enter__(self) -> WriteTransaction:
        deadline = monotonic() + self._timeout
        database = self._database
        self._mine = database.this_thread()
        self._mine.__enter__()
        try:
            self._connection, self._lock = database.writer()
            if self._connection.in_transaction:
                raise connections.inside_transaction()
        except BaseException:
            self._mine.__exit__()
            raise
        try:
            left = self._timeout
            if not self.has_turn and (database.queue or not database.turn.acquire(False)):
                left = sqlite.file.turns.wait(database, left, self._until)
            database.busy.append(True)
            self._lock.acquire(left, self._until)
            return self._open(deadline)
        except BaseException:
            sqlite.file.turns.leave(database)
            self._mine.__exit__()
            raise

    def _open(self, deadline: float) -> WriteTransaction:
        database = self._database
        try:
            database.check_same_file(self._connection)
            begin(self._connection, deadline, self._timeout)
            memory = database.memory_for_writing(self._connection)
            self._tx = WriteTransaction(database, self._connection, memory, self._lock)
            return self._tx
        except BaseException as error:
            self._abandon()
            meaning = translate(error, database.path)
            if meaning is not error:
                raise meaning from error
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            self._commit()
            return
        self.roll_back()
        meaning = translate(error, self._database.path)
        if meaning is not error:
            raise meaning from error

    def _commit(self) -> None:
        self._database.refuse_after_fork()
        try:
            self._carry_clock()
            self._tx.write_number()
            crash_point("commit.before")
            connections.commit(self._connection, self._database)
            crash_point("commit.after")
            if not self._tx.number % _LOOKS_AT_LOG:
                self._database.look_at_log(self._tx)
            self._tx.note_commit()
        finally:
            self._end()
        if self._tx.after_commit:
            self._keep_up()

    def _carry_clock(self) -> None:
        if is_stale(self._tx) and self._tx.has_changed():
            with translated(self._database.path):
                carry(self._tx)

    def roll_back(self) -> None:
        """Undo uncommitted changes and release the lock; a child of fork leaves it alone."""
        if not self._database.is_inherited:
            self._end()

    def _end(self) -> None:
        try:
            self._abandon()
        finally:
            database = self._database
            if not database.queue:
                database.busy.clear()
            database.turn.release()
            if database.queue:
                sqlite.file.turns.call_next(database)
            self._mine.__exit__()

    def _keep_up(self) -> None:
        # The transaction is stored, and no error may say otherwise: a later writer catches up.
        with suppress(MqError):
            for call in self._tx.after_commit:
                call()

    def _abandon(self) -> None:
        try:
            if self._connection.in_transaction and not connections.roll_back(self._connection):
                self._database.give_up(f"{self._database.path}: a transaction can't be undone")
        finally:
            self._lock.release()


def blobs(column: Sequence[bytes | None] | None) -> list[bytearray | None] | None:
    """Return bytes in the form that sqlite3 binds fastest: bytes make it look for an adapter."""
    if column is None:
        return None
    try:
        return list(map(bytearray, column))  # type: ignore[arg-type]
    except TypeError:  # no value is among them
        return [None if value is None else bytearray(value) for value in column]


def _cut(rows: int) -> Iterator[int]:
    for length in _ROWS_A_STATEMENT:
        while rows >= length:
            yield length
            rows -= length


@lru_cache
def _row_statement(table: str, columns: tuple[str, ...]) -> str:
    marks = ",".join("?" * len(columns))
    return f"insert into {table} ({','.join(columns)}) values ({marks})"


@lru_cache
def _insert_statement(into: str, row: str, rows: int) -> str:
    numbered = [f"({row.replace('row', str(number))})" for number in range(rows)]
    return f"insert into {into} values {','.join(numbered)}"
