"""Tables on a terminal: a row is one line, and columns yield where there is no room for all."""

from __future__ import annotations

import io
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from rich.cells import cell_len

from mq.cli.output import Column, Output
from mq.cli.widths import GAP, Width, fitted, shortened
from store import NewMessage, Store

if TYPE_CHECKING:
    from tests.cli.conftest import RunMq

# As long as a name can be, and one that a receipt would have to share a line with.
NAMES = ["n" * 249, "orders.eu-west-1.of-the-third-warehouse.v2"]
KINDS = st.sampled_from([{}, {"is_number": True}, {"is_text": True}])
WANTED = st.builds(
    lambda width, kind, is_empty, yields: Width(width, is_empty=is_empty, yields=yields, **kind),
    st.integers(1, 260), KINDS, st.booleans(), st.integers(0, 4),
)  # fmt: skip
CELLS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=300)


@given(st.lists(WANTED, min_size=1, max_size=12), st.integers(80, 250))
def test_what_is_not_a_number_fits(columns: list[Width], room: int) -> None:
    columns[0] = columns[0]._replace(is_number=False)

    shown = [width for width in fitted(columns, room) if width]

    assert sum(shown) + GAP * (len(shown) - 1) <= room


@given(st.lists(WANTED, min_size=1, max_size=12), st.integers(1, 250))
def test_no_column_grows_no_number_is_cut_and_the_first_stays(
    columns: list[Width], room: int
) -> None:
    widths = fitted(columns, room)

    assert widths[0] > 0
    for column, width in zip(columns, widths, strict=True):
        assert width <= column.width
        assert width in {0, column.width} or not column.is_number


@given(st.lists(WANTED, min_size=1, max_size=12))
def test_where_there_is_room_nothing_yields(columns: list[Width]) -> None:
    assert fitted(columns, 10_000) == [column.width for column in columns]


@given(CELLS, st.integers(8, 300))
def test_a_shortened_text_has_at_most_so_many_cells(text: str, width: int) -> None:
    assert cell_len(shortened(text, width)) <= width


def test_of_a_word_both_ends_stay_of_a_text_the_beginning() -> None:
    assert shortened("orders-of-europe/2@4711", 12) == "orders…@4711"
    assert shortened("timed out after 30 seconds", 12) == "timed out a…"


@given(
    st.lists(st.tuples(CELLS, CELLS, CELLS, CELLS), min_size=1, max_size=5),
    st.integers(20, 160),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_row_is_one_line_whatever_is_in_it(
    monkeypatch: pytest.MonkeyPatch, rows: list[tuple[str, ...]], terminal: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(terminal))
    columns = [Column[tuple[str, ...]](f"c{n}", itemgetter(n)) for n in range(4)]
    stream = io.BytesIO()

    Output(stream=stream, terminal=True, colour=False).listing(columns, rows)

    lines = stream.getvalue().decode().split("\n")[:-1]
    assert len(lines) == len(rows) + 1
    assert max(map(cell_len, lines)) <= max(terminal, 80)


def test_what_says_nothing_and_what_yields_goes_before_a_word_is_cut() -> None:
    columns = [
        Width(30), Width(20, yields=2), Width(10, is_empty=True), Width(24, yields=1),
        Width(36),
    ]  # fmt: skip

    assert fitted(columns, 128) == [30, 20, 10, 24, 36]
    assert fitted(columns, 120) == [30, 20, 0, 24, 36]
    assert fitted(columns, 92) == [30, 20, 0, 0, 36]
    assert fitted(columns, 80) == [30, 0, 0, 0, 36]


@pytest.fixture(params=NAMES, ids=len)
def crowded(request: pytest.FixtureRequest, path: Path) -> tuple[Store, str]:
    """A store in which everything has a long name, with leases and dead letters; closed."""
    name: str = request.param
    topic, queue, dlq = "t" + name[1:], "q" + name[1:], "d" + name[1:]
    with Store.open(path, create=True, durability="normal") as store:
        store.create_topic(topic, partitions=2)
        store.create_queue(dlq)
        store.create_queue(queue, dlq=dlq)
        store.create_share("s" + name[1:], topic)
        store.create_exchange(name, "headers")
        store.bind(name, queue, headers={"region": "europe", "attempts": 3}, match="any")
        store.produce(topic, "a value with spaces " * 20, key="k" * 200)
        with store.consumer(name, [topic], member="m" * 100) as consumer:
            consumer.poll(10, timeout=0)
            consumer.commit()
        store.acquire("s" + name[1:], 1)
        store.send_many(queue, [NewMessage(value * 200, key="k" * 100) for value in "abc"])
        receipts = [str(message.receipt) for message in store.receive(queue, 2)]
        store.reject(receipts[:1], error="a reason of many words " * 20)
    return store, name


@pytest.mark.parametrize("terminal", ["80", "100", "140"])
def test_no_listing_wraps(
    call_mq: RunMq, crowded: tuple[Store, str], monkeypatch: pytest.MonkeyPatch, terminal: str
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", terminal)
    monkeypatch.setenv("NO_COLOR", "1")
    _, name = crowded
    topic, queue, dlq = "t" + name[1:], "q" + name[1:], "d" + name[1:]
    for words, rows in {
        "topic list": 1, "queue list": 2, "share list": 1, "group list": 1, "exchange list": 1,
        "binding list": 1, "lag": 4, "lease list": 2, "dlq list": 1, f"dlq peek {dlq}": 1,
        f"dlq peek {dlq} --group-by error": 1, f"peek {topic}": 1, f"peek {queue}": 2,
        f"peek {queue}@1 --history": 2, f"route {name} -k a -H region=europe --explain": 1,
        f"queue alter {queue} --lease 5m --dry-run": 1,
        f"group reset {name} --topic {topic} --to earliest": 2,
    }.items():  # fmt: skip
        lines = call_mq(*words.split()).text.splitlines()
        assert max(map(cell_len, lines)) <= int(terminal), words
        assert len(lines) == rows + 1, words


def test_receipts_are_whole_at_80_columns(
    call_mq: RunMq, crowded: tuple[Store, str], path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store.open(path) as store:
        receipts = [lease.receipt for lease in store.leases()]
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")

    text = call_mq("lease", "list").text

    assert [receipt for receipt in receipts if receipt in text] == receipts


def test_in_a_pipe_a_table_is_not_cut(call_mq: RunMq, crowded: tuple[Store, str]) -> None:
    _, name = crowded

    assert name in call_mq("group", "list", "-o", "table").text
