"""The store as a file: its place, its creation, and its identity."""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
import time
from pathlib import Path
from urllib.parse import quote

from store import model, sqlite
from store.model.clock import Clock
from store.model.errors import (
    BadInput,
    Exists,
    ForeignFile,
    Hint,
    NewerStore,
    NotFound,
    StoreUnusable,
    from_system,
)
from store.model.settings import DURABILITIES
from store.sqlite.file.lockfile import Version

APPLICATION_ID = 0x6D717364  # "mqsd"
SCHEMA_VERSION = 4
PAGE_SIZE = 4096
# Room on the disk for calls that free room: about the length of the log before it is moved into the
# file, so that it still can be. On a small file system it is an eighth.
MOST_RESERVE = 4 << 20
# Others may be filling the disk as well, so a call gets little at a time, in bytes.
PIECE_OF_RESERVE = 512 << 10
# Bytes of `max_bytes` that are kept for the same calls.
RESERVED_PAGES = 64
_LONGEST_LOG = 1000
SIDE_FILES = ("-wal", "-shm")
# The coarsest resolution of a folder's time, in nanoseconds.
_TICK = 2_000_000_000

# Names and paths up to so many characters are short enough for every file system.
_CERTAIN_NAME = 60
_CERTAIN_PATH = 1_000
_GONE = (FileNotFoundError, NotADirectoryError)
_NETWORK_FILE_SYSTEMS = {
    "9p", "afs", "beegfs", "ceph", "cifs", "davfs", "fuse.davfs2", "fuse.gcsfuse",
    "fuse.glusterfs", "fuse.grpcfuse", "fuse.osxfs", "fuse.s3fs", "fuse.sshfs", "glusterfs",
    "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "smb2", "smb3", "smbfs", "vboxsf",
    "virtiofs", "vmhgfs", "fuse.vmhgfs-fuse",
}  # fmt: skip


def resolve(path: str | os.PathLike[str]) -> Path:
    """Return the absolute path of a store, symbolic links followed once; raises `BadInput`."""
    try:
        text = os.fsdecode(path)
    except TypeError:
        raise BadInput(f"a path is text, not {type(path).__name__}") from None
    if not text or "\0" in text:
        raise BadInput(
            f"not a usable path for a store: {text!r}", hint=Hint("name a file: {path shop.db}")
        )
    try:
        resolved = Path(text).expanduser().resolve()
    except RuntimeError as error:
        # No user has the home folder of ~name, or symbolic links lead in a circle.
        raise BadInput(f"not a usable path for a store: {text!r}: {error}") from error
    if max(map(len, resolved.parts)) > _CERTAIN_NAME or len(text) > _CERTAIN_PATH:
        _check_length(resolved)
    return resolved


def _check_length(path: Path) -> None:
    try:
        os.lstat(path)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise BadInput(
                f"the name of {path} is too long", hint="choose a shorter one"
            ) from error


def identity(path: Path) -> tuple[int, int]:
    """Return device and inode of the store; raises when it is not one regular file."""
    try:
        status = path.stat()
    except FileNotFoundError:
        raise NotFound(
            f"no store at {path}", hint=Hint("{}", model.looks.Init(str(path)))
        ) from None
    except OSError as error:
        raise from_system(error, f"the store {path} can't be reached") from error
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
        raise ForeignFile(f"{path} is {kind}", hint="a store is one file, such as .mq/store.db")
    if status.st_nlink > 1:
        raise StoreUnusable(
            f"{path} has {status.st_nlink} hard links",
            hint="SQLite loses data when a database is opened by two names; remove one link",
        )
    return status.st_dev, status.st_ino


