"""The only writer to stdout: listings, single things, streams of records and raw bytes."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from functools import cache
from itertools import chain
from select import PIPE_BUF, select
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from store.model.text import printable

if TYPE_CHECKING:
    from typing import Protocol

    class RawStream(Protocol):
        """An unbuffered stream of bytes: `write` returns how many of them it took."""

        def write(self, data: memoryview, /) -> int | None:
            """Write as much as fits now."""


Row = TypeVar("Row")
_CHUNK = 1 << 16
_CELL_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n"})


class Format(StrEnum):
    """The values of `-o/--output`."""

    TABLE = "table"
    TSV = "tsv"
    CSV = "csv"
    JSON = "json"
    NDJSON = "ndjson"
    NAME = "name"


class ReaderGone(Exception):
    """The reader of our stdout has closed the pipe."""


class Column(Generic[Row]):
    """One column of a listing.

    `value` is the value in JSON and TSV (bytes as a number, times as ISO-8601); `text` is its form
    in a table for people, where that differs, and `style` its rich style there. `name` is the JSON
    field and the TSV header. Where a terminal has no room for all columns those that have `yields`
    are left out, 1 first, and the others are cut by `weight`: names have 2, and 0 is never cut.
    """

    def __init__(
        self,
        name: str,
        value: Callable[[Row], Any],
        *,
        text: Callable[[Row], str] | None = None,
        header: str = "",
        style: Callable[[Row], str] | None = None,
        right: bool = False,
        weight: int | None = None,
        yields: int = 0,
    ) -> None:
        self.name = name
        self.value = value
        self.text = text
        self.header = header or name.replace("_", " ").upper()
        self.style = style
        self.right = right
        self.weight = (0 if right else 1) if weight is None else weight
        self.yields = yields

    def shown(self, row: Row) -> str:
        """Return the cell as people see it."""
        return self.text(row) if self.text else cell(self.value(row), empty="-")


def cell(value: Any, *, empty: str = "") -> str:
    """Return a value as text: strings and numbers as they are, `empty`, or JSON."""
    if value is None:
        return empty
    if isinstance(value, str):
        return value
    if type(value) in {int, float}:
        return f"{value}"
    return to_json(value)


def csv_cell(text: str) -> str:
    """Return a cell of RFC 4180: between quotes where it has a comma, a quote or a line break."""
    quote = '"'
    special = any(char in text for char in ',"\r\n')
    return f"{quote}{text.replace(quote, quote * 2)}{quote}" if special else text


def to_json(value: Any) -> str:
    """Write a value as one line of ASCII-safe JSON."""
    # JSON leaves this one control character as it is.
    return _encoder()(value).replace("\x7f", "\\u007f")


@cache
def _encoder() -> Callable[[Any], str]:
    import json

    return json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


class Output:
    """Writes data to stdout in the format asked for.

    Without one, a table on a terminal and TSV into a pipe.
    """

    def __init__(
        self,
        format: Format | None = None,
        *,
        stream: RawStream | None = None,
        terminal: bool | None = None,
        header: bool = True,
        colour: bool = True,
    ) -> None:
        self._stream = stream or _Stdout()
        self.is_terminal = sys.stdout.isatty() if terminal is None else terminal
        self.format = format or (Format.TABLE if self.is_terminal else Format.TSV)
        self._header = header
        self._colour = colour
        self._problem: OSError | None = None

    @property
    def is_json(self) -> bool:
        """Whether `-o json` or `-o ndjson` was asked for."""
        return self.format in {Format.JSON, Format.NDJSON}

    @property
    def is_in_file(self) -> bool:
        """Whether stdout is a file or /dev/null: no terminal and no pipe, which may end at one."""
        try:
            mode = os.fstat(1).st_mode
        except OSError:
            return False
        return not (self.is_terminal or stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode))

    def listing(self, columns: Sequence[Column[Row]], rows: Iterable[Row]) -> None:
        """Write rows: a table, TSV, one JSON array, a JSON object per line, or first cells."""
        match self.format:
            case Format.TABLE:
                from mq.cli.tables import table

                self._lines(
                    table(
                        columns,
                        list(rows),
                        self.room,
                        header=self._header,
                        colour=self._has_colour,
                    )
                )
            case Format.TSV | Format.CSV:
                self._separated(columns, rows)
            case Format.NAME:
                self._lines(self._cell(columns[0].value(row)) for row in rows)
            case Format.NDJSON:
                self._lines(to_json(row_document(columns, row)) for row in rows)
            case Format.JSON:
                self._array(to_json(row_document(columns, row)) for row in rows)

    def document(
        self, document: Mapping[str, Any], fields: Mapping[str, str] | None = None,
        styles: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        """Write one thing: its JSON object, its first field (`-o name`), or a field per line.

        `fields` are the labels and texts that a person sees instead of the JSON, `styles` the rich
        styles of some of them.
        """
        if self.is_json:
            self._lines([to_json(document)])
        elif self.format is Format.NAME:
            self._lines([self._cell(next(iter(document.values())))])
        elif self.format in {Format.TSV, Format.CSV}:
            columns = [
                Column[tuple[str, Any]]("field", lambda item: item[0]),
                Column[tuple[str, Any]]("value", lambda item: item[1]),
            ]
            self._separated(columns, document.items())
        else:
            fields = fields or {name: cell(value) for name, value in document.items()}
            from mq.cli.tables import fields_below

            self._lines(fields_below(fields, styles or {}, self.room, colour=self._has_colour))

    def json_line(self, document: Mapping[str, Any]) -> None:
        """Write one object of an NDJSON stream at once."""
        self._lines([to_json(document)])

    def array(self, documents: Iterable[Mapping[str, Any]]) -> None:
        """Write one JSON array."""
        self._array(map(to_json, documents))

    def text(self, text: str, *, style: str = "") -> None:
        """Write text and a newline; on a terminal made harmless, and in a rich style if given."""
        shown = printable(text, block=True) if self.is_terminal else text
        if style and self.is_terminal and self._colour:
            from mq.cli.tables import styled

            self._lines(styled(shown, style, self.room))
        else:
            self._lines([shown])

    def records(
        self, chunks: Sequence[bytes], go_on: Callable[[bool], bool] = lambda begun: True
    ) -> int:
        """Write chunks byte by byte as given; return how many went out whole.

        A smaller number means that no more can be written: settle those, then raise `failure`.
        `go_on` is called before each write, with whether a chunk is half out; once it returns
        False, the rest stays unwritten. Small chunks are never cut in two in a pipe.
        """
        whole = 0
        for piece in _pieces(chunks):
            data = b"".join(piece)
            sent = self._send(data, go_on)
            if sent < len(data):
                return whole + _whole_chunks(piece, sent)
            whole += len(piece)
        return whole

    def failure(self) -> Exception:
        """Return why the last `records` were not all written: `ReaderGone`, or a file error."""
        if self._problem is None or isinstance(self._problem, BrokenPipeError):
            return ReaderGone()
        return self._problem

    def wait_until_writable(self, seconds: float | None = None) -> bool:
        """Wait until stdout takes a few KiB at once; return False after `seconds`."""
        return bool(select([], [1], [], seconds)[1])

    @property
    def room(self) -> int:
        """How many columns a line of a table may take."""
        import shutil

        # A table that is requested in a pipe is not cut to a width.
        return shutil.get_terminal_size().columns if self.is_terminal else 10_000

    @property
    def _has_colour(self) -> bool:
        return self._colour and self.is_terminal

    def _separated(self, columns: Sequence[Column[Row]], rows: Iterable[Row]) -> None:
        lines = (f"{self.row_line(columns, row)}\n" for row in rows)
        # An unreadable row comes before the header, as an error without data.
        first = next(lines, "")
        self._write(chain([self.header_line(columns), first], lines))

    def header_line(self, columns: Sequence[Column[Row]]) -> str:
        """Return the line of names above rows, with its newline; empty with `--no-header`."""
        separator = "," if self.format is Format.CSV else "\t"
        return separator.join(column.name for column in columns) + "\n" if self._header else ""

    def row_line(self, columns: Sequence[Column[Row]], row: Row) -> str:
        """Return a row in TSV or CSV, without a newline; made harmless on a terminal."""
        cells = (cell(column.value(row)) for column in columns)
        if self.format is Format.CSV:
            return ",".join(csv_cell(self._cell(text)) for text in cells)
        return "\t".join(self._cell(text.translate(_CELL_ESCAPES)) for text in cells)

    def _cell(self, value: Any) -> str:
        return printable(cell(value)) if self.is_terminal else cell(value)

    def _array(self, elements: Iterable[str]) -> None:
        def pieces() -> Iterable[str]:
            before = "["
            for element in elements:
                yield before + element
                before = ",\n "
            yield "]\n" if before != "[" else "[]\n"

        self._write(pieces())

    def _lines(self, lines: Iterable[str]) -> None:
        self._write(f"{line}\n" for line in lines)

    def _write(self, pieces: Iterable[str]) -> None:
        pending: list[bytes] = []
        size = 0
        for piece in pieces:
            pending.append(piece.encode(errors="backslashreplace"))
            size += len(pending[-1])
            if size >= _CHUNK:
                self._send_all(b"".join(pending))
                pending, size = [], 0
        self._send_all(b"".join(pending))

    def _send_all(self, data: bytes) -> None:
        if self._send(data) < len(data):
            raise ReaderGone

    def _send(self, data: bytes, go_on: Callable[[bool], bool] | None = None) -> int:
        rest = memoryview(data)
        most = len(data) if go_on is None else PIPE_BUF
        try:
            while rest and (go_on is None or go_on(len(rest) < len(data))):
                rest = rest[self._stream.write(rest[:most]) or 0 :]
        except OSError as problem:
            if go_on is None and not isinstance(problem, BrokenPipeError):
                raise
            self._problem = problem
        return len(data) - len(rest)


class _Stdout:
    """File descriptor 1 without a buffer, so that the number of bytes written is known exactly."""

    def write(self, data: memoryview, /) -> int:
        try:
            return os.write(1, data)
        except BlockingIOError:
            # Another process that shares a pipe with us may have made it one that does not wait.
            select([], [1], [])
            return 0
        except BrokenPipeError:
            raise
        except OSError as error:
            error.filename = "standard output"
            raise


def _pieces(chunks: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Yield chunks in lists that a pipe takes in one go, or not at all; a larger chunk stands
    alone.
    """
    piece: list[bytes] = []
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > PIPE_BUF and piece:
            yield piece
            piece, size = [], len(chunk)
        piece.append(chunk)
    if piece:
        yield piece


def _whole_chunks(chunks: Sequence[bytes], sent: int) -> int:
    whole = 0
    for chunk in chunks:
        sent -= len(chunk)
        if sent < 0:
            break
        whole += 1
    return whole


def row_document(columns: Sequence[Column[Row]], row: Row) -> dict[str, Any]:
    """Return the row as JSON has it: the value of each column by its name."""
    return {column.name: column.value(row) for column in columns}
