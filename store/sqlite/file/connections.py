"""SQLite connections as a store opens them, and SQLite's errors as ours."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import NamedTuple

from store import sqlite
from store.crash import crash_point
from store.model.errors import Busy, MqError, OutcomeUnknown, from_system
from store.sqlite.file import files, lockfile
from store.sqlite.file.lockfile import WriteLock

LARGEST_VALUE = 64 << 20
_LENGTH_LIMIT = LARGEST_VALUE + (1 << 20)
_FOREIGN_READER_WAIT_MS = 500
# Seconds for which a close waits for a call of another thread.
_CLOSING_WAIT = 5.0
# Seconds for which the last process waits for another one that is closing too.
_LAST_OUT_WAIT = 0.1
# A Python callback now and then lets Ctrl-C end a long statement.
_OPCODES_BETWEEN_CALLBACKS = 200_000


class ReadOnlyConnection(NamedTuple):
    """A read-only connection, and the one cursor that runs its statements."""

    connection: sqlite3.Connection
    cursor: sqlite3.Cursor


class WritingConnection(NamedTuple):
    """A writing connection, the one cursor that runs its statements, and the lock of its file."""

    connection: sqlite3.Connection
    cursor: sqlite3.Cursor
    lock: WriteLock


class ThreadConnections:
    """The connections of one thread: a read-only one, and a writing one with its lock.

    `calls` counts calls under way: their connections stay open until they end.
    """

    __slots__ = ("calls", "reader", "thread", "writer")

    def __init__(self) -> None:
        self.thread = threading.current_thread()
        self.calls = 0
        self.reader: ReadOnlyConnection | None = None
        self.writer: WritingConnection | None = None

    def is_idle(self) -> bool:
        """Return whether no call uses them, after a short wait for one that does."""
        deadline = monotonic() + _CLOSING_WAIT
        while self.calls and self.thread.is_alive():
            if monotonic() >= deadline:
                return False
            sqlite.file.lock_waiting.pause()
        return True

    def __enter__(self) -> None:
        self.calls += 1

    def __exit__(self, *_: object) -> None:
        self.calls -= 1

    def close_writer(self) -> None:
        """Close the writing connection, then give the lock's descriptor back."""
        if self.writer is not None:
            self.writer.cursor.close()
            self.writer.connection.close()
            self.writer.lock.close()

    def close_reader(self) -> None:
        """Close the read-only connection."""
        if self.reader is not None:
            # With a statement that was not run to its end SQLite would close it some time later.
            self.reader.cursor.close()
            self.reader.connection.close()


class PerThread(threading.local):
    """The connections of the calling thread."""

    connections: ThreadConnections | None = None


class Threads:
    """The connections of all threads of a process to one store."""

    def __init__(self) -> None:
        self.local = PerThread()
        self._opened: list[ThreadConnections] = []
        self._opening = threading.Lock()

    def add_current(self) -> tuple[ThreadConnections, list[ThreadConnections]]:
        """Register connections for this thread; return those of ended threads, to be closed.

        Otherwise a program that starts a thread per call would run out of descriptors.
        """
        mine = self.local.connections = ThreadConnections()
        with self._opening:
            ended = [each for each in self._opened if not each.thread.is_alive()]
            self._opened = [each for each in self._opened if each.thread.is_alive()]
            self._opened.append(mine)
        return mine, ended

    def take_all(self) -> list[ThreadConnections]:
        """Return all connections, to close them; the threads begin anew."""
        with self._opening:
            opened, self._opened = self._opened, []
            self.local = PerThread()
        return opened


def close_all(opened: Iterable[ThreadConnections]) -> None:
    """Close the connections of threads that begin no more calls, and leave the log where it is.

    A call that goes on keeps its connections.
    """
    _close_apart([each for each in opened if each.is_idle()])


