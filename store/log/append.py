"""Records enter the log here, and nowhere else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import partial

from store.db import Row, Write
from store.errors import BadInput, BadRecord
from store.log import compaction, retention
from store.log.checksum import checksum
from store.log.encoding import Encoded, encode_bytes, encode_headers, encode_timestamp
from store.log.placement import StickyPlacement, partition_for_key
from store.log.topics import Partition, Topic
from store.models import NewRecord, RecordId

LARGEST_BATCH = 16 << 20
_LAST_OFFSET = (1 << 40) - 1


def produce(
    tx: Write, topic: Topic, records: Iterable[NewRecord], sticky: StickyPlacement
) -> list[RecordId]:
    """Place and append records; the ids are in the order given.

    A record that can't be stored raises `BadRecord`, and the transaction stores none of them
    (Kafka: INVALID_RECORD refuses the whole batch).
    """
    encoded = [_encode(index, record, topic) for index, record in enumerate(records)]
    _check_batch(encoded)
    placed = _place(topic, encoded, sticky)
    offsets: dict[int, int] = {}
    for number, members in placed.items():
        partition = topic.partitions[number]
        first = append(tx, partition, [encoded[index][0] for index in members])
        offsets.update(zip(members, range(first, first + len(members)), strict=True))
    for number in placed:
        partition = topic.partitions[number]
        retention.enforce(tx, topic, partition)
        if compaction.is_dirty(tx, topic, partition):
            tx.afterwards.append(partial(compaction.compact, tx.database, topic, partition))
    retention.enforce_idle(tx, {topic.partitions[number].id for number in placed})
    retention.drain(tx)
    where = {index: number for number, members in placed.items() for index in members}
    return [RecordId(topic.name, where[i], offsets[i]) for i in range(len(encoded))]


def append(tx: Write, partition: Partition, records: Sequence[Encoded]) -> int:
    """Append records to one partition and return the first one's offset.

    Offsets are dense in commit order; a given timestamp is raised to the partition's last one, so
    that times never fall as offsets rise.
    """
    first = partition.next
    if first + len(records) > _LAST_OFFSET:
        raise BadInput(f"partition {partition.number} has no offsets left")
    latest, now = partition.last_timestamp, tx.wall
    rows: list[Row] = []
    for id, record in enumerate(records, partition.base + first):
        latest = max(latest, now if record.timestamp is None else record.timestamp)
        key, headers, value = record.key, record.headers, record.value
        crc = checksum(id, latest, None, key, headers, value)
        rows.append((id, latest, crc, value, key, headers))
    _insert(tx, rows)
    _count(tx, partition, len(rows), sum(record.size for record in records), latest)
    return first


def _insert(tx: Write, rows: list[Row]) -> None:
    # A column that is left out costs nothing; one that is bound to null does.
    if all(row[4] is None and row[5] is None for row in rows):
        sql = "insert into mq_records (id, timestamp, checksum, value) values (?, ?, ?, ?)"
        tx.many(sql, [row[:4] for row in rows])
    else:
        sql = (
            "insert into mq_records (id, timestamp, checksum, value, key, headers)"
            " values (?, ?, ?, ?, ?, ?)"
        )
        tx.many(sql, rows)


def _count(tx: Write, partition: Partition, records: int, size: int, latest: int) -> None:
    partition.next += records
    partition.records += records
    partition.bytes += size
    partition.last_timestamp = latest
    tx.execute(
        "update mq_partitions set next = :next, records = :records, bytes = :bytes,"
        " last_timestamp = :latest where id = :id",
        {
            "next": partition.next,
            "records": partition.records,
            "bytes": partition.bytes,
            "latest": latest,
            "id": partition.id,
        },
    )


def _encode(index: int, record: NewRecord, topic: Topic) -> tuple[Encoded, int | None]:
    try:
        encoded = Encoded(
            encode_bytes(record.value, "value"),
            encode_bytes(record.key, "key"),
            encode_headers(record.headers),
            encode_timestamp(record.timestamp),
        )
        _check(topic, encoded, record.partition)
    except BadInput as error:
        raise BadRecord(index, error.message, error.hint) from error
    return encoded, record.partition


def _check(topic: Topic, record: Encoded, partition: int | None) -> None:
    if record.size > topic.config.max_message:
        raise BadInput(
            f"the record has {record.size} bytes; topic {topic.name} takes at most"
            f" {topic.config.max_message}",
            hint=f"mq topic alter {topic.name} --max-message SIZE",
        )
    if record.key is None and topic.config.cleanup != "delete":
        raise BadInput(
            f"a record for the compacted topic {topic.name} needs a key",
            hint="give one with -k, -K or --key-from",
        )
    if partition is not None and not 0 <= partition < len(topic.partitions):
        raise BadInput(
            f"partition {topic.name}/{partition} does not exist",
            hint=f"{topic.name} has partitions 0 to {len(topic.partitions) - 1}",
        )


def _check_batch(records: list[tuple[Encoded, int | None]]) -> None:
    if len(records) < 2:
        return
    size = sum(record.size for record, _ in records)
    if size > LARGEST_BATCH:
        raise BadInput(
            f"the batch has {size} bytes; one transaction takes at most {LARGEST_BATCH}",
            hint="produce it in several batches",
        )


def _place(
    topic: Topic, records: list[tuple[Encoded, int | None]], sticky: StickyPlacement
) -> dict[int, list[int]]:
    """The indexes of the records that go to each partition, in order."""
    partitions = len(topic.partitions)
    placed: dict[int, list[int]] = defaultdict(list)
    for index, (record, number) in enumerate(records):
        if number is None and record.key is not None:
            number = partition_for_key(record.key, partitions)
        elif number is None:
            number = sticky.choose(partitions, record.size)
        placed[number].append(index)
    return placed