class OpenFiles:
    """The files of an open store, and whether they still have their names.

    A removal or renaming changes the time of the folder, so while that stays one look is enough.
    """

    __slots__ = ("_folder", "_folder_name", "_known", "_name", "_sides", "path")

    def __init__(self, path: Path) -> None:
        self.path = path
        # `os.stat` takes a string in half the time.
        self._name = str(path)
        self._folder_name = str(path.parent)
        self._sides = [self._name + suffix for suffix in SIDE_FILES]
        self._known: dict[str, tuple[int, int] | None] = {self._name: identity(path)}
        self._folder: tuple[int, int, int] | None = None

    def add_sides(self) -> None:
        """Remember the log and its index, once SQLite has opened them."""
        for name in self._sides:
            self.add(name)

    def add(self, name: str) -> None:
        """Remember the present file of a name, unless one is remembered."""
        self._known.setdefault(name, _identity(name))

    def replaced(self) -> str | None:
        """Return the name of a file that was removed or replaced, or `None`."""
        try:
            status = os.stat(self._folder_name)
        except _GONE:
            return self._name
        except OSError as error:
            raise from_system(error, f"{self._folder_name} can't be reached") from error
        folder = (status.st_dev, status.st_ino, status.st_mtime_ns)
        if folder == self._folder:
            return None
        for name, known in self._known.items():
            if _identity(name) != known:
                return name
        # A time that is not over yet may be that of the next change too.
        is_over = time.time_ns() - status.st_mtime_ns > _TICK
        self._folder = folder if is_over else None
        return None

    def version(self) -> Version:
        """Return the inode of the store's file, and the times of its last changes."""
        try:
            status = os.stat(self._name)
        except OSError:
            return 0, 0, 0
        return status.st_ino, status.st_mtime_ns, status.st_ctime_ns

    def have_log(self) -> bool:
        """Return whether a log stands beside the file."""
        return _identity(self._sides[0]) is not None

    def log_size(self) -> int:
        """Return how many bytes the file of the log has."""
        try:
            return os.stat(self._sides[0]).st_size
        except OSError:
            return 0

    def are_closed(self) -> bool:
        """Return whether no process has the store open, and no killed one has left a log."""
        return not self.have_log()

    def are_closed_for_good(self) -> bool:
        """Return whether the store is closed, and this process can't even make a log to read it
        with.
        """
        return not (self.have_log() or os.access(self._folder_name, os.W_OK))

    def has_log_of(self, time: int) -> bool:
        """Return whether a log stands beside the file that was not written since a time, in ns."""
        try:
            log = os.stat(self._sides[0])
        except OSError:
            return False
        return log.st_size > 0 and log.st_mtime_ns <= time

    def are_nobody_elses(self) -> bool:
        """Return whether the store is the one that was opened, and its log too or removed."""
        return _identity(self._name) == self._known[self._name] and all(
            _identity(name) in (None, self._known.get(name)) for name in self._sides
        )


