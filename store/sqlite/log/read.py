"""Records are read here: by offset, in order, each checked against its checksum."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from itertools import islice, repeat
from sqlite3 import Cursor
from struct import error as StructError
from typing import Any

from store import model
from store.model.encoding import decode_document, decode_documents
from store.model.errors import BadInput, Hint, NotFound
from store.model.positions import Position, check_position
from store.model.topics import MisdatedRecord, Record, RecordId
from store.sqlite import log
from store.sqlite.file.database import Row, Snapshot
from store.sqlite.file.timekeeping import age, came_of, moments
from store.sqlite.log.checksum import checksums, is_intact
from store.sqlite.log.topics import Partition, Topic

MOST_BYTES = 8 << 20
_SAMPLE = 1_000
# Rows that are checked together.
_PAGE = 500

# A record of a topic has no message group. Damaged headers may be no text, hence the blob.
_COLUMNS = "id, timestamp, key, cast(headers as blob), value, checksum, arrived"
CAME = came_of("r")


def read(
    tx: Snapshot,
    topic: Topic,
    partition: Partition,
    offset: int,
    limit: int,
    most_bytes: int | None = None,
    *,
    mark_damaged: bool = False,
) -> list[Record]:
    """Return up to `limit` records from `offset` on; removed offsets are passed over.

    With `most_bytes` the list ends early, but never empty, once its values and keys hold that many
    bytes. A record that differs from its checksum raises `Damaged`, or with `mark_damaged` comes as
    a `DamagedRecord`.
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
    try:
        for page in _pages(rows, most_bytes):
            read_of_page = _whole(tx, topic, partition, page)
            if read_of_page is None:
                read_of_page = _one_by_one(
                    tx, topic, partition, page, mark_damaged=mark_damaged, may_raise=not records
                )
            records += read_of_page
            if len(read_of_page) < len(page):
                break
    finally:
        # An open cursor, which the traceback of an error would keep, pins the WAL.
        rows.close()
    return records


def _pages(rows: Cursor, most_bytes: int | None) -> Iterator[list[Row]]:
    """Yield rows, some at a time; with `most_bytes` none after those that hold so many."""
    if most_bytes is None:
        while page := rows.fetchmany(_PAGE):
            yield page
        return
    size = 0
    while size < most_bytes:
        page = []
        for row in islice(rows, _PAGE):
            page.append(row)
            # Damage may have left a number.
            if type(value := row[4]) is bytes:
                size += len(value)
            if type(key := row[2]) is bytes:
                size += len(key)
            if size >= most_bytes:
                break
        if not page:
            return
        yield page


def _whole(
    tx: Snapshot, topic: Topic, partition: Partition, page: Sequence[Row]
) -> list[Record] | None:
    """Return the records of rows, checked by columns; `None` where one is odd: damaged, or ahead
    of the clock.
    """
    ids, timestamps, keys, blobs, values, stored, arrived = zip(*page, strict=True)
    first, last = ids[0], ids[-1]
    places = range(first, last + 1) if last - first == len(ids) - 1 else ids
    try:
        if arrived.count(None) < len(ids) or max(timestamps) > tx.wall:
            return None
        if blobs.count(None) == len(ids):
            headers = None
        else:
            headers = [None if blob is None else blob.decode() for blob in blobs]
        checked_keys = None if keys.count(None) == len(ids) else keys
        if checksums(places, timestamps, None, checked_keys, headers, values) != list(stored):
            return None
    except (AttributeError, TypeError, UnicodeDecodeError, StructError):
        return None
    base = partition.base
    offsets = [id - base for id in ids] if places is ids else range(first - base, last - base + 1)
    fields, properties = decode_documents(headers or [None] * len(ids))
    columns = zip(
        repeat(topic.name),
        repeat(partition.number),
        offsets,
        timestamps,
        keys,
        fields,
        values,
        properties,
    )
    # Same as Record(...), without a call of Python for each.
    return list(map(tuple.__new__, repeat(Record), columns))


