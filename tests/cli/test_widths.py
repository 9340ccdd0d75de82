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
from store.model.clock import ManualClock

if TYPE_CHECKING:
    from tests.cli.conftest import RunMq

# A name of a length that is often seen.
NAME = "orders.eu-west-1.of-the-third-warehouse"
KINDS = st.sampled_from([{}, {"weight": 2}, {"weight": 0}, {"is_text": True}])
WANTED = st.builds(
    lambda width, kind, is_empty, yields: Width(width, is_empty=is_empty, yields=yields, **kind),
    st.integers(1, 260), KINDS, st.booleans(), st.integers(0, 4),
)  # fmt: skip
CELLS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=300)


@given(st.lists(WANTED, min_size=1, max_size=12), st.integers(80, 250))
def test_columns_that_can_be_cut_fit(columns: list[Width], room: int) -> None:
    columns[0] = columns[0]._replace(weight=1)

    shown = [width for width in fitted(columns, room) if width]

    assert sum(shown) + GAP * (len(shown) - 1) <= room


@given(st.lists(WANTED, min_size=1, max_size=12), st.integers(1, 250))
def test_no_column_grows_one_of_no_weight_is_not_cut_and_the_first_stays(
    columns: list[Width], room: int
) -> None:
    widths = fitted(columns, room)

    assert widths[0] > 0
    for column, width in zip(columns, widths, strict=True):
        assert width <= column.width
        assert width in {0, column.width} or column.weight


@given(st.lists(WANTED, min_size=1, max_size=12))
def test_where_there_is_room_nothing_yields(columns: list[Width]) -> None:
    assert fitted(columns, 10_000) == [column.width for column in columns]


def test_a_column_of_twice_the_weight_keeps_twice_as_much() -> None:
    assert fitted([Width(60, weight=2), Width(60), Width(18, weight=0)], 82) == [40, 20, 18]


def test_text_is_cut_before_a_name() -> None:
    assert fitted([Width(60), Width(60, is_text=True)], 80) == [60, 18]


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


def crowd(path: Path, name: str) -> None:
    """Make a store in which everything has a long name, with leases and dead letters."""
    topic, queue, dlq = "t" + name, "q" + name, "d" + name
    with Store.open(path, create=True, durability="normal") as store:
        store.create_topic(topic, partitions=2)
        store.create_queue(dlq)
        store.create_queue(queue, dlq=dlq)
        store.create_share("s" + name, topic)
        store.create_exchange(name, "headers")
        store.bind(name, queue, headers={"region": "europe", "attempts": 3}, match="any")
        store.produce(topic, "a value with spaces " * 20, key="k" * 200)
        with store.consumer(name, [topic], member="m" * 100) as consumer:
            consumer.poll(10, timeout=0)
            consumer.commit()
        store.acquire("s" + name, 1)
        store.send_many(queue, [NewMessage(value * 200, key="k" * 100) for value in "abc"])
        receipts = [str(message.receipt) for message in store.receive(queue, 2)]
        store.reject(receipts[:1], error="a reason of many words " * 20)


def tables_of(name: str) -> dict[str, int]:
    """The listings of such a store, with how many rows each has."""
    topic, queue, dlq = "t" + name, "q" + name, "d" + name
    return {
        "topic list": 1, "queue list": 2, "share list": 1, "group list": 1, "exchange list": 1,
        "binding list": 1, "lag": 4, "lease list": 2, "dlq list": 1, f"dlq peek {dlq}": 1,
        f"dlq peek {dlq} --group-by error": 1, f"peek {topic}": 1, f"peek {queue}": 2,
        f"peek {queue}@1 --history": 2, f"route {name} -k a -H region=europe --explain": 1,
        f"queue alter {queue} --lease 5m --dry-run": 1,
        f"topic alter {topic} --retention 1d --dry-run": 1,
        f"group reset {name} --topic {topic} --to earliest": 2,
        f"share reset s{name} --to earliest": 2, f"topic delete {topic} --dry-run": 1,
        f"queue purge {queue} --dry-run": 1, f"dlq purge {dlq} --dry-run": 1,
    }  # fmt: skip


def pretend_a_terminal(monkeypatch: pytest.MonkeyPatch, columns: int = 80) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("NO_COLOR", "1")


@given(
    st.integers(1, 248).map(lambda length: ("orders.eu-west-1_" * 15)[:length]),
    st.sampled_from([80, 100, 140]),
)
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=12
)
def test_no_listing_wraps(
    call_mq: RunMq, tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch, name: str, terminal: int,
) -> None:  # fmt: skip
    path = tmp_path_factory.mktemp("crowd") / "store.db"
    pretend_a_terminal(monkeypatch, terminal)
    crowd(path, name)

    for words, rows in tables_of(name).items():
        lines = call_mq("-s", str(path), *words.split()).text.splitlines()
        assert max(map(cell_len, lines)) <= terminal, words
        assert len(lines) == rows + 1, words


@pytest.fixture
def crowded(path: Path) -> str:
    """The name that most things bear in the test's store."""
    crowd(path, NAME)
    return NAME


def test_at_80_columns_a_name_of_40_characters_can_be_told_from_others(
    call_mq: RunMq, crowded: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend_a_terminal(monkeypatch)
    for words in tables_of(crowded):
        first = call_mq(*words.split()).text.splitlines()[1].split()[0]
        assert "…" not in first or len(first) >= 18, words


def test_receipts_are_whole_at_80_columns(
    call_mq: RunMq, crowded: str, monkeypatch: pytest.MonkeyPatch, path: Path
) -> None:
    pretend_a_terminal(monkeypatch)
    with Store.open(path) as store:
        receipts = [lease.receipt for lease in store.leases()]

    text = call_mq("lease", "list").text

    assert [receipt for receipt in receipts if receipt in text] == receipts


def test_in_a_pipe_a_table_is_not_cut(call_mq: RunMq, crowded: str) -> None:
    assert crowded in call_mq("group", "list", "-o", "table").text


def test_people_see_how_long_ago_and_programs_the_time(
    call_mq: RunMq, store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.api.store.SystemClock", lambda: clock)
    store.create_topic("orders")
    store.produce("orders", "v")
    clock.advance(245)

    assert "4m ago" in call_mq("peek", "orders", "-o", "table").text
    assert "ago" not in call_mq("peek", "orders", "-o", "tsv").text
    assert "ago" not in call_mq("peek", "orders", "-o", "json").text
