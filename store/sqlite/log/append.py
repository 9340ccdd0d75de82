"""Records enter the log here, and nowhere else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache, partial
from itertools import accumulate, repeat

from store import model
from store.model import clock
from store.model.encoding import (
    Encoded,
    RecordColumns,
    check_column,
    encode_batch,
    first_bad,
    given_list,
)
from store.model.errors import BadInput, Hint
from store.model.topics import NewRecord, RecordId
from store.sqlite import log
from store.sqlite.file import timekeeping
from store.sqlite.file.database import Snapshot, WriteTransaction
from store.sqlite.file.transactions import blobs
from store.sqlite.layout import OFFSET_MASK
from store.sqlite.log import retention, samples
from store.sqlite.log.checksum import checksum, checksums
from store.sqlite.log.placement import StickyPlacement, partition_for_key
from store.sqlite.log.topics import Partition, Topic

LARGEST_BATCH = 16 << 20
# The time that columns save with many records they cost with fewer.
_MANY = 4


def produce(
    tx: WriteTransaction,
    topic: Topic,
    records: Iterable[NewRecord | bytes | str],
    sticky: StickyPlacement,
) -> list[RecordId]:
    """Place and append records; the ids are in the order given.

    A record that can't be stored raises `BadRecord`, and the transaction stores none of them
    (Kafka: INVALID_RECORD refuses the whole batch).
    """
    tx.require_reserve()
    retention.drain(tx)
    batch = _encode(topic, records)
    places = _places(topic, batch, sticky)
    indexes = _grouped(places)
    topic.partitions.load(indexes)
    offsets: dict[int, range] = {}
    for number, chosen in indexes.items():
        partition = topic.partitions[number]
        samples.note_produced(tx, topic.id, partition.id, partition.next)
        offsets[number] = append(tx, partition, batch.chosen(chosen))
    _keep_up(tx, topic, offsets)
    return _ids(topic.name, places, offsets)


def _ids(topic: str, places: Sequence[int], offsets: Mapping[int, range]) -> list[RecordId]:
    """Return the id of each record, by its partition's number and the offsets taken there."""
    if len(offsets) == 1:
        return RecordId.each(topic, places, offsets[places[0]])
    following = {number: iter(taken) for number, taken in offsets.items()}
    return RecordId.each(topic, places, [next(following[number]) for number in places])


def _keep_up(tx: WriteTransaction, topic: Topic, written: Collection[int]) -> None:
    for number in written:
        partition = topic.partitions[number]
        retention.enforce(tx, topic, partition)
        if topic.config.cleanup != "delete" and log.compaction.is_dirty(tx, topic, partition):
            tx.after_commit.append(partial(log.compaction.compact, tx.database, topic, partition))
    retention.enforce_idle(tx, {topic.partitions[number].id for number in written})


def append(tx: WriteTransaction, partition: Partition, batch: RecordColumns) -> range:
    """Append records to one partition and return their offsets.

    Offsets are dense in commit order; a given timestamp is raised to the partition's last one, so
    that times never fall as offsets rise.
    """
    offsets = range(partition.next, partition.next + len(batch.values))
    if offsets.stop > OFFSET_MASK:
        raise BadInput(f"partition {partition.number} has no offsets left")
    ids = range(partition.base + offsets.start, partition.base + offsets.stop)
    times = timestamps(batch, tx.wall, last_time(tx, partition, partition.records))
    insert(tx, ids, times, batch, timekeeping.arrivals(tx, times))
    count(tx, partition, offsets.stop, len(ids), sum(batch.sizes), times[-1])
    return offsets


def insert(
    tx: WriteTransaction,
    ids: Sequence[int],
    timestamps: Sequence[int],
    batch: RecordColumns,
    arrived: Sequence[int | None] | None,
) -> None:
    """Write rows with their checksums: records of a topic, or messages of a queue."""
    if len(ids) < _MANY:
        for index, id in enumerate(ids):
            came = None if arrived is None else arrived[index]
            _insert_one(tx, id, timestamps[index], came, batch, index)
        return
    values, keys, headers, groups = batch.values, batch.keys, batch.headers, batch.message_groups
    tx.insert_columns(
        "mq_records",
        {
            "id": ids,
            "timestamp": timestamps[0] if batch.timestamps is None else timestamps,
            "checksum": checksums(ids, timestamps, groups, keys, headers, values),
            "value": blobs(values),
            "key": blobs(keys),
            "headers": headers,
            "message_group": groups,
            "expires": batch.expires,
            "arrived": arrived,
        },
    )


def _insert_one(
    tx: WriteTransaction,
    id: int,
    timestamp: int,
    arrived: int | None,
    batch: RecordColumns,
    index: int,
) -> None:
    value, keys, headers, expires = batch.values[index], batch.keys, batch.headers, batch.expires
    key, text = keys[index] if keys else None, headers[index] if headers else None
    group = batch.message_groups[index] if batch.message_groups else None
    row = {
        "id": id,
        "timestamp": timestamp,
        "checksum": checksum(id, timestamp, group, key, text, value),
        "value": value,
        "key": key,
        "headers": text,
        "message_group": group,
        "expires": expires[index] if expires else None,
        "arrived": arrived,
    }
    # To bind nothing takes longer than to leave it out.
    present = {name: part for name, part in row.items() if part is not None}
    tx.execute(_insert_statement(tuple(present)), tuple(present.values()))


