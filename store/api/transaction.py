"""A transaction in which a caller's own code runs: all of it commits together, or nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from store import sqlite
from store.api.dead_letters import DeadLetterCalls
from store.api.exchanges import RoutingCalls
from store.api.groups import GroupCalls
from store.api.queues import QueueCalls
from store.api.shares import ShareCalls
from store.api.topics import TopicCalls
from store.model.errors import BadInput, Fenced, MqError, TimedOut, secondary_to
from store.sqlite.file.connections import translate

if TYPE_CHECKING:
    from store.api.consumer import Consumer
    from store.api.producer import Producer
    from store.model.exchanges import Placed
    from store.model.groups import Offsets
    from store.model.messages import Message, MessageId, NewMessage
    from store.model.placement import StickyPlacement
    from store.model.shares import SharedRecord
    from store.model.topics import NewRecord, RecordId, Seconds
    from store.sqlite.file.database import Parameters, Row, Snapshot, WriteTransaction
    from store.sqlite.leases.receive import Received

if TYPE_CHECKING:
    from store.api.merging import Settling
    from store.api.store import Store

Taken = TypeVar("Taken")


class Transaction(TopicCalls, QueueCalls, ShareCalls, DeadLetterCalls, RoutingCalls, GroupCalls):
    """Outputs, offsets and the caller's own SQL in one commit; made by `Store.transaction`.

    It holds the store's only write lock, so it has a deadline: past it every call, and the commit,
    raises `TimedOut`. An SQL error leaves nothing to commit. After its end every call raises
    `Fenced`.
    """

    _all_or_nothing = True

    def __init__(self, store: Store, block: WriteTransaction, timeout: float) -> None:
        self._store = store
        self._block = block
        self._timeout = timeout
        self._tx: WriteTransaction | None = None
        self._poison: str | None = None
        self._is_used = False
        self._ran_statements = False

    def __enter__(self) -> Self:
        if self._is_used:
            raise _ended()
        self._is_used = True
        self._tx = self._block.__enter__()
        self._deadline = monotonic() + self._timeout
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        unfit = self._unfit() if error is None else None
        tx, self._tx = self._tx, None
        if error is None and unfit is None:
            if tx is not None:
                tx.number_anew(has_more=self._ran_statements)
            self._block.__exit__(None, None, None)
            return
        # Don't end the block by itself: an SQLite error that gets here is not of this store.
        self._block.roll_back()
        if unfit is not None:
            raise unfit

    def receive(
        self,
        queue: str,
        max_messages: int = 1,
        lease: Seconds | None = None,
        *,
        holder: str | None = None,
        attached: bool = False,
        prefetch: int | None = None,
        auto_ack: bool = False,
    ) -> list[Message]:
        """Lease what is due now; see `Store.receive`. A transaction does not wait for messages.

        With `auto_ack` messages are gone once the transaction commits, and only then.
        """
        return _given(
            self._receive(queue, max_messages, lease, holder, attached, prefetch, auto_ack)
        )

    def acquire(
        self,
        share: str,
        max_records: int = 1,
        lease: Seconds | None = None,
        *,
        holder: str | None = None,
        attached: bool = False,
    ) -> list[SharedRecord]:
        """Lease records through a share; see `Store.acquire`. A transaction does not wait."""
        return _given(self._acquire(share, max_records, lease, holder, attached))

    def settle(
        self, receipts: Sequence[str], settling: Settling, *options: Any
    ) -> dict[str, MqError]:
        """Settle deliveries by `ack`, `nack`, `reject`, `extend` or `unreceive`; `options` are
        those of that call.

        Return the errors of refused receipts, which keep the others from nothing.
        """
        self._all_or_nothing = False
        try:
            getattr(self, settling)(receipts, *options)
        except MqError as error:
            if not error.failures:
                raise
            return error.failures
        finally:
            self._all_or_nothing = type(self)._all_or_nothing
        return {}

    def execute(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        """Run one statement of the caller's own and return all its rows.

        Tables of mq can be read but not written; transaction control, ATTACH and PRAGMA are denied.
        """
        if "sqlite_sequence" in sql.lower():
            # The authorizer can't tell this from SQLite's own work for DROP TABLE.
            raise BadInput("sqlite_sequence belongs to SQLite: mq's ids depend on it")
        self._ran_statements = True
        with self._write() as tx, _guarded(tx):
            return tx.rows(sql, parameters)

    def first_time(self, scope: str, id: str) -> bool:
        """Return whether `id` is new in `scope`, and remember it when the transaction commits.

        It makes a consumer idempotent: the work and the note that it is done are stored together.
        """
        with self._write() as tx:
            return sqlite.idempotency.note(tx, scope, str(id))

    def produce_in_sequence(
        self,
        producer: Producer,
        topic: str,
        records: Sequence[NewRecord | bytes | str],
        first_sequence: int,
    ) -> list[RecordId]:
        """Produce as the producer's `produce_many` does, as part of this transaction."""
        with self._write() as tx:
            return producer.produce_in(tx, topic, records, first_sequence)

    def send_in_sequence(
        self, producer: Producer, queue: str, messages: Sequence[NewMessage], first_sequence: int
    ) -> list[MessageId]:
        """Send the part of the producer's input that is not stored yet; return its ids."""
        with self._write() as tx:
            return producer.send_in(tx, queue, messages, first_sequence)

    def publish_in_sequence(
        self, producer: Producer, exchange: str, messages: Sequence[NewMessage], first_sequence: int
    ) -> list[list[Placed]]:
        """Publish as the producer's `publish_many` does, as part of this transaction."""
        with self._write() as tx:
            return producer.publish_in(tx, exchange, messages, first_sequence)

    def commit(self, group: str, offsets: Offsets, consumer: Consumer | None = None) -> None:
        """Commit a group's next offsets, by (topic, partition), as part of this transaction.

        Without the consumer that owns the partitions the group is created if it is missing, as by
        Kafka's offset commit; raises `Fenced` if it has live members.
        """
        with self._write() as tx:
            if consumer is None:
                sqlite.groups.commit.commit_unowned(tx, group, offsets)
            elif consumer.group != group:
                raise Fenced(f"the consumer belongs to group {consumer.group}, not {group}")
            else:
                consumer.commit_in(tx, offsets)

    def _open(self) -> WriteTransaction:
        if self._tx is None:
            raise _ended()
        self._tx.database.refuse_after_fork()
        unfit = self._unfit()
        if unfit is not None:
            raise unfit
        return self._tx

    def _unfit(self) -> MqError | None:
        if self._poison is not None:
            return MqError(f"an earlier statement failed, so nothing is stored: {self._poison}")
        if monotonic() > self._deadline:
            return TimedOut(
                f"the transaction was open for more than {self._timeout:g} s; nothing is stored",
                hint="do slow work before it, or allow more: store.transaction(timeout=…)",
            )
        return None

    def _read(self) -> AbstractContextManager[Snapshot]:
        return self._write()

    @contextmanager
    def _write(
        self, timeout: float | None = None, until: Callable[[], bool] | None = None
    ) -> Iterator[WriteTransaction]:
        tx = self._open()
        # A savepoint each, so that a call that is refused half-way changes nothing.
        tx.execute("savepoint mq_call")
        try:
            yield tx
        except sqlite3.Error as error:
            self._poison = str(error)
            raise translate(error, tx.database.path) from error
        except BaseException as error:
            with secondary_to(error):
                tx.execute("rollback to mq_call")
                tx.execute("release mq_call")
            if not tx.connection.in_transaction:
                self._poison = str(error)
            meaning = translate(error, tx.database.path)
            if meaning is not error:
                raise meaning from error
            raise
        tx.execute("release mq_call")

    def _sticky(self, topic: str) -> StickyPlacement:
        return self._store._sticky(topic)


