"""Finding every defect of a store's file, however damaged it is.

An unreadable part is a finding too, and the check goes on behind it. No text is read as text, since
SQLite's module for Python raises for a row in which one is not UTF-8.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from store.model.maintenance import Finding
from store.sqlite import layout
from store.sqlite.damage import forms, schema
from store.sqlite.damage.forms import Table
from store.sqlite.damage.row_places import NEEDED, WHOLE, RowPlaces
from store.sqlite.log.checksum import is_intact
from store.sqlite.log.damage import CHECKSUM

_PAGE = 1_000
_MOST_OF_SQLITE = 10_000
# SQLite's own findings may contain damaged text.
_ERRORS = (sqlite3.Error, UnicodeDecodeError)
Row = tuple[Any, ...]


class Verification:
    """One pass through a file, in the read transaction of its connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._unreadable: dict[str, str] = {}
        self._lacking: set[str] = set()
        self.checked = 0
        self.places = RowPlaces({table: self._named(table) for table in NEEDED})

    def findings(self) -> Iterator[Finding]:
        """Yield every defect, as it is found; each damaged row once."""
        told: set[Finding] = set()
        for check in (*self._structure(), self.partitions):
            for finding in self._as_far_as_it_goes(check):
                if finding not in told:
                    told.add(finding)
                    yield finding

    def structure(self) -> Iterator[Finding]:
        """Yield the same without defects of single records, which are damaged by themselves."""
        for check in (*self._structure(), self.counters):
            yield from self._as_far_as_it_goes(check)

    def _structure(self) -> tuple[Callable[[], Iterator[Finding]], ...]:
        return self.forms, self.references, self.strays, self.leases, self.heads, self.sqlite

    def _as_far_as_it_goes(self, check: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
        try:
            yield from check()
        except _ERRORS as error:
            if not _is_damage(error):
                raise
            yield Finding(WHOLE, f"{check.__name__} can't be checked to the end: {error}")

    def _query(self, sql: str, parameters: dict[str, Any] | None = None) -> list[Row]:
        return self._connection.execute(sql, parameters or {}).fetchall()

    def _named(self, name: str) -> Iterator[Row]:
        return (row for row, _ in self._rows(forms.tables()[name], NEEDED[name]))

    def _rows(
        self, table: Table, columns: Iterable[str], extra: str = "0"
    ) -> Iterator[tuple[Row, Any]]:
        """Yield rows of a table and one more expression, from both ends to the unreadable part."""
        wanted = ", ".join(map(_blob, columns))
        key = ", ".join(table.key)
        select = f"select {wanted}, {extra}, {', '.join(map(_blob, table.key))} from {table.name}"
        last = None
        try:
            for row in self._connection.execute(f"{select} order by {key}"):
                last = row[-len(table.key) :]
                yield row[: -len(table.key) - 1], row[-len(table.key) - 1]
            return
        except _ERRORS as error:
            if not _is_damage(error):
                raise
            self._unreadable[table.name] = str(error)
        down = ", ".join(f"{each} desc" for each in table.key)
        try:
            for row in self._connection.execute(f"{select} order by {down}"):
                if row[-len(table.key) :] == last:
                    return
                yield row[: -len(table.key) - 1], row[-len(table.key) - 1]
        except _ERRORS as error:
            if not _is_damage(error):
                raise

    def forms(self) -> Iterator[Finding]:
        """Yield values that no statement of mq leaves: by kind, text or condition."""
        yield from schema.problems(self._connection)
        for table in forms.tables().values():
            present = {row[1] for row in self._query(f"pragma table_info({table.name})")}
            lacking = [column.name for column in table.columns if column.name not in present]
            if lacking:
                self._lacking.add(table.name)
                what = f"column {', '.join(lacking)} of table" if present else "table"
                yield Finding(WHOLE, f"the {what} {table.name} is missing")
            elif table.name == "mq_records":
                yield from self._record_forms(table)
            else:
                yield from self._forms_of(table)
            if table.name in self._unreadable:
                why = self._unreadable[table.name]
                yield Finding(WHOLE, f"some rows of {table.name} can't be read: {why}")
        for name in ("mq_store", "mq_clock"):
            if name not in self._lacking and not list(self._rows(forms.tables()[name], ("id",))):
                yield Finding(WHOLE, f"the row of {name} is missing")

    def _forms_of(self, table: Table) -> Iterator[Finding]:
        names = [column.name for column in table.columns]
        kinds = " || ' ' || ".join(f"typeof({name})" for name in names)
        broken = " || ".join(f"ifnull(not ({check}), 0)" for check in table.checks) or "''"
        for row, told in self._rows(table, names, f"{kinds} || ' ' || {broken}"):
            by_name = dict(zip(names, row, strict=True))
            for problem in _problems(table, row, told):
                yield Finding(self.places.of(table.name, by_name), f"{table.name}.{problem}")

    def _record_forms(self, table: Table) -> Iterator[Finding]:
        # The rest of a record is under its checksum.
        kinds = ("null", "integer")
        wrong = f"typeof(expires) not in {kinds} or typeof(arrived) not in {kinds}"
        sql = f"select id from mq_records where {wrong} order by id"
        for (id,) in self._query(sql):
            yield Finding(self.places.record(id), "mq_records.expires or arrived is no number")

    def references(self) -> Iterator[Finding]:
        """Yield rows that refer to missing ones."""
        for table in forms.tables().values():
            for column, parent in table.references:
                if not {table.name, parent} & self._lacking:
                    yield from self._dangling(table, column, f"c.{column}", parent)
        for name, column, expression, parent in _MORE_REFERENCES:
            if not {name, parent} & self._lacking:
                yield from self._dangling(forms.tables()[name], column, expression, parent)

    def _dangling(
        self, table: Table, column: str, expression: str, parent: str
    ) -> Iterator[Finding]:
        names = [each.name for each in table.columns]
        key = forms.tables()[parent].key[0]
        sql = (
            f"select {', '.join(map(_blob, names))} from {table.name} as c"
            f" where ({expression}) not null"
            f" and not exists (select 1 from {parent} as p where p.{key} = ({expression}))"
        )
        try:
            rows = self._query(sql)
        except _ERRORS as error:
            if not _is_damage(error):
                raise
            yield Finding(WHOLE, f"{table.name}.{column} can't be checked: {error}")
            return
        for row in rows:
            by_name = dict(zip(names, row, strict=True))
            yield Finding(
                self.places.of(table.name, by_name),
                f"{table.name}.{column} refers to a missing row of {parent}",
            )

    def partitions(self) -> Iterator[Finding]:
        """Check every record by its checksum, and the counters of its partition."""
        columns = ("id", "channel", "start", "next", "records", "bytes", "dead_letters")
        rows = [row for row, _ in self._rows(forms.tables()["mq_partitions"], columns)]
        for row in sorted(rows, key=lambda row: self.places.partition(row[0])):
            if all(isinstance(value, int) for value in (row[0], *row[2:])):
                yield from self._partition(*row)

    def _partition(
        self, id: int, channel: Any, start: int, end: int, records: int, size: int, letters: int
    ) -> Iterator[Finding]:
        base, address = layout.record_id(id, 0), self.places.partition(id)
        count, held, last, is_whole = 0, 0, 0, True
        for row in self._records(base, layout.record_id(id + 1, 0)):
            if isinstance(row, Finding):
                is_whole = False
                yield row
                continue
            record, timestamp, *_, bytes_held = row
            where = self.places.record(record)
            count, held, self.checked = count + 1, held + bytes_held, self.checked + 1
            if not is_intact(*row[:-1]):
                yield Finding(where, f"{CHECKSUM}: the record is damaged")
                if not isinstance(timestamp, int):
                    continue
            if not start <= record - base < end:
                yield Finding(where, f"the offset is outside the partition, {start} to {end}")
            if timestamp < last:
                yield Finding(where, "the timestamp is before the preceding record's")
            last = timestamp
        # A partition without a channel is being removed, in steps.
        if channel is not None and is_whole and (count, held) != (records, size):
            yield Finding(
                address,
                f"holds {count} records of {held} bytes; the counters say {records} of {size}",
            )
        if channel is not None:
            yield from self._letters(id, letters)

    def counters(self) -> Iterator[Finding]:
        """Yield partitions that count their records wrongly."""
        for id, records, count in self._query(
            "select p.id, p.records, (select count(*) from mq_records"
            f" where {layout.is_of('id', 'p.id')}) as count from mq_partitions p"
            " where p.channel is not null and p.records <> count"
        ):
            told = f"holds {count} records; the counters say {records}"
            yield Finding(self.places.partition(id), told)

    def _letters(self, id: int, counter: int) -> Iterator[Finding]:
        ((count,),) = self._query(
            "select count(*) from mq_origins where reason not null and record >= :first"
            " and record < :end",
            layout.span(id),
        )
        if count != counter:
            told = f"holds {count} dead letters; the counter says {counter}"
            yield Finding(self.places.partition(id), told)

    def _records(self, first: int, end: int) -> Iterator[Row | Finding]:
        """Yield the records of a range, and findings for unreadable ones."""
        columns = (
            "id, timestamp, cast(message_group as blob), key, cast(headers as blob), value,"
            f" checksum, {layout.SIZE}"
        )
        sql = f"select {columns} from mq_records where id >= :first and id < :end order by id"
        while True:
            count = 0
            try:
                # Not whole: the rows before an unreadable one are wanted.
                for row in self._connection.execute(
                    f"{sql} limit {_PAGE}", {"first": first, "end": end}
                ):
                    count, first = count + 1, row[0] + 1
                    yield row
            except _ERRORS as error:
                if not _is_damage(error):
                    raise
                after = self._first_readable(first, end)
                last = self.places.record((end if after is None else after) - 1)
                span = self.places.record(first) + (f" to {last}" if after else " on")
                yield Finding(span, f"what is there can't be read: {error}")
                if after is None:
                    return
                first = after
                continue
            if count < _PAGE:
                return

    def _first_readable(self, first: int, end: int) -> int | None:
        """Return the id of the first record after an unreadable one, by doubling and halving."""
        step, low = 1, first
        while low + step < end:
            if self._next_id(low + step, end) is not None:
                break
            low, step = low + step, step * 2
        else:
            return None
        high = low + step
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self._next_id(middle, end) else (middle, high)
        return self._next_id(high, end)

    def _next_id(self, first: int, end: int) -> int | None:
        sql = (
            "select id, value, checksum from mq_records where id >= :first and id < :end"
            " order by id limit 1"
        )
        try:
            rows = self._query(sql, {"first": first, "end": end})
        except _ERRORS as error:
            if not _is_damage(error):
                raise
            return None
        return rows[0][0] if rows else None

    def strays(self) -> Iterator[Finding]:
        """Yield records that belong to no partition."""
        begin = -(1 << 63)
        ends = [
            (layout.record_id(id, 0), layout.record_id(id + 1, 0))
            for id in sorted(self._partition_ids())
        ]
        for first, end in [*ends, ((1 << 63) - 1, 0)]:
            sql = (
                "select id from mq_records where id >= :begin and id < :first order by id"
                f" limit {_PAGE}"
            )
            for (id,) in self._query(sql, {"begin": begin, "first": first}):
                yield Finding(self.places.record(id), "there is no partition that it belongs to")
            begin = end

    def _partition_ids(self) -> list[int]:
        return [id for id in self.places.partitions if isinstance(id, int) and 0 <= id < 1 << 23]

    def leases(self) -> Iterator[Finding]:
        """Yield leases that don't agree with their slot, and slots that count them wrongly."""
        for id, record in self._query(
            "select l.id, l.record from mq_leases l join mq_slots s"
            f" on s.id = {layout.owner_of('l.id')} where l.reader <> s.reader"
            f" or l.record <> {layout.begin_of('s.partition')} + {layout.offset_of('l.id')}"
        ):
            yield Finding(self.places.lease(id, record), "the lease is not that of its slot")
        for id, *counts in self._query(
            "select s.id, s.leases, s.held, s.waiting, count(l.id),"
            " count(l.id) filter (where l.due > r.noticed and l.token not null),"
            " count(l.id) filter (where l.due > r.noticed and l.token is null)"
            " from mq_slots s join mq_readers r on r.id = s.reader"
            f" left join mq_leases l on {layout.is_of('l.id', 's.id')}"
            " where r.kind <> 'group' group by s.id"
        ):
            if counts[:3] != counts[3:]:
                told = "has {3} leases, {4} held and {5} waiting; the counters say {0}, {1}, {2}"
                yield Finding(self.places.slot(id), told.format(*counts))
        for id, cursor, end in self._query(
            "select s.id, s.cursor, p.next from mq_slots s join mq_partitions p"
            " on p.id = s.partition join mq_readers r on r.id = s.reader"
            " where r.kind <> 'queue' and s.cursor > p.next"
        ):
            yield Finding(self.places.slot(id), f"stands at {cursor}, past the end at {end}")

    def heads(self) -> Iterator[Finding]:
        """Yield message groups of FIFO queues that don't agree with the messages."""
        for reader, first, messages, least, count in self._query(
            "select h.reader, h.first, h.messages, min(r.id), count(r.id) from mq_heads h"
            " join mq_slots s on s.reader = h.reader join mq_partitions p on p.id = s.partition"
            " left join mq_records r on r.message_group = h.message_group"
            f" and {layout.is_of('r.id', 'p.id')}"
            " group by h.id having min(r.id) is not h.first or count(r.id) <> h.messages"
        ):
            told = f"a message group begins at {_offset(least)} with {count} messages;"
            told += f" its row says {_offset(first)} and {messages}"
            yield Finding(self.places.reader(reader), told)

    def sqlite(self) -> Iterator[Finding]:
        """Yield SQLite's own findings about pages, indexes and free space."""
        for (problem,) in self._query(f"pragma integrity_check({_MOST_OF_SQLITE})"):
            for line in str(problem).splitlines():
                if line != "ok" and not line.startswith(_TOLD_BETTER):
                    yield Finding(WHOLE, line.removeprefix("*** in database main ***").strip())


# Beside those that SQLite knows: by table, column, expression and the referenced table.
_MORE_REFERENCES = (
    ("mq_leases", "record", "c.record", "mq_records"),
    ("mq_leases", "id", layout.owner_of("c.id"), "mq_slots"),
    ("mq_origins", "record", "c.record", "mq_records"),
    ("mq_heads", "first", "c.first", "mq_records"),
    (
        "mq_slots", "member",
        "iif((select kind from mq_readers where id = c.reader) = 'group', c.member, null)",
        "mq_members",
    ),
)  # fmt: skip
# Where `forms` names the row.
_TOLD_BETTER = ("CHECK constraint failed in mq_", "*** in database main ***")


def _blob(column: str) -> str:
    return f"iif(typeof({column}) = 'text', cast({column} as blob), {column})"


def _problems(table: Table, row: Row, told: str) -> Iterator[str]:
    *kinds, broken = told.split(" ")
    for column, value, kind in zip(table.columns, row, kinds, strict=True):
        problem = forms.kind_problem(column, kind)
        if problem is None and kind == "text":
            problem = forms.text_problem(table.name, column.name, value)
        if problem is not None:
            yield f"{column.name} {problem}"
    for check, is_broken in zip(table.checks, broken, strict=True):
        if is_broken == "1":
            yield f"{check.partition(' ')[0]} breaks a condition: {check}"


def _offset(record: Any) -> Any:
    return layout.offset(record) if isinstance(record, int) else record


def _is_damage(error: Exception) -> bool:
    # Not a missing file or a lack of time. Invalid text has no code.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _OF_DAMAGE


_OF_DAMAGE = {
    0,
    sqlite3.SQLITE_ERROR,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_CONSTRAINT,
    sqlite3.SQLITE_MISMATCH,
}
