"""Records are read here: by offset, in order, each checked against its checksum."""

from __future__ import annotations

from store.db import Snapshot
from store.errors import Damaged, NotFound
from store.log.checksum import checksum
from store.log.encoding import decode_headers
from store.log.topics import Partition, Topic
from store.models import Record

MOST_BYTES = 8 << 20
_SAMPLE = 1_000

# A record of a topic has no message group.
_COLUMNS = "id, timestamp, key, headers, value, checksum"


def read(
    tx: Snapshot,
    topic: Topic,
    partition: Partition,
    offset: int,
    limit: int,
    most_bytes: int | None = None,
) -> list[Record]:
    """Up to `limit` records from `offset` on; offsets that were removed are passed over.

    With `most_bytes` the list ends early, but never empty, once its values and keys hold that
    many bytes. Raises `Damaged` at a record that differs from its checksum.
    """
    rows = tx.connection.execute(
        f"select {_COLUMNS} from mq_records where id >= :first and id < :end"
        " order by id limit :limit",
        {
            "first": partition.base + min(max(offset, 0), partition.next),
            "end": partition.base + partition.next,
            "limit": limit,
        },
    )
    records: list[Record] = []
    name, number, base = topic.name, partition.number, partition.base
    size = 0
    for id, timestamp, key, headers, value, stored in rows:
        if checksum(id, timestamp, None, key, headers, value) != stored:
            # What lies before it is good; the next call begins here and raises.
            if records:
                break
            raise _damage(topic, partition, id - base)
        fields = {} if headers is None else decode_headers(headers)
        # What Record(...) does, without a call of Python for each.
        record = (name, number, id - base, timestamp, key, fields, value)
        records.append(tuple.__new__(Record, record))
        if most_bytes is not None:
            size += len(value or b"") + len(key or b"")
            if size >= most_bytes:
                break
    rows.close()
    return records


def find(tx: Snapshot, topic: Topic, partition: Partition, offset: int) -> Record:
    """The record at an offset; raises `NotFound` where there is none, `Damaged`."""
    found = read(tx, topic, partition, offset, 1) if offset >= 0 else []
    if not found or found[0].offset != offset:
        raise absent(topic, partition, offset)
    return found[0]


def exists(tx: Snapshot, partition: Partition, offset: int) -> bool:
    """Whether a record is at an offset, damaged or not."""
    if not partition.start <= offset < partition.next:
        return False
    id = partition.base + offset
    return tx.value("select 1 from mq_records where id = :id", {"id": id}) is not None


def absent(topic: Topic, partition: Partition, offset: int) -> NotFound:
    """The error for an offset at which no record is: not yet, or no longer."""
    place = f"{topic.name}/{partition.number}"
    if offset >= partition.next:
        return NotFound(
            f"{place}@{offset} does not exist yet: the partition ends at {partition.next}",
            hint=f"the newest: mq peek {place} --from last",
        )
    why = "a newer record of its key replaced it"
    if offset < partition.start:
        why = f"the partition begins at {partition.start}"
    return NotFound(
        f"{place}@{offset} is there no more: {why}",
        hint=f"what comes after it: mq peek {place} --from {offset}",
    )


def _damage(topic: Topic, partition: Partition, offset: int) -> Damaged:
    return Damaged(
        f"record {topic.name}/{partition.number}@{offset} is damaged: its checksum does not match",
        hint=f"find all damage: mq verify; read on after it: --from {offset + 1}",
    )


def offset_for_time(tx: Snapshot, partition: Partition, timestamp: int) -> int | None:
    """The first offset whose timestamp is at or after `timestamp`, `None` if there is none.

    Kafka's offsetsForTimes. Times never fall as offsets rise, so a binary search will do.
    """
    if partition.records == 0 or partition.last_timestamp < timestamp:
        return None
    low, high = partition.start, partition.next
    while low < high:
        middle = (low + high) // 2
        row = _first_from(tx, partition, middle)
        if row is None or row[1] >= timestamp:
            high = middle
        else:
            low = row[0] + 1
    found = _first_from(tx, partition, low)
    return None if found is None else found[0]


def last_offset(tx: Snapshot, partition: Partition) -> int | None:
    """The offset of the newest record that is still there."""
    last = tx.value(
        "select max(id) from mq_records where id >= :base and id < :end",
        {"base": partition.base, "end": partition.base + partition.next},
    )
    return None if last is None else last - partition.base


def newest_keys(tx: Snapshot, topic: Topic) -> set[bytes]:
    """The keys of about the newest 1,000 records of a topic."""
    each = max(1, _SAMPLE // len(topic.partitions))
    keys: set[bytes] = set()
    for partition in topic.partitions:
        rows = tx.rows(
            "select key from mq_records where id >= :first and id < :end order by id desc limit :n",
            {"first": partition.base, "end": partition.base + partition.next, "n": each},
        )
        keys.update(key for (key,) in rows if key is not None)
    return keys


def _first_from(tx: Snapshot, partition: Partition, offset: int) -> tuple[int, int] | None:
    row = tx.row(
        "select id, timestamp from mq_records where id >= :first and id < :end order by id limit 1",
        {"first": partition.base + offset, "end": partition.base + partition.next},
    )
    return None if row is None else (row[0] - partition.base, row[1])
