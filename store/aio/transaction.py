"""A transaction for asyncio: its calls run in the thread that changes the store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial, wraps
from types import TracebackType
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Self, TypeVar

from store.aio.threads import StoreThreads, current_transaction, refuse_in_transaction
from store.api.store import Store
from store.api.transaction import Transaction

if TYPE_CHECKING:
    from store.aio.consumer import AsyncConsumer
    from store.model.groups import Offsets
    from store.model.topics import Seconds

P = ParamSpec("P")
T = TypeVar("T")


def inside(
    call: Callable[Concatenate[Transaction, P], T],
) -> Callable[Concatenate[AsyncTransaction, P], Coroutine[Any, Any, T]]:
    """Return the coroutine of a call of a transaction."""

    @wraps(call)
    async def make(self: AsyncTransaction, /, *arguments: P.args, **named: P.kwargs) -> T:
        return await self._run(partial(call, self._transaction, *arguments, **named))

    return make


class AsyncTransaction:
    """An `async with` block whose outputs, offsets and own SQL commit together or not at all.

    Made by `AsyncStore.transaction`; see `Transaction`. A task that is cancelled in the block
    stores nothing; one that is cancelled while it ends does not know whether it is stored.
    """

    def __init__(self, store: Store, threads: StoreThreads, timeout: Seconds) -> None:
        self._threads = threads
        self._begin = partial(_begin, store, timeout)
        self._transaction: Transaction
        self.is_open = False

    async def __aenter__(self) -> Self:
        refuse_in_transaction()
        await self._threads.changing.acquire()
        begun = asyncio.ensure_future(self._threads.in_writer(self._begin))
        try:
            self._transaction = await asyncio.shield(begun)
        except BaseException:
            begun.add_done_callback(self._abandon)
            raise
        self.is_open = True
        current_transaction.set(self)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.is_open = False
        await asyncio.shield(self._end(self._transaction, kind, error, traceback))

    async def commit(
        self, group: str, offsets: Offsets, consumer: AsyncConsumer | None = None
    ) -> None:
        """Commit a group's next offsets as part of this transaction; see `Transaction.commit`."""
        member = None if consumer is None else consumer.joined
        await self._run(partial(Transaction.commit, self._transaction, group, offsets, member))

    ack = inside(Transaction.ack)
    acquire = inside(Transaction.acquire)
    alter_exchange = inside(Transaction.alter_exchange)
    alter_group = inside(Transaction.alter_group)
    alter_queue = inside(Transaction.alter_queue)
    alter_share = inside(Transaction.alter_share)
    alter_topic = inside(Transaction.alter_topic)
    became_of_redrive = inside(Transaction.became_of_redrive)
    bind = inside(Transaction.bind)
    bindings = inside(Transaction.bindings)
    chosen_dead_letters = inside(Transaction.chosen_dead_letters)
    create_exchange = inside(Transaction.create_exchange)
    create_group = inside(Transaction.create_group)
    create_queue = inside(Transaction.create_queue)
    create_share = inside(Transaction.create_share)
    create_topic = inside(Transaction.create_topic)
    dead_letter_groups = inside(Transaction.dead_letter_groups)
    dead_letter_queue = inside(Transaction.dead_letter_queue)
    dead_letter_queues = inside(Transaction.dead_letter_queues)
    dead_letters = inside(Transaction.dead_letters)
    delete_exchange = inside(Transaction.delete_exchange)
    delete_exchanges = inside(Transaction.delete_exchanges)
    delete_group = inside(Transaction.delete_group)
    delete_queue = inside(Transaction.delete_queue)
    delete_share = inside(Transaction.delete_share)
    delete_topic = inside(Transaction.delete_topic)
    due = inside(Transaction.due)
    edit_and_redrive = inside(Transaction.edit_and_redrive)
    edit_dead_letter = inside(Transaction.edit_dead_letter)
    exchange = inside(Transaction.exchange)
    exchanges = inside(Transaction.exchanges)
    execute = inside(Transaction.execute)
    explain_route = inside(Transaction.explain_route)
    extend = inside(Transaction.extend)
    first_time = inside(Transaction.first_time)
    group = inside(Transaction.group)
    groups = inside(Transaction.groups)
    history = inside(Transaction.history)
    in_flight = inside(Transaction.in_flight)
    lag = inside(Transaction.lag)
    leases = inside(Transaction.leases)
    leave = inside(Transaction.leave)
    message = inside(Transaction.message)
    message_events = inside(Transaction.message_events)
    messages = inside(Transaction.messages)
    moving_keys = inside(Transaction.moving_keys)
    nack = inside(Transaction.nack)
    partition_for = inside(Transaction.partition_for)
    plan_queue_alter = inside(Transaction.plan_queue_alter)
    plan_reset = inside(Transaction.plan_reset)
    plan_share_alter = inside(Transaction.plan_share_alter)
    plan_share_reset = inside(Transaction.plan_share_reset)
    plan_topic_alter = inside(Transaction.plan_topic_alter)
    produce = inside(Transaction.produce)
    produce_many = inside(Transaction.produce_many)
    publish = inside(Transaction.publish)
    publish_many = inside(Transaction.publish_many)
    purge_dead_letters = inside(Transaction.purge_dead_letters)
    purge_message = inside(Transaction.purge_message)
    purge_queue = inside(Transaction.purge_queue)
    queue = inside(Transaction.queue)
    queue_config = inside(Transaction.queue_config)
    queue_names = inside(Transaction.queue_names)
    queues = inside(Transaction.queues)
    read = inside(Transaction.read)
    receive = inside(Transaction.receive)
    record = inside(Transaction.record)
    record_events = inside(Transaction.record_events)
    redrive = inside(Transaction.redrive)
    redrive_more = inside(Transaction.redrive_more)
    redrive_plan = inside(Transaction.redrive_plan)
    redrive_planned = inside(Transaction.redrive_planned)
    redrive_preview = inside(Transaction.redrive_preview)
    redrives = inside(Transaction.redrives)
    cancel_move = inside(Transaction.cancel_move)
    continue_move = inside(Transaction.continue_move)
    move_task = inside(Transaction.move_task)
    move_tasks = inside(Transaction.move_tasks)
    start_move = inside(Transaction.start_move)
    reject = inside(Transaction.reject)
    release = inside(Transaction.release)
    release_record = inside(Transaction.release_record)
    remove_dead_letters = inside(Transaction.remove_dead_letters)
    require_dead_letters = inside(Transaction.require_dead_letters)
    require_exchange = inside(Transaction.require_exchange)
    require_receipts = inside(Transaction.require_receipts)
    reset_group = inside(Transaction.reset_group)
    reset_share = inside(Transaction.reset_share)
    resolve = inside(Transaction.resolve)
    resolve_all = inside(Transaction.resolve_all)
    restore_dead_letters = inside(Transaction.restore_dead_letters)
    route = inside(Transaction.route)
    send = inside(Transaction.send)
    send_many = inside(Transaction.send_many)
    share = inside(Transaction.share)
    settle = inside(Transaction.settle)
    shares = inside(Transaction.shares)
    skip = inside(Transaction.skip)
    skip_preview = inside(Transaction.skip_preview)
    skip_record = inside(Transaction.skip_record)
    skip_record_preview = inside(Transaction.skip_record_preview)
    topic = inside(Transaction.topic)
    topic_names = inside(Transaction.topic_names)
    topics = inside(Transaction.topics)
    trim = inside(Transaction.trim)
    trim_preview = inside(Transaction.trim_preview)
    unbind = inside(Transaction.unbind)
    undo_redrive = inside(Transaction.undo_redrive)
    unreceive = inside(Transaction.unreceive)

    async def _run(self, call: Callable[[], T]) -> T:
        return await self._threads.in_writer(call)

    def _end(
        self,
        transaction: Transaction,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> asyncio.Future[None]:
        leave = partial(transaction.__exit__, kind, error, traceback)
        ended = asyncio.ensure_future(self._threads.in_writer(leave))
        ended.add_done_callback(self._release)
        return ended

    def _abandon(self, begun: asyncio.Future[Transaction]) -> None:
        """Undo a transaction whose task was cancelled while it began."""
        if begun.cancelled() or begun.exception() is not None:
            self._release(begun)
        else:
            error = asyncio.CancelledError()
            self._end(begun.result(), type(error), error, None)

    def _release(self, _: object) -> None:
        self._threads.changing.release()


def _begin(store: Store, timeout: Seconds) -> Transaction:
    return store.transaction(timeout).__enter__()
