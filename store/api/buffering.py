"""A producer that buffers: records wait a moment for others, and are stored together."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future, wait as wait_for_all
from functools import partial
from math import inf
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from store.api.committer import Committer, TakenApart
from store.api.merging import MergeableCall, MergedTransaction, ProduceCall, SendCall
from store.model.encoding import encode_bytes
from store.model.errors import BadInput, MqError, StoreUnusable, TimedOut, secondary_to
from store.model.messages import NewMessage
from store.model.topics import NewRecord, in_seconds

if TYPE_CHECKING:
    from store.api.producer import Producer
    from store.api.store import Store
    from store.model.messages import MessageId
    from store.model.topics import Headers, Properties, RecordId, Seconds, Timestamp

EntryKind = TypeVar("EntryKind", bound="Buffered")

# Kafka: buffer.memory.
DEFAULT_BUFFER = 32 << 20
# A full batch waits no longer.
MOST_TOGETHER = 512
# Bytes of memory for a record beside its contents, about.
_OVERHEAD = 500


class Buffered(Protocol):
    """A record or message for a topic or a queue."""

    @property
    def kind(self) -> str:
        """`topic` or `queue`."""

    @property
    def destination(self) -> str:
        """The name of the topic or queue."""

    @property
    def content(self) -> NewRecord | NewMessage:
        """The record or message itself."""


class BufferedEntry(NamedTuple):
    """A record or message in the buffer of a `BufferedProducer`."""

    kind: str
    destination: str
    content: NewRecord | NewMessage
    size: int
    future: Future[Any]


class BufferedProducer:
    """A producer with a buffer and a thread; made by `Store.producer` with a linger.

    `produce` and `send` return futures, which are done once the record is stored, or refused; the
    order of one thread's records is kept. A named producer numbers the records for each
    destination from 0: those that an earlier incarnation has stored are not stored again, and the
    result of their futures is `None`. It stops at its first error, so that no gap is left (Kafka:
    idempotent producer).
    """

    def __init__(
        self, store: Store, producer: Producer | None, linger: float, buffer_bytes: int
    ) -> None:
        self._committer = Committer(store)
        self._timeout = store._database.timeout
        self._producer = producer
        self._linger = linger
        self._most_bytes = buffer_bytes
        self._changed = threading.Condition()
        self._entries: list[BufferedEntry] = []
        self._began = inf
        self._pending: set[Future[Any]] = set()
        self._bytes = 0
        self._numbers: dict[str, int] = {}
        self._failure: MqError | None = None
        self._has_repeats = self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="mq-producer", daemon=True)
        self._thread.start()

    def produce(
        self,
        topic: str,
        value: bytes | str | None,
        *,
        key: bytes | str | None = None,
        headers: Headers | None = None,
        timestamp: Timestamp | None = None,
        partition: int | None = None,
        properties: Properties | None = None,
    ) -> Future[RecordId | None]:
        """Append a record to a topic soon; the future has its id once it is stored.

        Waits while the buffer is full, and raises `TimedOut` after the store's timeout (Kafka:
        max.block.ms).
        """
        record = NewRecord(value, key, headers, timestamp, partition, properties)
        return self._put("topic", topic, record)

    def send(
        self,
        queue: str,
        value: bytes | str | None,
        *,
        key: bytes | str | None = None,
        headers: Headers | None = None,
        timestamp: Timestamp | None = None,
        delay: Seconds | None = None,
        message_group: str | None = None,
        dedup_id: str | None = None,
        priority: int = 0,
        ttl: Seconds | None = None,
        properties: Properties | None = None,
    ) -> Future[MessageId | None]:
        """Send a message to a queue soon; the future has its id once it is stored.

        Waits for room as `produce` does.
        """
        message = NewMessage(
            value,
            key,
            headers,
            timestamp,
            delay,
            message_group,
            dedup_id,
            priority,
            ttl,
            properties,
        )
        return self._put("queue", queue, message)

    def stored(self, destination: str) -> int:
        """Return how many records of a named producer are stored in the topic or queue."""
        if self._producer is None:
            raise BadInput("a producer without a name is not remembered", hint="give it a name")
        return self._producer.stored(destination)

    def flush(self, timeout: Seconds | None = None) -> None:
        """Wait until all records given so far are stored or refused; their futures say which.

        Raises `TimedOut` after `timeout` seconds.
        """
        with self._changed:
            pending = set(self._pending)
            self._began = -inf
            self._changed.notify_all()
        left = wait_for_all(pending, None if timeout is None else in_seconds(timeout)).not_done
        if left:
            raise TimedOut(f"{len(left)} records are still to be stored")

    def close(self) -> None:
        """Store what is in the buffer, and end the thread."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        self._thread.join()

    def __enter__(self) -> BufferedProducer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with secondary_to(error):
            self.close()

    def _put(self, kind: str, destination: str, content: NewRecord | NewMessage) -> Future[Any]:
        future: Future[Any] = Future()
        # It can't be cancelled: it may be on its way to the disk.
        future.set_running_or_notify_cancel()
        entry = BufferedEntry(kind, destination, content, size_of(content), future)
        with self._changed:
            if not self._changed.wait_for(partial(self._has_room, entry.size), self._timeout):
                raise TimedOut(f"the buffer was full for {self._timeout:g} s", hint="send slower")
            if self._is_closed:
                raise StoreUnusable("the producer was closed", hint="make another one")
            self._bytes += entry.size
            self._entries.append(entry)
            self._pending.add(future)
            self._began = min(self._began, monotonic())
            self._changed.notify_all()
        return future

    def _has_room(self, size: int) -> bool:
        return self._is_closed or not self._bytes or self._bytes + size <= self._most_bytes

    def _run(self) -> None:
        while (entries := self._next()) is not None:
            for kind, destination, batch in by_destination(entries):
                if self._producer is None:
                    self._store_each(batch)
                else:
                    self._store_in_sequence(self._producer, kind, destination, batch)
            self._committer.serve()

    def _next(self) -> list[BufferedEntry] | None:
        """Wait for a batch, and return it; `None` once the producer is closed and empty."""
        with self._changed:
            while not self._is_due():
                begins = self._began + self._linger
                self._changed.wait(None if begins == inf else max(0.0, begins - monotonic()))
            entries, self._entries = self._entries, []
            self._began, self._has_repeats = inf, False
            return entries if self._pending else None

    def _is_due(self) -> bool:
        if self._has_repeats or (self._is_closed and (self._entries or not self._pending)):
            return True
        is_full = len(self._entries) >= MOST_TOGETHER or 2 * self._bytes >= self._most_bytes
        return bool(self._entries) and (is_full or monotonic() >= self._began + self._linger)

    def _store_each(self, batch: Sequence[BufferedEntry]) -> None:
        for entry in batch:
            call = call_of(entry)
            call.on_done = partial(self._is_stored, entry)
            self._committer.enter(call)

    def _is_stored(self, entry: BufferedEntry, call: MergeableCall[Any]) -> None:
        if isinstance(call.error, TakenApart):
            call.runs_alone = True
            self._committer.enter(call)
            with self._changed:
                self._has_repeats = True
                self._changed.notify_all()
            return
        self._settle([entry], [None] if call.error else call.result(), call.error)

    def _store_in_sequence(
        self, producer: Producer, kind: str, destination: str, batch: Sequence[BufferedEntry]
    ) -> None:
        first = self._numbers.get(destination, 0)
        work = partial(store_in_sequence, producer, kind, destination, batch, first)
        ids: list[Any] = [None] * len(batch)
        try:
            if self._failure is not None:
                raise self._failure
            stored = self._committer.run(work)
            ids[len(ids) - len(stored) :] = stored
            self._numbers[destination] = first + len(batch)
            self._settle(batch, ids, None)
        except MqError as error:
            self._failure = error
            self._settle(batch, ids, error)

    def _settle(
        self, batch: Sequence[BufferedEntry], ids: Sequence[Any], error: BaseException | None
    ) -> None:
        with self._changed:
            for entry in batch:
                self._bytes -= entry.size
                self._pending.discard(entry.future)
            self._changed.notify_all()
        for entry, id in zip(batch, ids, strict=True):
            if error is None:
                entry.future.set_result(id)
            else:
                entry.future.set_exception(error)


