"""Where `mq produce` and `mq publish` store what they read, and a topic as such a place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from mq.write.inputs import Given, KnownPartitions, Named, changed
from store.model.clock import FAR_AHEAD
from store.model.errors import NotFound
from store.model.text import counted, format_duration, format_time
from store.model.topics import NewRecord, RecordId

Id = TypeVar("Id")

if TYPE_CHECKING:
    from typing import Protocol

    from store import MessageId, Store
    from store.engine.batches import Batch, NamedProducer

    class Destination(Protocol[Id]):
        """What a `Loader` stores records in; `noun` is what one of them is called there.

        `stored_before` counts records at the beginning of the input that are stored already,
        `duplicates` those that turned out to be no new ones.
        """

        name: str
        noun: str
        stored_before: int

        @property
        def producer(self) -> NamedProducer | None:
            """The named producer that counts what is stored, if there is one."""

        duplicates: int

        def completed(self, records: Named) -> Named:
            """The records with what the command line says of all of them."""

        def write(self, batch: Batch, records: Sequence[NewRecord]) -> list[Id]:
            """Store records, the first of which has that number in the input; where they are."""

        def count_stored(self, records: Sequence[NewRecord], ids: Sequence[Id]) -> None:
            """Note what was committed, for `warnings` and `duplicates`."""

        def unstored(self) -> int:
            """How many of the records are not stored by this: duplicates, or what led nowhere."""

        def document(self, id: Id) -> dict[str, Any]:
            """Where something was stored, as JSON."""

        def warnings(self) -> Iterator[str]:
            """What may turn out to be a mistake."""


class TopicDestination:
    """A topic. A named producer's records are counted, and those stored before are skipped.

    `placed` says that records may come with the partition that they had elsewhere.
    """

    noun = "record"
    duplicates = 0

    def __init__(
        self, store: Store, name: str, given: Given, producer: str | None, *, placed: bool
    ) -> None:
        topic = store.topic(name)
        _check_partition(name, len(topic.partitions), given.partition)
        self.name = name
        self._given = given
        self.producer = None if producer is None else store.producer(producer)
        self.stored_before = self.producer.stored(name) if self.producer else 0
        self._known = KnownPartitions(len(topic.partitions))
        self._placed = placed and given.partition is None
        kept = None if topic.config.cleanup == "compact" else topic.config.retention
        self._old = TooOld(store, kept)
        self._ahead = FarAhead(store)

    def completed(self, records: Named) -> Named:
        """The records, without partitions that the topic does not have."""
        if self._placed:
            records = changed(records, self._known.applied)
        return changed(records, self._given.applied) if self._given else records

    def write(self, batch: Batch, records: Sequence[NewRecord]) -> list[RecordId]:
        """Append records."""
        return batch.produce(self.name, records)

    def count_stored(self, records: Sequence[NewRecord], ids: Sequence[RecordId]) -> None:
        """Count records that are older than the topic keeps them, or lie in the future."""
        self._old.count(records)
        self._ahead.count(records)

    def unstored(self) -> int:
        """None: each has an offset of its own."""
        return 0

    def document(self, id: RecordId) -> dict[str, Any]:
        """Topic, partition and offset."""
        return place_document(id)

    def warnings(self) -> Iterator[str]:
        """Records past the topic's retention or in the future, and in partitions it has not."""
        yield from self._ahead.warnings(self.noun)
        if self._old.number:
            yield (
                f"{counted(self._old.number, 'record')} older than {self.name} keeps records"
                f" ({self._old.kept}); cleaning will remove them"
            )
        if self._known.moved:
            yield (
                f"{counted(self._known.moved, 'record')} came from partitions that {self.name} does"
                " not have; placed by key"
            )


def place_document(place: RecordId | MessageId) -> dict[str, Any]:
    """Where something was stored, as JSON."""
    if isinstance(place, RecordId):
        return {"topic": place.topic, "partition": place.partition, "offset": place.offset}
    return {
        "queue": place.queue,
        "id": place.id,
        "sequence": place.sequence,
        "duplicate": place.duplicate,
    }


class TooOld:
    """Counts records whose time lies further back than a destination keeps them."""

    def __init__(self, store: Store, kept: int | None) -> None:
        self.number = 0
        self.kept = "" if kept is None else format_duration(kept)
        self._store = store
        self._kept = kept

    def count(self, records: Sequence[NewRecord]) -> None:
        """Look at the times of records that were stored."""
        if self._kept is not None:
            oldest = self._store.wall() - self._kept
            times = (record.timestamp for record in records)
            self.number += sum(isinstance(time, int) and time < oldest for time in times)


class FarAhead:
    """Counts records whose time lies further in the future than clocks differ."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._number = 0
        self._furthest = 0

    def count(self, records: Sequence[NewRecord]) -> None:
        """Look at the times of records that were stored."""
        now = self._store.wall()
        for record in records:
            time = record.timestamp
            if isinstance(time, int) and time > now + FAR_AHEAD:
                self._number += 1
                self._furthest = max(self._furthest, time)

    def warnings(self, noun: str) -> Iterator[str]:
        """What is wrong with them, and where the way out stands."""
        if self._number:
            yield (
                f"{counted(self._number, noun)} with a time in the future, up to"
                f" {format_time(self._furthest)}; what comes after them in the same place bears it"
                " too (mq doctor)"
            )


def _check_partition(topic: str, partitions: int, wanted: int | None) -> None:
    if wanted is not None and wanted >= partitions:
        raise NotFound(
            f"partition {topic}/{wanted} does not exist",
            hint=f"{topic} has partitions 0 to {partitions - 1}",
        )
