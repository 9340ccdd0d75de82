"""The newest value of every key: a log read as a table."""

from __future__ import annotations

from contextlib import closing

from store import model
from store.model.errors import Damaged, Hint
from store.model.topics import Record
from store.sqlite.file.database import Snapshot
from store.sqlite.file.timekeeping import moments
from store.sqlite.log import read
from store.sqlite.log.topics import Partition, Topic


def latest(tx: Snapshot, topic: Topic) -> list[Record]:
    """Return the newest record of every key that was not deleted, by key; no keyless ones.

    If a key is in several partitions, as after their number grew, the last arrival counts. Raises
    `Damaged` if a record of the topic is damaged: it may have been the newest of any key.
    """
    newest: dict[bytes, tuple[int, int, Partition]] = {}
    for partition in topic.partitions:
        for key, (came, id) in _newest(tx, topic, partition).items():
            if key not in newest or newest[key][:2] < (came, id):
                newest[key] = (came, id, partition)
    found = [_record(tx, topic, id, partition) for _, (_, id, partition) in sorted(newest.items())]
    return [record for record in found if record.value is not None]


def latest_of(tx: Snapshot, topic: Topic, key: bytes) -> Record | None:
    """Return the newest record of one key; `None` when there is none or it was deleted."""
    found: list[tuple[int, int, Partition]] = []
    for partition in topic.partitions:
        row = tx.row(
            f"select {read.CAME}, id from mq_records r where id >= :first and id < :end"
            " and key = :key order by id desc limit 1",
            {
                "first": partition.base + partition.start,
                "end": partition.base + partition.next,
                "key": key,
                **moments(tx),
            },
        )
        if row is not None:
            found.append((row[0], row[1], partition))
    if not found:
        return None
    _, id, partition = max(found, key=lambda one: one[:2])
    record = _record(tx, topic, id, partition)
    return None if record.value is None else record


def _newest(tx: Snapshot, topic: Topic, partition: Partition) -> dict[bytes, tuple[int, int]]:
    newest: dict[bytes, tuple[int, int]] = {}
    with closing(read.keys(tx, partition, partition.next)) as records:
        for offset, key, came, is_damaged in records:
            if is_damaged:
                raise _uncertain(f"{topic.name}/{partition.number}@{offset}")
            if key is not None:
                newest[key] = (came, partition.base + offset)
    return newest


def _uncertain(address: str) -> Damaged:
    return Damaged(
        f"record {address} is damaged, and may have been the newest of any key",
        hint=Hint(
            "find all damage: {}; copy the intact part: {}",
            model.looks.Verify(),
            model.actions.Salvage(),
        ),
        addresses=(address,),
    )


def _record(tx: Snapshot, topic: Topic, id: int, partition: Partition) -> Record:
    return read.read(tx, topic, partition, id - partition.base, 1)[0]
