"""Group commit: calls of several threads that wait to write share the next transaction.

The batch forms by itself while the commit before it runs: no timer, no linger, and no thread for
it. A thread that finds no other one writing never gets here. One that does leaves its call in a
row, and the first whose turn it is runs all of them; the main thread, which Ctrl-C may interrupt
anywhere, runs its own alone.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from store.api.merging import (
    AcquireCall,
    MergeableCall,
    MergedTransaction,
    ProduceCall,
    PublishCall,
    ReceiveCall,
    SendCall,
    SettleCall,
    Settling,
    WorkCall,
    run,
)
from store.crash import crash_point
from store.model.errors import Busy, MqError, OutcomeUnknown
from store.sqlite.file import turns
from store.sqlite.file.turns import Waiter

if TYPE_CHECKING:
    from store.api.store import Store
    from store.model.exchanges import Placed
    from store.model.messages import Message, MessageId, NewMessage
    from store.model.shares import SharedRecord
    from store.model.topics import NewRecord, RecordId, Seconds
    from store.sqlite.file.database import Database
    from store.sqlite.leases.receive import Received

Result = TypeVar("Result")
Until = Callable[[], bool] | None

# A batch holds the lock for no more messages than this, and begins nothing after so many seconds.
MOST_TOGETHER = 512
LONGEST_UNDER_LOCK = 0.005


class TakenApart(Exception):
    """The batch of a call could not be stored; the caller repeats the call alone."""


class WaitingCalls:
    """The calls of a process that wait for a batch, first to last."""

    def __init__(self) -> None:
        self.calls: deque[MergeableCall[Any]] = deque()


class Committer:
    """The typed calls of a store, for a thread that finds another one writing."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._database: Database = store._database
        self.calls = store._database.states[WaitingCalls].calls

    def send_many(
        self, queue: str, messages: Iterable[NewMessage | bytes | str]
    ) -> list[MessageId]:
        """Send messages; see `Store.send_many`."""
        return self._join(SendCall(queue, messages))

    def produce_many(
        self, topic: str, records: Iterable[NewRecord | bytes | str]
    ) -> list[RecordId]:
        """Append records; see `Store.produce_many`."""
        return self._join(ProduceCall(topic, records))

    def publish_many(
        self, exchange: str, messages: Iterable[NewMessage], mandatory: bool
    ) -> list[list[Placed]]:
        """Publish messages; see `Store.publish_many`."""
        return self._join(PublishCall(exchange, messages, mandatory))

    def settle(self, receipts: Sequence[str], settling: Settling, *options: object) -> None:
        """Settle deliveries; see `Store.ack` and those beside it."""
        self._join(SettleCall(receipts, settling, *options))

    def receive(
        self, queue: str, most: int, lease: Seconds | None, holder: str | None, attached: bool,
        prefetch: int | None, auto_ack: bool, until: Until,
    ) -> Received[Message]:  # fmt: skip
        """Lease messages; see `Store.receive`."""
        call = ReceiveCall(queue, most, lease, holder, attached, prefetch, auto_ack)
        return self._join(call, until)

    def acquire(
        self, share: str, most: int, lease: Seconds | None, holder: str | None, attached: bool,
        until: Until,
    ) -> Received[SharedRecord]:  # fmt: skip
        """Lease records; see `Store.acquire`."""
        return self._join(AcquireCall(share, most, lease, holder, attached), until)

    def _join(self, call: MergeableCall[Result], until: Until = None) -> Result:
        self._database.refuse_unusable()
        self._database.refuse_inside_transaction()
        wait = partial(self._wait, call, until)
        return self._database.with_reserve(wait) if call.frees_room else wait()

    def _wait(self, call: MergeableCall[Result], until: Until) -> Result:
        """Wait until a batch with the call is stored: another thread's, or this one's."""
        timeout = self._database.timeout
        waiter = Waiter()
        call.begin(waiter)
        self.calls.append(call)
        try:
            while not call.is_done:
                if turns.take(self._database, waiter, timeout, until, lambda: call.is_done):
                    self.lead(call, timeout)
                elif not call.is_done and self.withdraw(call):
                    raise turns.busy(timeout)
                else:
                    # A batch has it by now, and needs no lock any more.
                    call.wait()
        except BaseException:
            # Ctrl-C may have come between the turn and its use.
            turns.leave(self._database)
            self._undo(call)
            raise
        if isinstance(call.error, TakenApart):
            call.runs_alone = True
            return self._wait(call, until)
        return call.result()

    def withdraw(self, call: MergeableCall[Any]) -> bool:
        """Take a call out of the row; return False where a batch has it."""
        try:
            self.calls.remove(call)
        except ValueError:
            return False
        return True

    def _undo(self, call: MergeableCall[Any]) -> None:
        """Give back what an interrupted call leased."""
        if self.withdraw(call) or not isinstance(call, ReceiveCall | AcquireCall):
            return
        call.wait()
        if receipts := call.receipts():
            with suppress(MqError):
                self._store.unreceive(receipts)

    def run(self, work: Callable[[MergedTransaction], Result]) -> Result:
        """Run a function of a transaction that other calls share; it is stored on return."""
        return self._join(WorkCall(work))

    def enter(self, call: MergeableCall[Any]) -> None:
        """Let a call wait for a batch without a thread that waits for it; see `serve`."""
        call.begin(None)
        call.deadline = monotonic() + self._database.timeout
        self.calls.append(call)

    def serve(self) -> None:
        """Run the calls that no thread waits for, until there are none.

        For a thread that does nothing else; see `MergeableCall.on_done`.
        """
        while unattended := self._unattended():
            first = unattended[0]
            left = max(0.0, first.deadline - monotonic())
            try:
                if not turns.take(self._database, Waiter(), left):
                    raise turns.busy(self._database.timeout)
                if first in self.calls:
                    self.lead(first if first.runs_alone else None, left)
                else:
                    turns.leave(self._database)
            except BaseException as error:
                self._refuse(error)

    def _unattended(self) -> list[MergeableCall[Any]]:
        return [call for call in self.calls.copy() if call.waiter is None]

    def _refuse(self, error: BaseException) -> None:
        """Give the error of a batch that did not begin to the calls that can't wait any longer."""
        now = monotonic()
        for call in self._unattended():
            is_over = call.deadline <= now or not isinstance(error, Busy)
            if is_over and self.withdraw(call):
                call.error = error
                call.finish()

    def lead(self, own: MergeableCall[Any] | None, timeout: float) -> None:
        """Run calls that wait, `own` among them, in one transaction; this thread has its turn.

        Raises the error of a transaction that did not begin; then no call was run.
        """
        batch: list[MergeableCall[Any]] = []
        self._database.leader = threading.get_ident()
        try:
            with MergedTransaction(self._store, self._database.write(timeout), inf) as tx:
                end = monotonic() + LONGEST_UNDER_LOCK
                for group in self._groups(own):
                    claimed = [call for call in group if self._claim(call)]
                    batch += claimed
                    if claimed:
                        run(tx, claimed)
                    if monotonic() > end:
                        break
                crash_point("batch.before")
            crash_point("batch.after")
        except BaseException as error:
            if not batch:
                raise
            _fail(batch, error)
        finally:
            self._database.leader = 0
            turns.leave(self._database)
            for call in batch:
                call.finish()

    def _groups(self, own: MergeableCall[Any] | None) -> Iterable[list[MergeableCall[Any]]]:
        """Return calls to be run together, by what they have in common, `own` first."""
        is_main = threading.current_thread() is threading.main_thread()
        if own is not None and (own.runs_alone or is_main):
            return [[own]]
        groups: dict[object, list[MergeableCall[Any]]] = {}
        size = 0
        for call in self._candidates(own):
            size += call.size
            if groups and size > MOST_TOGETHER:
                break
            groups.setdefault(call.key, []).append(call)
        return groups.values()

    def _candidates(self, own: MergeableCall[Any] | None) -> Iterator[MergeableCall[Any]]:
        if own is not None:
            yield own
        for call in self.calls.copy():
            if call is not own and not call.runs_alone:
                yield call

    def _claim(self, call: MergeableCall[Any]) -> bool:
        if call.waiter is not None:
            with suppress(ValueError):
                self._database.queue.remove(call.waiter)
        return self.withdraw(call)


def _fail(batch: Sequence[MergeableCall[Any]], error: BaseException) -> None:
    """Note the error of a batch that is not, or may not be, stored."""
    is_alone = len(batch) == 1
    for call in batch:
        if isinstance(error, MqError) and not isinstance(error, OutcomeUnknown):
            call.error = error if is_alone else TakenApart()
        elif is_alone:
            call.error = error
        else:
            hint = getattr(error, "hint", "look before you repeat it")
            call.error = OutcomeUnknown(f"the commit may or may not be stored: {error}", hint)
