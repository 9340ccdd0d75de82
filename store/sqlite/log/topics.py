"""Topics as things: create, find, change and delete."""

from collections.abc import Collection, Iterator
from typing import NamedTuple

from store import model, sqlite
from store.model.addresses import Address, check_name
from store.model.encoding import check_partitions, check_whole
from store.model.errors import BadInput, Conflict, Hint, NotFound
from store.model.settings import check_settings
from store.model.topics import PartitionStatus, TopicConfig, TopicStatus
from store.sqlite import log
from store.sqlite.file.database import Snapshot, WriteTransaction
from store.sqlite.file.settings import StoredSettings, cached_by_settings
from store.sqlite.file.transactions import array
from store.sqlite.layout import OFFSET_BITS


class Partition:
    """A partition of a topic, or a lane of a queue, with its counters as of this transaction."""

    __slots__ = (
        "bytes",
        "checked",
        "compacted",
        "id",
        "last_timestamp",
        "next",
        "number",
        "records",
        "start",
    )

    def __init__(
        self,
        id: int,
        number: int,
        start: int,
        next: int,
        records: int,
        bytes: int,
        last_timestamp: int,
        compacted: int = 0,
        checked: int = 0,
    ) -> None:
        self.id = id
        self.number = number
        self.start = start
        self.next = next
        self.records = records
        self.bytes = bytes
        self.last_timestamp = last_timestamp
        self.compacted = compacted
        self.checked = checked

    @property
    def base(self) -> int:
        """The id of the record at offset 0."""
        return self.id << OFFSET_BITS


class Partitions:
    """The partitions of a topic by number, each read from the store when it is looked at.

    So a topic of a thousand partitions costs an append to one of them no more than another.
    """

    def __init__(self, tx: Snapshot, channel: int, count: int) -> None:
        self._tx = tx
        self._channel = channel
        self._count = count
        self._loaded: dict[int, Partition] = {}

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, number: int) -> Partition:
        if number not in self._loaded:
            row = self._tx.row(
                f"{_PARTITIONS} and number = :number", {"channel": self._channel, "number": number}
            )
            if row is None:
                raise IndexError(number)
            self._loaded[number] = Partition(*row)
        return self._loaded[number]

    def load(self, numbers: Collection[int]) -> None:
        """Read several partitions at once."""
        if len(numbers) > 1:
            for row in self._tx.rows(
                f"{_PARTITIONS} and number in (select value from json_each(:numbers))",
                {"channel": self._channel, "numbers": array(numbers)},
            ):
                self._loaded.setdefault(row[1], Partition(*row))

    def __iter__(self) -> Iterator[Partition]:
        for row in self._tx.rows(f"{_PARTITIONS} order by number", {"channel": self._channel}):
            yield self._loaded.setdefault(row[1], Partition(*row))


_PARTITIONS = (
    "select id, number, start, next, records, bytes, last_timestamp, compacted, checked"
    " from mq_partitions where channel = :channel"
)


class Topic(NamedTuple):
    """A topic as its module functions pass it along."""

    id: int
    name: str
    created: int
    config: TopicConfig
    partitions: Partitions

    def partition(self, number: int) -> Partition:
        """Return one partition; raises `NotFound`."""
        check_whole(number, "a partition", -1)
        if 0 <= number < len(self.partitions):
            return self.partitions[number]
        raise NotFound(
            f"partition {self.name}/{number} does not exist",
            hint=f"{self.name} has partitions 0 to {len(self.partitions) - 1}",
        )


def record_id(tx: Snapshot, address: Address) -> int:
    """Return the id of the record at an address; raises `NotFound`."""
    assert address.partition is not None
    assert address.offset is not None
    return find(tx, address.name).partition(address.partition).base + address.offset


def create(tx: WriteTransaction, name: str, partitions: int, config: TopicConfig) -> Topic:
    """Create a topic; raises `Exists` when anything of that name does."""
    check_name(name, "topic name")
    check_settings(config)
    check_partitions(partitions)
    sqlite.channels.refuse_taken(tx, name)
    channel = sqlite.channels.create(tx, name, "topic")
    _SETTINGS.insert(tx, "mq_topics", config, channel=channel)
    log.rows.add_partitions(tx, channel, range(partitions))
    return find(tx, name)


_SETTINGS = StoredSettings(TopicConfig, "mq_topics")
_ROWS = (
    f"select mq_channels.name, mq_channels.id, mq_channels.created, {_SETTINGS.columns}"
    " from mq_channels join mq_topics on mq_topics.channel = mq_channels.id"
)