def size_of(content: NewRecord | NewMessage) -> int:
    """Return how much of a buffer a record takes, in bytes; raises `BadInput` for no bytes."""
    value, key = encode_bytes(content.value, "value"), encode_bytes(content.key, "key")
    return _OVERHEAD + len(value or b"") + len(key or b"")


def call_of(entry: Buffered) -> ProduceCall | SendCall:
    """Return the call that stores one record."""
    if isinstance(entry.content, NewRecord):
        return ProduceCall(entry.destination, [entry.content])
    return SendCall(entry.destination, [entry.content])


def by_destination(entries: Sequence[EntryKind]) -> list[tuple[str, str, list[EntryKind]]]:
    """Return a batch for each destination, in the order of their first records."""
    batches: dict[tuple[str, str], list[EntryKind]] = {}
    for entry in entries:
        batches.setdefault((entry.kind, entry.destination), []).append(entry)
    return [(kind, destination, batch) for (kind, destination), batch in batches.items()]


def store_in_sequence(
    producer: Producer, kind: str, destination: str, batch: Sequence[Buffered], first: int,
    tx: MergedTransaction,
) -> Sequence[RecordId | MessageId]:  # fmt: skip
    """Store the part of a batch that is not stored yet, as part of a transaction."""
    contents: list[Any] = [entry.content for entry in batch]
    if kind == "topic":
        return tx.produce_in_sequence(producer, destination, contents, first)
    return tx.send_in_sequence(producer, destination, contents, first)
