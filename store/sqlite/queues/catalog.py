"""Queues as things: create, find, change, empty and delete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from store import model, sqlite
from store.model.addresses import EXCHANGE_PREFIX, check_name
from store.model.errors import BadInput, Conflict, Hint
from store.model.queues import QueueConfig
from store.sqlite import leases, log, queues
from store.sqlite.file.database import Snapshot, WriteTransaction
from store.sqlite.file.settings import StoredSettings, cached_by_settings
from store.sqlite.leases import readers
from store.sqlite.leases.readers import Reader

if TYPE_CHECKING:
    from store.sqlite.log.topics import Partition


class Queue:
    """A queue as its module functions pass it along."""

    __slots__ = ("_lanes", "_tx", "config", "created", "id", "name", "reader")

    def __init__(
        self, tx: Snapshot, id: int, name: str, created: int, config: QueueConfig, reader: Reader
    ) -> None:
        self.id = id
        self.name = name
        self.created = created
        self.config = config
        self.reader = reader
        self._tx = tx
        self._lanes: dict[int, Partition] | None = None

    @property
    def lanes(self) -> dict[int, Partition]:
        """The lanes: a lane is a level, delayed or not. Their counters are read at their first
        use.
        """
        if self._lanes is None:
            self._lanes = _lanes(self._tx, self.id)
        return self._lanes

    @property
    def first_lane(self) -> Partition:
        """The lane that keeps the sequence and the clock of all lanes."""
        return self.lanes[0]


def lane_number(level: int, delayed: bool) -> int:
    """Return the partition number of a lane."""
    return level << 1 | delayed


def create(tx: WriteTransaction, name: str, config: QueueConfig) -> Queue:
    """Create a queue; raises `Exists` when the name is taken."""
    check_name(name, "queue name")
    sqlite.channels.refuse_taken(tx, name)
    check_config(tx, name, config)
    channel = sqlite.channels.create(tx, name, "queue")
    _SETTINGS.insert(tx, "mq_queues", config, channel=channel)
    reader = readers.create(
        tx, _SETTINGS, config, kind="queue", name=name, channel=channel, source=channel
    )
    add_lane(tx, channel, reader, 0)
    return find(tx, name)


def add_lane(
    tx: WriteTransaction, channel: int, reader: int, number: int, begin: int = 0
) -> Partition:
    """Make a lane, beginning at a sequence number, and the reader's slot in it."""
    partition = log.rows.add_lane(tx, channel, number, begin)
    leases.slots.begin(tx, reader, partition, begin)
    return log.topics.Partition(partition, number, begin, begin, 0, 0, 0)


def check_config(tx: Snapshot, name: str, config: QueueConfig) -> None:
    """Raise `BadInput` for settings that can't work, `NotFound` for a missing DLQ.

    Raises `Conflict` for a DLQ that does not admit this queue (SQS: RedriveAllowPolicy).
    """
    model.queue_rules.check_settings(name, config)
    if config.dlq is None:
        return
    if config.dlq.startswith(EXCHANGE_PREFIX):
        sqlite.exchanges.catalog.find(tx, config.dlq.removeprefix(EXCHANGE_PREFIX))
    else:
        _check_dlq(tx, name, config, config.dlq)
        _check_admission(tx, name, config.dlq)


def _check_dlq(tx: Snapshot, name: str, config: QueueConfig, dlq: str) -> None:
    target = find(tx, dlq)
    if target.config.fifo != config.fifo:
        kinds = {True: "a FIFO queue", False: "a standard queue"}
        raise BadInput(
            f"{name} is {kinds[config.fifo]} and its DLQ {dlq} is {kinds[target.config.fifo]}",
            hint="a queue and its DLQ must be of one type",
        )


def _check_admission(tx: Snapshot, name: str, dlq: str) -> None:
    # Only when the DLQ is chosen: queues that use it already go on, as in SQS.
    if name in sources_of(tx, dlq):
        return
    target = find(tx, dlq)
    if not admits(target, name):
        allowed = target.config.redrive_allow
        raise Conflict(
            f"queue {dlq} does not let {name} dead-letter into it: redrive_allow is {allowed}",
            hint=Hint(
                "{}",
                model.actions.alter("queue", dlq, redrive_allow=_with_source(allowed, name)),
            ),
        )


def admits(queue: Queue, source: str) -> bool:
    """Return whether a queue may be the DLQ of another one (SQS: RedriveAllowPolicy)."""
    allowed = queue.config.redrive_allow
    return allowed == "all" or source in allowed.split(",")


def _with_source(allowed: str, name: str) -> str:
    return name if allowed == "none" else f"{allowed},{name}"


_SETTINGS = StoredSettings(QueueConfig, "mq_queues")
_ROWS = (
    "select mq_channels.name, mq_channels.id, mq_channels.created, mq_readers.id,"
    f" {_SETTINGS.columns} from mq_channels join mq_queues on mq_queues.channel = mq_channels.id"
    " join mq_readers on mq_readers.channel = mq_channels.id"
)


def configs(tx: Snapshot) -> dict[str, QueueConfig]:
    """Return the settings of every queue, by name."""
    return {row[0]: _SETTINGS.read(row) for row in tx.rows(f"{_ROWS} order by mq_channels.name")}