def _one_by_one(
    tx: Snapshot,
    topic: Topic,
    partition: Partition,
    page: Sequence[Row],
    *,
    mark_damaged: bool,
    may_raise: bool,
) -> list[Record]:
    """Return the records of rows up to a damaged one, which raises if it is the first of a read."""
    records: list[Record] = []
    name, number, base = topic.name, partition.number, partition.base
    for id, timestamp, key, blob, value, stored, arrived in page:
        if not is_intact(id, timestamp, None, key, blob, value, stored):
            if mark_damaged:
                place = RecordId(name, number, id - base)
                records.append(log.damage.marked(place, timestamp, key, blob, value))
                continue
            # Earlier records are good; the next call begins here and raises.
            if may_raise and not records:
                raise log.damage.error(topic, partition, id - base)
            break
        headers, properties = decode_document(None if blob is None else blob.decode())
        record = (name, number, id - base, timestamp, key, headers, value, properties)
        if arrived is None and timestamp <= tx.wall:
            records.append(Record(*record))
        else:
            records.append(_misdated(record, tx.wall - age(tx, timestamp, arrived)))
    return records


def find(
    tx: Snapshot, topic: Topic, partition: Partition, offset: int, *, mark_damaged: bool = False
) -> Record:
    """Return the record at an offset; raises `NotFound` without one.

    A damaged one raises `Damaged`, or with `mark_damaged` comes as a `DamagedRecord`.
    """
    if offset < 0 or not exists(tx, partition, offset):
        raise absent(topic, partition, offset)
    return read(tx, topic, partition, offset, 1, mark_damaged=mark_damaged)[0]


def exists(tx: Snapshot, partition: Partition, offset: int) -> bool:
    """Return whether a record is at an offset, damaged or not."""
    if not partition.start <= offset < partition.next:
        return False
    id = partition.base + offset
    return tx.value("select 1 from mq_records where id = :id", {"id": id}) is not None


def absent(topic: Topic, partition: Partition, offset: int) -> NotFound:
    """Return the error for an offset without a record: not yet, or no longer."""
    place = f"{topic.name}/{partition.number}"
    if offset >= partition.next:
        return NotFound(
            f"{place}@{offset} does not exist yet: the partition ends at {partition.next}",
            hint=Hint("the newest: {}", model.looks.Peek(place, start="last")),
        )
    why = "a newer record of its key replaced it"
    if offset < partition.start:
        why = f"the partition begins at {partition.start}"
    return NotFound(
        f"{place}@{offset} is there no more: {why}",
        hint=Hint("what comes after it: {}", model.looks.Peek(place, start=str(offset))),
    )


def _misdated(record: tuple[Any, ...], came: int) -> Record:
    misdated: MisdatedRecord = tuple.__new__(MisdatedRecord, record)
    misdated.came_at = came
    return misdated


def next_offset(tx: Snapshot, partition: Partition, offset: int) -> int:
    """Return the first offset from `offset` on that compaction has left; the end if there is
    none.
    """
    first = _first_from(tx, partition, offset, "0")
    return partition.next if first is None else first[0]


def keys(
    tx: Snapshot, partition: Partition, end: int
) -> Generator[tuple[int, bytes | None, int, bool]]:
    """Yield offset and key of each record before offset `end`, its arrival, and whether it is
    damaged.

    To be closed where it is not read to its end.
    """
    rows = tx.connection.execute(
        f"select {_COLUMNS} from mq_records where id >= :first and id < :end order by id",
        {"first": partition.base + partition.start, "end": partition.base + end},
    )
    try:
        for row in rows:
            id, timestamp, key, *_, arrived = row
            is_whole = _is_whole(row)
            came = tx.wall - age(tx, timestamp, arrived) if is_whole else 0
            yield id - partition.base, key, came, not is_whole
    finally:
        rows.close()


def offset_for_time(tx: Snapshot, partition: Partition, timestamp: int) -> int | None:
    """Return the first offset whose timestamp is at or after `timestamp`, `None` if there is none.

    Kafka's offsetsForTimes. Times never fall as offsets rise, so a binary search will do.
    """
    return _search(tx, partition, timestamp, partition.next, _GIVEN)


def offset_for_arrival(tx: Snapshot, partition: Partition, time: int) -> int | None:
    """Return the first offset of a record that came at or after `time`, `None` if there is none.

    A time that is still to come is one of timestamps alone.
    """
    return _search(tx, partition, time, partition.next, CAME if time <= tx.wall else _GIVEN)


_GIVEN = "r.timestamp"


def _search(tx: Snapshot, partition: Partition, time: int, end: int, time_of: str) -> int | None:
    if partition.records == 0 or (time_of == _GIVEN and partition.last_timestamp < time):
        return None
    low, high = partition.start, end
    while low < high:
        middle = (low + high) // 2
        row = _first_from(tx, partition, middle, time_of)
        if row is None or row[1] >= time:
            high = middle
        else:
            low = row[0] + 1
    found = _first_from(tx, partition, low, time_of)
    return None if found is None else found[0]


