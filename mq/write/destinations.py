"""Where `mq produce` and `mq publish` store their input, and a topic as such a destination."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from mq.text.framing import Framing
from mq.write.inputs import KnownPartitions, Named, changed
from mq.write.requests import LoadRequest, check_partition, id_document
from store.model.clock import FAR_AHEAD
from store.model.text import counted, format_duration, format_time
from store.model.topics import NewRecord, RecordId

Id = TypeVar("Id")

if TYPE_CHECKING:
    from store.engine.batches import Batch, NamedProducer
    from store.engine.broker import Broker


class Destination(ABC, Generic[Id]):
    """A destination of a `Loader`; `noun` is the word for one of its records.

    A named `producer` has its records counted: `stored_before` at the beginning of the input are
    stored already. `duplicates` turned out to be no new ones.
    """

    noun = "message"

    def __init__(self, store: Broker, request: LoadRequest) -> None:
        self.name = request.destination
        self.producer = None if request.producer is None else store.producer(request.producer)
        self.stored_before = self._count_before(self.producer) if self.producer else 0
        self.duplicates = 0
        self._request = request
        self._ahead = FarAhead(store)

    def apply_defaults(self, records: Named) -> Named:
        """Set the command line's defaults for all records."""
        defaults = self._request.defaults
        return changed(records, defaults.apply) if defaults else records

    def doubt(self, record: NewRecord) -> str:
        """Return a reason not to store a record without a question, or an empty text."""
        return ""

    @abstractmethod
    def write(self, batch: Batch, records: Sequence[NewRecord]) -> list[Id]:
        """Store records, and return their ids."""

    def count_stored(self, records: Sequence[NewRecord], ids: Sequence[Id]) -> None:
        """Note the committed records, for `warnings` and `duplicates`."""
        self._ahead.count(records)

    def unstored(self) -> int:
        """Count the records that were not stored."""
        return self.duplicates

    def document(self, id: Any) -> dict[str, Any]:
        """Return where a record was stored, as JSON."""
        return id_document(id)

    def warnings(self) -> Iterator[str]:
        """Return warnings of possible mistakes."""
        return self._ahead.warnings(self.noun)

    def _count_before(self, producer: NamedProducer) -> int:
        return producer.stored(self.name)


class TopicDestination(Destination[RecordId]):
    """A topic; records of envelopes may come with their former partition."""

    noun = "record"

    def __init__(self, store: Broker, request: LoadRequest) -> None:
        topic, wanted = store.topic(request.destination), request.defaults.partition
        check_partition(topic, wanted)
        super().__init__(store, request)
        self._known = KnownPartitions(len(topic.partitions))
        self._has_partitions = request.form.framing is Framing.NDJSON and wanted is None
        kept = None if topic.config.cleanup == "compact" else topic.config.retention
        self._old = TooOld(store, lambda: kept)

    def apply_defaults(self, records: Named) -> Named:
        """Set the command line's defaults, and drop partitions that the topic does not have."""
        if self._has_partitions:
            records = changed(records, self._known.apply)
        return super().apply_defaults(records)

    def doubt(self, record: NewRecord) -> str:
        """Return that the record is older than the topic keeps records, where it is."""
        if not self._old.is_past(record):
            return ""
        return (
            f"{self.name} keeps records for {self._old.kept}; cleaning removes older ones at once,"
            " as it will this one, and others of its age."
        )

    def write(self, batch: Batch, records: Sequence[NewRecord]) -> list[RecordId]:
        """Append records."""
        return batch.produce(self.name, records)

    def count_stored(self, records: Sequence[NewRecord], ids: Sequence[RecordId]) -> None:
        """Count records that are older than the topic keeps them, or lie in the future."""
        super().count_stored(records, ids)
        self._old.count(records)

    def warnings(self) -> Iterator[str]:
        """Warn of records past the retention or in the future, and of partitions it has not."""
        yield from super().warnings()
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


class TooOld:
    """Counts records that are older than a destination keeps them."""

    def __init__(self, store: Broker, kept: Callable[[], int | None]) -> None:
        self.number = 0
        self._store = store
        self._asked = kept

    @cached_property
    def _kept(self) -> int | None:
        # Only records with a time of their own can be too old, and asking may be a call.
        return self._asked()

    @property
    def kept(self) -> str:
        """For how long the destination keeps records."""
        return "" if self._kept is None else format_duration(self._kept)

    def count(self, records: Sequence[NewRecord]) -> None:
        """Look at the times of records that were stored."""
        times = [time for record in records if isinstance(time := record.timestamp, int)]
        if times and self._kept is not None:
            oldest = self._store.wall() - self._kept
            self.number += sum(time < oldest for time in times)

    def is_past(self, record: NewRecord) -> bool:
        """Return whether a record is too old."""
        time = record.timestamp
        if not isinstance(time, int) or self._kept is None:
            return False
        return time < self._store.wall() - self._kept


class FarAhead:
    """Counts records that are further in the future than clocks differ."""

    def __init__(self, store: Broker) -> None:
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
        """Warn of them, and name the command that helps."""
        if self._number:
            yield (
                f"{counted(self._number, noun)} with a time in the future, up to"
                f" {format_time(self._furthest)}; later ones in the same place bear it"
                " too (mq doctor)"
            )
