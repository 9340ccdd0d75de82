"""A new store of everything intact in a damaged one, and a list of the rest.

The damaged file is read by its pages, so neither a page that SQLite can't read nor a schema that it
can't parse hides the others. It stays as it is.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from store.model.clock import Clock
from store.model.errors import BadInput, Busy, ForeignFile, Hint, StoreUnusable
from store.model.maintenance import Lost, Progress, Salvaged
from store.sqlite import layout
from store.sqlite.damage import forms, rebuild
from store.sqlite.damage.cells import Text
from store.sqlite.damage.inference import Inference
from store.sqlite.damage.lost_records import LostRecords
from store.sqlite.damage.rescue import Rescue, RescuedObject, RescuedRow
from store.sqlite.damage.row_places import NEEDED, WHOLE, RowPlaces
from store.sqlite.damage.trees import RowRange
from store.sqlite.file import drafts, files, lockfile

_BATCH = 500
# Rebuilt from the messages.
_DERIVED = {"mq_heads": "old_heads", "mq_tenants": "old_tenants"}
_WITH_IDS = {"mq_channels", "mq_partitions", "mq_readers", "mq_members", "mq_slots", "mq_heads",
             "mq_holders", "mq_consumers", "mq_moves", "mq_producers", "mq_exchanges",
             "mq_bindings"}  # fmt: skip
_KINDS = {
    "mq_store": "settings", "mq_clock": "clock", "mq_topics": "settings", "mq_queues": "settings",
    "mq_groups": "settings", "mq_shares": "settings", "mq_channels": "channel",
    "mq_readers": "reader", "mq_slots": "offset", "mq_origins": "history",
    "mq_attempts": "history", "mq_moves": "redrive", "mq_heads": "message group",
    "mq_group_topics": "subscription",
}  # fmt: skip


def salvage(
    old: Path, new: Path, clock: Clock, timeout: float, progress: Progress | None = None
) -> Salvaged:
    """Copy everything intact into a new file of mode 0600; return the copied and the lost.

    Ids and offsets stay, so receipts and group offsets go on. Raises `ForeignFile` for a file that
    is no store, `StoreUnusable` for one of an older mq, `Exists` when the new file exists already.
    """
    same = files.identity(old)
    if new.exists() and (new.stat().st_dev, new.stat().st_ino) == same:
        raise BadInput(f"{new} is the store itself", hint="name a new file")
    with _at_rest(old, timeout):
        rescue = Rescue(old)
        if not rescue.is_store():
            raise ForeignFile(f"{old} is not an mq store", hint="name the file of a store")
        if rescue.version() < files.SCHEMA_VERSION:
            raise StoreUnusable(
                f"{old} has schema {rescue.version()}, of an older mq",
                hint="salvage it with the mq that wrote it",
            )
        with (
            drafts.new_file(new, timeout, keeps_lock=False) as draft,
            drafts.opened(draft) as connection,
        ):
            salvaged = _Salvage(rescue, connection, clock, progress).fill()
            connection.execute("pragma journal_mode = wal")
    return salvaged


@contextmanager
def _at_rest(path: Path, timeout: float) -> Iterator[None]:
    """Keep writers away meanwhile, without a trace."""
    descriptor = None
    with suppress(FileNotFoundError):
        descriptor = os.open(lockfile.lock_path(path), os.O_RDONLY)
    if descriptor is None:
        yield
        return
    try:
        _lock(descriptor, path, timeout)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, path: Path, timeout: float) -> None:
    deadline = monotonic() + timeout
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if monotonic() > deadline:
                raise Busy(
                    f"{path} is in use", hint=Hint("stop what writes to it, or wait: {timeout}")
                ) from None
            sleep(0.05)


class _Salvage:
    """One salvage under way."""

    def __init__(
        self,
        rescue: Rescue,
        connection: sqlite3.Connection,
        clock: Clock,
        progress: Progress | None,
    ) -> None:
        self._rescue = rescue
        self._connection = connection
        self._clock = clock
        self._progress = progress
        self._lost: list[tuple[str, dict[str, Any], str]] = []
        self._lines: list[Lost] = []
        self._records = LostRecords(connection)

    def fill(self) -> Salvaged:
        """Write the new store; the connection is that to an empty draft."""
        run = self._connection.execute
        later = self._create_tables()
        run("begin")
        run("create temp table old_heads (id, reader, message_group, due, first, messages)")
        run("create temp table old_tenants (reader, name, first, in_flight, sent)")
        for name in forms.tables():
            if name != "mq_records":
                self._copy(name)
        inference = Inference(self._rescue, self._connection, self._tell, self._clock.wall())
        inference.complete()
        self._records.expect()
        self._copy_records()
        self._records.remove_stale()
        for partition in self._records.homeless():
            inference.adopt(partition)
        inference.complete()
        self._keep_ids()
        inference.fill_partitions()
        inference.add_slots()
        places = self._places()
        self._lines += self._records.lines(places, self._rescue)
        self._lines += self._records.doubtful_expiries(places, self._rescue)
        self._settle()
        self._copy_user_objects()
        for statement in later:
            run(statement)
        self._finish()
        (count,) = run("select count(*) from mq_records").fetchone()
        return Salvaged(count, list(dict.fromkeys([*self._lines, *self._named()])))

    def _create_tables(self) -> list[str]:
        run, later = self._connection.execute, []
        run(f"pragma page_size = {files.PAGE_SIZE}")
        run("pragma auto_vacuum = incremental")
        run("pragma foreign_keys = off")
        run("pragma synchronous = off")
        for statement in files.schema_statements():
            if "create table" in statement or "create unique index" in statement:
                run(statement)
            else:
                later.append(statement)
        return later

    def _tell(self, table: str, row: dict[str, Any], problem: str) -> None:
        self._lost.append((table, row, problem))

    def _copy(self, name: str) -> None:
        target = _DERIVED.get(name, name)
        key = forms.tables()[name].key
        for found in self._rescue.rows(name):
            if isinstance(found, RescuedRow) and found.problem is None:
                problem = self._insert(target, found)
                if problem is not None:
                    self._tell(name, found.values, problem)
            elif name in _DERIVED:
                continue
            elif isinstance(found, RescuedRow):
                self._tell(name, found.values, found.problem or "")
            elif isinstance(found, RowRange):
                self._lines.append(Lost(WHOLE, _kind(name), _span(name, found)))
            else:
                self._tell(name, {key[0]: found}, f"{name}: it can't be read")

    def _insert(self, table: str, row: RescuedRow) -> str | None:
        columns = ", ".join(row.values)
        marks = ", ".join("?" * len(row.values))
        try:
            self._connection.execute(
                f"insert into {table} ({columns}) values ({marks})",
                [_plain(value) for value in row.values.values()],
            )
        except (sqlite3.Error, OverflowError) as error:
            return f"{table}: {error}"
        return None

    def _copy_records(self) -> None:
        batch: list[RescuedRow] = []
        done = 0
        for found in self._rescue.rows("mq_records"):
            if isinstance(found, RowRange):
                self._records.spans.append(found)
            elif isinstance(found, int):
                self._records.damaged.setdefault(found, "it can't be read")
            elif found.problem is not None:
                id = found.values["id"]
                if isinstance(id, int):
                    self._records.damaged.setdefault(id, found.problem)
            else:
                batch.append(found)
            if len(batch) >= _BATCH:
                done += self._store(batch)
                if self._progress is not None:
                    self._progress(done, max(self._records.expected, done))
        self._store(batch)

    def _store(self, batch: list[RescuedRow]) -> int:
        if batch:
            columns = list(batch[0].values)
            self._connection.executemany(
                f"insert or ignore into mq_records ({', '.join(columns)})"
                f" values ({', '.join('?' * len(columns))})",
                [[_plain(row.values[column]) for column in columns] for row in batch],
            )
        count = len(batch)
        batch.clear()
        return count

    def _places(self) -> RowPlaces:
        return RowPlaces(
            {
                table: self._connection.execute(f"select {', '.join(columns)} from {table}")
                for table, columns in NEEDED.items()
            }
        )

    def _settle(self) -> None:
        rebuild.forget_records(self._connection)
        rebuild.settle(self._connection)
        while self._prune():
            pass
        rebuild.count(self._connection, self._now(), self._clock.wall())
        self._keep_ids()

    def _keep_ids(self) -> None:
        for table in _WITH_IDS:
            key = forms.tables()[table].key[0]
            rebuild.keep_ids(self._connection, table, key, self._sequence(table))

    def _sequence(self, table: str) -> int:
        for entry in self._rescue.sequences():
            if entry[0] == table:
                return entry[1]
        return 0

    def _prune(self) -> int:
        """Remove rows that refer to missing ones; return how many."""
        removed = 0
        for table in forms.tables().values():
            columns = ", ".join(column.name for column in table.columns)
            for column, parent in table.references:
                key = forms.tables()[parent].key[0]
                rows = self._connection.execute(
                    f"delete from {table.name} where {column} not null and not exists"
                    f" (select 1 from {parent} p where p.{key} = {table.name}.{column})"
                    f" returning {columns}"
                ).fetchall()
                removed += len(rows)
                if table.name in _DERIVED:
                    continue
                for row in rows:
                    values = dict(zip(columns.split(", "), row, strict=True))
                    self._tell(table.name, values, f"what it belongs to is lost, in {parent}")
        rows = self._connection.execute(
            "delete from mq_leases as l where not exists (select 1 from mq_slots s"
            f" where s.id = {layout.owner_of('l.id')} and s.reader = l.reader"
            f" and {layout.begin_of('s.partition')} + {layout.offset_of('l.id')} = l.record)"
            " returning id, record"
        ).fetchall()
        for id, record in rows:
            self._tell("mq_leases", {"id": id, "record": record}, "it is not that of its slot")
        return removed + len(rows)

    def _now(self) -> int:
        boot_id, boot, store = self._connection.execute(
            "select boot_id, boot, store from mq_clock"
        ).fetchone()
        if boot_id == self._clock.boot_id() and boot <= self._clock.boot():
            return int(store + self._clock.boot() - boot)
        return max(int(store), self._clock.wall())

    def _copy_user_objects(self) -> None:
        for each in self._rescue.user_objects():
            problem = self._copy_user_object(each)
            if problem is not None:
                self._lines.append(Lost(f"{each.kind} {each.name}", each.kind, problem))

    def _copy_user_object(self, each: RescuedObject) -> str | None:
        if each.sql is None:
            return None if each.kind == "index" else "what it was made by can't be read"
        try:
            self._connection.execute(each.sql)
        except (sqlite3.Error, ValueError) as error:
            return str(error)
        lost = 0
        for found in self._rescue.rows(each.name) if each.kind == "table" else ():
            is_copied = isinstance(found, RescuedRow) and found.problem is None
            lost += not (is_copied and self._insert(f'"{each.name}"', found) is None)  # type: ignore[arg-type]
        return f"{lost} of its rows, or pages with rows, can't be read" if lost else None

    def _finish(self) -> None:
        run = self._connection.execute
        drafts.number_copy(self._connection)
        run("update mq_store set generation = generation + 1")
        run(f"pragma application_id = {files.APPLICATION_ID}")
        run(f"pragma user_version = {files.SCHEMA_VERSION}")
        run("commit")
        run("pragma synchronous = full")

    def _named(self) -> Iterator[Lost]:
        places = self._places()
        if self._rescue.lost_frames:
            told = f"{self._rescue.lost_frames} pages of the log are damaged"
            yield Lost(WHOLE, "log", told)
        for problem in dict.fromkeys(self._rescue.problems):
            yield Lost(WHOLE, "schema", problem)
        for table, row, problem in self._lost:
            yield Lost(places.of(table, row), _kind(table), problem)


def _kind(table: str) -> str:
    return _KINDS.get(table, table.removeprefix("mq_").removesuffix("s").replace("_", " "))


def _span(table: str, span: RowRange) -> str:
    if span.last is None:
        return f"what was in {table}, or a part of it, is on a page that can't be read"
    after = "the first" if span.after is None else str(span.after + 1)
    return f"the rows {after} to {span.last} of {table} are on a page that can't be read"


def _plain(value: Any) -> Any:
    return value.decode(errors="replace") if isinstance(value, Text) else value