def end_of_older(tx: Snapshot, partition: Partition, time: int, time_of: str = CAME) -> int:
    """Return the offset before which every record is older than `time`; no damaged time is trusted.

    For removals: a damaged time can make a search pass over newer records. `time_of` is SQL for the
    time of a record `r`.
    """
    if time > tx.wall:
        time_of = _GIVEN
    end = _search(tx, partition, time, partition.next, time_of)
    end = partition.next if end is None else end
    while (last := _last_whole(tx, partition, end, time_of)) is not None:
        offset, found_time = last
        if found_time < time:
            return offset + 1
        found = _search(tx, partition, time, offset, time_of)
        end = offset if found is None else min(found, offset)
    return partition.start


def _last_whole(
    tx: Snapshot, partition: Partition, end: int, time_of: str
) -> tuple[int, int] | None:
    """Return offset and time of the last record before `end` that is not damaged."""
    rows = tx.connection.execute(
        f"select {_COLUMNS}, {time_of} from mq_records r where id >= :first and id < :end"
        " order by id desc",
        {
            "first": partition.base + partition.start,
            "end": partition.base + end,
            **moments(tx),
        },
    )
    whole = (row for row in rows if _is_whole(row[:-1]))
    row = next(whole, None)
    rows.close()
    return None if row is None else (row[0] - partition.base, row[-1])


def _is_whole(row: Row) -> bool:
    id, timestamp, key, headers, value, stored, _ = row
    return is_intact(id, timestamp, None, key, headers, value, stored)


def offset_younger(tx: Snapshot, partition: Partition, limit: int) -> int | None:
    """Return the first offset of a record younger than `limit` milliseconds, `None` if there is
    none.
    """
    return offset_for_arrival(tx, partition, tx.wall - limit + 1)


def last_offset(tx: Snapshot, partition: Partition) -> int | None:
    """Return the offset of the newest record that is still there."""
    last = tx.value(
        "select max(id) from mq_records where id >= :base and id < :end",
        {"base": partition.base, "end": partition.base + partition.next},
    )
    return None if last is None else last - partition.base


def newest_keys(tx: Snapshot, topic: Topic) -> set[bytes]:
    """Return the keys of about the newest 1,000 records of a topic."""
    each = max(1, _SAMPLE // len(topic.partitions))
    keys: set[bytes] = set()
    for partition in topic.partitions:
        rows = tx.rows(
            "select key from mq_records where id >= :first and id < :end order by id desc limit :n",
            {"first": partition.base, "end": partition.base + partition.next, "n": each},
        )
        keys.update(key for (key,) in rows if key is not None)
    return keys


def _first_from(
    tx: Snapshot, partition: Partition, offset: int, time_of: str
) -> tuple[int, int] | None:
    row = tx.row(
        f"select id, {time_of} from mq_records r where id >= :first and id < :end"
        " order by id limit 1",
        {
            "first": partition.base + offset,
            "end": partition.base + partition.next,
            **moments(tx),
        },
    )
    if row is None:
        return None
    id, time = row
    return id - partition.base, time if isinstance(time, int) else 0


def resolve(
    tx: Snapshot, partition: Partition, position: Position, committed: int | None = None
) -> int:
    """Return the offset of a position, not yet clamped to the log.

    A time after every record is the log's end (Kafka's reset by datetime). Raises `BadInput` for
    `committed` without a commit.
    """
    check_position(position)
    match position.kind:
        case "earliest":
            return partition.start
        case "latest":
            return partition.next
        case "last":
            newest = last_offset(tx, partition)
            return partition.next if newest is None else newest
        case "offset":
            return position.number
        case "back":
            return partition.next - position.number
        case "time":
            found = offset_for_time(tx, partition, position.number)
            return partition.next if found is None else found
        case "came":
            found = offset_for_arrival(tx, partition, position.number)
            return partition.next if found is None else found
        case "committed" if committed is not None:
            return committed
    raise BadInput(
        f"nothing is committed in partition {partition.number}",
        hint="name another place: earliest, latest, an offset or a time",
    )


def clamp(partition: Partition, offset: int) -> int:
    """Return the offset, moved into the log where it is outside."""
    return min(max(offset, partition.start), partition.next)