def configs(tx: Snapshot) -> dict[str, TopicConfig]:
    """Return the settings of every topic, by name."""
    return {row[0]: _SETTINGS.read(row) for row in tx.rows(f"{_ROWS} order by mq_channels.name")}


def partition_counts(tx: Snapshot) -> dict[str, int]:
    """Return how many partitions every topic has, by name."""
    rows = tx.rows(
        "select c.name, count(*) from mq_channels c join mq_partitions p on p.channel = c.id"
        " where c.kind = 'topic' group by c.id"
    )
    return dict(rows)


def find(tx: Snapshot, name: str) -> Topic:
    """Return the topic of that name; raises `NotFound`, naming what the name is instead."""
    found = find_or_none(tx, name)
    if found is None:
        raise tx.missing(name, "topic")
    return found


def find_or_none(tx: Snapshot, name: str) -> Topic | None:
    """Return the topic of that name, if there is one."""
    settings = _settings(tx, name)
    if settings is None:
        return None
    channel, created, config, partitions = settings
    return Topic(channel, name, created, config, Partitions(tx, channel, partitions))


@cached_by_settings
def _settings(tx: Snapshot, name: str) -> tuple[int, int, TopicConfig, int] | None:
    row = tx.row(f"{_ROWS} where mq_channels.name = :name", {"name": name})
    if row is None:
        return None
    channel, created = row[1:3]
    # Numbers count from 0 without gaps, so the last one tells how many there are.
    partitions: int = tx.value(
        "select max(number) + 1 from mq_partitions where channel = :channel",
        {"channel": channel},
    )
    return channel, created, _SETTINGS.read(row), partitions


def names(tx: Snapshot) -> list[str]:
    """Return the names of all topics, in order."""
    return [
        row[0] for row in tx.rows("select name from mq_channels where kind = 'topic' order by 1")
    ]


def altered(topic: Topic, partitions: int | None, settings: dict[str, object]) -> TopicConfig:
    """Return the settings that `alter` would leave, and raise its errors."""
    if partitions is not None:
        _check_growth(topic, partitions)
    config = topic.config._replace(**settings)  # type: ignore[arg-type]
    check_settings(config)
    return config


def alter(
    tx: WriteTransaction, name: str, partitions: int | None, settings: dict[str, object]
) -> Topic:
    """Change settings in place; partitions only grow (Kafka: INVALID_PARTITIONS otherwise)."""
    topic = find(tx, name)
    config = altered(topic, partitions, settings)
    if partitions is not None:
        _grow(tx, topic, partitions)
    _SETTINGS.update(tx, "mq_topics", config, channel=topic.id)
    return find(tx, name)


def _check_growth(topic: Topic, partitions: int) -> None:
    check_partitions(partitions)
    present = len(topic.partitions)
    if partitions <= present:
        raise BadInput(
            f"topic {topic.name} has {present} partitions already; {partitions} is not more",
            hint="partitions only grow: for fewer, create another topic and copy",
        )


def _grow(tx: WriteTransaction, topic: Topic, partitions: int) -> None:
    present = len(topic.partitions)
    log.rows.add_partitions(tx, topic.id, range(present, partitions))
    # A reader of the topic reads all of it, so a group's or share's lag counts new records at once.
    sqlite.leases.slots.follow_growth(tx, topic.id, present)
    sqlite.groups.catalog.next_generations(tx, topic.id)


def delete(tx: WriteTransaction, name: str) -> TopicStatus:
    """Delete a topic and every group's bookmark in it; return the topic as it was.

    Its records are drained afterwards, in steps. Raises `Conflict` while it has shares.
    """
    topic = find(tx, name)
    _refuse_shared(tx, topic)
    before = status(topic)
    sqlite.groups.catalog.next_generations(tx, topic.id)
    sqlite.leases.slots.end_in(tx, topic.id)
    sqlite.channels.delete(tx, topic.id)
    return before


def _refuse_shared(tx: Snapshot, topic: Topic) -> None:
    shares = [
        row[0]
        for row in tx.rows(
            "select name from mq_readers where source = :topic and kind = 'share' order by 1",
            {"topic": topic.id},
        )
    ]
    if shares:
        raise Conflict(
            f"topic {topic.name} is what share {', '.join(shares[:3])} reads",
            hint=Hint("delete that first: {}", model.actions.Delete("share", shares[0], asks=True)),
        )


def status(topic: Topic) -> TopicStatus:
    """Return the topic as callers of the API see it."""
    return TopicStatus(
        topic.name,
        topic.config,
        topic.created,
        [
            PartitionStatus(p.number, p.start, p.next, p.records, p.bytes, p.last_timestamp)
            for p in topic.partitions
        ],
    )
