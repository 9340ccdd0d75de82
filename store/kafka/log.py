"""Records of topics: produced, and read by offset."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from confluent_kafka import IsolationLevel, TopicPartition
from confluent_kafka.admin import OffsetSpec

from store import model
from store.engine.features import Feature, lacking
from store.kafka.base import Cluster
from store.kafka.producing import RecordsUnderway
from store.kafka.records import encoded, record_of
from store.model.encoding import encode_bytes, given_list
from store.model.errors import BadRecord, NotFound, Unavailable
from store.model.topics import Headers, NewRecord, Record, RecordId, Timestamp

if TYPE_CHECKING:
    from store.model.positions import Position

Bounds = dict[tuple[str, int], tuple[int, int]]
_PAGE = 5_000


class ClusterRecords(Cluster):
    """Records: produce, read, find."""

    def produce(
        self,
        topic: str,
        value: bytes | str | None,
        *,
        key: bytes | str | None = None,
        headers: Headers | None = None,
        timestamp: Timestamp | None = None,
        partition: int | None = None,
    ) -> RecordId:
        """Append one record; see `produce_many`."""
        return self.produce_many(topic, [NewRecord(value, key, headers, timestamp, partition)])[0]

    def produce_many(
        self, topic: str, records: Iterable[NewRecord | bytes | str]
    ) -> list[RecordId]:
        """Append records, each confirmed by itself; a key goes where Kafka's Java client puts it.

        Raises `BadRecord` for one that can't be stored, and `OutcomeUnknown` for those that may be
        stored or not; the others are stored.
        """
        given = [
            one if isinstance(one, NewRecord) else NewRecord(one)
            for one in given_list(records, "records")
        ]
        number = self._partition_count(topic)
        outgoing = [encoded(index, record) for index, record in enumerate(given)]
        for index, one in enumerate(outgoing):
            if one.partition is not None and not 0 <= one.partition < number:
                raise BadRecord(index, f"topic {topic} has no partition {one.partition}")
        underway = RecordsUnderway(self._clients.producer, self._place, topic)
        placed = underway.send(outgoing, self._clients.timeout)
        return [RecordId(topic, partition, offset) for partition, offset in placed]

    def read(
        self,
        topic: str,
        partition: int = 0,
        offset: int = 0,
        limit: int = 1000,
        max_bytes: int | None = None,
        *,
        mark_damaged: bool = False,
    ) -> list[Record]:
        """Return up to `limit` committed records from `offset` on; nothing is remembered."""
        self._check_partition(topic, partition)
        return [record_of(message) for message in self._reads.read(topic, partition, offset, limit)]

    def record(
        self, topic: str, partition: int, offset: int, *, mark_damaged: bool = False
    ) -> Record:
        """Return the record at an offset; raises `NotFound`."""
        records = self.read(topic, partition, offset, 1)
        if not records or records[0].offset != offset:
            raise NotFound(f"record {topic}/{partition}@{offset} does not exist")
        return records[0]

    def resolve(
        self, topic: str, position: Position, partition: int = 0, group: str | None = None
    ) -> int:
        """Return the offset of a position in a partition, moved into the log."""
        self._check_partition(topic, partition)
        return self._resolved(topic, position, {partition: self._reads.bounds(topic, partition)})[
            partition
        ]

    def resolve_all(self, topic: str, position: Position) -> list[int]:
        """Resolve a position in every partition of a topic, in order."""
        number = self._partition_count(topic)
        bounds = self._bounds([(topic, partition) for partition in range(number)])
        resolved = self._resolved(
            topic, position, {partition: bound for (_, partition), bound in bounds.items()}
        )
        return [resolved[partition] for partition in range(number)]

    def partition_for(self, topic: str, key: bytes | str) -> int:
        """Return the partition that records with this key go to: that of Kafka's Java client."""
        number = self._partition_count(topic)
        return model.placement.partition_for_key(encode_bytes(key, "key") or b"", number)

    def latest(self, topic: str, key: bytes | str | None = None) -> list[Record]:
        """Return the newest record of every key, or of one, by key; the whole topic is read.

        If a key is in several partitions, as after their number grew, the newest time counts.
        """
        wanted = encode_bytes(key, "key")
        newest: dict[bytes, Record] = {}
        for record in self._all_records(topic):
            name = record.key
            if name is None or wanted not in {None, name}:
                continue
            before = newest.get(name)
            if before is None or record.partition == before.partition or _is_later(record, before):
                newest[name] = record
        return [record for _, record in sorted(newest.items()) if record.value is not None]

    def _all_records(self, topic: str) -> Iterator[Record]:
        """Read every partition up to the end that it has when its turn comes."""
        for partition in range(self._partition_count(topic)):
            offset, end = self._reads.bounds(topic, partition)
            while offset < end and (page := self._reads.read(topic, partition, offset, _PAGE)):
                yield from map(record_of, page)
                offset = (page[-1].offset() or 0) + 1

    def _bounds(self, partitions: Iterable[tuple[str, int]], *, committed: bool = True) -> Bounds:
        """Return the first offset and the end of partitions, of any number in two requests.

        The end is that of committed records, unless `committed` is false: then it is that of all.
        """
        asked = [TopicPartition(topic, partition) for topic, partition in partitions]
        try:
            starts = self._offsets(asked, OffsetSpec.earliest(), committed=committed)
        except (NotFound, Unavailable):
            # It asks the leaders that it knows, of partitions that it knows.
            self._clients.look_for_leaders()
            starts = self._offsets(asked, OffsetSpec.earliest(), committed=committed)
        ends = self._offsets(asked, OffsetSpec.latest(), committed=committed)
        return {key: (start, ends[key]) for key, start in starts.items()}

    def _offsets(
        self, asked: list[TopicPartition], spec: OffsetSpec, *, committed: bool
    ) -> dict[tuple[str, int], int]:
        if not asked:
            return {}
        level = IsolationLevel.READ_COMMITTED if committed else IsolationLevel.READ_UNCOMMITTED
        futures = self._clients.admin.list_offsets(
            dict.fromkeys(asked, spec),
            isolation_level=level,
            request_timeout=self._clients.timeout,
        )
        by_name = {(one.topic, one.partition): future for one, future in futures.items()}
        subject = f"topic {asked[0].topic}" if len(asked) == 1 else "offsets of topics"
        return {key: one.offset for key, one in self._clients.settled(by_name, subject).items()}

    def _resolved(
        self, topic: str, position: Position, bounds: Mapping[int, tuple[int, int]]
    ) -> dict[int, int]:
        if position.kind in {"time", "came"}:
            found = self._reads.since(topic, dict.fromkeys(bounds, position.number))
            return {
                partition: min(max(end if at is None else at, start), end)
                for partition, (start, end) in bounds.items()
                for at in (found[partition],)
            }
        if position.kind == "committed":
            raise lacking(self, Feature.GROUPS)
        return {
            partition: min(max(offset_of(position, start, end), start), end)
            for partition, (start, end) in bounds.items()
        }


def offset_of(position: Position, start: int, end: int) -> int:
    """Return the offset of a position that is no time, which may be outside of the log."""
    match position.kind:
        case "earliest":
            return start
        case "latest":
            return end
        case "last":
            return end - 1
        case "back":
            return end - position.number
    return position.number


def _is_later(record: Record, before: Record) -> bool:
    return (record.timestamp or 0) >= (before.timestamp or 0)