def _close_apart(idle: Sequence[ThreadConnections]) -> None:
    # The close of a writing connection is then never the last one of the file: it would move the
    # log into the file without the lock, and remove any log that has that name by now.
    for each in idle:
        each.close_writer()
    for each in idle:
        each.close_reader()


def close_store(opened: Sequence[ThreadConnections], own: files.OpenFiles) -> None:
    """Close the connections of threads; the last process to close leaves the file whole and alone.

    If the log can't be moved into the file, because a call goes on, the lock is taken, the folder
    read-only or the disk full, a later close does it.
    """
    idle = [each for each in opened if each.is_idle()]
    lock = _lock_for_closing(own) if idle and len(idle) == len(opened) else None
    if lock is None:
        _close_apart(idle)
        return
    try:
        if not lock.try_acquire():
            # A holder in a transaction closes later than this. A closing one may have left the file
            # to this one, and then no other process comes after.
            is_closing = lock.state() == lockfile.CLOSING
            _close_apart(idle)
            if not is_closing:
                return
            idle = []
            sqlite.file.lock_waiting.poll(lock, _LAST_OUT_WAIT)
        _close_locked(idle, own, lock)
    except Busy:
        return
    finally:
        lock.close()


def _lock_for_closing(own: files.OpenFiles) -> WriteLock | None:
    try:
        return WriteLock(own.path)
    except MqError:
        return None


def _close_locked(idle: Sequence[ThreadConnections], own: files.OpenFiles, lock: WriteLock) -> None:
    last = _last_connection(idle, own)
    if last is None:
        _close_apart(idle)
        return
    lock.begin_closing(own.version())
    for each in idle:
        each.close_reader()
        if each.writer is None or each.writer.connection is not last:
            each.close_writer()
        else:
            each.writer.cursor.close()
    crash_point("close.before")
    # SQLite knows whether any other has the file open; if none has, it moves the log into it.
    last.close()
    crash_point("close.after")
    lock.note_file(lockfile.IN_USE if own.have_log() else lockfile.CLOSED, own.version())
    for each in idle:
        if each.writer is not None:
            each.writer.lock.close()


def _last_connection(
    idle: Sequence[ThreadConnections], own: files.OpenFiles
) -> sqlite3.Connection | None:
    last = next((each.writer.connection for each in idle if each.writer is not None), None)
    if not own.are_nobody_elses():
        return None
    if own.replaced() is not None:
        if last is not None:
            save_log(last)
        return last
    try:
        # Without the settings of a writer: some have SQLite read the whole schema first.
        last = last or _connect(own.path, "rw")
        # A connection that has read nothing does not know of the log, and leaves it.
        last.execute("pragma checkpoint_fullfsync = on")
        last.execute("pragma schema_version").fetchone()
    except sqlite3.Error:
        return None
    return last


def save_log(writer: sqlite3.Connection) -> None:
    """Move the log of a writing connection into the file, as far as readers allow."""
    with suppress(sqlite3.Error):
        writer.execute("pragma wal_checkpoint(passive)").fetchall()


def begin_late(
    cursor: sqlite3.Cursor, error: sqlite3.Error, deadline: float, timeout: float
) -> None:
    """Begin a write transaction that another program kept from beginning, while the lock is held.

    `error` is that of the first try, and raised again unless it says so. Raises `Busy` at the
    deadline.
    """
    # Only a foreign writer, such as the sqlite3 program, can still be in the way here.
    while error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
        if monotonic() >= deadline:
            raise Busy(
                f"the store is busy: locked by a program other than mq for {timeout:g} s",
                hint="close the program that writes to it",
            ) from error
        sqlite.file.lock_waiting.pause()
        try:
            cursor.execute("begin immediate")
            return
        except sqlite3.OperationalError as again:
            error = again
    raise error


def inside_transaction() -> MqError:
    """Return the error of a call that would wait for the transaction of its own thread."""
    return MqError(
        "this thread has a transaction open",
        hint="call the transaction's own methods: tx.produce(…), tx.read(…)",
    )


