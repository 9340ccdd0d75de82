"""Queues as things: to create, find, change, empty and delete."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from store.addresses import check_name
from store.db import LARGEST_VALUE, Snapshot, Write
from store.delivery.readers import Reader
from store.errors import BadInput, Conflict, Exists, NotFound
from store.log.topics import Partition
from store.messages import QueueConfig

LONGEST_TIME = 10 * 365 * 86_400_000
SCOPES = ("queue", "group")


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue as its module functions pass it along. A lane is a level, delayed or not."""

    id: int
    name: str
    created: int
    config: QueueConfig
    reader: Reader
    lanes: dict[int, Partition]

    @property
    def first_lane(self) -> Partition:
        """The lane that keeps the sequence and the clock of all lanes."""
        return self.lanes[0]

    @property
    def levels(self) -> list[int]:
        """The priorities that have lanes, highest first."""
        return sorted({number >> 1 for number in self.lanes}, reverse=True)


def lane_number(level: int, delayed: bool) -> int:
    """The partition number of a lane."""
    return level << 1 | delayed


def create(tx: Write, name: str, config: QueueConfig) -> Queue:
    """Create a queue; raises `Exists` when anything of that name does."""
    check_name(name, "queue name")
    kind = tx.value("select kind from mq_channels where name = :name", {"name": name})
    if kind is not None:
        raise Exists(f"{kind} {name} exists already", hint=f"look at it: mq {kind} show {name}")
    check_config(tx, name, config)
    channel = tx.insert(
        "insert into mq_channels (name, kind, created) values (:name, 'queue', :created)",
        {"name": name, "created": tx.wall},
    )
    tx.execute(
        "insert into mq_queues (channel, fifo, delay, retention, max_message, retry_delays,"
        " dedup_window, content_dedup, dedup_scope, priorities, overflow, single_active, fair)"
        " values (:channel, :fifo, :delay, :retention, :max_message, :retry_delays, :dedup,"
        " :content_dedup, :dedup_scope, :priorities, 'drop-head', 0, 0)",
        {**_queue_columns(config), "channel": channel},
    )
    reader = tx.insert(
        "insert into mq_readers (kind, name, channel, source, created, lease, max_deliveries,"
        " dead_letter_to, drop_exhausted) values ('queue', :name, :channel, :channel, :created,"
        " :lease, :max_deliveries, :dlq, :drop_exhausted)",
        {**_reader_columns(config), "name": name, "channel": channel, "created": tx.wall},
    )
    add_lane(tx, channel, reader, 0)
    return find(tx, name)


def _queue_columns(config: QueueConfig) -> dict[str, Any]:
    return {
        "fifo": int(config.fifo),
        "delay": config.delay,
        "retention": config.retention,
        "max_message": config.max_message,
        "retry_delays": json.dumps(config.retry_delays),
        "dedup": config.dedup,
        "content_dedup": int(config.content_dedup),
        "dedup_scope": config.dedup_scope,
        "priorities": config.priorities,
    }


def _reader_columns(config: QueueConfig) -> dict[str, Any]:
    return {
        "lease": config.lease,
        "max_deliveries": config.max_deliveries,
        "dlq": config.dlq,
        "drop_exhausted": int(config.drop_exhausted),
    }


def add_lane(tx: Write, channel: int, reader: int, number: int, begin: int = 0) -> Partition:
    """Make a lane, beginning at a sequence number, and the reader's slot in it."""
    partition = tx.insert(
        "insert into mq_partitions (channel, number, start, next)"
        " values (:channel, :number, :begin, :begin)",
        {"channel": channel, "number": number, "begin": begin},
    )
    tx.execute(
        "insert into mq_slots (reader, partition, cursor) values (:reader, :partition, :begin)",
        {"reader": reader, "partition": partition, "begin": begin},
    )
    return Partition(partition, number, begin, begin, 0, 0, 0)


def check_config(tx: Snapshot, name: str, config: QueueConfig) -> None:
    """Raise `BadInput` for settings that can't work, `NotFound` for a DLQ that is not there."""
    check_settings(name, config)
    if config.dlq is not None:
        _check_dlq(tx, name, config, config.dlq)


