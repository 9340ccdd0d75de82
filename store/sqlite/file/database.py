"""Connections and transactions: the one way into the file.

Every thread gets a read-only connection and, once it writes, a writing one. A read transaction
sees one state; a write transaction is BEGIN IMMEDIATE under the lock file, so it never has to be
retried half-way.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from store import sqlite
from store.crash import crash_point
from store.model.clock import Clock
from store.model.errors import Damaged, MqError, StoreFull, StoreUnusable
from store.sqlite.file import connections, files, lockfile
from store.sqlite.file.connections import (
    ReadOnlyConnection,
    ThreadConnections,
    WritingConnection,
    translated,
)
from store.sqlite.file.lockfile import CLOSING, IN_USE, REPLACING, Mark, WriteLock
from store.sqlite.file.settings import SettingsCache
from store.sqlite.file.timekeeping import CARRIED_EVERY, store_time
from store.sqlite.file.transactions import (
    Parameters,
    Row,
    Snapshot,
    WriteTransaction,
)

__all__ = ["Database", "Parameters", "Row", "Snapshot", "WriteTransaction"]

if TYPE_CHECKING:
    from store.sqlite.file.bell import Bell
    from store.sqlite.file.turns import Waiter

T = TypeVar("T")


class States(dict[type, Any]):
    """The state that others keep for as long as the store is open, each in a class of its own.

    `states[Sweeps]` makes the state when it is first asked for, and costs no call afterwards.
    """

    if TYPE_CHECKING:

        def __getitem__(self, owner: type[T]) -> T: ...

    def __missing__(self, owner: type[T]) -> T:
        state: T = self.setdefault(owner, owner())
        return state


class Database:
    """One store file as one process sees it."""

    def __init__(self, path: Path, clock: Clock, timeout: float) -> None:
        self.path = path
        self.clock = clock
        self.timeout = timeout
        # Whether this is a child of fork, which must not touch its parent's connections.
        self.is_inherited = False
        # The reason to refuse every call; empty while the store can be used.
        self.refusal = ""
        # Before any look at the file: that may be ahead of it, and must not be behind.
        mark = lockfile.read_mark(path)
        if mark is not None and mark.state == REPLACING:
            sqlite.file.drafts.settle(path, timeout)
            mark = None
        self.files = files.OpenFiles(path)
        self.threads = connections.Threads()
        # The turn to write, the threads that wait for it, and whether there are any; see `turns`.
        self.turn = threading.RLock()
        self.queue: deque[Waiter] = deque()
        self.busy: list[bool] = []
        # The thread that has its turn for a batch, by its identifier.
        self.leader = 0
        # The boot clock's reading that stands in the file beside its store time; and the wall times
        # from which, and until which, that is known to be no older than it may be.
        self.carried = -CARRIED_EVERY
        self.carried_at = self.carry_again = 0
        # Wall times: a writer has looked whether the file has its name, and when one looks again.
        self.looked_at = self.look_again = 0
        self._is_open = False
        self._is_closed = False
        # Whether confirmed commits are missing and the file does not say so yet.
        self.has_unnoted_loss = False
        # Whether the log beside the file may belong to another one.
        self.has_doubtful_log = False
        # A longer log, in bytes, is kept by readers from beginning anew.
        self.long_log = 0
        # The remembered settings, of the generation that was committed last when any thread looked.
        # A statement that goes by them checks the generation.
        self.settings = SettingsCache(0)
        self._checked_generation = 0
        self.states = States()
        self._bell: Bell | None = None
        _open_databases.add(self)
        try:
            self._check_format()
            self._read_settings(mark)
            self._begin_boot()
            self._is_open = True
        except BaseException as error:
            self.close()
            if mark is not None and isinstance(error, Damaged):
                sqlite.file.losses.refuse_foreign_log(self.files, self.clock.boot_id(), mark)
            raise

    def _read_settings(self, mark: Mark | None) -> None:
        row = 0 if mark is None else mark.row
        with translated(self.path):
            settings = files.read_settings(self.read_only(), row)
            self.durability, self.uuid, self.copy, number, lost = settings
        # Whether there is a warning for the process that opens the store.
        self.has_news = lost > 0
        if mark is not None and not mark.agrees(number, self.files.version()):
            sqlite.file.losses.examine(self, mark)
            self.has_news = self.has_news or self.has_unnoted_loss or self.has_doubtful_log

    def _begin_boot(self) -> None:
        # Now, so that waiting messages move on though no call comes for a while. Damage is reported
        # by the call that needs the row.
        with suppress(MqError), self.read() as tx:
            store_time(tx)

    def read(self) -> Snapshot:
        """Return a block for one read transaction, on this thread's read-only connection."""
        return Snapshot(self)

    def write(
        self, timeout: float | None = None, until: Callable[[], bool] | None = None
    ) -> WriteTransaction:
        """Return a block for one write transaction; raises `Busy` after `timeout` or `until()`."""
        return WriteTransaction(self, timeout, until)

    def read_only(self) -> sqlite3.Connection:
        """Return this thread's read-only connection."""
        return self.reader().connection

    def reader(self) -> ReadOnlyConnection:
        """Return this thread's read-only connection with its cursor."""
        self.refuse_unusable()
        mine = self.this_thread()
        if mine.reader is None:
            is_alone = self.files.are_closed_for_good()
            connection = connections.open_alone(self.path) if is_alone else self._open_reader()
            mine.reader = ReadOnlyConnection(connection, connection.cursor())
            self.files.add_sides()
        return mine.reader

    def _open_reader(self) -> sqlite3.Connection:
        # To read, too, SQLite needs room: for the index of the log.
        while True:
            try:
                return connections.open_reader(self.path, self.timeout)
            except StoreFull:
                if not sqlite.file.reserve.give_to_reader(self.path, self.timeout):
                    raise

    def writer(self) -> WritingConnection:
        """Return this thread's writing connection, with its cursor and its lock, not yet taken."""
        self.refuse_unusable()
        mine = self.this_thread()
        if mine.writer is None:
            # The read-only connection stays open to the end, so that closing the writing one is
            # never the last close of the file: that would checkpoint outside the lock.
            self.read_only()
            lock = WriteLock(self.path)
            self.files.add(str(lockfile.lock_path(self.path)))
            self.noted_as = lock.mark_of(self.uuid, self.copy, self.clock.boot_id())
            connection = connections.open_writer(self.path, self.durability, self.limits())
            mine.writer = WritingConnection(connection, connection.cursor(), lock)
        return mine.writer

    def limits(self) -> list[str]:
        """Return the pragmas that keep the file and its log within their sizes, and some room
        free.
        """
        most = self._setting("max_bytes")
        pages = [] if most is None else [most // files.PAGE_SIZE - files.RESERVED_PAGES]
        log = files.log_length(self.path)
        # A longer log is cut when it begins anew, so that its size is its length.
        self.long_log = 2 * log * files.PAGE_SIZE
        limits = [f"wal_autocheckpoint = {log}", f"journal_size_limit = {self.long_log}"]
        return [*limits, *(f"max_page_count = {count}" for count in pages)]

    def with_reserve(self, call: Callable[[], T]) -> T:
        """Return the result of a call of one transaction that frees room or settles messages.

        While the disk is full it gets room from the reserve, and is repeated.
        """
        while True:
            try:
                return call()
            except StoreFull:
                if not sqlite.file.reserve.give(self):
                    raise

    def have_room(self) -> None:
        """Get room from the reserve beforehand, for a call that can't be repeated.

        New messages are refused in it all the same.
        """
        if not files.has_room(self.path):
            sqlite.file.reserve.give(self)

    def refuse_inside_transaction(self) -> None:
        """Raise when this thread has a write transaction open: it would wait for itself."""
        mine = self.threads.local.connections
        if mine is not None and mine.writer is not None and mine.writer.connection.in_transaction:
            raise connections.inside_transaction()

    def checkpoint(self) -> None:
        """Move the write-ahead log into the file and empty it, as far as readers allow."""
        self.refuse_inside_transaction()
        with self.this_thread():
            connection, _, lock = self.writer()
            lock.acquire(self.timeout)
            try:
                lock.set_state(CLOSING)
                with translated(self.path):
                    connection.execute("pragma wal_checkpoint(truncate)").fetchall()
                crash_point("checkpoint.after")
                lock.note_file(IN_USE, self.files.version())
            finally:
                lock.release()

    def look_at_log(self, tx: WriteTransaction) -> None:
        """Restart the log if readers have let it grow long, while the lock is held."""
        size = self.files.log_size()
        if size > self.long_log or tx.lock.has_long_log:
            sqlite.file.long_log.shorten(tx, size)

    def check_same_file(self, writer: sqlite3.Connection | None = None) -> None:
        """Raise when a name no longer leads to the file that was opened by it.

        With a `writer`, while the lock is held: it still has the log that may have been removed.
        """
        name = self.files.replaced()
        if name is not None:
            if writer is not None and self.files.are_nobody_elses():
                connections.save_log(writer)
            raise files.was_replaced(name)

    def look_at_file(self, writer: sqlite3.Connection, wall: int) -> None:
        """Raise as `check_same_file` does, and look again no earlier than in a millisecond."""
        self.check_same_file(writer)
        self.looked_at, self.look_again = wall, wall + 1

    def changed(self) -> int:
        """Return a number that differs after any commit by others; raises `StoreUnusable`."""
        with self.this_thread(), translated(self.path):
            connection = self.read_only()
            self.check_same_file()
            return int(connection.execute("pragma data_version").fetchone()[0])

    @property
    def bell(self) -> Bell:
        """The bell that commits ring, for waits."""
        bell = self._bell
        if bell is None:
            bell = self._bell = sqlite.file.bell.Bell(self.path)
        return bell

    def memory(self, generation: int) -> SettingsCache:
        """Return the remembered settings of a committed generation."""
        memory = self.settings
        if memory.generation != generation:
            memory = self.settings = SettingsCache(generation)
        return memory

    def memory_for_writing(self, generation: int, *, is_committed: bool) -> SettingsCache:
        """Return the remembered settings for a write transaction that saw this generation.

        Unless that is a committed one, they may be those of another. Raises `NewerStore` when a
        newer program has upgraded the store.
        """
        if generation != self._checked_generation:
            version = self.writer().connection.execute("pragma user_version").fetchone()[0]
            files.check_version(self.path, version)
            if is_committed:
                self._checked_generation = generation
        return self.memory(generation) if is_committed else self.settings

    def is_carried(self, wall: int) -> bool:
        """Return whether the pair of boot time and store time in the file is new enough."""
        age = self.clock.boot() - self.carried
        if not 0 <= age < CARRIED_EVERY:
            return False
        self.carried_at, self.carry_again = wall, wall + CARRIED_EVERY - age
        return True

    def close(self) -> None:
        """Close every thread's connections, once it is not in a call; no call works after it.

        The last process to close the store leaves its file whole, with no log beside it.
        """
        if not self.is_inherited:
            self.refuse_inside_transaction()
            is_sound = self._is_open and not self.refusal
            self._bell = None
            self._is_closed = True
            self.refusal = self.refusal or f"{self.path} was closed"
            opened = self.threads.take_all()
            if is_sound:
                connections.close_store(opened, self.files)
            else:
                connections.close_all(opened)

    def __del__(self) -> None:
        # A program that forgets its store, or ends without closing it, leaves it closed.
        with suppress(Exception):
            if not self._is_closed:
                self.close()

    def give_up(self, why: str) -> None:
        """Refuse every further call: the state of the connections can't be trusted any more."""
        self.refusal = why

    def this_thread(self) -> ThreadConnections:
        """Yield the connections of this thread, which stay open meanwhile."""
        mine = self.threads.local.connections
        if mine is None:
            self.refuse_unusable()
            mine, ended = self.threads.add_current()
            if ended:
                # Not before this thread has the file open: another process might be the last one
                # out in between, and remove the log.
                self.read_only()
                connections.close_all(ended)
        return mine

    def refuse_after_fork(self) -> None:
        """Raise in a child of fork."""
        if self.is_inherited:
            raise StoreUnusable(
                f"{self.path} was opened before fork",
                hint="open the store again in the child process",
            )

    def refuse_unusable(self) -> None:
        """Raise in a child of fork, and when the store was closed or a commit of it failed."""
        self.refuse_after_fork()
        if self.refusal:
            raise StoreUnusable(self.refusal, hint="open the store again")

    def _setting(self, name: str) -> Any:
        return self.read_only().execute(f"select {name} from mq_store").fetchone()[0]

    def _check_format(self) -> None:
        connection = self.read_only()
        with translated(self.path):
            version = files.check_format(connection, self.path)
        if version < files.SCHEMA_VERSION:
            connections.close_all(self.threads.take_all())
            sqlite.file.migrations.upgrade(self.path, version, self.timeout)
            self.files = files.OpenFiles(self.path)


_open_databases: weakref.WeakSet[Database] = weakref.WeakSet()


def _mark_inherited() -> None:
    for database in list(_open_databases):
        database.is_inherited = True
        database.refusal = "the store was opened before fork"


os.register_at_fork(after_in_child=_mark_inherited)
