"""The protocol of transactions: outputs, acknowledgements and offsets, stored as one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from store.engine.features import Feature, Featured, lacking

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from contextlib import AbstractContextManager

    from store.model.groups import Offsets
    from store.model.messages import MessageId, NewMessage
    from store.model.topics import NewRecord, RecordId, Seconds


class Outputs(Protocol):
    """Calls of one transaction: all of them count when its block ends, or none ever does."""

    def produce_many(
        self, topic: str, records: Iterable[NewRecord | bytes | str]
    ) -> list[RecordId]:
        """Append records to a topic."""

    def send_many(
        self, queue: str, messages: Iterable[NewMessage | bytes | str]
    ) -> list[MessageId]:
        """Send messages to a queue."""

    def ack(self, receipts: Sequence[str]) -> None:
        """Acknowledge messages."""

    def commit(self, group: str, offsets: Offsets, consumer: Any) -> None:
        """Commit the next offsets of a group's member; `Fenced` for a lost partition."""


class Transactions(Featured, Protocol):
    """Transactions over topics, queues and groups."""

    def transaction(self, timeout: Seconds = 5.0) -> AbstractContextManager[Outputs]:
        """Return a `with` block whose calls are stored together or not at all."""
        raise lacking(self, Feature.TRANSACTIONS)