def check_settings(name: str, config: QueueConfig) -> None:
    """Raise `BadInput` for settings that can't work, whatever else is in the store."""
    for setting in ("lease", "delay", "retention"):
        if not 0 <= getattr(config, setting) <= LONGEST_TIME:
            raise BadInput(f"{setting} is out of range", hint="from 0s to 3650d")
    for setting in ("max_message", "priorities", "max_deliveries"):
        if not isinstance(getattr(config, setting), int | None):
            raise BadInput(f"{setting} must be a number: {getattr(config, setting)!r}")
    if config.retention == 0:
        raise BadInput("retention must be more than 0")
    if not 1 <= config.max_message <= LARGEST_VALUE:
        raise BadInput("max_message must be between 1 byte and 64MiB")
    if not 1 <= config.priorities <= 256:
        raise BadInput("priorities must be 1 to 256", hint="--priorities 5 gives levels 0 to 4")
    if config.max_deliveries is not None and config.max_deliveries < 1:
        raise BadInput("max_deliveries must be at least 1")
    _check_fifo(config)
    _check_limit(name, config)


def _check_fifo(config: QueueConfig) -> None:
    if config.dedup_scope not in SCOPES:
        raise BadInput(f"not a dedup scope: {config.dedup_scope!r}", "one of " + ", ".join(SCOPES))
    if config.dedup is not None and config.dedup < 1:
        raise BadInput("dedup must be more than 0")
    if config.fifo and config.priorities > 1:
        raise BadInput(
            "a FIFO queue has no priorities: they would break its order",
            hint="leave out --fifo or --priorities",
        )


def _check_limit(name: str, config: QueueConfig) -> None:
    if config.max_deliveries is not None and not (config.dlq or config.drop_exhausted):
        raise BadInput(
            "a delivery limit needs a place for what exceeds it",
            hint="--dlq QUEUE keeps it, --drop-exhausted loses it on purpose",
        )
    if config.dlq == name:
        raise BadInput(f"queue {name} can't be its own DLQ")


def _check_dlq(tx: Snapshot, name: str, config: QueueConfig, dlq: str) -> None:
    target = find(tx, dlq)
    if target.config.fifo != config.fifo:
        kinds = {True: "a FIFO queue", False: "a standard queue"}
        raise BadInput(
            f"{name} is {kinds[config.fifo]} and its DLQ {dlq} is {kinds[target.config.fifo]}",
            hint="a queue and its DLQ must be of one type",
        )


_COLUMNS = (
    "select c.name, c.id, c.created, r.id, r.noticed, q.fifo, r.lease, q.delay, q.retention,"
    " q.max_message, r.max_deliveries, r.dead_letter_to, r.drop_exhausted, q.retry_delays,"
    " q.dedup_window, q.content_dedup, q.dedup_scope, q.priorities"
    " from mq_channels c join mq_queues q on q.channel = c.id"
    " join mq_readers r on r.channel = c.id"
)


def configs(tx: Snapshot) -> dict[str, QueueConfig]:
    """The settings of every queue, by name."""
    return {row[0]: _config(list(row[5:])) for row in tx.rows(f"{_COLUMNS} order by c.name")}


def find(tx: Snapshot, name: str) -> Queue:
    """The queue of that name; raises `NotFound`, naming what the name is instead."""
    row = tx.row(f"{_COLUMNS} where c.name = :name", {"name": name})
    if row is None:
        raise _missing(tx, name)
    _, channel, created, reader, noticed, *settings = row
    config = _config(settings)
    return Queue(
        channel, name, created, config, _reader(reader, name, noticed, config), _lanes(tx, channel)
    )


def _config(settings: list[Any]) -> QueueConfig:
    fifo, lease, delay, retention, size, most, dlq, drop, retries, *deduplication, levels = settings
    window, by_content, scope = deduplication
    return QueueConfig(
        fifo=bool(fifo),
        lease=lease,
        delay=delay,
        retention=retention,
        max_message=size,
        max_deliveries=most,
        dlq=dlq,
        drop_exhausted=bool(drop),
        retry_delays=_read_delays(retries),
        dedup=window,
        content_dedup=bool(by_content),
        dedup_scope=scope,
        priorities=levels,
    )


