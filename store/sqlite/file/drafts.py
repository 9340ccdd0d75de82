"""A file gets a store's name whole: it is written under another one, and renamed.

The lock of the name is held from the first byte to the last, so a draft that is found under the
lock belongs to a dead process. A log and an index beside the name belong to the former file: SQLite
would take them for the new one's, so they go.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from store.crash import crash_point
from store.model.errors import BadInput, Exists, MqError, from_system
from store.model.maintenance import Progress
from store.sqlite.file import losses
from store.sqlite.file.files import PAGE_SIZE, SIDE_FILES, uri
from store.sqlite.file.lockfile import REPLACING, Mark, WriteLock, lock_path

_DRAFT = re.compile(r"\.[0-9a-f]{8}\.new")
_BESIDE_A_DRAFT = ("", "-journal", "-lock", *SIDE_FILES)
# Names that SQLite or mq would take for a file beside a store.
_TAKEN = ("-journal", "-lock", *SIDE_FILES)


def check_name(path: Path) -> None:
    """Raise `BadInput` when no store can have that name."""
    longest = path.name + ".00000000.new-journal"
    if path.is_dir():
        raise BadInput(f"{path} is a folder", hint="name a file in it")
    if not path.parent.is_dir():
        raise BadInput(f"{path.parent} is not a folder")
    if path.name.endswith(_TAKEN) or _DRAFT.fullmatch(path.name[-13:]):
        raise BadInput(f"{path} has the name of a file beside a store", hint="choose another name")
    if len(os.fsencode(longest)) > os.pathconf(path.parent, "PC_NAME_MAX"):
        raise BadInput(f"the name of {path} is too long", hint="choose a shorter one")


@contextmanager
def new_file(
    path: Path, timeout: float, *, over: bool = False, keeps_lock: bool = True
) -> Iterator[Path]:
    """Yield an empty draft of mode 0600, which gets the name when the block ends.

    Raises `Exists` when a file has the name, unless it is to go `over` that; then the next call of
    processes that have it open fails. `keeps_lock` leaves the lock file for the users of the store.
    """
    check_name(path)
    lock = WriteLock(path)
    try:
        lock.acquire(timeout)
        finish_replacing(path, lock.mark())
        if path.exists() and not over:
            raise Exists(f"{path} exists already", hint="name a new file")
        _remove_dead_drafts(path)
        with _draft(path) as draft:
            yield draft
            crash_point("draft.written")
            _sync(draft)
            _put_in_place(draft, path, lock)
        if not keeps_lock:
            lock_path(path).unlink(missing_ok=True)
    finally:
        lock.close()


def _put_in_place(draft: Path, path: Path, lock: WriteLock) -> None:
    if path.exists():
        # Until the new file is there the log belongs to the old one, from then on to none: even a
        # process after a crash knows which of the two holds.
        lock.note_replacing(_inode(draft), _number(draft) or 0)
        _sync(lock_path(path))
    else:
        _remove_sides(path)
    crash_point("draft.noted")
    os.rename(draft, path)
    crash_point("draft.renamed")
    _sync(path.parent)
    _remove_sides(path)
    crash_point("draft.alone")
    _forget(path, lock)


def finish_replacing(path: Path, mark: Mark | None) -> None:
    """Finish, while the lock is held, the replacement that a killed process began."""
    if mark is not None and mark.state == REPLACING and _is_the_new_one(path, mark):
        _remove_sides(path)


def settle(path: Path, timeout: float) -> None:
    """Finish a replacement under a name that a process began, or wait until it has."""
    lock = WriteLock(path)
    try:
        lock.acquire(timeout)
        mark = lock.mark()
        finish_replacing(path, mark)
        if mark is not None and mark.state == REPLACING:
            _forget(path, lock)
    finally:
        lock.close()


def _forget(path: Path, lock: WriteLock) -> None:
    # On the disk too: after a power cut that note would cost the new file its own log.
    lock.forget()
    _sync(lock_path(path))


def _is_the_new_one(path: Path, mark: Mark) -> bool:
    # By its number as a copy; the inode serves for the copies that an upgrade keeps, which may be
    # of a schema without one.
    return bool(_number(path) == mark.copy if mark.copy else _inode(path) == mark.file)


def _number(path: Path) -> int | None:
    with suppress(sqlite3.Error, MqError):
        number: int = losses.alone(path).execute("select copy from mq_store").fetchone()[0]
        return number
    return None


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return 0


def _remove_sides(path: Path) -> None:
    removed = [path.with_name(path.name + suffix) for suffix in SIDE_FILES]
    removed = [side for side in removed if side.exists()]
    for side in removed:
        side.unlink()
    if removed:
        _sync(path.parent)


def _remove_dead_drafts(path: Path) -> None:
    for name in os.listdir(path.parent):
        rest = name.removeprefix(path.name)
        if name.startswith(path.name) and _DRAFT.match(rest) and rest[13:] in _BESIDE_A_DRAFT:
            path.with_name(name).unlink(missing_ok=True)


@contextmanager
def _draft(path: Path) -> Iterator[Path]:
    draft = path.with_name(f"{path.name}.{os.urandom(4).hex()}.new")
    try:
        os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
    except OSError as error:
        raise from_system(error, f"{path} can't be written") from error
    try:
        yield draft
    except BaseException:
        for suffix in _BESIDE_A_DRAFT:
            with suppress(OSError):
                draft.with_name(draft.name + suffix).unlink()
        if not path.exists():
            # No process waits for the lock of a missing store.
            lock_path(path).unlink(missing_ok=True)
        raise


def write_copy(
    connection: sqlite3.Connection, draft: Path, progress: Progress | None = None
) -> None:
    """Write a compact copy of a store, of any schema, into an empty draft.

    `progress` is called with the bytes written and the total.
    """
    size = _copied_size(connection) if progress else 0

    def look() -> None:
        if progress is not None:
            progress(min(draft.stat().st_size, size), size)

    with watched(connection, look):
        connection.execute("vacuum into ?", (uri(draft, "rw"),))
    with opened(draft) as copy:
        number_copy(copy)
        # VACUUM INTO leaves a rollback journal behind, with which readers and writers would meet.
        copy.execute("pragma journal_mode = wal")


@contextmanager
def watched(connection: sqlite3.Connection, look: Callable[[], None]) -> Iterator[None]:
    """Call a function again and again while long statements of the connection run."""
    connection.set_progress_handler(look, 5_000)
    try:
        yield
    finally:
        connection.set_progress_handler(_go_on, 200_000)


def _go_on() -> None:
    """Let Python see a Ctrl-C during a long statement."""


def _copied_size(connection: sqlite3.Connection) -> int:
    pages, free = (
        connection.execute(f"pragma {name}").fetchone()[0]
        for name in ("page_count", "freelist_count")
    )
    return int(pages - free) * PAGE_SIZE


@contextmanager
def opened(draft: Path) -> Iterator[sqlite3.Connection]:
    """Open a plain connection to a draft."""
    connection = sqlite3.connect(uri(draft, "rw"), uri=True, isolation_level=None)
    try:
        yield connection
    finally:
        connection.close()


def number_copy(copy: sqlite3.Connection) -> None:
    """Tell a copy from every other one: a lock file of one says nothing about another."""
    columns = {column[1] for column in copy.execute("pragma table_info(mq_store)")}
    if "copy" in columns:
        number = int.from_bytes(os.urandom(8), "big") >> 1
        copy.execute("update mq_store set copy = ?", (number,))


def remove_lock(draft: Path) -> None:
    """Remove the lock file of a draft that was opened as a store."""
    lock_path(draft).unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
