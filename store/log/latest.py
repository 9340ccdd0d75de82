"""The newest value of every key: a log read as a table."""

from __future__ import annotations

from store.db import Snapshot
from store.log import read
from store.log.topics import Partition, Topic
from store.models import Record

_PAGE = 10_000


def latest(tx: Snapshot, topic: Topic) -> list[Record]:
    """The newest record of every key that was not deleted since, by key; keyless ones are left out.

    Where a key stands in several partitions, as after their number grew, the newest by time counts.
    """
    newest: dict[bytes, tuple[int, int, Partition]] = {}
    for partition in topic.partitions:
        for key, (timestamp, id) in _newest(tx, partition).items():
            if key not in newest or newest[key][:2] < (timestamp, id):
                newest[key] = (timestamp, id, partition)
    found = [_record(tx, topic, id, partition) for _, (_, id, partition) in sorted(newest.items())]
    return [record for record in found if record.value is not None]


def latest_of(tx: Snapshot, topic: Topic, key: bytes) -> Record | None:
    """The newest record of one key; `None` when there is none or it was deleted."""
    found: list[tuple[int, int, Partition]] = []
    for partition in topic.partitions:
        row = tx.row(
            "select timestamp, id from mq_records where id >= :first and id < :end"
            " and key = :key order by id desc limit 1",
            {
                "first": partition.base + partition.start,
                "end": partition.base + partition.next,
                "key": key,
            },
        )
        if row is not None:
            found.append((row[0], row[1], partition))
    if not found:
        return None
    _, id, partition = max(found, key=lambda one: one[:2])
    record = _record(tx, topic, id, partition)
    return None if record.value is None else record


def _newest(tx: Snapshot, partition: Partition) -> dict[bytes, tuple[int, int]]:
    newest: dict[bytes, tuple[int, int]] = {}
    first = partition.base + partition.start
    while True:
        page = tx.rows(
            "select key, timestamp, id from mq_records where id >= :first and id < :end"
            " order by id limit :page",
            {"first": first, "end": partition.base + partition.next, "page": _PAGE},
        )
        newest.update((key, (timestamp, id)) for key, timestamp, id in page if key is not None)
        if len(page) < _PAGE:
            return newest
        first = page[-1][2] + 1


def _record(tx: Snapshot, topic: Topic, id: int, partition: Partition) -> Record:
    return read.read(tx, topic, partition, id - partition.base, 1)[0]
