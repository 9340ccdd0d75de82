"""Lost confirmed commits: how many, since when, and a log of another file.

Every commit has a number. It stands in the file, in a row that the commit changed, and in the lock
file beside it. A file that lacks the last number in the lock file has lost the end of its log.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from store import model
from store.model.errors import Busy, Hint, MqError, StoreUnusable
from store.model.maintenance import CommitLoss, describe_loss
from store.sqlite.file import connections, files, lockfile
from store.sqlite.file.connections import translated
from store.sqlite.file.lockfile import CLOSED, IN_USE, Mark, WriteLock
from store.sqlite.file.transactions import Snapshot, WriteTransaction

if TYPE_CHECKING:
    from store.sqlite.file.database import Database

# Seconds for which an open waits for a writer that may be in the middle of a commit.
_SETTLING = 0.5
_NEWEST = (
    "select max(last_commit, ifnull((select max(last_commit) from mq_partitions), 0),"
    " ifnull((select max(last_commit) from mq_slots), 0)) from mq_store"
)


def examine(database: Database, mark: Mark) -> None:
    """Look closer when a store is opened that does not match its lock file.

    Raises `StoreUnusable` where the log does not belong to the file.
    """
    connection = database.read_only()
    with translated(database.path):
        number = _newest(connection)
    # A commit that is not noted yet explains any change of the file.
    if not (mark.is_of(database.uuid, database.copy) and number > mark.commits):
        refuse_foreign_log(database.files, database.clock.boot_id(), mark, connection)
    database.has_unnoted_loss = _is_behind(database, mark, number)
    own = database.files
    # A copy with all its times, and no less a new owner: so it is reported, and not refused.
    database.has_doubtful_log = _is_touched(own, database.clock.boot_id(), mark) and mark.explains(
        own.version()
    )


def refuse_foreign_log(
    own: files.OpenFiles, boot_id: str, mark: Mark, connection: sqlite3.Connection | None = None
) -> None:
    """Raise `StoreUnusable` when the file was replaced while the log of the former one lay there.

    `connection` reads the two together, where they can be read.
    """
    if not _is_suspect(own, boot_id, mark):
        return
    lock = WriteLock(own.path)
    try:
        # A writer may have been about to note its commit.
        lock.acquire(_SETTLING)
        known = lock.mark()
        if known and _is_suspect(own, boot_id, known) and not _is_in_file(own.path, connection):
            raise _foreign_log(own.path)
    except Busy:
        return
    finally:
        lock.close()


def _is_suspect(own: files.OpenFiles, boot_id: str, mark: Mark) -> bool:
    return _is_touched(own, boot_id, mark) and not mark.explains(own.version())


def _is_touched(own: files.OpenFiles, boot_id: str, mark: Mark) -> bool:
    # Whether the file of a store in use was touched since its log was written.
    if not (mark.state == IN_USE and mark.is_original and own.has_log_of(mark.noted)):
        return False
    inode, _, touched = own.version()
    # A power cut may have undone the times of a file, so after a boot they say nothing.
    is_this_boot = mark.boot == lockfile.boot_number(boot_id)
    return inode != mark.file or (is_this_boot and touched > mark.noted)


def _is_in_file(path: Path, connection: sqlite3.Connection | None) -> bool:
    # Another program may have moved the log into the file: then the file alone has all of it.
    if connection is None:
        return False
    with suppress(sqlite3.Error, MqError):
        return _content(alone(path)) == _content(connection)
    return False


def alone(path: Path) -> sqlite3.Connection:
    """Return a connection to a file without its log; this process may have the store open too."""
    connection = connections.open_alone(path)
    _never_closed.append(connection)
    return connection


_never_closed: list[sqlite3.Connection] = []


def _content(connection: sqlite3.Connection) -> tuple[bytes, int, int]:
    uuid, copy = connection.execute("select uuid, copy from mq_store").fetchone()
    return uuid, copy, _newest(connection)


def _foreign_log(path: Path) -> StoreUnusable:
    return StoreUnusable(
        f"{path} was replaced while a killed process had left its log, {path.name}-wal",
        hint=Hint(
            f"for the file as it is: mv {path} FILE && {{}}; for what the log says: {{}}",
            model.looks.Restore(model.actions.Blank("FILE"), str(path)),
            model.actions.AcceptLosses(),
        ),
    )


def last_known_commit(tx: WriteTransaction, mark: Mark | None) -> int:
    """Return the number of the newest commit, from the rows if the lock file lacks it."""
    number = _newest(tx.connection)
    if mark is None or not mark.is_of(tx.database.uuid, tx.database.copy):
        return number
    if _is_behind(tx.database, mark, number):
        _note(tx, mark, number)
    return max(number, mark.commits)


def _note(tx: WriteTransaction, mark: Mark, number: int) -> None:
    tx.execute(
        "update mq_store set lost_commits = lost_commits + :commits,"
        " lost_since = min(ifnull(lost_since, :since), :since)",
        {"commits": mark.commits - number, "since": _since(tx.connection, tx.database, number)},
    )
    database = tx.database
    tx.after_commit.append(lambda: setattr(database, "has_unnoted_loss", False))


def lost(tx: Snapshot) -> CommitLoss | None:
    """Return the missing confirmed commits, unless they were accepted."""
    commits, since = tx.rows("select lost_commits, lost_since from mq_store")[0]
    # A write transaction begins by noting it.
    is_unnoted = tx.database.has_unnoted_loss and not isinstance(tx, WriteTransaction)
    mark = lockfile.read_mark(tx.database.path) if is_unnoted else None
    if mark is not None and mark.is_of(tx.database.uuid, tx.database.copy):
        number = _newest(tx.connection)
        if _is_behind(tx.database, mark, number):
            commits += mark.commits - number
            known = _since(tx.connection, tx.database, number)
            since = known if since is None else min(since, known)
    return CommitLoss(commits, since) if commits else None


def tell(database: Database, hear: Callable[[str], None] | None) -> None:
    """Report missing commits to `hear`, or to the logger `mq`."""
    if hear is None:
        from logging import getLogger

        hear = getLogger("mq").warning
    if database.has_doubtful_log:
        hear(
            f"{database.path} was touched while a killed process had left its log, and shows what"
            " the log says; if a copy was put there: mq restore COPY"
        )
    with database.read() as tx:
        loss = lost(tx)
    if loss is not None:
        hear(f"{database.path}: {describe_loss(loss)}; see mq doctor")


def accept_log(path: Path, timeout: float) -> None:
    """Accept the log beside a file as its own, independent of the lock file."""
    lock = WriteLock(path)
    try:
        lock.acquire(timeout)
        lock.note_file(IN_USE, files.OpenFiles(path).version())
    finally:
        lock.close()


def accept(tx: WriteTransaction) -> None:
    """End the warnings about missing commits."""
    tx.execute("update mq_store set lost_commits = 0, lost_since = null")


def _newest(connection: sqlite3.Connection) -> int:
    number: int = connection.execute(_NEWEST).fetchone()[0]
    return number


def _is_behind(database: Database, mark: Mark, number: int) -> bool:
    if not mark.is_of(database.uuid, database.copy) or mark.commits <= number:
        return False
    # A file that mq closed, and that is another one now, was put there by a person.
    return mark.state != CLOSED or mark.is_closed_as(database.files.version())


def _since(connection: sqlite3.Connection, database: Database, number: int) -> int:
    times = [at for commits, at in lockfile.read_times(database.path) if commits <= number]
    created: int = connection.execute("select created from mq_store").fetchone()[0]
    return max([created, *times])
