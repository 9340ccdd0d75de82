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

    from rich.console import Console, JustifyMethod, RenderableType

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
                self._table(columns, list(rows))
            case Format.TSV:
                self._tsv(columns, rows)
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
        elif self.format is Format.TSV:
            columns = [
                Column[tuple[str, Any]]("field", lambda item: item[0]),
                Column[tuple[str, Any]]("value", lambda item: item[1]),
            ]
            self._tsv(columns, document.items())
        else:
            fields = fields or {name: cell(value) for name, value in document.items()}
            self._fields(fields, styles or {})

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
            from rich.text import Text

            self._render(Text(shown, style=style), self._room())
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

    def _table(self, columns: Sequence[Column[Row]], rows: Sequence[Row]) -> None:
        from rich.table import Table
        from rich.text import Text

        from mq.cli.widths import GAP, fitted, shortened, wanted

        cells = [[printable(column.shown(row)) for row in rows] for column in columns]
        asked = [
            wanted([column.header, *texts], weight=column.weight, yields=column.yields)
            for column, texts in zip(columns, cells, strict=True)
        ]
        widths = fitted(asked, self._room())
        table = Table(box=None, pad_edge=False, show_header=self._header, header_style="bold")
        shown = []
        for column, texts, width in zip(columns, cells, widths, strict=True):
            if width:
                justify: JustifyMethod = "right" if column.right else "left"
                table.add_column(column.header, justify=justify, width=width, no_wrap=True)
                styles = [column.style(row) if column.style else "" for row in rows]
                shown.append(
                    [
                        Text(shortened(text, width), style=style)
                        for text, style in zip(texts, styles, strict=True)
                    ]
                )
        for line in zip(*shown, strict=True):
            table.add_row(*line)
        self._render(table, max(self._room(), sum(widths) + GAP * len(widths)))

    def _fields(self, fields: Mapping[str, str], styles: Mapping[str, str]) -> None:
        from rich.table import Table
        from rich.text import Text

        table = Table("name", box=None, pad_edge=False, show_header=False)
        table.add_column(overflow="fold")
        for name, value in fields.items():
            style = styles.get(name, "")
            table.add_row(Text(name, style="bold"), Text(printable(value, block=True), style=style))
        self._render(table, self._room())

    def _render(self, renderable: RenderableType, width: int) -> None:
        console = self._console(width)
        with console.capture() as capture:
            console.print(renderable)
        lines = capture.get().splitlines()
        self._lines(line.rstrip() for line in lines)

    def _room(self) -> int:
        import shutil

        # A table that is requested in a pipe is not cut to a width.
        return shutil.get_terminal_size().columns if self.is_terminal else 10_000

    def _console(self, width: int) -> Console:
        import io

        from rich.console import Console

        colour = self._colour and self.is_terminal
        return Console(
            file=io.StringIO(),
            width=width,
            force_terminal=colour,
            no_color=not colour,
            highlight=False,
        )

    def _tsv(self, columns: Sequence[Column[Row]], rows: Iterable[Row]) -> None:
        lines = (f"{self.tsv_line(columns, row)}\n" for row in rows)
        # An unreadable row comes before the header, as an error without data.
        first = next(lines, "")
        self._write(chain([self.tsv_header(columns), first], lines))

    def tsv_header(self, columns: Sequence[Column[Row]]) -> str:
        """Return the line of names above rows, with its newline; empty with `--no-header`."""
        return "\t".join(column.name for column in columns) + "\n" if self._header else ""

    def tsv_line(self, columns: Sequence[Column[Row]], row: Row) -> str:
        """Return a row as cells between tabs, without a newline; made harmless on a terminal."""
        return "\t".join(
            self._cell(cell(column.value(row)).translate(_CELL_ESCAPES)) for column in columns
        )

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
