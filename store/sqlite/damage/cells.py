"""Rows in the pages of SQLite's trees: the readable part of a page, though the page is damaged.

Cells that the page points to come first. Bytes between them, which no pointer leads to any more,
count only where `accepts` takes them for a row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from struct import Struct
from typing import NamedTuple

from store.sqlite.damage.pages import PageFile
from store.sqlite.file.files import PAGE_SIZE

INDEX_INTERIOR, TABLE_INTERIOR, INDEX_LEAF, TABLE_LEAF = 2, 5, 10, 13
_PAGE_HEADER = Struct(">BHHHB")
_SHORT, _LONG, _FLOAT = Struct(">H"), Struct(">I"), Struct(">d")
_LARGEST_LOCAL_TABLE = PAGE_SIZE - 35
_LARGEST_LOCAL_INDEX = (PAGE_SIZE - 12) * 64 // 255 - 23
_LEAST_LOCAL = (PAGE_SIZE - 12) * 32 // 255 - 23
_LARGEST_PAYLOAD = 70 << 20
_WIDTHS = {0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8, 7: 8, 8: 0, 9: 0}


class Text(bytes):
    """A text as bytes, which may be no UTF-8."""


Value = None | int | float | bytes


class Cell(NamedTuple):
    """A row by its rowid, None in an index; without values it is unreadable."""

    rowid: int | None
    values: tuple[Value, ...] | None


Accepts = Callable[[int | None, tuple[Value, ...]], bool]


class _Found(NamedTuple):
    begin: int
    end: int
    cell: Cell


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for index in range(8):
        byte = data[at + index]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + index + 1
    value = value << 8 | data[at + 8]
    return value - (1 << 64) if value >> 63 else value, at + 9


def decode(payload: bytes) -> tuple[Value, ...]:
    """Return the values of a row in SQLite's record format; raises ValueError or IndexError for
    none.
    """
    size, at = _varint(payload, 0)
    if not 0 < size <= len(payload):
        raise ValueError("no header")
    values: list[Value] = []
    begin = size
    while at < size:
        kind, at = _varint(payload, at)
        width = _WIDTHS.get(kind, (kind - 12) // 2)
        if kind < 0 or kind in (10, 11) or begin + width > len(payload):
            raise ValueError("no value")
        values.append(_value(kind, payload[begin : begin + width]))
        begin += width
    if at != size or begin != len(payload):
        raise ValueError("more than its values")
    return tuple(values)


def _value(kind: int, stored: bytes) -> Value:
    if kind >= 12:
        return Text(stored) if kind & 1 else stored
    if kind == 0:
        return None
    if kind == 7:
        number: float = _FLOAT.unpack(stored)[0]
        return number
    return kind - 8 if kind >= 8 else int.from_bytes(stored, "big", signed=True)


def _local(size: int, largest: int) -> int:
    if size <= largest:
        return size
    rest = _LEAST_LOCAL + (size - _LEAST_LOCAL) % (PAGE_SIZE - 4)
    return rest if rest <= largest else _LEAST_LOCAL


class Page:
    """One page of a tree, read as of the given kind, independent of its own first byte."""

    def __init__(self, pages: PageFile, number: int, kind: int | None = None) -> None:
        self._pages = pages
        self._data = pages.get(number)
        self._at = 100 if number == 1 else 0
        self.kind = self._data[self._at] if kind is None else kind
        _, self._free, self._count, self._content, _ = _PAGE_HEADER.unpack_from(
            self._data, self._at
        )
        is_interior = self.kind in (INDEX_INTERIOR, TABLE_INTERIOR)
        self._pointers = self._at + (12 if is_interior else 8)
        most = (PAGE_SIZE - self._pointers) // 2
        self.is_counted = self._count <= most
        self._count = min(self._count, most)
        if not self._has_sound_head():
            # Then none of its pointers to rows counts.
            self._free = self._content = 0

    def _has_sound_head(self) -> bool:
        end = self._pointers + 2 * self._count
        starts = [_SHORT.unpack_from(self._data, at)[0] for at in range(self._pointers, end, 2)]
        return (
            self.kind == self._data[self._at]
            and self.is_counted
            and end <= self._content <= min([PAGE_SIZE, *starts])
            and max([0, *starts]) <= PAGE_SIZE - 4
        )

    def children(self) -> list[tuple[int, int | None]]:
        """Return the pages below, each with the last rowid in it where it is known."""
        found: list[tuple[int, int | None]] = []
        for begin in self._starts():
            try:
                (child,) = _LONG.unpack_from(self._data, begin)
                key = None if self.kind == INDEX_INTERIOR else _varint(self._data, begin + 4)[0]
            except (IndexError, ValueError):
                continue
            found.append((child, key))
        (right,) = _LONG.unpack_from(self._data, self._at + 8)
        return [*found, (right, None)]

    def cells(self, accepts: Accepts) -> Iterator[Cell]:
        """Yield the rows of a leaf, or of any page of an index, and the unreadable ones."""
        found = [self._cell(begin) for begin in self._starts()]
        whole: list[_Found] = []
        end = 0
        for each in sorted(each for each in found if each.cell.values is not None):
            # A damaged pointer may lead into the middle of another row.
            if each.begin >= end:
                whole.append(each)
                end = each.end
            elif accepts(each.cell.rowid, each.cell.values or ()):
                whole[-1] = each
                end = each.end
        stray = list(self._strays(whole, accepts))
        known = {each.cell.rowid for each in (*whole, *stray)}
        yield from (each.cell for each in (*whole, *stray))
        for each in found:
            if each.cell.values is None and each.cell.rowid not in known:
                yield each.cell

    def _starts(self) -> Iterator[int]:
        for index in range(self._count):
            (begin,) = _SHORT.unpack_from(self._data, self._pointers + 2 * index)
            if self._pointers <= begin <= PAGE_SIZE - 4:
                yield begin

    def _cell(self, begin: int) -> _Found:
        rowid, end = None, begin
        try:
            at = begin + 4 * (self.kind == INDEX_INTERIOR)
            size, at = _varint(self._data, at)
            largest = _LARGEST_LOCAL_INDEX
            if self.kind == TABLE_LEAF:
                rowid, at = _varint(self._data, at)
                largest = _LARGEST_LOCAL_TABLE
            if not 0 < size <= _LARGEST_PAYLOAD:
                return _Found(begin, begin, Cell(rowid if size else None, None))
            local = _local(size, largest)
            end = at + local + 4 * (local < size)
            if end > PAGE_SIZE:
                return _Found(begin, begin, Cell(rowid, None))
            payload = self._data[at : at + local]
            if local < size:
                (first,) = _LONG.unpack_from(self._data, at + local)
                payload += self._overflow(first, size - local)
            return _Found(begin, end, Cell(rowid, decode(payload)))
        except (IndexError, ValueError):
            return _Found(begin, end, Cell(rowid, None))

    def _overflow(self, number: int, size: int) -> bytes:
        parts = []
        while size > 0:
            if not 1 < number <= self._pages.count:
                raise ValueError("the chain ends early")
            page = self._pages.get(number)
            (number,) = _LONG.unpack_from(page)
            parts.append(page[4 : 4 + min(size, PAGE_SIZE - 4)])
            size -= len(parts[-1])
        return b"".join(parts)

    def _strays(self, whole: list[_Found], accepts: Accepts) -> Iterator[_Found]:
        begin = self._content or self._pointers
        taken = sorted([*((each.begin, each.end) for each in whole), *self._free_blocks()])
        for first, end in [*taken, (PAGE_SIZE, PAGE_SIZE)]:
            while begin + 4 <= first:
                each = self._cell(begin)
                values = each.cell.values
                if values is not None and each.end <= first and accepts(each.cell.rowid, values):
                    yield each
                    begin = each.end
                else:
                    begin += 1
            begin = max(begin, end)

    def _free_blocks(self) -> Iterator[tuple[int, int]]:
        at, least = self._free, self._pointers
        while least <= at <= PAGE_SIZE - 4:
            following, size = _SHORT.unpack_from(self._data, at)[0], 0
            (size,) = _SHORT.unpack_from(self._data, at + 2)
            if size < 4 or at + size > PAGE_SIZE:
                return
            yield at, at + size
            at, least = following, at + size
