"""Retries: how long a message that failed waits, and how often it is delivered at most.

A message that has used up its deliveries goes to the DLQ, or is dropped without one (SQS:
maxReceiveCount; RabbitMQ: delivery-limit). Where it has nowhere to go it stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from store.sqlite import leases
from store.sqlite.leases.readers import ReaderPolicy

if TYPE_CHECKING:
    from store.sqlite.file.database import WriteTransaction
    from store.sqlite.leases.deliveries import Delivery
    from store.sqlite.leases.messages import StoredMessage
    from store.sqlite.leases.readers import Reader
    from store.sqlite.leases.receive import Receiver


class RetryLimits(ReaderPolicy):
    """A limit of deliveries, and the delays in milliseconds after the first failure, the second
    and so on.
    """

    __slots__ = ("delays", "most")

    def __init__(self, most: int | None, delays: tuple[int, ...] = ()) -> None:
        self.most = most
        self.delays = delays

    def is_used_up(self, deliveries: int) -> bool:
        """Return whether a message may not be delivered again after so many."""
        return self.most is not None and deliveries >= self.most

    def delay_after(self, deliveries: int) -> int:
        """Return the wait after so many failed deliveries: the last delay holds for all further
        ones, and no wait follows the last delivery.
        """
        if not self.delays or self.is_used_up(deliveries):
            return 0
        return self.delays[min(deliveries, len(self.delays)) - 1]

    def before_lease(self, receive: Receiver, message: StoredMessage) -> bool:
        """Dead-letter a message whose last delivery lapsed."""
        lease = message.lease
        if lease is None or not self.is_used_up(lease.deliveries):
            return False
        leases.attempts.note_lapsed(receive.tx, lease)
        if not leases.move.dead_letter(receive.tx, receive.reader, message, "max_deliveries"):
            # It is looked at again only after another lease.
            receive.postpone(message)
        return True

    def settling(
        self, tx: WriteTransaction, reader: Reader, delivery: Delivery, error: str | None
    ) -> bool:
        """Dead-letter a message whose last delivery failed."""
        return self.is_used_up(delivery.lease.deliveries) and leases.move.dead_letter(
            tx, reader, delivery.whole(tx), "max_deliveries", error
        )