def _given(found: Received[Taken]) -> list[Taken]:
    """Return the leased messages; raise the error for damaged ones if there are none."""
    if found.damage is not None and not found.messages:
        raise found.damage
    return found.messages


def _ended() -> Fenced:
    return Fenced("the transaction has ended", hint="begin another: store.transaction()")


@contextmanager
def _guarded(tx: WriteTransaction) -> Iterator[None]:
    tx.connection.set_authorizer(_authorize)
    try:
        yield
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", None) != sqlite3.SQLITE_AUTH:
            raise
        raise BadInput(
            "SQL of your own can't write mq's tables, or begin, end, attach or set anything",
            hint="keep your data in tables of your own; write messages by the transaction's calls",
        ) from error
    finally:
        tx.connection.set_authorizer(None)


_FORBIDDEN = {
    sqlite3.SQLITE_TRANSACTION,
    sqlite3.SQLITE_SAVEPOINT,
    sqlite3.SQLITE_ATTACH,
    sqlite3.SQLITE_DETACH,
    sqlite3.SQLITE_PRAGMA,
}
_READING = {
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_RECURSIVE,
}


def _authorize(action: int, first: Any, second: Any, database: Any, inner: Any) -> int:
    if action in _READING:
        return sqlite3.SQLITE_OK
    if action in _FORBIDDEN:
        return sqlite3.SQLITE_DENY
    ours = any(isinstance(name, str) and name.lower().startswith("mq_") for name in (first, second))
    return sqlite3.SQLITE_DENY if ours else sqlite3.SQLITE_OK


class TransactionBatch:
    """A batch that is stored by one transaction, whole or not at all."""

    def __init__(self, tx: Transaction, producer: Producer | None, first: int) -> None:
        self._tx = tx
        self._producer = producer
        self._first = first

    def produce(self, topic: str, records: Sequence[NewRecord]) -> list[RecordId]:
        """Append records to a topic; raises `BadRecord` for the first bad one."""
        if self._producer is None:
            return self._tx.produce_many(topic, records)
        return self._tx.produce_in_sequence(self._producer, topic, records, self._first)

    def send(self, queue: str, messages: Sequence[NewMessage]) -> list[MessageId]:
        """Send messages to a queue; raises `BadRecord` for the first bad one."""
        if self._producer is None:
            return self._tx.send_many(queue, messages)
        return self._tx.send_in_sequence(self._producer, queue, messages, self._first)

    def publish(self, exchange: str, messages: Sequence[NewMessage]) -> list[list[Placed]]:
        """Store messages in every destination of an exchange; return where each is."""
        if self._producer is None:
            return self._tx.publish_many(exchange, messages)
        return self._tx.publish_in_sequence(self._producer, exchange, messages, self._first)
