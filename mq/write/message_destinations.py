"""Where `mq produce` and `mq publish` store messages: a queue, and an exchange's destinations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from mq.write.destinations import Destination, TooOld
from mq.write.requests import LoadRequest, MessageDefaults, id_document
from store.model.errors import BadInput
from store.model.messages import NewMessage
from store.model.text import counted
from store.model.topics import NewRecord

if TYPE_CHECKING:
    from store import MessageId, RecordId
    from store.engine.batches import Batch, NamedProducer
    from store.engine.broker import Broker


class QueueDestination(Destination["MessageId"]):
    """A queue."""

    def __init__(self, store: Broker, request: LoadRequest) -> None:
        name = request.destination
        if request.defaults.partition is not None:
            raise BadInput(f"{name} is a queue: it has no partitions", hint="leave it out")
        self._old = TooOld(store, lambda: store.queue_config(name).retention)
        super().__init__(store, request)

    def write(self, batch: Batch, records: Sequence[NewRecord]) -> list[MessageId]:
        """Send messages."""
        return batch.send(self.name, _messages(records, self._request.message))

    def count_stored(self, records: Sequence[NewRecord], ids: Sequence[MessageId]) -> None:
        """Count duplicates, and messages that are too old for the queue or lie in the future."""
        super().count_stored(records, ids)
        self.duplicates += sum(id.duplicate for id in ids)
        self._old.count(records)

    def warnings(self) -> Iterator[str]:
        """Warn of messages past the queue's retention, or in the future."""
        yield from super().warnings()
        if self._old.number:
            yield (
                f"{counted(self._old.number, 'message')} older than {self.name} keeps messages"
                f" ({self._old.kept}); they expire at once"
            )


class Published(NamedTuple):
    """The destinations of one message; `returned` for a mandatory one without any."""

    ids: Sequence[RecordId | MessageId]
    returned: bool

    def __str__(self) -> str:
        return " ".join(map(str, self.ids))


class ExchangeDestination(Destination[Published]):
    """The queues and topics that an exchange leads to.

    `returned` counts messages that were `mandatory` and led nowhere, `lost` those that were not;
    `first_key` is the key of the first of them.
    """

    def __init__(self, store: Broker, request: LoadRequest, *, mandatory: bool) -> None:
        store.require_exchange(request.destination)
        super().__init__(store, request)
        self._mandatory = mandatory
        self.returned = 0
        self.lost = 0
        self.first_key: bytes | str | None = None

    def write(self, batch: Batch, records: Sequence[NewRecord]) -> list[Published]:
        """Publish messages."""
        routed = batch.publish(self.name, _messages(records, self._request.message))
        return [Published(ids, self._mandatory and not ids) for ids in routed]

    def count_stored(self, records: Sequence[NewRecord], ids: Sequence[Published]) -> None:
        """Count messages that went nowhere, and those that lie in the future."""
        routed = [record for record, id in zip(records, ids, strict=True) if id.ids]
        super().count_stored(routed, ids)
        for record, id in zip(records, ids, strict=True):
            if not id.ids:
                self.first_key = self.first_key or record.key
                self.returned += self._mandatory
                self.lost += not self._mandatory

    def unstored(self) -> int:
        """Count messages without a destination."""
        return self.lost + self.returned

    def document(self, id: Published) -> dict[str, Any]:
        """Return the message's destinations, and whether it was returned."""
        return {"routed": [id_document(stored) for stored in id.ids], "returned": id.returned}

    def warnings(self) -> Iterator[str]:
        """Warn of messages that no binding led anywhere, or that lie in the future."""
        yield from super().warnings()
        if self.lost:
            lost = counted(self.lost, "message")
            yield f"{lost} went nowhere: no binding of {self.name} matched"

    def _count_before(self, producer: NamedProducer) -> int:
        return producer.published(self.name)


def _messages(records: Sequence[NewRecord], defaults: MessageDefaults) -> list[NewMessage]:
    return [_to_message(record, defaults) for record in records]


def _to_message(record: NewRecord, defaults: MessageDefaults) -> NewMessage:
    group, priority = defaults.message_group, defaults.priority
    # Only an envelope adds to a record.
    if type(record) is not NewRecord:
        from mq.text.envelope_inputs import MessageRecord

        assert isinstance(record, MessageRecord)
        group = record.message_group if group is None else group
        priority = record.priority if priority is None else priority
    return NewMessage(
        record.value,
        record.key,
        record.headers,
        record.timestamp,
        delay=defaults.delay,
        message_group=group,
        dedup_id=defaults.dedup_id,
        priority=priority or 0,
        ttl=defaults.ttl,
        properties=record.properties,
    )
