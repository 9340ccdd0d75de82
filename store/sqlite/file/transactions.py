"""Transactions: `with` blocks that read one state of the store, or write all or nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import chain
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from store import crash, sqlite
from store.model.errors import MqError
from store.sqlite.file import connections
from store.sqlite.file.connections import begin_late, translate, translated
from store.sqlite.file.lockfile import IN_USE
from store.sqlite.file.settings import SettingsCache
from store.sqlite.file.timekeeping import carry, store_time

if TYPE_CHECKING:
    from store.model.addresses import Kind
    from store.model.errors import NotFound
    from store.sqlite.file.connections import ThreadConnections
    from store.sqlite.file.database import Database
    from store.sqlite.file.lockfile import WriteLock

Parameters = Mapping[str, object] | Sequence[object]
Row = tuple[Any, ...]
# Few lengths and short ones: each is a statement to prepare, at ten times the insert of a row.
_ROWS_A_STATEMENT = (64, 32, 16, 8, 4, 2, 1)

# The log is looked at once in this many commits, of any process: each time would cost 4 %.
_LOOKS_AT_LOG = 8

_GENERATION = "select generation from mq_store"
_UNDONE = MqError("the transaction was undone")


def array(numbers: Iterable[int]) -> str:
    """Return whole numbers as one parameter, which SQL takes apart again with `json_each`."""
    return f"[{','.join(map(str, numbers))}]"


class Snapshot:
    """A read transaction: all statements in its block see the same state of the store."""

    __slots__ = (
        "_mine", "ahead_of_boot", "connection", "cursor", "database", "gone_holders", "moment",
        "settings", "wall",
    )  # fmt: skip

    _mine: ThreadConnections

    def __init__(self, database: Database) -> None:
        self.database = database
        # The remembered settings as of this transaction, once they were looked at.
        self.settings: SettingsCache | None = None
        self.moment: int | None = None
        # By how many milliseconds store time is ahead of the boot clock, once it was looked up.
        self.ahead_of_boot: int | None = None
        # Looked up once, see `holders.gone`.
        self.gone_holders: frozenset[int] | None = None

    def __enter__(self) -> Self:
        database = self.database
        mine = self._mine = database.threads.local.connections or database.this_thread()
        mine.calls += 1
        try:
            if mine.writer is not None and mine.writer.connection.in_transaction:
                raise connections.inside_transaction()
            if database.refusal:
                database.refuse_unusable()
            self.connection, self.cursor = mine.reader or database.reader()
            # Unix time in milliseconds, the same throughout the transaction.
            self.wall = database.clock.wall()
            database.check_same_file()
            self.cursor.execute("begin")
        except BaseException as error:
            mine.calls -= 1
            self._raise_meaning(error)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if self.connection.in_transaction:
                connections.roll_back(self.connection)
        finally:
            self._mine.calls -= 1
        if error is not None:
            self._raise_meaning(error)

    def _raise_meaning(self, error: BaseException) -> None:
        # Any other error than one of SQLite or the machine goes on by itself.
        meaning = translate(error, self.database.path)
        if meaning is not error:
            raise meaning from error

    def memory(self) -> SettingsCache:
        """Return the remembered settings as of this transaction."""
        if self.settings is None:
            self.settings = self.database.memory(self.value(_GENERATION))
        return self.settings

    def rows(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        """Return all rows of a query, fetched whole: an open cursor would pin the WAL."""
        return self.cursor.execute(sql, parameters).fetchall()

    def row(self, sql: str, parameters: Parameters = ()) -> Row | None:
        """Return the first row of a query, if there is one."""
        row: Row | None = self.cursor.execute(sql, parameters).fetchone()
        return row

    def value(self, sql: str, parameters: Parameters = ()) -> Any:
        """Return the first column of the first row; `None` without a row."""
        row = self.cursor.execute(sql, parameters).fetchone()
        return None if row is None else row[0]

    def missing(self, name: str, *kinds: Kind) -> NotFound:
        """Return the error for a name that is none of these kinds; see `sqlite.missing`."""
        return sqlite.missing.missing(self, name, *kinds)

    @property
    def now(self) -> int:
        """Store time in milliseconds, the same throughout the transaction."""
        if self.moment is None:
            self.moment = store_time(self)
        return self.moment


class WriteTransaction(Snapshot):
    """A write transaction: stored whole at the end of its block, undone on any exception.

    `after_commit` is work that it made due in transactions of its own; it runs once this one is
    stored and the lock is free. `number` counts the commits of the store. It is written into a row
    that is changed anyway, where there is one: a row of its own would be a page more to write.
    """

    __slots__ = (
        "_began", "_changes", "_timeout", "_until", "after_commit", "lock", "number",
        "numbered_row",
    )  # fmt: skip

    lock: WriteLock

    def __init__(
        self, database: Database, timeout: float | None = None,
        until: Callable[[], bool] | None = None,
    ) -> None:  # fmt: skip
        self.database = database
        self._timeout = database.timeout if timeout is None else timeout
        self._until = until
        self.settings = self.moment = self.ahead_of_boot = self.gone_holders = None
        # Twice the id of the row of mq_partitions with its number, or that of mq_slots, and 1.
        self.numbered_row: int | None = None
        self.after_commit: list[Callable[[], object]] = []

    def __enter__(self) -> Self:
        deadline = monotonic() + self._timeout
        database = self.database
        mine = self._mine = database.threads.local.connections or database.this_thread()
        # Before it is known whether the store was closed: a close later than that waits for it.
        mine.calls += 1
        try:
            if database.refusal:
                database.refuse_unusable()
            self.connection, self.cursor, self.lock = mine.writer or database.writer()
            if self.connection.in_transaction:
                raise connections.inside_transaction()
        except BaseException:
            mine.calls -= 1
            raise
        try:
            left = self._timeout
            if database.queue or not database.turn.acquire(False):
                left = sqlite.file.turns.wait(database, left, self._until)
            database.busy.append(True)
            if not self.lock.try_acquire():
                self.lock.wait(left, self._until)
        except BaseException:
            sqlite.file.turns.leave(database, self.lock)
            mine.calls -= 1
            raise
        try:
            self._began = self._changes = self.connection.total_changes
            self.wall = database.clock.wall()
            lock = self.lock
            last = lock.last if lock.was_last else lock.last_commit(database.noted_as)
            if not (lock.was_last and database.looked_at <= self.wall < database.look_again):
                database.look_at_file(self.connection, self.wall)
            try:
                self.cursor.execute("begin immediate")
            except sqlite3.OperationalError as error:
                begin_late(self.cursor, error, deadline, self._timeout)
            if last is None or database.has_unnoted_loss:
                last = sqlite.file.losses.last_known_commit(self, self.lock.mark())
            self.number = last + 1
        except BaseException as error:
            self.__exit__(None, error, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        database = self.database
        if database.is_inherited:
            # A child of fork leaves the transaction of its parent alone.
            if error is None:
                database.refuse_after_fork()
            return
        try:
            if error is None:
                is_fresh = database.carried_at <= self.wall < database.carry_again
                if self.numbered_row is None or self.settings is None or not is_fresh:
                    self._complete()
                if crash.ARMED:
                    crash.crash_point("commit.before")
                try:
                    self.cursor.execute("commit")
                except (sqlite3.Error, MemoryError) as failure:
                    if not connections.is_undone(failure):
                        database.give_up(f"{database.path}: an earlier commit failed: {failure}")
                    raise connections.commit_error(failure, database.path) from failure
                if crash.ARMED:
                    crash.crash_point("commit.after")
                if not self.number % _LOOKS_AT_LOG:
                    database.look_at_log(self)
                row, look = self.numbered_row, database.files.version
                if row is None:
                    self.lock.note_file(IN_USE, look())
                else:
                    self.lock.note(database.noted_as, self.number, self.wall, row, look)
        finally:
            try:
                if self.connection.in_transaction and not connections.roll_back(self.connection):
                    database.give_up(f"{database.path}: a transaction can't be undone")
            finally:
                try:
                    self.lock.release()
                    if not database.queue:
                        database.busy.clear()
                    database.turn.release()
                    if database.queue:
                        sqlite.file.turns.call_next(database)
                except BaseException:  # Ctrl-C, between two steps
                    sqlite.file.turns.leave(database, self.lock)
                    raise
                finally:
                    self._mine.calls -= 1
        if error is not None:
            self._raise_meaning(error)
        elif self.after_commit:
            # The transaction is stored, and no error may say otherwise: a later writer catches up.
            with suppress(MqError):
                for call in self.after_commit:
                    call()

    def _complete(self) -> None:
        """Write what a transaction has to store beside the changes of its calls."""
        database = self.database
        with translated(database.path):
            if self.settings is None:
                # Refuses a store that a newer program has upgraded.
                self.memory()
            if self.connection.total_changes == self._began:
                return
            if not database.is_carried(self.wall):
                carry(self)
            if self.numbered_row is None:
                self.numbered_row = 0
                self.execute("update mq_store set last_commit = ?", (self.number,))

    def roll_back(self) -> None:
        """Undo uncommitted changes and release the lock; a child of fork leaves it alone."""
        self.__exit__(None, _UNDONE, None)

    def memory(self) -> SettingsCache:
        """Return the remembered settings; nothing once this transaction has changed any.

        Its changes may be undone, and their number be taken by others. Raises `NewerStore` when a
        newer program has upgraded the store, which changes settings.
        """
        changes = self.connection.total_changes
        if self.settings is None or changes != self._changes:
            generation = self.value(_GENERATION)
            known = self.settings or self.database.memory_for_writing(
                generation, is_committed=changes == self._began
            )
            if known.generation != generation:
                return SettingsCache(0)
            self.settings, self._changes = known, changes
        return self.settings

    def require_reserve(self) -> None:
        """Raise `StoreFull` where the disk has no room for anything new; see `reserve`."""
        if not self.lock.has_reserve or self.lock.lends:
            sqlite.file.reserve.require(self)

    def number_anew(self, *, has_more: bool) -> None:
        """Write the number once more: one call may have removed the row of another.

        `has_more` says that there were changes which are no rows.
        """
        self.numbered_row = None
        self._began -= has_more

    def number_partition(self, id: int) -> int:
        """Return the number of this commit, for a row of mq_partitions."""
        self.numbered_row = id << 1
        return self.number

    def number_slot(self, id: int) -> int:
        """Return the number of this commit, for a row of mq_slots."""
        self.numbered_row = id << 1 | 1
        return self.number

    def remember_nothing(self) -> None:
        """Look everything up anew from here on: the latest notes may be undone."""
        self.settings = SettingsCache(-1)

    def execute(self, sql: str, parameters: Parameters = ()) -> int:
        """Run one statement and return how many rows it changed."""
        return self.cursor.execute(sql, parameters).rowcount

    def insert(self, sql: str, parameters: Parameters = ()) -> int:
        """Run one insert and return the new row's id."""
        identifier = self.cursor.execute(sql, parameters).lastrowid
        assert identifier is not None
        return identifier

    def many(self, sql: str, parameters: Iterator[Parameters] | Sequence[Parameters]) -> None:
        """Run one statement once per set of parameters."""
        self.connection.executemany(sql, parameters)

    def delete_rows(self, table: str, ids: Sequence[int]) -> None:
        """Delete the rows with these ids; together they take two thirds of the time of `many`."""
        if len(ids) == 1:
            self.cursor.execute(f"delete from {table} where id = ?", ids)
        else:
            self.cursor.execute(
                f"delete from {table} where id in (select value from json_each(?))",
                (array(ids),),
            )

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
            self.cursor.execute(_insert_statement(into, row, rows), bound)
            first += rows


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
def _insert_statement(into: str, row: str, rows: int) -> str:
    numbered = [f"({row.replace('row', str(number))})" for number in range(rows)]
    return f"insert into {into} values {','.join(numbered)}"
