"""Lost rows that others imply: a table's indexes, its references, its defaults.

Without them intact records would have no place in the new store. Their other contents are lost.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

from store import model
from store.sqlite import layout
from store.sqlite.damage.cells import Text
from store.sqlite.damage.rescue import Rescue

# Reports an inferred row: its table, the known part, and the lost part.
Tell = Callable[[str, dict[str, Any], str], None]
_MADE = "its row is lost: the rest of it is known from others"
_SETTINGS = "its settings are lost, and are the usual ones now"
_PARENTS = (
    ("mq_topics", "channel"),
    ("mq_queues", "channel"),
    ("mq_partitions", "channel"),
    ("mq_readers", "channel"),
    ("mq_readers", "source"),
)


class Inference:
    """Completes the tables of a new store, of which rows are missing."""

    def __init__(
        self, rescue: Rescue, connection: sqlite3.Connection, tell: Tell, wall: int
    ) -> None:
        self._rescue = rescue
        self._connection = connection
        self._tell = tell
        self._wall = wall

    def complete(self) -> None:
        """Make the missing rows, as far as they are known."""
        self._readers()
        self._channels()
        self._queue_readers()
        self._partitions()
        self._settings()
        self._slots()
        self._single_rows()

    def _rows(self, sql: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql, values).fetchall()

    def _insert(self, table: str, row: dict[str, Any], lost: str) -> None:
        marks = ", ".join("?" * len(row))
        done = self._connection.execute(
            f"insert or ignore into {table} ({', '.join(row)}) values ({marks})",
            tuple(row.values()),
        )
        if done.rowcount > 0:
            self._tell(table, row, lost)

    def _indexed(self, table: str, number: int, width: int) -> Iterator[tuple[Any, ...]]:
        """Yield rows that an index of a table has and the table does not."""
        known = {id for (id,) in self._rows(f"select id from {table}")}
        for entry in self._rescue.index(f"sqlite_autoindex_{table}_{number}"):
            values = tuple(_plain(value) for value in entry)
            if len(values) == width and isinstance(values[-1], int) and values[-1] not in known:
                yield values

    def _readers(self) -> None:
        for kind, name, id in self._indexed("mq_readers", 2, 3):
            if kind == "group":
                row = {"id": id, "kind": kind, "name": name, "created": self._wall}
                self._insert("mq_readers", row, _MADE)

    def _channels(self) -> None:
        names = {id: name for name, id in self._indexed("mq_channels", 1, 2)}
        wanted = {
            id
            for table, column in _PARENTS
            for (id,) in self._rows(f"select distinct {column} from {table}")
            if isinstance(id, int)
        }
        known = {id for (id,) in self._rows("select id from mq_channels")}
        for id in sorted((wanted | names.keys()) - known):
            row = {"id": id, "name": names.get(id) or f"salvaged-{id}", "kind": self._kind(id)}
            self._insert("mq_channels", {**row, "created": self._wall}, _MADE)

    def _kind(self, channel: int) -> str:
        ((is_queue, kind),) = self._rows(
            "select exists (select 1 from mq_queues where channel = ?1),"
            " (select kind from mq_readers where channel = ?1)",
            (channel,),
        )
        return "queue" if is_queue or kind == "queue" else kind or "topic"

    def _queue_readers(self) -> None:
        by_name = {name: id for kind, name, id in self._indexed("mq_readers", 2, 3) if kind}
        by_channel: dict[Any, Any] = dict(self._indexed("mq_readers", 1, 2))
        for channel, kind, name in self._rows(
            "select id, kind, name from mq_channels c where kind <> 'topic'"
            " and not exists (select 1 from mq_readers r where r.channel = c.id)"
        ):
            id = by_channel.get(channel) or by_name.get(name)
            source = channel if kind == "queue" else self._source_of(id)
            if source is not None:
                row = {"id": id, "kind": kind, "name": name, "channel": channel, "source": source,
                       "created": self._wall, "lease": 30_000}  # fmt: skip
                self._insert("mq_readers", row, _MADE)

    def _source_of(self, reader: int | None) -> int | None:
        rows = self._rows(
            "select p.channel from mq_slots s join mq_partitions p on p.id = s.partition"
            " where s.reader = ? limit 1",
            (reader,),
        )
        return rows[0][0] if rows else None

    def _partitions(self) -> None:
        for channel, number, id in self._indexed("mq_partitions", 1, 3):
            if isinstance(channel, int) and isinstance(number, int):
                row = {"id": id, "channel": channel, "number": number}
                self._insert("mq_partitions", row, _MADE)

    def adopt(self, partition: int) -> None:
        """Give records an unknown partition: that of a topic of its own.

        It goes to the topic or queue without any, where there is just one.
        """
        lonely = self._rows(
            "select id from mq_channels c where kind in ('topic', 'queue') and not exists"
            " (select 1 from mq_partitions p where p.channel = c.id)"
        )
        number = 0
        if len(lonely) == 1:
            ((channel,),) = lonely
        else:
            name = f"salvaged-partition-{partition}"
            channel = self._connection.execute(
                "insert into mq_channels (name, kind, created) values (?, 'topic', ?)",
                (name, self._wall),
            ).lastrowid
        row = {"id": partition, "channel": channel, "number": number}
        self._insert("mq_partitions", row, _MADE)

    def fill_partitions(self) -> None:
        """Add the partitions that a topic or queue must have, empty ones."""
        for channel, numbers in self._rows(
            "select c.id, group_concat(p.number) from mq_channels c left join mq_partitions p"
            " on p.channel = c.id where c.kind in ('topic', 'queue') group by c.id"
        ):
            there = {int(number) for number in numbers.split(",")} if numbers else set()
            most = max(there, default=0) if self._kind(channel) == "topic" else 0
            for number in sorted(set(range(most + 1)) - there):
                row = {"channel": channel, "number": number}
                self._insert("mq_partitions", row, "it is lost, with all that was in it")

    def _settings(self) -> None:
        topic, queue, group = (
            model.topics.TopicConfig(),
            model.queues.QueueConfig(),
            model.groups.GroupConfig(),
        )
        for (id,) in self._lacking("mq_topics", "channel", "mq_channels", "topic"):
            row = {**topic._asdict(), "channel": id, "labels": None}
            self._insert("mq_topics", row, _SETTINGS)
        for (id,) in self._lacking("mq_queues", "channel", "mq_channels", "queue"):
            ((is_fifo,),) = self._rows(
                "select exists (select 1 from old_heads h join mq_readers r on r.id = h.reader"
                " where r.channel = ?)",
                (id,),
            )
            names = ("delay", "retention", "max_message", "content_dedup", "dedup_scope",
                     "priorities", "overflow", "single_active", "fair")  # fmt: skip
            row = {name: getattr(queue, name) for name in names}
            row |= {"retry_delays": "[]", "fifo": is_fifo}
            self._insert("mq_queues", {"channel": id, **row}, _SETTINGS)
        for (id,) in self._lacking("mq_shares", "reader", "mq_readers", "share"):
            self._insert("mq_shares", {"reader": id, "max_in_flight": 2_000}, _SETTINGS)
        for (id,) in self._lacking("mq_groups", "reader", "mq_readers", "group"):
            row = {name: getattr(group, name) for name in ("assignor", "below_start", "retention")}
            self._insert("mq_groups", {"reader": id, **row}, _SETTINGS)

    def _lacking(self, table: str, column: str, parent: str, kind: str) -> list[tuple[Any, ...]]:
        return self._rows(
            f"select id from {parent} where kind = ? and id not in (select {column} from {table})",
            (kind,),
        )

    def _slots(self) -> None:
        kinds = dict(self._rows("select id, kind from mq_readers"))
        for reader, partition, id in self._indexed("mq_slots", 1, 3):
            if kinds.get(reader) == "group":
                row = {"reader": reader, "partition": partition}
                self._tell("mq_slots", row, "the group's offset is lost: it begins anew here")
            elif reader in kinds:
                row = {"id": id, "reader": reader, "partition": partition, "cursor": 0}
                self._insert("mq_slots", row, _MADE)
        for id, reader, record in self._rows(
            f"select distinct {layout.owner_of('id')}, reader, {layout.owner_of('record')}"
            " from mq_leases"
            f" where {layout.owner_of('id')} not in (select id from mq_slots)"
        ):
            if kinds.get(reader) in ("queue", "share"):
                row = {"id": id, "reader": reader, "partition": record, "cursor": 0}
                self._insert("mq_slots", row, _MADE)

    def add_slots(self) -> None:
        """Add a slot of each queue and share in every partition that it reads."""
        for reader, partition in self._rows(
            "select r.id, p.id from mq_readers r join mq_partitions p on p.channel = r.source"
            " where not exists (select 1 from mq_slots s where s.reader = r.id"
            " and s.partition = p.id)"
        ):
            row = {"reader": reader, "partition": partition, "cursor": 0}
            self._insert("mq_slots", row, _MADE)

    def _single_rows(self) -> None:
        import os

        ((store, clock),) = self._rows(
            "select (select count(*) from mq_store), (select count(*) from mq_clock)"
        )
        if not store:
            row = {"id": 1, "uuid": os.urandom(16), "created": self._wall, "durability": "full"}
            self._insert("mq_store", row, _SETTINGS)
        if not clock:
            row = {"id": 1, "boot_id": "", "boot": 0, "store": self._wall}
            self._insert("mq_clock", row, _MADE)


def _plain(value: Any) -> Any:
    return value.decode(errors="replace") if isinstance(value, Text) else value
