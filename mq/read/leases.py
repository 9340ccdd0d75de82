"""Reading a queue, or a topic through a share: items are leased, and acknowledged."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from mq.cli.diagnostics import Diagnostics
from mq.read.source import Source
from store import model
from store.model.errors import BadInput, Hint, MqError, NotFound, Unavailable, Unsupported
from store.model.text import counted

if TYPE_CHECKING:
    from store import Message, SharedRecord
    from store.engine.broker import Broker
    from store.engine.transactions import Outputs
    from store.model.addresses import Address
    from store.model.queues import QueueConfig

Leased = TypeVar("Leased", "Message", "SharedRecord")


class Handover(NamedTuple):
    """Leases of that many seconds that outlive this process; the holder of a receipt settles it."""

    lease: float | None
    diagnostics: Diagnostics


class LeasedSource(Source[Leased]):
    """Items that are leased for as long as this process lives and keeps them.

    With `once` it gives as many as were there when it was made, and keeps those that failed to the
    end, so that none comes twice. With a `handover` what is done is only handed over.
    """

    outlives_damage = True

    def __init__(
        self, store: Broker, name: str, lease: int, present: float, handover: Handover | None
    ) -> None:
        if handover is not None:
            store.require_receipts()
        self._store = store
        self._name = name
        self._left = present
        self._once = math.isfinite(present)
        self._handover = handover
        self._lease = lease / 1000
        self._failed: dict[str, tuple[str, float | None]] = {}
        if handover is None:
            self.keepalive_interval = max(self._lease / 3, 0.1)

    def take(self, most: int, wait: float | None, until: Callable[[], bool]) -> Sequence[Leased]:
        """Lease up to `most`; without `wait` for as long as the queue says."""
        number = int(min(most, self._left))
        if not number:
            self._store.wait(self._store.changed(), wait or 0.0, until)
            return []
        items = self._receive(number, wait, until)
        self._left -= len(items)
        return items

    def is_over(self) -> bool:
        """Return whether as many were taken as were there."""
        return not self._left

    def deliveries(self, item: Leased) -> int:
        """Count how often the item was delivered, with this time."""
        return item.deliveries

    def keepalive(self, items: Sequence[Leased]) -> Sequence[Leased]:
        """Extend the leases; return the items whose lease is lost."""
        receipts = [*_receipts(items), *self._failed]
        try:
            if receipts:
                self._store.extend(receipts, self._lease)
        except Unavailable:
            return []
        except MqError as error:
            for receipt in error.failures:
                self._failed.pop(receipt, None)
            return [item for item in items if item.receipt in error.failures]
        return []

    def done(self, items: Sequence[Leased], tx: Outputs | None = None) -> None:
        """Acknowledge the items."""
        if items and self._handover is None:
            (tx or self._store).ack(_receipts(items))

    def failed(
        self,
        items: Sequence[Leased],
        error: str,
        delay: float | None = None,
        *,
        final: bool = False,
    ) -> None:
        """Give the items back, or at their last delivery and with `final` away."""
        if final:
            self._store.reject(_receipts(items), error)
        elif self._once:
            self._failed |= dict.fromkeys(_receipts(items), (error, delay))
        else:
            self._store.nack(_receipts(items), delay, error)

    def give_back(self, items: Sequence[Leased], *, begun: bool = False) -> None:
        """Undo the deliveries; `begun` items keep their delivery, and only their leases end."""
        receipts = _receipts(items)
        try:
            if receipts and begun:
                self._store.nack(receipts, 0)
            elif receipts:
                self._store.unreceive(receipts)
        except MqError as error:
            # Other leases end with this process.
            if self._handover is not None:
                self._handover.diagnostics.warning(
                    f"{counted(len(receipts), 'message')} can't be given back before the lease"
                    f" ends: {error.message}"
                )

    def skip_damaged(self, addresses: Sequence[Address]) -> None:
        """Remove those that the DLQ did not take."""
        for address in addresses:
            with suppress(NotFound):
                self._remove(address)

    def close(self, error: BaseException | None) -> None:
        """Give back those that failed."""
        for receipt, (reason, delay) in self._failed.items():
            with suppress(MqError):
                self._store.nack([receipt], delay, reason)

    @abstractmethod
    def _receive(
        self, number: int, wait: float | None, until: Callable[[], bool]
    ) -> Sequence[Leased]: ...

    @abstractmethod
    def _remove(self, address: Address) -> None: ...


class QueueSource(LeasedSource["Message"]):
    """Messages of a queue; with `singly` a call takes a single one.

    On a FIFO queue that keeps one message of each group in hand, and leaves the rest to others.
    """

    def __init__(
        self, store: Broker, name: str, *, once: bool = False, singly: bool = False,
        handover: Handover | None = None,
    ) -> None:  # fmt: skip
        # Leased ones count too: their holder may be dead.
        present = store.queue(name).messages if once else math.inf
        config = store.queue_config(name)
        super().__init__(store, name, config.lease, present, handover)
        self._most = 1 if singly else math.inf
        self._ready: int | None = None
        self._taken = 0

    def remaining(self) -> int:
        """Count the messages that were ready at the first call and are not taken yet."""
        if self._ready is None:
            self._ready = self._store.queue(self._name).ready + self._taken
        return self._ready - self._taken

    def skip_command(self, item: Message) -> str:
        """Name the commands that take the message and refuse it for good."""
        return f"mq receive {self._name} and mq nack --reject its receipt"

    def _receive(
        self, number: int, wait: float | None, until: Callable[[], bool]
    ) -> Sequence[Message]:
        lease = None if self._handover is None else self._handover.lease
        messages = self._store.receive(
            self._name, int(min(number, self._most)), wait, lease,
            attached=self._handover is None, until=until,
        )  # fmt: skip
        self._taken += len(messages)
        return messages

    def _remove(self, address: Address) -> None:
        assert address.offset is not None
        self._store.purge_message(self._name, address.offset)


class AutoAckSource(QueueSource):
    """Messages of a queue that are acknowledged as they are received: none comes again."""

    def __init__(self, store: Broker, name: str, diagnostics: Diagnostics) -> None:
        super().__init__(store, name)
        self._diagnostics = diagnostics
        self.keepalive_interval = math.inf

    def done(self, items: Sequence[Message], tx: Outputs | None = None) -> None:
        """Do nothing: they are done already."""

    def give_back(self, items: Sequence[Message], *, begun: bool = False) -> None:
        """Report the messages that are lost."""
        if items:
            self._diagnostics.warning(
                f"{counted(len(items), 'message')} were received and not printed: with --auto-ack"
                " none comes again"
            )

    def _receive(
        self, number: int, wait: float | None, until: Callable[[], bool]
    ) -> Sequence[Message]:
        messages = self._store.receive(self._name, number, wait, auto_ack=True, until=until)
        self._taken += len(messages)
        return messages


class ShareSource(LeasedSource["SharedRecord"]):
    """Records of a topic through a share, from any number of its partitions."""

    def __init__(
        self, store: Broker, name: str, *, once: bool = False, handover: Handover | None = None
    ) -> None:
        status = store.share(name)
        if once and not status.partitions:
            raise Unsupported(
                f"{store.features.engine} does not tell what of share {name} is unfinished",
                Hint("leave out {once}"),
                "share lag",
            )
        present = sum(partition.lag for partition in status.partitions) if once else math.inf
        super().__init__(store, name, status.config.lease, present, handover)

    def _receive(
        self, number: int, wait: float | None, until: Callable[[], bool]
    ) -> Sequence[SharedRecord]:
        lease = None if self._handover is None else self._handover.lease
        return self._store.acquire(
            self._name, number, wait or 0.0, lease, attached=self._handover is None, until=until
        )

    def _remove(self, address: Address) -> None:
        self._store.skip_record(self._name, address)


def require_lease(queue: str, config: QueueConfig) -> None:
    """Raise `BadInput` for a FIFO queue without a lease: no message of it could be settled.

    A FIFO queue refuses a lapsed lease; a standard queue accepts it.
    """
    if config.fifo and not config.lease:
        raise BadInput(
            f"{queue} is a FIFO queue with a lease of 0s: no acknowledgement could count",
            hint=Hint("{}", model.actions.alter("queue", queue, lease=timedelta(seconds=30))),
        )


def warn_of_chaos(diagnostics: Diagnostics, queue: str, config: QueueConfig) -> None:
    """Say that a queue misbehaves on purpose, so that it is not taken for a fault."""
    if config.chaos is not None:
        diagnostics.warning(
            f"queue {queue} is under chaos: {config.chaos}; mq queue alter {queue} --chaos none"
            " ends it"
        )


def _receipts(items: Sequence[Leased]) -> list[str]:
    return [item.receipt for item in items if item.receipt is not None]
