"""The rows of a damaged file, table by table, and the known facts about unreadable ones."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from store.sqlite.damage import forms
from store.sqlite.damage.cells import INDEX_LEAF, TABLE_LEAF, Accepts, Cell, Text, Value
from store.sqlite.damage.forms import ColumnForm, Table
from store.sqlite.damage.pages import PageFile
from store.sqlite.damage.trees import RowRange, Trees
from store.sqlite.file import files
from store.sqlite.log.checksum import is_intact
from store.sqlite.log.damage import CHECKSUM

_MASTER = ("type", "name", "tbl_name", "rootpage", "sql")
_KINDS: dict[type, str] = {int: "INTEGER", float: "REAL", bytes: "BLOB", Text: "TEXT"}


class RescuedRow(NamedTuple):
    """A row by its columns, texts as `Text`; `problem` says why it can't be copied."""

    values: dict[str, Value]
    problem: str | None


class RescuedObject(NamedTuple):
    """A table, index, trigger or view of the schema; without SQL if that is unreadable."""

    kind: str
    name: str
    table: str
    root: int
    sql: str | None


class Rescue:
    """A damaged file, read by its pages."""

    def __init__(self, path: Path) -> None:
        self._defaults: dict[str, Any] = {}
        self._pages = PageFile(path)
        self._trees = Trees(self._pages)
        self.lost_frames = self._pages.lost_frames
        self.problems: list[str] = []
        self.schema = {each.name: each for each in self._read_schema()}
        self._roots = {each.name: each.root for each in self.schema.values() if each.root}
        self._trees.add_roots(set(self._roots.values()))
        self._by_root = self._trees.by_root()
        self._add_missing_roots()

    def version(self) -> int:
        """Return the schema that the file claims, or this one if it claims nothing sensible."""
        version = int.from_bytes(self._pages.get(1)[60:64], "big")
        return version if 0 < version < files.SCHEMA_VERSION else files.SCHEMA_VERSION

    def is_store(self) -> bool:
        """Return whether anything of a store can be seen in it."""
        marked = int.from_bytes(self._pages.get(1)[68:72], "big") == files.APPLICATION_ID
        return marked or any(
            isinstance(found, RescuedRow) and found.problem is None
            for name in ("mq_channels", "mq_records", "mq_store")
            for found in self.rows(name)
        )

    def user_objects(self) -> list[RescuedObject]:
        """Return the objects that are not mq's, in order of creation: tables first."""
        order = ["table", "index", "view", "trigger"]
        others = [
            each
            for each in self.schema.values()
            if not each.name.startswith(("mq_", "sqlite_")) and each.kind in order
        ]
        return sorted(others, key=lambda each: order.index(each.kind))

    def form(self, name: str) -> Table:
        """Return the columns of a table in the order of this file, which an upgrade may have
        changed.
        """
        known = forms.tables().get(name)
        entry = self.schema.get(name)
        if entry is not None and entry.sql is not None:
            with suppress(sqlite3.Error), closing(sqlite3.connect(":memory:")) as memory:
                memory.execute(entry.sql)
                table = forms.table_of(memory, name, entry.sql)
                if known is None or {c.name for c in table.columns} <= {
                    c.name for c in known.columns
                }:
                    return table
        if known is None:
            raise KeyError(name)
        return known

    def rows(self, name: str) -> Iterator[RescuedRow | RowRange | int]:
        """Yield the rows of a table; the rowid alone of an unreadable one; spans of lost ones."""
        table = self.form(name)
        root = self._roots.get(name)
        kind = TABLE_LEAF if table.has_rowid else INDEX_LEAF
        accepts = partial(self._fits, table)
        pages = self._by_root.get(root, []) if root is not None else []
        for page in pages:
            for found in self._trees.cells(page, kind, accepts):
                if isinstance(found, RowRange):
                    yield found
                elif found.values is not None:
                    yield self._row(table, found)
                elif found.rowid is not None:
                    yield found.rowid
                else:
                    yield RowRange(None, None)
        if name == "mq_records":
            yield from self._stray_records(table, accepts)
        if root not in pages:
            # Its first page is unknown, or cut off with others.
            yield RowRange(None, None)

    def _stray_records(self, table: Table, accepts: Accepts) -> Iterator[RescuedRow]:
        # Their checksum identifies them, at any place.
        for page in self._by_root.get(None, []):
            for found in self._trees.cells(page, TABLE_LEAF, accepts):
                if isinstance(found, Cell) and found.values and accepts(found.rowid, found.values):
                    yield self._row(table, found)

    def sequences(self) -> Iterator[tuple[str, int]]:
        """Yield the largest id that each table with such ids ever gave."""
        entry = self.schema.get("sqlite_sequence")
        for page in self._by_root.get(entry.root, []) if entry is not None else []:
            for found in self._trees.cells(page, TABLE_LEAF, lambda _, values: len(values) == 2):
                if isinstance(found, Cell) and found.values is not None:
                    name, number = (*found.values, None, None)[:2]
                    if isinstance(name, Text) and isinstance(number, int):
                        yield name.decode(errors="replace"), number

    def index(self, name: str) -> Iterator[tuple[Value, ...]]:
        """Yield the entries of an index, each with the rowid of its row at the end."""
        entry = self.schema.get(name)
        root = self._roots.get(name) if entry is None else entry.root
        for page in self._by_root.get(root, []) if root is not None else []:
            for found in self._trees.cells(page, INDEX_LEAF, lambda _, values: bool(values)):
                if isinstance(found, Cell) and found.values is not None:
                    yield found.values

    def _row(self, table: Table, cell: Cell) -> RescuedRow:
        values: dict[str, Value] = {}
        given = cell.values or ()
        for index, column in enumerate(table.columns):
            is_rowid = table.has_rowid and table.key == (column.name,)
            if is_rowid:
                values[column.name] = cell.rowid
            elif index < len(given):
                values[column.name] = given[index]
            else:
                values[column.name] = self._default(column)
        return RescuedRow(values, self._problem(table, cell, values))

    def _default(self, column: ColumnForm) -> Any:
        if column.default is None:
            return None
        if column.default not in self._defaults:
            with closing(sqlite3.connect(":memory:")) as memory:
                (value,) = memory.execute(f"select {column.default}").fetchone()
            self._defaults[column.default] = _stored(value)
        return self._defaults[column.default]

    def _fits(self, table: Table, rowid: int | None, given: tuple[Value, ...]) -> bool:
        cell = Cell(rowid, given)
        if len(given) > len(table.columns):
            return False
        return self._row(table, cell).problem is None

    def _problem(self, table: Table, cell: Cell, values: Mapping[str, Any]) -> str | None:
        if len(cell.values or ()) > len(table.columns):
            return "has more columns than the table"
        if table.name == "mq_records":
            return None if _is_intact(values) else CHECKSUM
        if not table.name.startswith("mq_"):
            return None
        for column in table.columns:
            value = values[column.name]
            problem = _kind_problem(column, value)
            if problem is None and isinstance(value, Text):
                problem = forms.text_problem(table.name, column.name, value)
            if problem is not None:
                return f"{table.name}.{column.name} {problem}"
        return None

    def _read_schema(self) -> Iterator[RescuedObject]:
        for page in self._trees.by_root().get(1, []):
            for found in self._trees.cells(page, TABLE_LEAF, _is_entry):
                if not isinstance(found, Cell) or found.values is None:
                    self.problems.append("a part of the schema can't be read")
                elif _is_entry(found.rowid, found.values):
                    kind, name, table, root, sql = found.values
                    texts = [_decoded(text) for text in (kind, name, table, sql)]
                    if None not in texts[:3]:
                        yield RescuedObject(texts[0] or "", texts[1] or "", texts[2] or "",
                                     root if isinstance(root, int) else 0, texts[3])  # fmt: skip

    def _add_missing_roots(self) -> None:
        """Add the tables that the schema misses: they begin where they do in a new store or a
        copy.
        """
        missing = [name for name in forms.tables() if name not in self._roots]
        if not missing:
            return
        self.problems.append("the schema is damaged")
        known = {name: root for name, root in self._roots.items() if name.startswith("mq_")}
        maps = sorted(_usual_roots(), key=lambda usual: _agreement(usual, known))
        for usual in reversed(maps):
            for name, root in usual.items():
                taken = set(self._roots.values())
                if name not in self._roots and root not in taken and self._suits(name, root):
                    self._roots[name] = root
        self._trees.add_roots(set(self._roots.values()))
        self._by_root = self._trees.by_root()

    def _suits(self, name: str, root: int) -> bool:
        """Return whether the rows below a page suit this table, or there are none."""
        table = forms.tables().get(name)
        if table is None:
            return False
        kind = TABLE_LEAF if table.has_rowid else INDEX_LEAF
        count = fits = 0
        for page in self._by_root.get(root, [])[:20]:
            for found in self._trees.cells(page, kind, partial(self._fits, table)):
                if isinstance(found, Cell) and found.values is not None:
                    count += 1
                    fits += self._fits(table, found.rowid, found.values)
        return fits * 2 >= count


