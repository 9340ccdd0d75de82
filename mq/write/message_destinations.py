"""Where `mq produce` and `mq publish` store messages: a queue, and what an exchange leads to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from mq.write.destinations import FarAhead, TooOld, place_document
from mq.write.inputs import Given, GivenMessage, Named, changed
from store.model.errors import BadInput
from store.model.messages import NewMessage
from store.model.text import counted
from store.model.topics import NewRecord

if TYPE_CHECKING:
    from store import MessageId, RecordId, Store
    from store.engine.batches import Batch


class QueueDestination:
    """A queue. A named producer's messages are counted, and those stored before are skipped."""

    noun = "message"

    def __init__(
        self, store: Store, name: str, given: Given, message: GivenMessage, producer: str | None
    ) -> None:
        if given.partition is not None:
            raise BadInput(f"{name} is a queue: it has no partitions", hint="leave it out")
        self.name = name
        self._given = given
        self._message = message
        self.duplicates = 0
        self._old = TooOld(store, store.queue_config(name).retention)
        self._ahead = FarAhead(store)
        self.producer = None if producer is None else store.producer(producer)
        self.stored_before = self.producer.stored(name) if self.producer else 0

    def completed(self, records: Named) -> Named:
        """The records with key and headers; the rest is for messages."""
        return changed(records, self._given.applied) if self._given else records

    def write(self, batch: Batch, records: Sequence[NewRecord]) -> list[MessageId]:
        """Send messages."""
        messages = [_to_message(record, self._message) for record in records]
        return batch.send(self.name, messages)

    def count_stored(self, records: Sequence[NewRecord], ids: Sequence[MessageId]) -> None:
        """Count duplicates, and messages that are too old for the queue or lie in the future."""
        self.duplicates += sum(id.duplicate for id in ids)
        self._old.count(records)
        self._ahead.count(records)

    def unstored(self) -> int:
        """The duplicates."""
        return self.duplicates

    def document(self, id: MessageId) -> dict[str, Any]:
        """Queue, id and sequence, and whether an earlier message is meant by them."""
        return place_document(id)

    def warnings(self) -> Iterator[str]:
        """Messages past the queue's retention, or in the future."""
        yield from self._ahead.warnings(self.noun)
        if self._old.number:
            yield (
                f"{counted(self._old.number, 'message')} older than {self.name} keeps messages"
                f" ({self._old.kept}); they expire at once"
            )


class Published(NamedTuple):
    """Where one message went; `returned` when it had to go somewhere and could not."""

    places: Sequence[RecordId | MessageId]
    returned: bool

    def __str__(self) -> str:
        return " ".join(map(str, self.places))


class ExchangeDestination:
    """Whatever queues and topics an exchange leads to; of a named producer, what is new of it.

    `returned` counts messages that were `mandatory` and led nowhere, `lost` those that were not;
    `first_key` is the key of the first of them.
    """

    noun = "message"
    duplicates = 0

    def __init__(
        self, store: Store, name: str, given: Given, message: GivenMessage, producer: str | None,
        *, mandatory: bool,
    ) -> None:  # fmt: skip
        self.name = store.exchange(name).name
        self.producer = None if producer is None else store.producer(producer)
        self.stored_before = self.producer.published(name) if self.producer else 0
        self._given = given
        self._message = message
        self._mandatory = mandatory
        self._ahead = FarAhead(store)
        self.returned = 0
        self.lost = 0
        self.first_key: bytes | str | None = None

    def completed(self, records: Named) -> Named:
        """The records with key and headers; the rest is for messages."""
        return changed(records, self._given.applied) if self._given else records

    def write(self, batch: Batch, records: Sequence[NewRecord]) -> list[Published]:
        """Publish messages."""
        messages = [_to_message(record, self._message) for record in records]
        routed = batch.publish(self.name, messages)
        return [Published(places, self._mandatory and not places) for places in routed]

    def count_stored(self, records: Sequence[NewRecord], ids: Sequence[Published]) -> None:
        """Count messages that went nowhere, and those that lie in the future."""
        self._ahead.count([r for r, id in zip(records, ids, strict=True) if id.places])
        for record, id in zip(records, ids, strict=True):
            if not id.places:
                self.first_key = self.first_key or record.key
                self.returned += self._mandatory
                self.lost += not self._mandatory

    def unstored(self) -> int:
        """What went nowhere."""
        return self.lost + self.returned

    def document(self, id: Published) -> dict[str, Any]:
        """Each place as `produce` would tell it, and whether the message was returned."""
        return {"routed": [place_document(place) for place in id.places], "returned": id.returned}

    def warnings(self) -> Iterator[str]:
        """Messages that no binding led anywhere, or that lie in the future."""
        yield from self._ahead.warnings(self.noun)
        if self.lost:
            lost = counted(self.lost, "message")
            yield f"{lost} went nowhere: no binding of {self.name} matched"


def _to_message(record: NewRecord, given: GivenMessage) -> NewMessage:
    group, priority = given.message_group, given.priority
    # Only an envelope makes more of a record.
    if type(record) is not NewRecord:
        from mq.text.message_inputs import MessageRecord

        assert isinstance(record, MessageRecord)
        group = record.message_group if group is None else group
        priority = record.priority if priority is None else priority
    return NewMessage(
        record.value,
        record.key,
        record.headers,
        record.timestamp,
        delay=given.delay,
        message_group=group,
        dedup_id=given.dedup_id,
        priority=priority or 0,
        ttl=given.ttl,
    )
