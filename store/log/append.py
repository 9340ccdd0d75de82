"""Records enter the log here, and nowhere else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from functools import partial
from typing import cast

from store import samples
from store.db import Row, Write
from store.errors import BadInput, BadRecord
from store.log import compaction, retention
from store.log.checksum import checksum
from store.log.encoding import Encoded, encode
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
    retention.drain(tx)
    given = list(records)
    encoded = _encode(given)
    _check(topic, given, encoded)
    placed = _place(topic, given, encoded, sticky)
    ids: list[RecordId | None] = [None] * len(given)
    for number, members in placed.items():
        partition = topic.partitions[number]
        samples.note_produced(tx, topic.id, partition.id, partition.next)
        first = append(tx, partition, [encoded[index] for index in members])
        for offset, index in enumerate(members, first):
            ids[index] = RecordId(topic.name, number, offset)
    _keep_up(tx, topic, placed)
    return cast("list[RecordId]", ids)


def _keep_up(tx: Write, topic: Topic, written: Collection[int]) -> None:
    for number in written:
        partition = topic.partitions[number]
        retention.enforce(tx, topic, partition)
        if compaction.is_dirty(tx, topic, partition):
            tx.afterwards.append(partial(compaction.compact, tx.database, topic, partition))
    retention.enforce_idle(tx, {topic.partitions[number].id for number in written})


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
    size, plain = 0, True
    for id, (value, key, headers, given, bytes) in enumerate(records, partition.base + first):
        timestamp = now if given is None else given
        if timestamp > latest:
            latest = timestamp
        plain = plain and key is None and headers is None
        size += bytes
        crc = checksum(id, latest, None, key, headers, value)
        rows.append((id, latest, crc, value, key, headers))
    _insert(tx, rows, plain)
    _count(tx, partition, len(rows), size, latest)
    return first


def _insert(tx: Write, rows: list[Row], plain: bool) -> None:
    # A column that is left out costs nothing; one that is bound to null does.
    if plain:
        rows = [row[:4] for row in rows]
        tx.insert_rows("mq_records (id, timestamp, checksum, value)", rows)
    else:
        tx.insert_rows("mq_records (id, timestamp, checksum, value, key, headers)", rows)


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


def _encode(given: Sequence[NewRecord]) -> list[Encoded]:
    encoded: list[Encoded] = []
    try:
        for record in given:
            encoded.append(encode(record.value, record.key, record.headers, record.timestamp))
    except BadInput as error:
        raise BadRecord(len(encoded), error.message, error.hint) from error
    return encoded


def accepts(topic: Topic, record: Encoded) -> bool:
    """Whether a topic would store a record, whatever partition it goes to."""
    is_placeable = record.key is not None or topic.config.cleanup == "delete"
    return is_placeable and record.size <= topic.config.max_message


def _check(topic: Topic, given: Sequence[NewRecord], encoded: Sequence[Encoded]) -> None:
    partitions = len(topic.partitions)
    needs_key = topic.config.cleanup != "delete"
    for index, (record, (_, key, _, _, size)) in enumerate(zip(given, encoded, strict=True)):
        if size > topic.config.max_message:
            raise _too_large(topic, index, size)
        if needs_key and key is None:
            raise BadRecord(
                index,
                f"a record for the compacted topic {topic.name} needs a key",
                hint="give one with -k, -K or --key-from",
            )
        if record.partition is not None and not 0 <= record.partition < partitions:
            raise BadRecord(
                index,
                f"partition {topic.name}/{record.partition} does not exist",
                hint=f"{topic.name} has partitions 0 to {partitions - 1}",
            )
    size = sum(record.size for record in encoded)
    if size > LARGEST_BATCH and len(encoded) > 1:
        raise BadInput(
            f"the batch has {size} bytes; one transaction takes at most {LARGEST_BATCH}",
            hint="produce it in several batches",
        )


def _too_large(topic: Topic, index: int, size: int) -> BadRecord:
    return BadRecord(
        index,
        f"the record has {size} bytes; topic {topic.name} takes at most {topic.config.max_message}",
        hint=f"mq topic alter {topic.name} --max-message SIZE",
    )


def _place(
    topic: Topic, given: list[NewRecord], encoded: list[Encoded], sticky: StickyPlacement
) -> dict[int, Sequence[int]]:
    """The indexes of the records that go to each partition, in order."""
    partitions = len(topic.partitions)
    if partitions == 1:
        return {0: range(len(given))} if given else {}
    placed: dict[int, list[int]] = defaultdict(list)
    for index, record in enumerate(encoded):
        number = given[index].partition
        if number is None and record.key is not None:
            number = partition_for_key(record.key, partitions)
        elif number is None:
            number = sticky.choose(partitions, record.size)
        placed[number].append(index)
    return dict(placed)
