"""The protocol of batches: many records or messages, confirmed as one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from store.model.exchanges import Placed
    from store.model.messages import MessageId, NewMessage
    from store.model.topics import NewRecord, RecordId


class NamedProducer(Protocol):
    """A producer known by its name: records that it stored before are not stored twice."""

    def produce_many(
        self, topic: str, records: Sequence[NewRecord | bytes | str], first_sequence: int
    ) -> list[RecordId]:
        """Append the records that are not stored yet; return their ids.

        Record i has sequence number `first_sequence + i`; numbers count the input from 0.
        """

    def stored(self, destination: str) -> int:
        """Return how many records of this producer's input are stored in the topic or queue."""

    def published(self, exchange: str) -> int:
        """Return how many messages of this producer's input were published through the exchange."""


class Batch(Protocol):
    """Records and messages that are confirmed together, when the block ends."""

    def produce(self, topic: str, records: Sequence[NewRecord]) -> list[RecordId]:
        """Append records to a topic; raises `BadRecord` for the first bad one."""

    def send(self, queue: str, messages: Sequence[NewMessage]) -> list[MessageId]:
        """Send messages to a queue; raises `BadRecord` for the first bad one."""

    def publish(self, exchange: str, messages: Sequence[NewMessage]) -> list[list[Placed]]:
        """Store messages in every destination of an exchange; return where each is."""