def reserve_size(path: Path) -> int:
    """Return how many bytes of its disk a store keeps in reserve."""
    return min(MOST_RESERVE, _bytes_of_disk(path) // 8) // PAGE_SIZE * PAGE_SIZE


def has_room(path: Path) -> bool:
    """Return whether a transaction of usual size finds room on the disk."""
    try:
        disk = os.statvfs(path.parent)
    except OSError:
        return True
    return disk.f_bavail * disk.f_frsize >= PIECE_OF_RESERVE


def log_length(path: Path) -> int:
    """Return how many pages the log may have before it is moved into the file."""
    # A quarter of the reserve on a small disk, where a log and its result must both fit.
    return max(16, min(_LONGEST_LOG, _bytes_of_disk(path) // 32 // PAGE_SIZE))


def _bytes_of_disk(path: Path) -> int:
    try:
        disk = os.statvfs(path.parent)
    except OSError as error:
        raise from_system(error, f"{path.parent} can't be reached") from error
    return disk.f_blocks * disk.f_frsize


def was_replaced(name: str) -> StoreUnusable:
    """Return the error of a store whose file was removed or replaced while it was open."""
    return StoreUnusable(
        f"{name} was removed or replaced while the store was open",
        hint="open the store again; its files belong together, so move or remove none while any"
        " process has it open",
    )


def _identity(name: str) -> tuple[int, int] | None:
    try:
        status = os.stat(name)
    except _GONE:
        return None
    except OSError as error:
        raise from_system(error, f"{name} can't be reached") from error
    return status.st_dev, status.st_ino


def uri(path: Path, mode: str) -> str:
    """Return the path as an SQLite URI, so that no name is taken for an option.

    The mode `alone` reads the file without its log, without locks, and leaves nothing beside it.
    """
    how = "mode=ro&immutable=1" if mode == "alone" else f"mode={mode}"
    return f"file:{quote(os.fsencode(path))}?{how}"


def check_format(connection: sqlite3.Connection, path: Path) -> int:
    """Return the schema of a store; raises when the file is none, or newer than this program."""
    application = connection.execute("pragma application_id").fetchone()[0]
    version: int = connection.execute("pragma user_version").fetchone()[0]
    if application != APPLICATION_ID:
        raise ForeignFile(
            f"{path} is not an mq store",
            hint=Hint("choose another file with {path}, or {}", model.looks.Init()),
        )
    check_version(path, version)
    return version


def check_version(path: Path, version: int) -> None:
    """Raise when the schema is newer than this program."""
    if version > SCHEMA_VERSION:
        raise NewerStore(
            f"{path} has schema {version}; this mq knows {SCHEMA_VERSION}",
            hint="install a newer mq",
        )


def read_settings(connection: sqlite3.Connection, row: int) -> tuple[str, bytes, int, int, int]:
    """Return durability, uuid, number of this copy, newest commit in that row, and lost commits.

    The row is that of a mark in the lock file.
    """
    settings: tuple[str, bytes, int, int, int] = connection.execute(
        "select durability, uuid, copy, max(last_commit,"
        " ifnull((select last_commit from mq_partitions where id = :row >> 1 and :row & 1 = 0), 0),"
        " ifnull((select last_commit from mq_slots where id = :row >> 1 and :row & 1), 0)),"
        " lost_commits from mq_store",
        {"row": row},
    ).fetchone()
    return settings


def refuse_network_file_system(path: Path) -> None:
    """Raise when the folder lies on a file system that does not share memory between hosts."""
    kind = _file_system_of(path)
    if kind in _NETWORK_FILE_SYSTEMS:
        raise StoreUnusable(
            f"{path} lies on a network file system ({kind}), where SQLite's WAL is not safe",
            hint=Hint("use a local disk, or {allow_network_fs} if only this machine opens it"),
        )


def _file_system_of(path: Path) -> str:
    try:
        mounts = os.fsdecode(Path("/proc/self/mounts").read_bytes()).splitlines()
    except OSError:
        return ""
    best, kind = "", ""
    for line in mounts:
        _, point, file_system, *_ = line.split(" ")
        point = point.replace("\\040", " ")
        inside = point == "/" or str(path) == point or str(path).startswith(point + "/")
        if inside and len(point) >= len(best):
            best, kind = point, file_system
    return kind


def check_durability(durability: str) -> None:
    """Raise `BadInput` unless it is `full` or `normal`."""
    if durability not in DURABILITIES:
        raise BadInput(f"not a durability: {durability!r}", hint="full or normal")


def create(path: Path, durability: str, clock: Clock, timeout: float) -> bool:
    """Create the store whole or not at all; return False when another process was first."""
    try:
        with sqlite.file.drafts.new_file(path, timeout) as draft:
            _fill(draft, durability, clock)
    except Exists:
        return False
    return True


def _fill(draft: Path, durability: str, clock: Clock) -> None:
    connection = sqlite3.connect(uri(draft, "rw"), uri=True, isolation_level=None)
    try:
        connection.execute(f"pragma page_size = {PAGE_SIZE}")
        connection.execute("pragma auto_vacuum = incremental")
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = full")
        connection.execute("begin immediate")
        for statement in schema_statements():
            connection.execute(statement)
        _insert_first_rows(connection, durability, clock)
        connection.execute(f"pragma application_id = {APPLICATION_ID}")
        connection.execute(f"pragma user_version = {SCHEMA_VERSION}")
        connection.execute("commit")
    finally:
        connection.close()


def _insert_first_rows(connection: sqlite3.Connection, durability: str, clock: Clock) -> None:
    connection.execute(
        "insert into mq_store (id, uuid, created, durability)"
        " values (1, :uuid, :created, :durability)",
        {"uuid": os.urandom(16), "created": clock.wall(), "durability": durability},
    )
    connection.execute(
        "insert into mq_clock (id, boot_id, boot, store) values (1, :boot_id, :boot, :store)",
        {"boot_id": clock.boot_id(), "boot": clock.boot(), "store": clock.wall()},
    )


def schema_statements() -> list[str]:
    """Return the statements of schema.sql, in order."""
    return split_statements(Path(__file__).with_name("schema.sql").read_text(encoding="utf-8"))


def split_statements(text: str) -> list[str]:
    """Return the statements of an SQL script, in order."""
    statements, current = [], ""
    for line in text.splitlines(keepends=True):
        current += line
        if sqlite3.complete_statement(current):
            statements.append(current.strip())
            current = ""
    return statements


def require_folder(folder: Path) -> None:
    """Raise `NotFound` unless the folder exists."""
    if not folder.is_dir():
        raise NotFound(f"the folder {folder} does not exist", hint=f"mkdir -p {folder}")