def open_reader(path: Path, timeout: float) -> sqlite3.Connection:
    """Return a read-only connection that has the file and its log open.

    It waits up to `timeout` seconds for a process that closes the store as the last one: that
    process has the file for itself until the log is in it.
    """
    reader = _open(path, "ro", [f"busy_timeout = {_FOREIGN_READER_WAIT_MS}"])
    deadline = monotonic() + timeout
    try:
        while True:
            try:
                with translated(path):
                    reader.execute("pragma schema_version").fetchone()
                return reader
            except Busy:
                if monotonic() >= deadline:
                    raise
    except BaseException:
        reader.close()
        raise


def open_alone(path: Path) -> sqlite3.Connection:
    """Return a connection to the file of a closed store, or to a file without its log.

    Its close drops all locks that this process has on the file.
    """
    return _open(path, "alone", [])


def open_writer(path: Path, durability: str, limits: Iterable[str]) -> sqlite3.Connection:
    """Return a writing connection; SQLite keeps `synchronous` and the limits, pragmas, per
    connection.
    """
    pragmas = [
        "busy_timeout = 0",
        f"synchronous = {durability}",
        "fullfsync = on",
        "checkpoint_fullfsync = on",
        "foreign_keys = on",
    ]
    return _open(path, "rw", [*pragmas, *limits])


_ALWAYS = (
    "trusted_schema = off",
    "cell_size_check = on",
    "temp_store = memory",
    "mmap_size = 0",
    "cache_size = -16384",
)


def _open(path: Path, mode: str, pragmas: Iterable[str]) -> sqlite3.Connection:
    with translated(path):
        connection = _connect(path, mode)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LENGTH_LIMIT)
    connection.set_progress_handler(_keep_going, _OPCODES_BETWEEN_CALLBACKS)
    try:
        with translated(path):
            for pragma in (*_ALWAYS, *pragmas):
                connection.execute(f"pragma {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        files.uri(path, mode),
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=512,
    )


def _keep_going() -> int:
    return 0


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Translate an error of SQLite, of the machine, or of damaged values into one of ours."""
    try:
        yield
    except Exception as error:
        meaning = translate(error, path)
        if meaning is error:
            raise
        raise meaning from error


def translate(error: BaseException, path: Path) -> BaseException:
    """Return our error for one of SQLite or the machine; any other as it is.

    An error that comes from damage in the file becomes `Damaged`.
    """
    if isinstance(error, MqError) or not isinstance(error, Exception):
        return error
    try:
        # Few processes ever meet such an error, so few load this.
        from store.sqlite.file import meanings
    except OSError as problem:
        # Not even a descriptor for the module was left.
        return from_system(problem, f"{path} can't be opened")
    return meanings.meaning(error, path)


def roll_back(connection: sqlite3.Connection) -> bool:
    """Undo a transaction, even if that fails: an error before it must be reported."""
    with suppress(sqlite3.Error):
        connection.execute("rollback")
    return not connection.in_transaction


# After these SQLite has undone the transaction, or left it open, before any of it counts.
_NOT_STORED = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_CONSTRAINT}


def is_undone(error: BaseException) -> bool:
    """Return whether nothing is stored when COMMIT failed with this.

    A failed write comes before the commit record is whole in the log; an fsync, and notes in shared
    memory, come after it.
    """
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF in _NOT_STORED or code == sqlite3.SQLITE_IOERR_WRITE


def commit_error(error: BaseException, path: Path) -> BaseException:
    """Return the error of a failed commit: that it is not stored, or that it may be."""
    if is_undone(error):
        return translate(error, path)
    return OutcomeUnknown(
        f"the commit failed, and may or may not be stored: {_name_of(error)}",
        hint="open the store again and look before you repeat it",
    )


def _name_of(error: BaseException) -> str:
    # SQLite's name of an I/O error tells which call failed.
    name: str = getattr(error, "sqlite_errorname", type(error).__name__)
    return f"{error} ({name})" if str(error) else name
