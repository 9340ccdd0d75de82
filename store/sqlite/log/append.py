"""Records enter the log here, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from itertools import accumulate
from typing import Any, NamedTuple
from zlib import crc32

from store import model
from store.model import clock, placement
from store.model.encoding import (
    Encoded,
    RecordColumns,
    check_column,
    content_sizes,
    encode_batch,
    encode_one,
    first_bad,
    given_list,
)
from store.model.errors import BadInput, Hint
from store.model.placement import StickyPlacement
from store.model.topics import NewRecord, RecordId
from store.sqlite import layout, log
from store.sqlite.file import timekeeping
from store.sqlite.file.database import Snapshot, WriteTransaction
from store.sqlite.file.settings import SettingsCache, refuse_read_only
from store.sqlite.file.transactions import blobs
from store.sqlite.layout import OFFSET_BITS, OFFSET_MASK
from store.sqlite.log import retention, samples
from store.sqlite.log.checksum import NO_KEY, PLACE, checksum, checksums
from store.sqlite.log.topics import Partition, Topic

LARGEST_BATCH = 16 << 20
# The time that columns save with many records they cost with fewer.
_MANY = 4

_COUNT = (
    "update mq_partitions set next = ?, records = records + ?, bytes = bytes + ?,"
    " last_timestamp = ?, last_commit = ? where id = ?"
)
_COUNT_AS_SEEN = (
    f"{_COUNT} and next = ? and last_timestamp = ? and (select generation from mq_store) = ?"
)
_INSERT_VALUE = "insert into mq_records (id, timestamp, checksum, value) values (?, ?, ?, ?)"
_INSERT = (
    "insert into mq_records (id, timestamp, checksum, value, key, headers, message_group,"
    " expires, arrived) values (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


class Tail:
    """The end of a partition, or of a queue's first lane, as this open store saw it last.

    While it is quiet, between two wall times, and settings are those of a generation, a single
    record comes in by it and nothing else is to be done. Numbers are a guess: the statement that
    takes an offset names what was seen, and changes nothing where it is not so any more.
    """

    __slots__ = (
        "base", "id", "largest", "last_timestamp", "next", "numbered_row", "quiet_from",
        "quiet_until", "settings",
    )  # fmt: skip

    def __init__(self, settings: SettingsCache, id: int, largest: int) -> None:
        self.settings = settings
        self.id = id
        self.base = layout.record_id(id, 0)
        # See `WriteTransaction.numbered_row`.
        self.numbered_row = id << 1
        self.largest = largest
        self.next = self.last_timestamp = self.quiet_from = self.quiet_until = 0

    def see(self, tx: WriteTransaction) -> bool:
        """Look at the partition; return False where settings have changed."""
        row = tx.row(
            "select next, last_timestamp from mq_partitions where id = ?"
            " and (select generation from mq_store) = ?",
            (self.id, self.settings.generation),
        )
        if row is None:
            return False
        self.next, self.last_timestamp = row
        return True

    def rest_after_commit(self, tx: WriteTransaction, partition: Partition, quiet: int) -> None:
        """Be quiet for some milliseconds once the transaction is stored."""
        self.next, self.last_timestamp = partition.next, partition.last_timestamp
        tx.after_commit.append(partial(self._rest, tx.wall, tx.wall + quiet))

    def _rest(self, since: int, until: int) -> None:
        self.quiet_from, self.quiet_until = since, until


class TopicTails(NamedTuple):
    """The tails of a topic, by partition, and how many partitions it has."""

    partitions: int
    tails: dict[int, Tail]


def produce_one(
    tx: WriteTransaction,
    topic: str,
    record: tuple[Any, ...],
    sticky: Callable[[str], StickyPlacement],
) -> RecordId:
    """Append a record of these fields of a `NewRecord`, as `produce` does."""
    known: TopicTails | None = None
    if type(topic) is str:
        known = tx.database.settings.answers.get((produce, topic))
    if known is not None:
        value, key, headers, timestamp, number, properties = record
        try:
            content = encode_one(value, key, headers, timestamp, properties)
            if number is None:
                count = known.partitions
                number = placement.place_one(content, count, sticky, topic) if count > 1 else 0
            tail = known.tails.get(number) if type(number) is int else None
            id = None if tail is None else append_one(tx, tail, *content)
            if id is not None:
                return tuple.__new__(RecordId, (topic, number, id & OFFSET_MASK))
        except BadInput:
            # The error comes from `produce`, which names the record.
            pass
    return produce(tx, log.topics.find(tx, topic), [NewRecord(*record)], sticky(topic))[0]


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
    batch = _encode(topic, records)
    places = placement.place(batch, len(topic.partitions), sticky)
    indexes = placement.grouped(places)
    is_quiet = _are_quiet(tx, topic, indexes)
    if not is_quiet:
        refuse_read_only(tx)
        retention.drain(tx)
    topic.partitions.load(indexes)
    offsets: dict[int, range] = {}
    for number, chosen in indexes.items():
        partition = topic.partitions[number]
        if not is_quiet:
            samples.note_produced(tx, topic.id, partition.id, partition.next)
        offsets[number] = append(tx, partition, batch.chosen(chosen))
    if not is_quiet:
        _keep_up(tx, topic, offsets)
    return _ids(topic.name, places, offsets)


def _are_quiet(tx: WriteTransaction, topic: Topic, numbers: Iterable[int]) -> bool:
    known: TopicTails | None = tx.memory().answers.get((produce, topic.name))
    if known is None:
        return False
    tails = map(known.tails.get, numbers)
    return all(tail and tail.quiet_from <= tx.wall < tail.quiet_until for tail in tails)


def _keep_up(tx: WriteTransaction, topic: Topic, written: Collection[int]) -> None:
    for number in written:
        partition = topic.partitions[number]
        retention.enforce(tx, topic, partition)
        if topic.config.cleanup != "delete" and log.compaction.is_dirty(tx, topic, partition):
            tx.after_commit.append(partial(log.compaction.compact, tx.database, topic, partition))
    retention.enforce_idle(tx, {topic.partitions[number].id for number in written})
    _rest(tx, topic, written)


def _rest(tx: WriteTransaction, topic: Topic, written: Collection[int]) -> None:
    """Let partitions be quiet until retention or the samples need an append again."""
    config, settings = topic.config, tx.memory()
    if config.cleanup != "delete" or config.retention_bytes is not None or not may_rest(tx):
        return
    known: TopicTails = settings.answers.setdefault(
        (produce, topic.name), TopicTails(len(topic.partitions), {})
    )
    for number in written:
        partition = topic.partitions[number]
        tail = known.tails.setdefault(number, Tail(settings, partition.id, config.max_message))
        quiet = min(samples.left(tx), retention.left(tx, topic, partition))
        tail.rest_after_commit(tx, partition, quiet)


def may_rest(tx: WriteTransaction) -> bool:
    """Return whether no append has to look at the clock, or drain what was deleted."""
    return timekeeping.is_right(tx) and retention.left_over(tx) is None


def append_one(
    tx: WriteTransaction,
    tail: Tail,
    value: bytes | None,
    key: bytes | None,
    headers: str | None,
    timestamp: int | None,
    size: int,
    options: tuple[int | None, str | None, int | None, int | None] | None = None,
) -> int | None:
    """Append a single record and return its id; `None` where more is to be done than that.

    Of a message, `options` are its lane, unless that is the tail's, its group, when it expires, and
    its arrival where its timestamp does not tell that.
    """
    wall, lock = tx.wall, tx.lock
    time = wall if timestamp is None else timestamp
    if (
        not tail.quiet_from <= wall < tail.quiet_until
        or size > tail.largest
        or time > wall + timekeeping.CREDIBLE
        or lock.lends
        or not lock.has_reserve
    ):
        return None
    generation = tail.settings.generation
    lane = group = expires = arrived = None
    here, length = 1, size
    if options is not None:
        lane, group, expires, arrived = options
        if lane is not None:
            # The first lane of a queue keeps the sequence and the clock of all.
            here = length = 0
    while True:
        first, last = tail.next, tail.last_timestamp
        if time < last:
            time = last
        if (
            last <= wall
            and tx.cursor.execute(
                _COUNT_AS_SEEN,
                (first + 1, here, length, time, tx.number, tail.id, first, last, generation),
            ).rowcount
        ):
            break
        if not tail.see(tx) or tail.last_timestamp > wall or tail.next >= OFFSET_MASK:
            return None
        time = wall if timestamp is None else timestamp
    tail.next, tail.last_timestamp = first + 1, time
    tx.numbered_row = tail.numbered_row
    if tx.settings is None:
        tx.settings = tail.settings
    id = tail.base + first
    if lane is not None:
        id = lane << OFFSET_BITS | first
        tx.cursor.execute(_COUNT, (first + 1, 1, size, time, tx.number, lane))
    if options is None and value is not None and key is None and headers is None:
        crc = crc32(value, crc32(PLACE.pack(id, time)) ^ NO_KEY)
        tx.cursor.execute(_INSERT_VALUE, (id, time, crc, value))
    else:
        crc = checksum(id, time, group, key, headers, value)
        tx.cursor.execute(_INSERT, (id, time, crc, value, key, headers, group, expires, arrived))
    return id


def _ids(topic: str, places: Sequence[int], offsets: Mapping[int, range]) -> list[RecordId]:
    """Return the id of each record, by its partition's number and the offsets taken there."""
    if len(offsets) == 1:
        return RecordId.each(topic, places, offsets[places[0]])
    following = {number: iter(taken) for number, taken in offsets.items()}
    return RecordId.each(topic, places, [next(following[number]) for number in places])


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
    values, keys, headers, groups = batch.values, batch.keys, batch.headers, batch.message_groups
    if len(ids) < _MANY:
        nothing = [None] * len(ids)
        optional = [each or nothing for each in (keys, headers, groups, batch.expires, arrived)]
        rows = zip(ids, timestamps, values, *optional, strict=True)
        for id, time, value, key, text, group, expires, came in rows:
            crc = checksum(id, time, group, key, text, value)
            tx.execute(_INSERT, (id, time, crc, value, key, text, group, expires, came))
        return
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
    number = tx.number_partition(partition.id)
    tx.execute(_COUNT, (end, records, size, latest, number, partition.id))


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
    largest, most = max(batch.sizes, default=0), topic.config.max_message
    if largest > most and (largest := max(content_sizes(batch))) > most:
        raise BadInput(
            f"the record has {largest} bytes; topic {topic.name} takes at most {most}",
            hint=Hint("{}", model.actions.take_larger("topic", topic.name)),
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
