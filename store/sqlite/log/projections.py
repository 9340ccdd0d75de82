"""Plain tables that follow a topic: each record is upserted, together with the offset, once.

The table lies in the same file and belongs to the user, who may query and index it with any tool.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import TYPE_CHECKING, Any, NamedTuple

from store import model
from store.model.addresses import Address, check_name, parse_address
from store.model.errors import BadInput, Damaged, Exists, Hint, NotFound
from store.model.topics import Record
from store.sqlite.file.database import Snapshot, WriteTransaction
from store.sqlite.log import read, topics
from store.sqlite.log.topics import Partition, Topic

if TYPE_CHECKING:
    from sqlite_utils.db import Table

_REBUILT = "__rebuild"


class Projection(NamedTuple):
    """A table that follows a topic, and the field that is its primary key."""

    target: str
    topic: str
    primary_key: str


def find(tx: Snapshot, target: str) -> Projection | None:
    """Return the projection into that table, if there is one."""
    row = tx.row(
        "select p.target, c.name, p.primary_key from mq_projections p"
        " join mq_channels c on c.id = p.channel where p.target = :target",
        {"target": target},
    )
    return None if row is None else Projection(*row)


def declare(tx: WriteTransaction, topic: str, target: str, primary_key: str) -> Projection:
    """Begin a projection, or go on with it; raises `Exists` when the table is not a projection's.

    A projection without a table, before its first record or after a drop, begins anew.
    """
    check_name(target, "table name")
    if target.lower().startswith(("mq_", "sqlite_")):
        raise BadInput(f"{target} is a reserved table name", hint="name the table otherwise")
    present = find(tx, target)
    if present is not None and not _has_table(tx, target):
        _forget(tx, target)
        present = None
    if not primary_key:
        raise BadInput("the primary key has no name", hint=Hint("{primary_key FIELD}"))
    wanted = Projection(target, topic, primary_key)
    if present == wanted:
        return present
    if present is not None:
        raise Exists(
            f"table {target} follows {present.topic} by {present.primary_key} already",
            hint="choose another table",
        )
    if _has_table(tx, target):
        raise Exists(f"table {target} exists and is not a projection", hint="choose another table")
    tx.execute(
        "insert into mq_projections (target, channel, primary_key)"
        " values (:target, :channel, :primary_key)",
        {
            "target": target,
            "channel": topics.find(tx, topic).id,
            "primary_key": primary_key,
        },
    )
    return wanted


def _forget(tx: WriteTransaction, target: str) -> None:
    tx.execute("delete from mq_projections where target = :target", {"target": target})


def _has_table(tx: Snapshot, name: str) -> bool:
    return bool(
        tx.value(
            "select exists (select 1 from sqlite_schema where lower(name) = lower(:name))",
            {"name": name},
        )
    )


def advance(
    tx: WriteTransaction, projection: Projection, most: int, passing: Collection[Address] = ()
) -> int:
    """Bring up to `most` records into the table; return how many.

    Raises `BadInput` at a record that is not a JSON object or lacks the primary key, `Damaged` at a
    damaged one, unless it is among those to be passed over; earlier ones are kept.
    """
    topic = topics.find(tx, projection.topic)
    done = 0
    for partition in topic.partitions:
        next_offset = _pass_over(tx, projection, topic, partition, passing)
        try:
            records = read.read(tx, topic, partition, next_offset, most - done, read.MOST_BYTES)
            if not records:
                continue
            taken = _Batch(tx, projection).apply(records)
        except (BadInput, Damaged) as error:
            # Records of other partitions are stored first; the next call comes here and raises.
            if done:
                break
            raise _with_way_out(projection, error) from error
        _store_offset(tx, projection, partition.id, records[taken - 1].offset + 1)
        done += taken
        if done >= most or taken < len(records):
            break
    return done


def _pass_over(
    tx: WriteTransaction, projection: Projection, topic: Topic, partition: Partition,
    passing: Collection[Address],
) -> int:  # fmt: skip
    """Return the offset behind the records to be passed over."""
    begin = _next_offset(tx, projection, partition.id)
    if not passing:
        return begin
    offset = read.next_offset(tx, partition, begin)
    while Address(topic.name, partition.number, offset) in passing:
        offset = read.next_offset(tx, partition, offset + 1)
        _store_offset(tx, projection, partition.id, offset)
    return offset


def _with_way_out(projection: Projection, error: BadInput | Damaged) -> BadInput | Damaged:
    if isinstance(error, BadInput):
        return error
    (address,) = error.addresses
    skip = model.actions.Project(
        projection.topic, projection.target, projection.primary_key, parse_address(address)
    )
    return Damaged(error.message, Hint("{}", skip), error.addresses)


def _next_offset(tx: Snapshot, projection: Projection, partition: int) -> int:
    offset: int | None = tx.value(
        "select next from mq_projection_offsets where target = :target and partition = :partition",
        {"target": projection.target, "partition": partition},
    )
    return offset or 0


def _store_offset(
    tx: WriteTransaction, projection: Projection, partition: int, offset: int
) -> None:
    tx.execute(
        "insert into mq_projection_offsets (target, partition, next)"
        " values (:target, :partition, :next)"
        " on conflict (target, partition) do update set next = excluded.next",
        {"target": projection.target, "partition": partition, "next": offset},
    )


class _Batch:
    """Records on their way into the table; only the last one of each key is written."""

    def __init__(self, tx: WriteTransaction, projection: Projection) -> None:
        from sqlite_utils import Database

        self._projection = projection
        self._table: Table = Database(
            tx.connection, recursive_triggers=False, execute_plugins=False
        ).table(projection.target)
        self._columns = self._table.columns_dict if self._table.exists() else {}
        self._upserts: dict[str, dict[str, Any]] = {}
        self._deletes: dict[str, None] = {}

    def apply(self, records: list[Record]) -> int:
        """Write the records' state into the table; return how many, up to the first bad one.

        Raises `BadInput` when that is the first of all.
        """
        taken = self._take(records)
        key = self._projection.primary_key
        if self._table.exists():
            for deleted in self._deletes:
                self._table.delete_where(f"{_quoted(key)} = ?", [deleted])
        rows = list(self._upserts.values())
        if rows:
            self._table.upsert_all(_filled(rows), pk=key)
        return taken

    def _take(self, records: list[Record]) -> int:
        for index, record in enumerate(records):
            try:
                if record.value is None:
                    self._delete(record)
                else:
                    self._upsert(record, record.value)
            except BadInput:
                if index == 0:
                    raise
                return index
        return len(records)

    def _delete(self, record: Record) -> None:
        if record.key is None:
            return
        key = record.key.decode(errors="surrogateescape")
        self._upserts.pop(key, None)
        self._deletes[key] = None

    def _upsert(self, record: Record, value: bytes) -> None:
        row = _json_object(record, value)
        name = self._projection.primary_key
        if row.get(name) is None or isinstance(row[name], dict | list):
            raise BadInput(
                f"record {record.address} has no {name}, which is the primary key",
                hint=Hint("choose a field that every record has: {primary_key FIELD}"),
            )
        key = str(row[name])
        self._check_columns(record, row)
        self._add_columns(row)
        self._deletes.pop(key, None)
        # 1 and 1.0 are one row under two keys here: the last of them has to be written last.
        self._upserts.pop(key, None)
        # A row is replaced whole: fields that the new record lacks are null afterwards.
        self._upserts[key] = dict.fromkeys(self._columns) | row

    def _check_columns(self, record: Record, row: dict[str, Any]) -> None:
        # SQLite knows a column by its name in any case.
        known = {name.lower(): name for name in self._columns}
        for name in row:
            if not name or "\0" in name or known.setdefault(name.lower(), name) != name:
                raise BadInput(
                    f"record {record.address} has a field that can't be a column: {name!r}",
                    hint="names may not be empty, nor differ from another only in case",
                )

    def _add_columns(self, row: dict[str, Any]) -> None:
        # One by one and in order of appearance, so that the table does not depend on the batches.
        for name, value in row.items():
            if name in self._columns:
                continue
            if not self._table.exists():
                kinds = {field: _kind(content) for field, content in row.items()}
                self._table.create(kinds, pk=self._projection.primary_key)
                self._columns = self._table.columns_dict
                return
            self._table.add_column(name, _kind(value))
            self._columns[name] = _kind(value)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _kind(value: Any) -> type:
    return str if value is None or isinstance(value, dict | list) else type(value)


def _filled(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    names = dict.fromkeys(name for row in rows for name in row)
    return [dict.fromkeys(names) | row for row in rows]


def _json_object(record: Record, value: bytes) -> dict[str, Any]:
    try:
        row = json.loads(value, parse_constant=_refuse_constant)
        # Escapes may stand for halves of characters, which no text holds.
        json.dumps(row, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise BadInput(
            f"record {record.address} is not JSON: {error}",
            hint="a projection reads JSON objects",
        ) from error
    if not isinstance(row, dict):
        raise BadInput(
            f"record {record.address} is not a JSON object",
            hint="a projection reads JSON objects, a field a column",
        )
    if any(isinstance(n, int) and not -(1 << 63) <= n < 1 << 63 for n in row.values()):
        raise BadInput(
            f"record {record.address} has a number of more than 64 bits",
            hint="give it as text",
        )
    return row


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


def begin_rebuild(tx: WriteTransaction, projection: Projection) -> Projection:
    """Begin the table anew beside the old one, which stays in use meanwhile."""
    again = Projection(projection.target + _REBUILT, projection.topic, projection.primary_key)
    _drop(tx, again.target)
    tx.execute(
        "insert into mq_projections (target, channel, primary_key)"
        " select :again, channel, primary_key from mq_projections where target = :target",
        {"again": again.target, "target": projection.target},
    )
    return again


def finish_rebuild(tx: WriteTransaction, projection: Projection) -> None:
    """Put the rebuilt table in the place of the old one."""
    again = projection.target + _REBUILT
    if find(tx, again) is None:
        raise NotFound(f"nothing rebuilds {projection.target}")
    built = _has_table(tx, again)
    _drop(tx, projection.target)
    tx.execute(
        "insert into mq_projections (target, channel, primary_key)"
        " select :target, channel, primary_key from mq_projections where target = :again",
        {"again": again, "target": projection.target},
    )
    tx.execute(
        "update mq_projection_offsets set target = :target where target = :again",
        {"again": again, "target": projection.target},
    )
    _forget(tx, again)
    if built:
        from sqlite_utils import Database

        database = Database(tx.connection, recursive_triggers=False, execute_plugins=False)
        database.rename_table(again, projection.target)


def _drop(tx: WriteTransaction, target: str) -> None:
    from sqlite_utils import Database

    _forget(tx, target)
    database = Database(tx.connection, recursive_triggers=False, execute_plugins=False)
    database.table(target).drop(ignore=True)
