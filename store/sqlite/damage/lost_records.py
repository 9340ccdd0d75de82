"""The records that a salvage could not copy: each by its address, as near as possible.

In a topic without compaction no offset is missing except by damage. In a queue, or a compacted
topic, the number of records tells how many are lost, and leases, indexes and damaged pages tell
which.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import NamedTuple

from store.model.maintenance import Lost
from store.sqlite import layout
from store.sqlite.damage.rescue import Rescue
from store.sqlite.damage.row_places import RowPlaces
from store.sqlite.damage.trees import RowRange

_UNREADABLE = "it was on a page that can't be read"
# Longer runs are reported as one.
_LONGEST_LIST = 1_000
_INDEXES = ("mq_records_message_group", "mq_records_expires")


class _Partition(NamedTuple):
    id: int
    channel: int | None
    start: int
    next: int
    records: int

    @property
    def base(self) -> int:
        return layout.record_id(self.id, 0)

    @property
    def beyond(self) -> int:
        return layout.record_id(self.id + 1, 0)


class LostRecords:
    """The known facts about lost records, and their addresses."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.damaged: dict[int, str] = {}
        self.spans: list[RowRange] = []
        self.expected = 0
        self._known: dict[int, _Partition] = {}

    def expect(self) -> None:
        """Note the partitions' counts of their records, before they are counted anew."""
        rows = self._rows("select id, channel, start, next, records from mq_partitions")
        self._known = {row[0]: _Partition(*row) for row in rows}
        self.expected = sum(each.records for each in self._known.values())

    def homeless(self) -> list[int]:
        """Return the ids of missing partitions that records belong to."""
        rows = self._rows(
            f"select distinct {layout.owner_of('id')} from mq_records"
            f" where {layout.owner_of('id')} not in (select id from mq_partitions)"
        )
        return [id for (id,) in rows]

    def remove_stale(self) -> None:
        """Remove records that a damaged page still showed after their removal from their
        partition.
        """
        for partition in self._known.values():
            self._connection.execute(
                "delete from mq_records where id >= ? and id < ?",
                (partition.base, partition.base + partition.start),
            )

    def lines(self, places: RowPlaces, rescue: Rescue) -> Iterator[Lost]:
        """Yield every lost record, or a range with the number of lost ones."""
        evidence = self._evidence(rescue)
        dense = {
            id for (id,) in self._rows("select channel from mq_topics where cleanup = 'delete'")
        }
        for partition in sorted(self._known.values()):
            if partition.channel is None:
                continue
            name = places.partition(partition.id)
            kind = "message" if places.is_queue(partition.channel) else "record"
            if partition.channel in dense:
                yield from self._gaps(partition, name, kind)
            else:
                yield from self._counted(partition, name, kind, evidence)

    def doubtful_expiries(self, places: RowPlaces, rescue: Rescue) -> Iterator[Lost]:
        """Yield messages that expire at another time than their index says; the later one holds.

        No checksum tells which of the two is damaged.
        """
        for expires, id in (e for e in rescue.index("mq_records_expires") if len(e) == 2):
            if isinstance(expires, int) and isinstance(id, int):
                changed = self._connection.execute(
                    "update mq_records set expires = max(expires, ?) where id = ? and expires <> ?",
                    (expires, id, expires),
                )
                if changed.rowcount:
                    yield Lost(places.record(id), "expiry", "it and its index differ")

    def _rows(self, sql: str, values: tuple[int, ...] = ()) -> list[tuple[int, ...]]:
        return self._connection.execute(sql, values).fetchall()

    def _has(self, id: int) -> bool:
        return bool(self._rows("select 1 from mq_records where id = ?", (id,)))

    def _evidence(self, rescue: Rescue) -> set[int]:
        """Return the ids of records that other rows refer to."""
        ids = {
            id
            for sql in (
                "select record from mq_leases",
                "select record from mq_origins",
                "select first from old_heads",
            )
            for (id,) in self._rows(sql)
        }
        for name in _INDEXES:
            entries = rescue.index(name)
            ids.update(e[-1] for e in entries if isinstance(e[-1], int) and len(e) == 2)
        return {id for id in ids | self.damaged.keys() if not self._has(id)}

    def _gaps(self, partition: _Partition, name: str, kind: str) -> Iterator[Lost]:
        first, count = self._rows(
            "select min(id), count(*) from mq_records where id >= ? and id < ?",
            (partition.base, partition.beyond),
        )[0]
        if count == partition.records:
            # A missing record was missing before, as after another salvage.
            return
        if partition.next == 0:
            # Nothing is known of it: records before its first one may have been removed.
            partition = partition._replace(start=first - partition.base)
        ids = self._connection.execute(
            "select id from mq_records where id >= ? and id < ? order by id",
            (partition.base + partition.start, partition.beyond),
        )
        before = partition.base + partition.start - 1
        for (id,) in ids:
            yield from self._run(partition, name, kind, before + 1, id)
            before = id
        yield from self._run(partition, name, kind, before + 1, partition.base + partition.next)

    def _run(
        self, partition: _Partition, name: str, kind: str, first: int, end: int
    ) -> Iterator[Lost]:
        if end - first > _LONGEST_LIST:
            yield _range(name, kind, first, end - 1, f"{end - first} {kind}s can't be read")
            return
        for id in range(first, end):
            address = f"{name}@{id - partition.base}"
            yield Lost(address, kind, self.damaged.get(id, _UNREADABLE))

    def _counted(
        self, partition: _Partition, name: str, kind: str, evidence: set[int]
    ) -> Iterator[Lost]:
        base, end = partition.base, partition.base + partition.next
        lost = sorted(id for id in evidence if base + partition.start <= id < end)
        for id in lost:
            yield Lost(f"{name}@{id - base}", kind, self.damaged.get(id, _UNREADABLE))
        ((count,),) = self._rows(
            "select count(*) from mq_records where id >= ? and id < ?", (base, partition.beyond)
        )
        more = partition.records - count - len(lost)
        if more > 0:
            yield from self._ranges(partition, name, kind, more)

    def _ranges(self, partition: _Partition, name: str, kind: str, more: int) -> Iterator[Lost]:
        first, last = partition.base + partition.start, partition.base + partition.next - 1
        known = [
            (max(first, span.after + 1 if span.after is not None else first),
             min(last, span.last if span.last is not None else last))
            for span in self.spans
        ]  # fmt: skip
        known = [(low, high) for low, high in known if low <= high]
        for low, high in known or [(first, last)]:
            told = f"{more} more {kind}s of {name} can't be read" if more > 1 else (
                f"one more {kind} of {name} can't be read"
            )  # fmt: skip
            yield _range(name, kind, low, high, told)


def _range(name: str, kind: str, first: int, last: int, problem: str) -> Lost:
    return Lost(f"{name}@{layout.offset(first)}-{layout.offset(last)}", kind, problem)