def _stored(value: Any) -> Any:
    return Text(value.encode()) if isinstance(value, str) else value


def _is_intact(values: Mapping[str, Any]) -> bool:
    texts = {name: values[name] for name in ("message_group", "headers")}
    if any(text is not None and not isinstance(text, Text) for text in texts.values()):
        return False
    if any(isinstance(values[name], Text) for name in ("key", "value")):
        return False
    return is_intact(
        values["id"], values["timestamp"], texts["message_group"], values["key"],
        texts["headers"], values["value"], values["checksum"],
    ) and all(isinstance(values[name], int | None) for name in ("expires", "arrived"))  # fmt: skip


def _kind_problem(column: ColumnForm, value: Value) -> str | None:
    if value is None:
        return "is missing" if column.is_required else None
    kind = _KINDS[type(value)]
    # A whole number of a real column lies in the file as an integer.
    is_whole = column.type == "REAL" and kind == "INTEGER"
    return None if kind == column.type or is_whole else f"is of type {kind.lower()}"


def _is_entry(_: int | None, values: tuple[Value, ...]) -> bool:
    return len(values) == len(_MASTER) and values[0] in (b"table", b"index", b"trigger", b"view")


def _decoded(text: Value) -> str | None:
    with suppress(UnicodeDecodeError):
        return text.decode() if isinstance(text, Text) else None
    return None


def _usual_roots() -> list[dict[str, int]]:
    """Return where tables and indexes begin in a new store, and in a copy that VACUUM INTO made."""
    found = []
    with TemporaryDirectory() as folder:
        new, copy = Path(folder, "new.db"), Path(folder, "copy.db")
        with closing(sqlite3.connect(new, isolation_level=None)) as connection:
            connection.execute(f"pragma page_size = {files.PAGE_SIZE}")
            connection.execute("pragma auto_vacuum = incremental")
            for statement in files.schema_statements():
                connection.execute(statement)
            connection.execute("vacuum into ?", (str(copy),))
        for path in (new, copy):
            with closing(sqlite3.connect(path)) as connection:
                rows = connection.execute("select name, rootpage from sqlite_schema").fetchall()
            found.append({name: root for name, root in rows if root})
    return found


def _agreement(usual: Mapping[str, int], known: Mapping[str, int]) -> int:
    return sum(known.get(name) == root for name, root in usual.items())
