"""The protocol of queues."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, Unpack

from store.model.messages import Message, MessageId, NewMessage, QueueConfig, QueueSettings
from store.model.queues import Attempt, LeaseStatus, QueueStatus
from store.model.topics import Headers, Seconds, Timestamp


class Queues(Protocol):
    """Queues: messages that are leased, settled and then gone."""

    def create_queue(
        self, name: str, *, if_not_exists: bool = False, **settings: Unpack[QueueSettings]
    ) -> QueueStatus:
        """Create a queue; settings are those of `QueueSettings`, times in seconds."""

    def queues(self) -> list[QueueStatus]:
        """Return every queue, by name."""

    def queue(self, name: str) -> QueueStatus:
        """Return one queue; raises `NotFound`."""

    def queue_config(self, name: str) -> QueueConfig:
        """Return the settings of one queue without its counts; raises `NotFound`."""

    def alter_queue(self, name: str, **settings: Unpack[QueueSettings]) -> QueueStatus:
        """Change the given settings and keep the rest; messages stay, except those over a limit."""

    def plan_queue_alter(self, name: str, **settings: Unpack[QueueSettings]) -> QueueConfig:
        """Return the settings that `alter_queue` would leave; raise its errors."""

    def delete_queue(self, name: str) -> QueueStatus:
        """Delete a queue with its messages; return the queue as it was."""

    def purge_queue(self, name: str, *, keep_leased: bool = False) -> int:
        """Remove the messages, leased ones too unless `keep_leased`; return how many."""

    def purge_message(self, queue: str, sequence: int) -> None:
        """Remove one message, leased, damaged or not; raises `NotFound`."""

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

    def send_many(
        self, queue: str, messages: Iterable[NewMessage | bytes | str]
    ) -> list[MessageId]:
        """Send messages in one transaction, all or none; bytes or text is a value alone."""

    def leave(self, queue: str, holder: str | None = None) -> None:
        """Stand back from a queue with a single active consumer: the next in line takes over."""

    def ack(self, receipts: Sequence[str]) -> None:
        """Acknowledge messages: they are deleted. Repeating it is no error."""

    def nack(
        self, receipts: Sequence[str], delay: Seconds | None = None, error: str | None = None
    ) -> None:
        """Give messages back, after `delay` seconds or the queue's retry delay."""

    def reject(self, receipts: Sequence[str], error: str | None = None) -> None:
        """Refuse messages for good: move them to the DLQ, or drop them where the queue has none."""

    def extend(self, receipts: Sequence[str], duration: Seconds) -> None:
        """Extend leases to `duration` seconds from now; 0 gives the messages back at once."""

    def unreceive(self, receipts: Sequence[str]) -> None:
        """Give back messages that were not begun, as if they had not been delivered."""

    def messages(self, queue: str, after: int = -1, limit: int = 1000) -> list[Message]:
        """Look at messages of every state with a sequence above `after`; nothing is changed."""

    def message(self, queue: str, sequence: int) -> Message:
        """Look at one message; raises `NotFound`."""

    def history(self, queue: str, sequence: int) -> list[Attempt]:
        """Return the failed deliveries of a message in this queue, first to last."""

    def leases(self, name: str | None = None, *, expired: bool = False) -> list[LeaseStatus]:
        """Return the leases of a queue or share; with `expired`, the lapsed ones."""

    def release(self, queue: str, sequence: int) -> None:
        """Make a leased or waiting message ready; raises `NotFound` without one."""

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
        until: Callable[[], bool] | None = None,
    ) -> list[Message]:
        """Lease up to `max_messages` messages, waiting up to `wait` seconds for the first."""