@lru_cache
def _insert_statement(columns: tuple[str, ...]) -> str:
    marks = ",".join("?" * len(columns))
    return f"insert into mq_records ({','.join(columns)}) values ({marks})"


def last_time(tx: Snapshot, partition: Partition, records: int) -> int:
    """Return the time that the next record's may not fall below; `records` are the present ones.

    In an empty log no order has to be kept, and a time that is not reached soon is dropped.
    """
    last = partition.last_timestamp
    return tx.wall if records == 0 and last > tx.wall + clock.NOT_SOON else last


def timestamps(batch: RecordColumns, now: int, last: int) -> list[int]:
    """Return the records' times, each raised to the one before."""
    if batch.timestamps is None:
        return [max(now, last)] * len(batch.values)
    given = (now if timestamp is None else timestamp for timestamp in batch.timestamps)
    return list(accumulate(given, max, initial=last))[1:]


def count(
    tx: WriteTransaction, partition: Partition, end: int, records: int, size: int, latest: int
) -> None:
    """Count these records and bytes, and note the place and the time of the last."""
    partition.next = end
    partition.records += records
    partition.bytes += size
    partition.last_timestamp = latest
    tx.execute(
        "update mq_partitions set next = ?, records = ?, bytes = ?, last_timestamp = ?,"
        " last_commit = ? where id = ?",
        (
            end,
            partition.records,
            partition.bytes,
            latest,
            tx.number_partition(partition.id),
            partition.id,
        ),
    )


def _encode(topic: Topic, records: Iterable[NewRecord | bytes | str]) -> RecordColumns:
    if isinstance(records, bytes | str):
        raise BadInput("one value is not a list of records", hint="store.produce(topic, value)")
    given = given_list(records, "records")
    try:
        return _checked(topic, given)
    except BadInput as error:
        raise first_bad(partial(_checked, topic), given, error) from error


def _checked(topic: Topic, given: Sequence[NewRecord | bytes | str]) -> RecordColumns:
    """Return the records as columns; raises `BadInput` when the topic does not take one of them."""
    batch = encode_batch(given)
    largest = max(batch.sizes, default=0)
    if largest > topic.config.max_message:
        raise BadInput(
            f"the record has {largest} bytes; topic {topic.name} takes at most"
            f" {topic.config.max_message}",
            hint=Hint(
                "{}",
                model.actions.take_larger("topic", topic.name),
            ),
        )
    lacks_key = bool(batch.values) if batch.keys is None else None in batch.keys
    if lacks_key and topic.config.cleanup != "delete":
        raise BadInput(
            f"a record for the compacted topic {topic.name} needs a key",
            hint=Hint("give one with {key}"),
        )
    check_column(batch.partitions or (), int | None, "a partition is a number")
    for partition in set(batch.partitions or ()):
        if partition is not None and not 0 <= partition < len(topic.partitions):
            raise BadInput(
                f"partition {topic.name}/{partition} does not exist",
                hint=f"{topic.name} has partitions 0 to {len(topic.partitions) - 1}",
            )
    check_size(batch, "produce it in several batches")
    return batch


def check_size(batch: RecordColumns, way_out: str) -> None:
    """Raise `BadInput` for more than fits into one transaction."""
    size = sum(batch.sizes)
    if size > LARGEST_BATCH and len(batch.sizes) > 1:
        raise BadInput(
            f"the batch has {size} bytes; one transaction takes at most {LARGEST_BATCH}",
            hint=way_out,
        )


def accepts(topic: Topic, record: Encoded) -> bool:
    """Return whether a topic would store a record, in any partition."""
    is_placeable = record.key is not None or topic.config.cleanup == "delete"
    return is_placeable and record.size <= topic.config.max_message


def _places(topic: Topic, batch: RecordColumns, sticky: StickyPlacement) -> list[int]:
    """Return the number of the partition that each record goes to."""
    partitions, records = len(topic.partitions), len(batch.values)
    if partitions == 1:
        return [0] * records
    if batch.partitions is None and batch.keys is not None and None not in batch.keys:
        return list(map(partition_for_key, batch.keys, repeat(partitions)))
    nothing = [None] * records
    places = []
    for number, key, size in zip(
        batch.partitions or nothing, batch.keys or nothing, batch.sizes, strict=True
    ):
        if number is None and key is not None:
            number = partition_for_key(key, partitions)
        elif number is None:
            number = sticky.choose(partitions, size)
        places.append(number)
    return places


def _grouped(places: Sequence[int]) -> Mapping[int, Sequence[int]]:
    """Return the indexes of the records of each partition, in order."""
    if places and places.count(places[0]) == len(places):
        return {places[0]: range(len(places))}
    indexes: dict[int, list[int]] = defaultdict(list)
    for index, number in enumerate(places):
        indexes[number].append(index)
    return indexes
