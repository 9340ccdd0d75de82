"""The store: one file that any number of processes use at once."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from time import monotonic
from types import TracebackType

from store import files, maintenance, waiting
from store.api.groups import GroupCalls
from store.api.operations import OperationCalls
from store.api.topics import TopicCalls
from store.clock import Clock, SystemClock
from store.consumer import Consumer
from store.db import Database, Snapshot, Write
from store.errors import NotFound
from store.log.encoding import milliseconds
from store.log.placement import StickyPlacement
from store.models import Seconds
from store.positions import Position, parse_position
from store.producer import Producer
from store.transaction import Transaction

_PAGES_A_STEP = 500


class Store(TopicCalls, GroupCalls, OperationCalls):
    """An open store. It may be used by several threads, and must be opened again after fork."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._placements: dict[str, StickyPlacement] = {}

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        create: bool = False,
        durability: str = "full",
        timeout: float = 30.0,
        clock: Clock | None = None,
        allow_network_fs: bool = False,
    ) -> Store:
        """Open the store at `path`; with `create`, make it first where there is none.

        `durability` applies to a new store: `full` survives a power cut, `normal` a killed process.
        `timeout` is how many seconds a call waits for the write lock. Raises `NotFound`,
        `ForeignFile`, `NewerStore`.
        """
        maintenance.check_durability(durability)
        clock = clock or SystemClock()
        found = files.resolve(path)
        if not allow_network_fs:
            files.refuse_network_file_system(found.parent)
        if create and not found.exists():
            _require_folder(found.parent)
            files.create(found, durability, clock, timeout)
        return cls(Database(found, clock, timeout))

    @property
    def path(self) -> Path:
        """The file, as an absolute path."""
        return self._database.path

    @property
    def clock(self) -> Clock:
        """Where the store takes its time from."""
        return self._database.clock

    def consumer(
        self,
        group: str,
        topics: Iterable[str],
        *,
        member: str | None = None,
        session_timeout: Seconds = 45.0,
        start: str | Position = "earliest",
        timeout: float | None = None,
    ) -> Consumer:
        """Join a group and read topics from its committed offsets, or from `start` without any.

        Waits up to `timeout` seconds (by default the store's) for partitions; then `TimedOut`.
        """
        position = parse_position(start, self.clock.wall()) if isinstance(start, str) else start
        return Consumer(
            self._database,
            group,
            list(topics),
            member,
            milliseconds(session_timeout, "session_timeout"),
            position,
            self._database.timeout if timeout is None else timeout,
        )

    def producer(self, name: str) -> Producer:
        """Begin a new incarnation of a named producer; older ones are fenced."""
        return Producer(self._database, name, self._sticky)

    def transaction(self, timeout: float = 5.0) -> Transaction:
        """A `with` block whose outputs, offsets and own SQL commit together or not at all.

        Other writers wait meanwhile, so it must end within `timeout` seconds.
        """
        return Transaction(self, self._database.write(), timeout)

    def changed(self) -> int:
        """A number that is another one after anybody's commit; for `wait`."""
        return self._database.changed()

    def wait(self, since: int, timeout: float) -> bool:
        """Wait up to `timeout` seconds for a commit after `since = store.changed()`."""
        return waiting.wait_for_commit(self._database, since, monotonic() + timeout)

    def backup(self, target: str | os.PathLike[str]) -> int:
        """Write a consistent, compact copy to a new file while others go on; its size in bytes."""
        return maintenance.backup(self._database, files.resolve(target))

    def vacuum(self) -> int:
        """Give unused pages back to the file system, in short steps; how many bytes it gave."""
        freed = 0
        while True:
            with self._database.write() as tx:
                step = maintenance.free_pages(tx, _PAGES_A_STEP)
            freed += step
            if step == 0:
                self._database.checkpoint()
                return freed * files.PAGE_SIZE

    def close(self) -> None:
        """Close the file; what was confirmed stays."""
        self._database.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _read(self) -> AbstractContextManager[Snapshot]:
        return self._database.read()

    def _write(self) -> AbstractContextManager[Write]:
        return self._database.write()

    def _sticky(self, topic: str) -> StickyPlacement:
        return self._placements.setdefault(topic, StickyPlacement())


def _require_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise NotFound(f"the folder {folder} does not exist", hint=f"mkdir -p {folder}")