@lru_cache
def _read_delays(text: str) -> tuple[int, ...]:
    return tuple(json.loads(text))


def _reader(id: int, name: str, noticed: int, config: QueueConfig) -> Reader:
    return Reader(
        id=id,
        name=name,
        on_ack="delete",
        ordered=config.fifo,
        lease=config.lease,
        max_deliveries=config.max_deliveries,
        dead_letter_to=config.dlq,
        drop_exhausted=config.drop_exhausted,
        retry_delays=config.retry_delays,
        noticed=noticed,
    )


def _lanes(tx: Snapshot, channel: int) -> dict[int, Partition]:
    rows = tx.rows(
        "select id, number, start, next, records, bytes, last_timestamp"
        " from mq_partitions where channel = :channel order by number",
        {"channel": channel},
    )
    return {row[1]: Partition(*row) for row in rows}


def _missing(tx: Snapshot, name: str) -> NotFound:
    kind = tx.value("select kind from mq_channels where name = :name", {"name": name})
    if kind is not None:
        return NotFound(f"{name} is a {kind}, not a queue", hint=f"mq {kind} show {name}")
    check_name(name, "queue name")
    return NotFound(f"queue {name} does not exist", hint=f"mq queue create {name}")


def find_or_none(tx: Snapshot, name: str) -> Queue | None:
    """The queue of that name, if there is one."""
    try:
        return find(tx, name)
    except NotFound:
        return None


def names(tx: Snapshot) -> list[str]:
    """The names of all queues, in order."""
    return [
        row[0] for row in tx.rows("select name from mq_channels where kind = 'queue' order by 1")
    ]


def sources_of(tx: Snapshot, name: str) -> list[str]:
    """The queues that dead-letter into this one, in order."""
    rows = tx.rows(
        "select name from mq_readers where kind = 'queue' and dead_letter_to = :name order by 1",
        {"name": name},
    )
    return [row[0] for row in rows]


def alter(tx: Write, name: str, settings: dict[str, Any]) -> Queue:
    """Change settings in place; whether a queue is FIFO can't change."""
    queue = find(tx, name)
    config = replace(queue.config, **settings)
    if config.fifo != queue.config.fifo:
        raise BadInput(
            f"{name} can't be turned {'into' if config.fifo else 'from'} a FIFO queue",
            hint="create another queue and move the messages",
        )
    if config.priorities < queue.config.priorities:
        raise BadInput(f"{name} has {queue.config.priorities} priorities; they only grow")
    check_config(tx, name, config)
    tx.execute(
        "update mq_queues set delay = :delay, retention = :retention, max_message = :max_message,"
        " retry_delays = :retry_delays, dedup_window = :dedup, content_dedup = :content_dedup,"
        " dedup_scope = :dedup_scope, priorities = :priorities where channel = :channel",
        {**_queue_columns(config), "channel": queue.id},
    )
    tx.execute(
        "update mq_readers set lease = :lease, max_deliveries = :max_deliveries,"
        " dead_letter_to = :dlq, drop_exhausted = :drop_exhausted where id = :reader",
        {**_reader_columns(config), "reader": queue.reader.id},
    )
    return find(tx, name)


def delete(tx: Write, name: str) -> Queue:
    """Delete a queue with its messages; `Conflict` while it is another queue's DLQ."""
    queue = find(tx, name)
    sources = sources_of(tx, name)
    if sources:
        raise Conflict(
            f"queue {name} is the DLQ of {', '.join(sources[:3])}",
            hint=f"mq queue alter {sources[0]} --dlq OTHER",
        )
    forget_places(tx, queue)
    tx.execute("delete from mq_channels where id = :id", {"id": queue.id})
    return queue


def forget_places(tx: Write, queue: Queue) -> None:
    """Drop every lease, head and cursor of a queue, so that its lanes can be drained."""
    reader = {"reader": queue.reader.id}
    tx.execute("delete from mq_leases where reader = :reader", reader)
    tx.execute("delete from mq_heads where reader = :reader", reader)
    tx.execute("delete from mq_slots where reader = :reader", reader)
