"""Copies of a store as files: backups, and backups put back."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from store.model.clock import Clock
from store.model.errors import BadInput, Damaged, Exists, ForeignFile, StoreUnusable
from store.model.maintenance import Finding, Progress, StoreContents
from store.sqlite.damage import suspicion
from store.sqlite.damage.verification import Verification
from store.sqlite.file import apart, connections, drafts, files, lockfile, losses, migrations
from store.sqlite.file.connections import translated
from store.sqlite.file.database import Database
from store.sqlite.operations import maintenance


def back_up(database: Database, target: Path, progress: Progress | None = None) -> int:
    """Write a compact copy of this moment to a new file of mode 0600; return its size in bytes.

    Readers and writers go on meanwhile. The copy is read whole before it gets its name: `Damaged`
    where the store has problems that `verify` would find. `Exists` when the file exists already.
    """
    drafts.check_name(target)
    if target.exists():
        raise Exists(f"{target} exists already", hint="name a new file")
    with drafts.new_file(target, database.timeout, keeps_lock=False) as draft:
        with translated(target), database.this_thread():
            _copy(database, draft, _first_half(progress))
        _check(draft, database.path, database.clock, database.timeout, progress)
    return target.stat().st_size


def _copy(database: Database, draft: Path, progress: Progress | None) -> None:
    with apart.copied(database.path) as source:
        # Damage in indexes, or in pages without rows, would not be in the copy.
        with translated(database.path), suspicion.inspecting(source) as connection:
            _refuse(Verification(connection).sqlite(), database.path)
        if source == database.path:
            _compact(database.read_only(), database, draft, progress)
            return
        with closing(connections.open_alone(source)) as connection:
            _compact(connection, database, draft, progress)


def _compact(
    connection: sqlite3.Connection, database: Database, draft: Path, progress: Progress | None
) -> None:
    try:
        drafts.write_copy(connection, draft, progress)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        damage = suspicion.damage_behind(error, database.path)
        if damage is None:
            raise
        raise damage from error


def restore(
    backup: Path, target: Path, clock: Clock, timeout: float, progress: Progress | None = None
) -> StoreContents:
    """Put a copy of a backup under the name of a store, whole or not at all; return its contents.

    The next call of processes that have the store open fails, and none writes any more from here
    on. Raises `Damaged` for a backup with problems; then the store stays as it is.
    """
    same = files.identity(backup)
    if target.exists() and (target.stat().st_dev, target.stat().st_ino) == same:
        raise BadInput(f"{backup} is the store itself", hint="name another file")
    with reading(backup, clock, timeout) as connection:
        _refuse_foreign(target, clock, timeout)
        with drafts.new_file(target, timeout, over=True) as draft:
            with translated(backup):
                drafts.write_copy(connection, draft, _first_half(progress))
                migrations.bring_up(draft)
            _check(draft, backup, clock, timeout, progress)
    return contents(target, clock, timeout)


def contents(path: Path, clock: Clock, timeout: float) -> StoreContents:
    """Return the contents of a store's file, closed or in use."""
    with reading(path, clock, timeout) as connection, translated(path):
        topics, queues, records, newest, size = connection.execute(
            "select (select count(*) from mq_channels where kind = 'topic'),"
            " (select count(*) from mq_channels where kind = 'queue'),"
            " (select ifnull(sum(records), 0) from mq_partitions where channel not null),"
            " (select ifnull(max(last_timestamp), 0) from mq_partitions),"
            " (select page_count * page_size from pragma_page_count, pragma_page_size)"
        ).fetchone()
    return StoreContents(size, topics, queues, records, newest)


@contextmanager
def reading(path: Path, clock: Clock, timeout: float) -> Iterator[sqlite3.Connection]:
    """Open a connection that reads a file of any schema, and leaves nothing beside it."""
    own = files.OpenFiles(path)
    connection = connections.open_alone(path) if own.are_closed() else None
    try:
        connection = connection or connections.open_reader(path, timeout)
        mark = lockfile.read_mark(path)
        if mark is not None:
            losses.refuse_foreign_log(own, clock.boot_id(), mark, connection)
        with translated(path):
            files.check_format(connection, path)
        yield connection
    finally:
        if connection is not None:
            connection.close()


def _refuse_foreign(target: Path, clock: Clock, timeout: float) -> None:
    # A store that can't be read at all is the reason to restore, if it can be known as one.
    if not target.exists():
        return
    try:
        with reading(target, clock, timeout):
            return
    except ForeignFile:
        if lockfile.read_mark(target) is None:
            raise
    except StoreUnusable:
        return


def _first_half(progress: Progress | None) -> Progress | None:
    """Return the progress of a copy: half for bytes written, half for bytes verified."""
    return progress and (lambda written, size: progress(written // 2, size))


def _second_half(progress: Progress, size: int) -> Progress:
    return lambda done, total: progress(size // 2 + size * done // max(2 * total, 1), size)


def _check(
    draft: Path, source: Path, clock: Clock, timeout: float, progress: Progress | None
) -> None:
    copy = Database(draft, clock, timeout)
    verified = progress and _second_half(progress, draft.stat().st_size)
    try:
        _refuse(maintenance.verify(draft, verified), source)
    finally:
        copy.close()
        drafts.remove_lock(draft)


def _refuse(problems: Iterable[Finding], source: Path) -> None:
    for first in problems:
        raise Damaged(
            f"{source} is damaged, so no copy was made: {first.address}: {first.problem}",
            hint=suspicion.way_out(source),
        )
