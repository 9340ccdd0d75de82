"""The calls of a store that share commits: a coroutine for each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakValueDictionary

from store.aio.committing import Committing
from store.aio.threaded_calls import ThreadedCalls
from store.aio.threads import refuse_in_transaction
from store.aio.waiting import WaitingRoom
from store.api.merging import (
    AcquireCall,
    MergeableCall,
    ProduceCall,
    PublishCall,
    ReceiveCall,
    SendCall,
    SettleCall,
    Settling,
)
from store.api.store import Store
from store.model.encoding import check_text, milliseconds
from store.model.errors import StoreUnusable
from store.model.messages import NewMessage
from store.model.topics import NewRecord, in_seconds

if TYPE_CHECKING:
    from store.aio.subscription import QueueSubscription
    from store.model.errors import Damaged
    from store.model.exchanges import Placed
    from store.model.messages import Message, MessageId
    from store.model.shares import SharedRecord
    from store.model.topics import Headers, Properties, RecordId, Seconds, Timestamp
    from store.sqlite.leases.receive import Received

Result = TypeVar("Result")
Taken = TypeVar("Taken")
Until = Callable[[], bool] | None


class MergedCalls(ThreadedCalls):
    """The coroutines of calls that send, publish, receive and settle."""

    _store: Store
    _committing: Committing
    _room: WaitingRoom
    _untold: dict[str, Damaged]
    # The subscription that has received a message, by its receipt.
    _received_by: WeakValueDictionary[str, QueueSubscription]
    _is_closed = False

    async def produce(
        self,
        topic: str,
        value: bytes | str | None,
        *,
        key: bytes | str | None = None,
        headers: Headers | None = None,
        timestamp: Timestamp | None = None,
        partition: int | None = None,
        properties: Properties | None = None,
    ) -> RecordId:
        """Append one record; it is stored when the call returns. See `Store.produce_many`."""
        record = NewRecord(value, key, headers, timestamp, partition, properties)
        return (await self._commit(ProduceCall(topic, [record])))[0]

    async def produce_many(
        self, topic: str, records: Iterable[NewRecord | bytes | str]
    ) -> list[RecordId]:
        """Append records in one transaction, all or none; see `Store.produce_many`."""
        return await self._commit(ProduceCall(topic, records))

    async def send(
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
    ) -> MessageId:
        """Send one message; it is stored when the call returns. See `Store.send_many`."""
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
        return (await self._commit(SendCall(queue, [message])))[0]

    async def send_many(
        self, queue: str, messages: Iterable[NewMessage | bytes | str]
    ) -> list[MessageId]:
        """Send messages in one transaction, all or none; see `Store.send_many`."""
        return await self._commit(SendCall(queue, messages))

    async def publish(
        self,
        exchange: str,
        key: bytes | str | None,
        value: bytes | str | None,
        *,
        headers: Headers | None = None,
        timestamp: Timestamp | None = None,
        delay: Seconds | None = None,
        message_group: str | None = None,
        dedup_id: str | None = None,
        priority: int = 0,
        ttl: Seconds | None = None,
        properties: Properties | None = None,
        mandatory: bool = False,
    ) -> list[Placed]:
        """Publish one message; return where it is stored. See `Store.publish_many`."""
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
        return (await self._commit(PublishCall(exchange, [message], mandatory)))[0]

    async def publish_many(
        self, exchange: str, messages: Iterable[NewMessage], *, mandatory: bool = False
    ) -> list[list[Placed]]:
        """Route messages by their keys and headers; see `Store.publish_many`."""
        return await self._commit(PublishCall(exchange, messages, mandatory))

    async def receive(
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
        """Lease up to `max_messages` messages, waiting for the first; see `Store.receive`."""
        check_text(holder, "a holder")
        make = partial(
            ReceiveCall, queue, max_messages, lease, holder, attached, prefetch, auto_ack
        )
        return await self._take(queue, make, wait, until)

    async def acquire(
        self,
        share: str,
        max_records: int = 1,
        wait: Seconds = 0.0,
        lease: Seconds | None = None,
        *,
        holder: str | None = None,
        attached: bool = False,
        until: Callable[[], bool] | None = None,
    ) -> list[SharedRecord]:
        """Lease up to `max_records` records through a share; see `Store.acquire`."""
        check_text(holder, "a holder")
        make = partial(AcquireCall, share, max_records, lease, holder, attached)
        return await self._take(share, make, wait, until)

    async def ack(self, receipts: Sequence[str]) -> None:
        """Acknowledge messages: they are deleted. See `Store.ack`."""
        await self._settle(receipts, "ack")

    async def nack(
        self, receipts: Sequence[str], delay: Seconds | None = None, error: str | None = None
    ) -> None:
        """Give messages back, after `delay` seconds or the queue's retry delay."""
        await self._settle(receipts, "nack", delay, error)

    async def reject(self, receipts: Sequence[str], error: str | None = None) -> None:
        """Refuse messages for good: move them to the DLQ, or drop them where the queue has none."""
        await self._settle(receipts, "reject", error)

    async def extend(self, receipts: Sequence[str], duration: Seconds) -> None:
        """Extend leases to `duration` seconds from now; 0 gives the messages back at once."""
        milliseconds(duration, "duration")
        await self._settle(receipts, "extend", duration)

    async def unreceive(self, receipts: Sequence[str]) -> None:
        """Give back messages that were not begun, as if they had not been delivered."""
        await self._settle(receipts, "unreceive")

    async def _commit(self, call: MergeableCall[Result]) -> Result:
        refuse_in_transaction()
        if self._is_closed:
            raise StoreUnusable(f"{self._store.path} was closed", hint="open the store again")
        return await self._committing.commit(call)

    async def _settle(self, receipts: Sequence[str], settling: Settling, *options: Any) -> None:
        call = SettleCall(receipts, settling, *options)
        try:
            await self._commit(call)
        finally:
            for receipt in call.receipts:
                if settling != "extend" and (owner := self._received_by.pop(receipt, None)):
                    owner.note_settled(receipt)

    async def _take(
        self,
        name: str,
        make: Callable[[], MergeableCall[Received[Taken]]],
        wait: Seconds | None,
        until: Until,
    ) -> list[Taken]:
        patience = None if wait is None else in_seconds(wait)
        began, was_called = monotonic(), False
        while True:
            taken = await self._commit(make())
            if taken.damage is not None:
                self._untold[name] = taken.damage
            if taken.messages:
                self._room.call_next(name)
                return taken.messages
            if taken.others:
                continue
            if name in self._untold:
                raise self._untold.pop(name)
            if patience is None:
                patience = (await self.queue_config(name)).wait / 1000
            if monotonic() >= began + patience or (until is not None and until()):
                return []
            if was_called:
                self._room.note_in_vain(name)
            was_called = await self._room.wait(name, began + patience, until)
