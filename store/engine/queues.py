"""The protocol of queues."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Unpack

from store.engine.features import Feature, Featured, lacking

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from store.model.messages import Message, MessageId, NewMessage
    from store.model.queues import Attempt, LeaseStatus, QueueConfig, QueueSettings, QueueStatus
    from store.model.topics import Headers, Seconds, Timestamp


class Queues(Featured, Protocol):
    """Queues: messages that are leased, settled and then gone."""

    def create_queue(
        self, name: str, *, if_not_exists: bool = False, **settings: Unpack[QueueSettings]
    ) -> QueueStatus:
        """Create a queue; settings are those of `QueueSettings`, times in seconds."""
        raise lacking(self, Feature.QUEUES)

    def queues(self) -> list[QueueStatus]:
        """Return every queue, by name."""
        raise lacking(self, Feature.QUEUES)

    def queue(self, name: str) -> QueueStatus:
        """Return one queue; raises `NotFound`."""
        raise lacking(self, Feature.QUEUES)

    def queue_config(self, name: str) -> QueueConfig:
        """Return the settings of one queue without its counts; raises `NotFound`."""
        raise lacking(self, Feature.QUEUES)

    def alter_queue(self, name: str, **settings: Unpack[QueueSettings]) -> QueueStatus:
        """Change the given settings and keep the rest; messages stay, except those over a limit."""
        raise lacking(self, Feature.QUEUE_ALTER)

    def plan_queue_alter(self, name: str, **settings: Unpack[QueueSettings]) -> QueueConfig:
        """Return the settings that `alter_queue` would leave; raise its errors."""
        raise lacking(self, Feature.QUEUE_ALTER)

    def delete_queue(self, name: str) -> QueueStatus:
        """Delete a queue with its messages; return the queue as it was."""
        raise lacking(self, Feature.QUEUES)

    def purge_queue(self, name: str, *, keep_leased: bool = False) -> int:
        """Remove the messages, leased ones too unless `keep_leased`; return how many."""
        raise lacking(self, Feature.PURGE)

    def purge_message(self, queue: str, sequence: int) -> None:
        """Remove one message, leased, damaged or not; raises `NotFound`."""
        raise lacking(self, Feature.PURGE_MESSAGE)

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
    ) -> MessageId:
        """Send one message; it is stored when the call returns. See `send_many`."""
        raise lacking(self, Feature.QUEUES)

    def send_many(
        self, queue: str, messages: Iterable[NewMessage | bytes | str]
    ) -> list[MessageId]:
        """Send messages in one transaction, all or none; bytes or text is a value alone."""
        raise lacking(self, Feature.QUEUES)

    def leave(self, queue: str, holder: str | None = None) -> None:
        """Stand back from a queue with a single active consumer: the next in line takes over."""
        raise lacking(self, Feature.QUEUES)

    def ack(self, receipts: Sequence[str]) -> None:
        """Acknowledge messages: they are deleted. Repeating it is no error."""
        raise lacking(self, Feature.RECEIPTS)

    def nack(
        self, receipts: Sequence[str], delay: Seconds | None = None, error: str | None = None
    ) -> None:
        """Give messages back, after `delay` seconds or the queue's retry delay."""
        raise lacking(self, Feature.RECEIPTS)

    def reject(self, receipts: Sequence[str], error: str | None = None) -> None:
        """Refuse messages for good: move them to the DLQ, or drop them where the queue has none."""
        raise lacking(self, Feature.RECEIPTS)

    def extend(self, receipts: Sequence[str], duration: Seconds) -> None:
        """Extend leases to `duration` seconds from now; 0 gives the messages back at once."""
        raise lacking(self, Feature.RECEIPTS)

    def unreceive(self, receipts: Sequence[str]) -> None:
        """Give back messages that were not begun, as if they had not been delivered."""
        raise lacking(self, Feature.RECEIPTS)

    def require_receipts(self) -> None:
        """Raise `Unsupported` where only the reader that received a message can settle it."""
        raise lacking(self, Feature.RECEIPTS)

    def messages(self, queue: str, after: int = -1, limit: int = 1000) -> list[Message]:
        """Look at messages of every state with a sequence above `after`; nothing is changed."""
        raise lacking(self, Feature.PEEK)

    def copied_to(self, queue: str, place: str) -> int:
        """Return the sequence of the last message copied to a place; -1 before the first one."""
        raise lacking(self, Feature.PEEK)

    def note_copied(self, queue: str, place: str, sequence: int) -> None:
        """Note that the messages up to this sequence are copied to a place."""
        raise lacking(self, Feature.PEEK)

    def message(self, queue: str, sequence: int) -> Message:
        """Look at one message; raises `NotFound`."""
        raise lacking(self, Feature.PEEK)

    def history(self, queue: str, sequence: int) -> list[Attempt]:
        """Return the failed deliveries of a message in this queue, first to last."""
        raise lacking(self, Feature.HISTORY)

    def leases(self, name: str | None = None, *, expired: bool = False) -> list[LeaseStatus]:
        """Return the leases of a queue or share; with `expired`, the lapsed ones."""
        raise lacking(self, Feature.LEASE_LIST)

    def release(self, queue: str, sequence: int) -> None:
        """Make a leased or waiting message ready; raises `NotFound` without one."""
        raise lacking(self, Feature.LEASE_LIST)

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
        """Lease up to `max_messages` messages, waiting up to `wait` seconds for the first."""
        raise lacking(self, Feature.QUEUES)
