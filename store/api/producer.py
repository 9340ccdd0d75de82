"""A named producer, whose load can be repeated without storing anything twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from store import sqlite
from store.model.errors import BadInput
from store.model.topics import in_seconds

if TYPE_CHECKING:
    from store.api.buffering import BufferedProducer
    from store.api.store import Store
    from store.model.exchanges import Placed
    from store.model.messages import MessageId, NewMessage
    from store.model.placement import StickyPlacement
    from store.model.topics import NewRecord, RecordId, Seconds
    from store.sqlite.file.database import Database, WriteTransaction


def begin(
    store: Store, name: str | None, linger: Seconds | None, buffer_bytes: int
) -> Producer | BufferedProducer:
    """Begin a producer; with `linger` one that buffers. See `Store.producer`."""
    if name is None and linger is None:
        raise BadInput("a producer has a name, or a linger, or both")
    named = None if name is None else Producer(store._database, name, store._sticky)
    if linger is None:
        assert named is not None
        return named
    from store.api.buffering import BufferedProducer

    return BufferedProducer(store, named, in_seconds(linger), buffer_bytes)


class Producer:
    """One incarnation of a named producer; made by `Store.producer`. A newer one fences it."""

    def __init__(
        self, database: Database, name: str, sticky: Callable[[str], StickyPlacement]
    ) -> None:
        self._database = database
        self._sticky = sticky
        self.name = name
        with database.write() as tx:
            self.epoch = sqlite.log.producers.register(tx, name)

    def stored(self, destination: str) -> int:
        """Return how many records of this producer's input are stored in the topic or queue."""
        with self._database.read() as tx:
            return sqlite.log.producers.stored(tx, self.name, destination)

    def published(self, exchange: str) -> int:
        """Return how many messages of this producer's input were published through the exchange."""
        with self._database.read() as tx:
            return sqlite.exchanges.publications.published(tx, self.name, exchange)

    def publish_many(
        self, exchange: str, messages: Sequence[NewMessage], first_sequence: int
    ) -> list[list[Placed]]:
        """Publish the messages not published yet, numbered as for `produce_many`; return where.

        One transaction with the count, so a repeated load publishes nothing twice.
        """
        with self._database.write() as tx:
            return self.publish_in(tx, exchange, messages, first_sequence)

    def produce_many(
        self, topic: str, records: Sequence[NewRecord | bytes | str], first_sequence: int
    ) -> list[RecordId]:
        """Append the records that are not stored yet, in one transaction; return their ids.

        Record i has sequence number `first_sequence + i`; numbers count the input from 0, and
        records below the highest stored number are stored already. Raises `Fenced` when a newer
        incarnation exists.
        """
        with self._database.write() as tx:
            return self.produce_in(tx, topic, records, first_sequence)

    def produce_in(
        self,
        tx: WriteTransaction,
        topic: str,
        records: Sequence[NewRecord | bytes | str],
        first_sequence: int,
    ) -> list[RecordId]:
        """Produce as `produce_many` does, as part of an open transaction."""
        found = sqlite.log.topics.find(tx, topic)
        present = self._advance(tx, topic, first_sequence, len(records))
        return sqlite.log.append.produce(tx, found, records[present:], self._sticky(topic))

    def send_in(
        self, tx: WriteTransaction, queue: str, messages: Sequence[NewMessage], first_sequence: int
    ) -> list[MessageId]:
        """Send to a queue the messages that are not stored yet, numbered as for `produce_many`."""
        found = sqlite.queues.catalog.find(tx, queue)
        present = self._advance(tx, queue, first_sequence, len(messages))
        return sqlite.queues.send.send(tx, found, messages[present:])

    def publish_in(
        self,
        tx: WriteTransaction,
        exchange: str,
        messages: Sequence[NewMessage],
        first_sequence: int,
    ) -> list[list[Placed]]:
        """Publish as `publish_many` does, as part of an open transaction."""
        present = sqlite.exchanges.publications.published(tx, self.name, exchange)
        fresh = messages[max(0, present - first_sequence) :]
        placed = sqlite.queues.publish.publish(tx, exchange, fresh, self._sticky)
        end = first_sequence + len(messages)
        sqlite.exchanges.publications.advance(tx, self.name, self.epoch, exchange, end)
        return placed

    def _advance(
        self, tx: WriteTransaction, destination: str, first_sequence: int, records: int
    ) -> int:
        return sqlite.log.producers.advance(
            tx, self.name, self.epoch, destination, first_sequence, records
        )