def find(tx: Snapshot, name: str) -> Queue:
    """Return the queue of that name; raises `NotFound`, naming the name's other kind."""
    found = find_or_none(tx, name)
    if found is None:
        raise tx.missing(name, "queue")
    return found


def find_or_none(tx: Snapshot, name: str) -> Queue | None:
    """Return the queue of that name, if there is one."""
    settings = _settings(tx, name)
    if settings is None:
        return None
    channel, created, config, reader = settings
    return Queue(tx, channel, name, created, config, reader)


@cached_by_settings
def _settings(tx: Snapshot, name: str) -> tuple[int, int, QueueConfig, Reader] | None:
    row = tx.row(f"{_ROWS} where mq_channels.name = :name", {"name": name})
    if row is None:
        return None
    _, channel, created, reader = row[:4]
    config = _SETTINGS.read(row)
    return channel, created, config, _reader(tx, reader, name, channel, config)


def reader(tx: Snapshot, name: str) -> Reader:
    """Return the rules of a queue's readers; raises `NotFound`."""
    settings = _settings(tx, name)
    if settings is None:
        raise tx.missing(name, "queue")
    return settings[3]


def _reader(tx: Snapshot, id: int, name: str, channel: int, config: QueueConfig) -> Reader:
    levels = tx.rows(
        "select distinct number >> 1 from mq_partitions where channel = :channel order by 1 desc",
        {"channel": channel},
    )
    retry = None
    if config.max_deliveries is not None or config.retry_delays:
        retry = queues.policies.retry.RetryLimits(config.max_deliveries, config.retry_delays)
    return Reader(
        id=id,
        name=name,
        channel=channel,
        source=name,
        on_ack="delete",
        ordered=config.fifo,
        lease=config.lease,
        retry=retry,
        dead_letter_to=config.dlq,
        dead_letter_key=config.dlq_key,
        levels=tuple(level for (level,) in levels),
        delay=config.delay,
        retention=config.retention,
        fair=config.fair,
        single_active=config.single_active,
        policies=readers.by_hook(queues.policies.policies_of(config, retry)),
    )


def deduplicates(config: QueueConfig) -> bool:
    """Return whether a queue answers duplicates, and so takes deduplication ids."""
    return config.fifo or config.dedup is not None or config.content_dedup


def _lanes(tx: Snapshot, channel: int) -> dict[int, Partition]:
    rows = tx.rows(
        "select id, number, start, next, records, bytes, last_timestamp from mq_partitions"
        " where channel = ? order by number",
        (channel,),
    )
    return {row[1]: log.topics.Partition(*row) for row in rows}


def names(tx: Snapshot) -> list[str]:
    """Return the names of all queues, in order."""
    return [
        row[0] for row in tx.rows("select name from mq_channels where kind = 'queue' order by 1")
    ]


def sources_of(tx: Snapshot, name: str) -> list[str]:
    """Return the queues that dead-letter into this one, in order."""
    rows = tx.rows(
        # With the + it looks for the name, and does not go over all queues.
        "select name from mq_readers where +kind = 'queue' and dead_letter_to = :name order by 1",
        {"name": name},
    )
    return [row[0] for row in rows]


def altered(tx: Snapshot, name: str, settings: dict[str, Any]) -> QueueConfig:
    """Return the changed settings of a queue; raises `BadInput` where they can't work."""
    queue = find(tx, name)
    config = queue.config._replace(**settings)
    messages = sum(lane.records for lane in queue.lanes.values())
    model.queue_rules.check_change(name, queue.config, config, messages)
    check_config(tx, name, config)
    return config


def alter(tx: WriteTransaction, name: str, settings: dict[str, Any]) -> Queue:
    """Change settings in place; whether a queue is FIFO can't change."""
    queue, config = find(tx, name), altered(tx, name, settings)
    _SETTINGS.update(tx, "mq_queues", config, channel=queue.id)
    readers.alter(tx, _SETTINGS, config, queue.reader.id)
    return find(tx, name)


def delete(tx: WriteTransaction, name: str) -> Queue:
    """Delete a queue with its messages; raises `Conflict` while it is another queue's DLQ."""
    queue = find(tx, name)
    sources = tx.rows(
        "select kind, name from mq_readers where dead_letter_to = :name order by 1, 2",
        {"name": name},
    )
    if sources:
        told = ", ".join(f"{kind} {source}" for kind, source in sources[:3])
        kind, source = sources[0]
        raise Conflict(
            f"queue {name} is the DLQ of {told}",
            hint=Hint("{}", model.actions.alter(kind, source, dlq=model.actions.Blank("OTHER"))),
        )
    forget_places(tx, queue)
    sqlite.channels.delete(tx, queue.id)
    return queue


def forget_places(tx: WriteTransaction, queue: Queue) -> None:
    """Drop every lease, head and cursor of a queue, so that its lanes can be drained."""
    leases.rows.remove_all(tx, queue.reader.id)
    queues.order.fifo.forget(tx, queue.reader)
    queues.order.tenants.forget(tx, queue.reader)
    leases.slots.end_all(tx, queue.reader.id)


def count_left(tx: WriteTransaction, channel: int, *, moved: int, dropped: int) -> None:
    """Count messages that left a queue otherwise than by an ack; other channels count none."""
    tx.execute(
        "update mq_queues set moved = moved + :moved, dropped = dropped + :dropped"
        " where channel = :id",
        {"moved": moved, "dropped": dropped, "id": channel},
    )
