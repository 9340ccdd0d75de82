"""The only writer to stdout: formats, harmless tables, byte-exact records."""

import io
import json
from operator import itemgetter
from typing import Any

import pytest

from mq.cli.output import Column, Format, Output, ReaderGone

COLUMNS = [
    Column[tuple[str, Any]]("name", lambda row: row[0]),
    Column[tuple[str, Any]]("bytes", lambda row: row[1], text=lambda row: f"{row[1]} B"),
]
ROWS: list[tuple[str, Any]] = [("orders", 12), ("e\tvil\\\n\x1b[31m\u202e", None)]


def written(format: Format | None = None, *, terminal: bool = False, header: bool = True) -> str:
    stream = io.BytesIO()
    output = Output(format, stream=stream, terminal=terminal, header=header)
    output.listing(COLUMNS, iter(ROWS))
    return stream.getvalue().decode()


class TestListing:
    def test_in_a_pipe_it_is_tsv_with_a_header_and_escaped_cells(self) -> None:
        assert written() == "name\tbytes\norders\t12\ne\\tvil\\\\\\n\x1b[31m\u202e\t\n"

    def test_without_header_the_first_line_is_data(self) -> None:
        assert written(header=False).startswith("orders\t12\n")

    def test_as_json_it_is_one_array_in_ascii_with_raw_values(self) -> None:
        text = written(Format.JSON)
        assert text.isascii()
        assert json.loads(text) == [
            {"name": "orders", "bytes": 12},
            {"name": ROWS[1][0], "bytes": None},
        ]

    def test_an_empty_json_listing_is_an_empty_array(self) -> None:
        stream = io.BytesIO()
        Output(Format.JSON, stream=stream, terminal=False).listing(COLUMNS, [])
        assert stream.getvalue() == b"[]\n"

    def test_as_ndjson_it_is_an_object_per_line(self) -> None:
        assert [json.loads(line)["bytes"] for line in written(Format.NDJSON).splitlines()] == [
            12,
            None,
        ]

    def test_by_name_it_is_the_first_column_alone(self) -> None:
        assert written(Format.NAME).startswith("orders\n")

    def test_on_a_terminal_it_is_a_table_in_which_outside_text_is_harmless(self) -> None:
        table = written(terminal=True)
        assert "NAME" in table
        assert "12 B" in table
        assert r"e\x09vil\\x0a\x1b[31m\u202e" in table

    def test_tsv_on_a_terminal_is_harmless_too(self) -> None:
        assert "\x1b" not in written(Format.TSV, terminal=True)

    def test_rich_markup_in_a_cell_is_text(self) -> None:
        stream = io.BytesIO()
        columns = [Column[str]("name", lambda row: row)]
        Output(Format.TABLE, stream=stream, terminal=False).listing(columns, ["[bold]a[/]"])
        assert "[bold]a[/]" in stream.getvalue().decode()


DOCUMENT = {"name": "orders", "partitions": [{"partition": 0}]}


class TestDocument:
    def shown(self, format: Format) -> str:
        stream = io.BytesIO()
        output = Output(format, stream=stream, terminal=False)
        output.document(DOCUMENT, {"Name": "orders", "Partitions": "1"})
        return stream.getvalue().decode()

    def test_as_json_it_is_the_object(self) -> None:
        assert json.loads(self.shown(Format.JSON)) == DOCUMENT

    def test_as_tsv_it_is_a_field_per_line(self) -> None:
        assert self.shown(Format.TSV) == (
            'field\tvalue\nname\torders\npartitions\t[{"partition":0}]\n'
        )

    def test_by_name_it_is_the_first_field(self) -> None:
        assert self.shown(Format.NAME) == "orders\n"

    def test_in_a_table_it_is_what_a_person_wants_to_see(self) -> None:
        assert self.shown(Format.TABLE).split() == ["Name", "orders", "Partitions", "1"]


class ClosingPipe:
    """A pipe whose reader leaves after some bytes."""

    def __init__(self, room: int) -> None:
        self.room = room

    def write(self, data: memoryview, /) -> int:
        if self.room == 0:
            raise BrokenPipeError
        taken = min(self.room, len(data), 3)
        self.room -= taken
        return taken


class TestRecords:
    def test_bytes_go_out_as_they_are(self) -> None:
        stream = io.BytesIO()
        assert Output(stream=stream, terminal=False).records([b"\xff\0", b"\n"]) == 2
        assert stream.getvalue() == b"\xff\0\n"

    @pytest.mark.parametrize(("room", "whole"), [(0, 0), (3, 0), (4, 1), (7, 1), (8, 2), (9, 2)])
    def test_only_records_that_went_out_whole_count(self, room: int, whole: int) -> None:
        output = Output(stream=ClosingPipe(room), terminal=False)
        assert output.records([b"aaaa", b"bbbb", b"cccc"]) == whole

    def test_a_listing_into_a_closed_pipe_says_so(self) -> None:
        with pytest.raises(ReaderGone):
            Output(stream=ClosingPipe(5), terminal=False).listing(COLUMNS, ROWS)


def test_a_table_wider_than_the_terminal_keeps_receipts_and_times_in_one_piece(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    row = (
        "2026-11-25T00:50:30.617Z",
        "r00000200000000010422ff298a2b07b2eeea51d7",
        "timed out " * 9,
    )
    weights = [0, 0, 1]
    columns = [
        Column[tuple[str, ...]](f"c{n}", itemgetter(n), weight=w) for n, w in enumerate(weights)
    ]
    stream = io.BytesIO()

    Output(None, stream=stream, terminal=True, header=False).listing(columns, [row])

    text = stream.getvalue().decode()
    assert row[0] in text
    assert row[1] in text
    assert max(map(len, text.splitlines())) <= len(f"{row[0]}  {row[1]}  ") + 16
