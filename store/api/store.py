"""The store: one file that any number of processes use at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from math import inf
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar, cast

from store import model, sqlite
from store.api.dead_letters import DeadLetterCalls
from store.api.exchanges import RoutingCalls
from store.api.groups import GroupCalls
from store.api.operations import FileCalls, OperationCalls, TopologyCalls
from store.api.queues import QueueCalls
from store.api.shares import ShareCalls
from store.api.topics import ProducerCalls, TableCalls, TopicCalls
from store.model.clock import SystemClock
from store.model.encoding import milliseconds
from store.model.errors import Busy, Damaged, StoreFull, secondary_to
from store.model.topics import in_seconds
from store.sqlite.file import files
from store.sqlite.file.connections import translated
from store.sqlite.file.database import Database, WriteTransaction

if TYPE_CHECKING:
    from store.api.committer import Committer
    from store.api.consumer import Consumer
    from store.api.producer import Producer
    from store.api.transaction import Transaction, TransactionBatch
    from store.engine.batches import NamedProducer
    from store.engine.features import Features
    from store.model.clock import Clock
    from store.model.maintenance import Progress
    from store.model.messages import Message
    from store.model.positions import Position
    from store.model.shares import SharedRecord
    from store.model.topics import Seconds
    from store.sqlite.file.database import Snapshot
    from store.sqlite.leases.receive import Received

_PAGES_A_STEP = 500
_PAGES_A_STEP_WHEN_FULL = 16

Taken = TypeVar("Taken")


class Store(
    TopicCalls,
    TableCalls,
    ProducerCalls,
    QueueCalls,
    ShareCalls,
    DeadLetterCalls,
    RoutingCalls,
    GroupCalls,
    TopologyCalls,
    OperationCalls,
    FileCalls,
):
    """An open store. It may be used by several threads, and must be opened again after fork."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # No function of its own: every call that writes goes through here.
        self._write = partial(WriteTransaction, database)  # type: ignore[method-assign]
        self._busy = database.busy
        self._placements: dict[str, model.placement.StickyPlacement] = {}
        # Damage that a receive met while it had messages to return.
        self._untold: dict[str, Damaged] = {}
        # Queues and shares whose last receive found nothing: the next one looks first.
        self._fruitless: set[str] = set()

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        create: bool = False,
        durability: str = "full",
        timeout: Seconds = 30.0,
        clock: Clock | None = None,
        allow_network_fs: bool = False,
        accept_log: bool = False,
        tell: Callable[[str], None] | None = None,
    ) -> Store:
        """Open the store at `path`; with `create`, make it first if it is missing.

        `durability` applies to a new store: `full` survives a power cut, `normal` a killed process.
        `timeout` is how many seconds a call waits for the write lock. If confirmed commits are
        missing `tell` is called, or by default the logger `mq`. Raises `NotFound`, `ForeignFile`,
        `NewerStore`, and `StoreUnusable` where the log beside the file is not its own, unless
        `accept_log` takes it as it is.
        """
        files.check_durability(durability)
        clock = clock or SystemClock()
        found = files.resolve(path)
        if not allow_network_fs:
            files.refuse_network_file_system(found.parent)
        if create and not found.exists():
            files.require_folder(found.parent)
            with translated(found):
                files.create(found, durability, clock, in_seconds(timeout))
        if accept_log:
            sqlite.file.losses.accept_log(found, in_seconds(timeout))
        store = cls(Database(found, clock, in_seconds(timeout)))
        if store._database.has_news:
            sqlite.file.losses.tell(store._database, tell)
        return store

    @property
    def path(self) -> Path:
        """The file, as an absolute path."""
        return self._database.path

    @property
    def location(self) -> str:
        """The store's place, as people name it."""
        return str(self._database.path)

    @property
    def features(self) -> Features:
        """The features of the engine: a file has all of them."""
        from store.sqlite.features import features

        return features()

    def wall(self) -> int:
        """Return the store's wall clock in Unix milliseconds."""
        return self.clock.wall()

    def monotonic(self) -> int:
        """Return milliseconds by a clock that is never set, for measuring durations."""
        return self.clock.boot()

    @property
    def clock(self) -> Clock:
        """The store's source of time."""
        return self._database.clock

    def consumer(
        self,
        group: str,
        topics: Iterable[str],
        *,
        member: str | None = None,
        session_timeout: Seconds = 45.0,
        max_poll_interval: Seconds = 300.0,
        start: str | Position = "earliest",
        timeout: Seconds | None = None,
    ) -> Consumer:
        """Join a group and read topics from its committed offsets, or from `start` without any.

        Waits up to `timeout` seconds for partitions, then raises `TimedOut`; `None`: not at all.
        """
        from store.api.consumer import Consumer, joining

        position = (
            model.positions.parse_position(start, self.clock.wall())
            if isinstance(start, str)
            else start
        )
        consumer = Consumer(
            self._database,
            group,
            joining(
                topics,
                member,
                milliseconds(session_timeout, "session_timeout"),
                milliseconds(max_poll_interval, "max_poll_interval"),
                position,
            ),
        )
        if timeout is not None:
            consumer.wait_for_partitions(timeout)
        return consumer

    def receive(
        self,
        queue: str,
        max_messages: int = 1,
        wait: Seconds | None = None,
        lease: Seconds | None = None,
        *,
        holder: str | None = None,
        attached: bool = False,
        prefetch: int | None = None,
        auto_ack: bool = False,
        until: Callable[[], bool] | None = None,
    ) -> list[Message]:
        """Lease up to `max_messages` messages, waiting up to `wait` seconds for the first.

        Without `wait` the queue's own counts (SQS: ReceiveMessageWaitTimeSeconds). With `prefetch`
        the holder never has more than so many messages of the queue leased. Each comes with its
        receipt, and comes back unless it is acknowledged within `lease` seconds, by default the
        queue's. The leases of an `attached` holder also end with its process. The wait, for the
        write lock too, ends early when `until`, which is called often, returns True.

        With `auto_ack` they are acknowledged as they are received, and have no receipt: whatever
        becomes of the caller, none comes again (RabbitMQ: basic.consume with no-ack).

        A damaged message is never among them: it goes to the DLQ, or stays where it is. `Damaged`
        reports it, a single time, once nothing else is there.
        """
        take = partial(
            self._receive, queue, max_messages, lease, holder, attached, prefetch, auto_ack, until
        )
        return self._take(queue, take, wait, until)

    def acquire(
        self,
        share: str,
        max_records: int = 1,
        wait: Seconds = 0.0,
        lease: Seconds | None = None,
        *,
        holder: str | None = None,
        attached: bool = False,
        until: Callable[[], bool] | None = None,
    ) -> list[SharedRecord]:
        """Lease up to `max_records` records through a share, as `receive` does through a queue.

        Settle them by their receipts: ack accepts, nack releases, reject archives, extend renews
        (KIP-932). A lease that lapsed is lost at once. Raises `Damaged` as `receive` does.
        """
        take = partial(self._acquire, share, max_records, lease, holder, attached, until=until)
        return self._take(share, take, wait, until)

    def _take(
        self, name: str, take: Callable[[], Received[Taken]],
        wait: Seconds | None, until: Callable[[], bool] | None,
    ) -> list[Taken]:  # fmt: skip
        began = monotonic()
        patience = None if wait is None else in_seconds(wait)
        since, fruitless = None, 0
        while True:
            try:
                looks = type(name) is str and name in self._fruitless
                may_receive = not looks or self._may_receive(name)
                taken = take() if may_receive else sqlite.leases.receive.NOTHING
            except StoreFull:
                taken = self._with_reserve(take)
            except Busy:
                if until is None or not until():
                    raise
                return []
            if taken.damage is not None:
                self._untold[name] = taken.damage
            if taken.messages:
                self._fruitless.discard(name)
                return taken.messages
            self._fruitless.add(name)
            if not taken.others and name in self._untold:
                raise self._untold.pop(name)
            deadline = began + (self._own_wait(name) if patience is None else patience)
            is_over = monotonic() >= deadline or (until is not None and until())
            if is_over and not taken.others:
                return []
            # A wait is for commits after a try, so it begins with another try.
            if since is not None and not taken.others:
                self._wait_for_message(name, since, deadline, until, fruitless)
                fruitless += 1
            since = self._database.changed()

    def _wait_for_message(
        self, name: str, since: int, deadline: float, until: Callable[[], bool] | None,
        fruitless: int,
    ) -> None:  # fmt: skip
        # Wake up at the first of: a commit by another process, the end of a lease or delay.
        with self._read() as tx:
            reader = sqlite.leases.messages.find_reader(tx, name)
            pauses = [
                sqlite.queues.view.seconds_until_due(tx, reader),
                sqlite.queues.policies.expiry.seconds_until_next(tx),
            ]
            # A waiting consumer must poll: it refreshes its own place and detects dead ones ahead
            # of it.
            if reader.single_active or sqlite.leases.abandoned.is_possible(tx, reader):
                pauses.append(sqlite.leases.abandoned.CHECK_SECONDS)
        deadline = min([deadline, *(monotonic() + pause for pause in pauses if pause is not None)])
        sqlite.file.waiting.wait_for_commit(self._database, since, deadline, until, fruitless)

    def transaction(self, timeout: Seconds = 5.0) -> Transaction:
        """Return a `with` block whose outputs, offsets and own SQL commit together or not at all.

        Other writers wait meanwhile, so it must end within `timeout` seconds.
        """
        from store.api.transaction import Transaction

        self._database.have_room()
        return Transaction(self, self._database.write(), in_seconds(timeout))

    @contextmanager
    def batch(
        self, producer: NamedProducer | None = None, first: int = 0
    ) -> Iterator[TransactionBatch]:
        """Open a block whose records and messages are stored together when it ends, or not at all.

        Those of a named producer are numbered from `first` on; messages that it stored before are
        skipped. Nothing in the block may wait: it has no deadline.
        """
        from store.api.transaction import TransactionBatch

        with self.transaction(timeout=inf) as tx:
            yield TransactionBatch(tx, cast("Producer | None", producer), first)

    def changed(self) -> int:
        """Return a number that differs after any commit, by any process; for `wait`.

        Raises `StoreUnusable` when the store's file was removed or replaced.
        """
        return self._database.changed()

    def wait(self, since: int, timeout: Seconds, until: Callable[[], bool] | None = None) -> bool:
        """Wait up to `timeout` seconds for a commit after `since = store.changed()`.

        The wait ends early when `until`, which is called often, returns True.
        """
        return sqlite.file.waiting.wait_for_commit(
            self._database, since, monotonic() + in_seconds(timeout), until
        )

    def backup(self, target: str | os.PathLike[str], *, progress: Progress | None = None) -> int:
        """Write a consistent, compact copy to a new file, in use or not; return its size in bytes.

        The copy is verified. `progress` is called with the bytes written and the total. Raises
        `Damaged` where it has problems, `Exists` where the file exists already, and `BadInput` for
        a name that no store can have.
        """
        return sqlite.operations.copies.back_up(self._database, files.resolve(target), progress)

    def vacuum(self, *, progress: Progress | None = None) -> int:
        """Give unused pages back to the file system, in short steps; return how many bytes.

        Records past their retention go first: on a full disk no send removes them. `progress` is
        called with the bytes so far and the total.
        """
        pace = model.steps.StepPace()
        while self._step(_keep_no_longer):
            pace.after_step()
        freed = 0
        unused = self.status().free_bytes if progress else 0
        while step := self._step(_free_pages):
            freed += step
            if progress is not None:
                progress(freed * files.PAGE_SIZE, max(unused, freed * files.PAGE_SIZE))
            pace.after_step()
        self._with_reserve(self._database.checkpoint)
        with suppress(StoreFull), self._database.write() as tx:
            tx.require_reserve()
        return freed * files.PAGE_SIZE

    def close(self) -> None:
        """Close the file; confirmed data stays."""
        self._database.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with secondary_to(error):
            self.close()

    def _read(self) -> AbstractContextManager[Snapshot]:
        return self._database.read()

    @property
    def _committer(self) -> Committer:
        from store.api.committer import Committer

        return Committer(self)

    def _has_got_room(self) -> bool:
        return sqlite.file.reserve.give(self._database)

    def _with_reserve(self, call: Callable[[], Taken]) -> Taken:
        return self._database.with_reserve(call)

    def _sticky(self, topic: str) -> model.placement.StickyPlacement:
        known = self._placements.get(topic)
        return known or self._placements.setdefault(topic, model.placement.StickyPlacement())


def _keep_no_longer(tx: WriteTransaction) -> bool:
    return sqlite.log.retention.enforce_idle(tx, ())


def _free_pages(tx: WriteTransaction) -> int:
    pages = _PAGES_A_STEP_WHEN_FULL if tx.lock.lends else _PAGES_A_STEP
    return sqlite.operations.maintenance.free_pages(tx, pages)
