"""`mq peek`: looking at records without a trace."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from store import NewRecord, Position, Store

if TYPE_CHECKING:
    from tests.cli.conftest import Run, RunMq

MORNING = 1_767_323_045_000  # 2026-01-02T03:04:05Z


@pytest.fixture
def orders(path: Path) -> Store:
    """A topic `orders` whose records 0 to 29 went round two partitions, one a second; closed."""
    with Store.open(path, create=True, durability="normal") as store:
        store.create_topic("orders", partitions=2, retention=None)
        store.produce_many(
            "orders",
            [
                NewRecord(b"%d" % n, key=f"k{n}", partition=n % 2, timestamp=MORNING + 1000 * n)
                for n in range(30)
            ],
        )
    return store


def values(run: Run) -> list[str]:
    return [json.loads(line)["value"] for line in run.text.splitlines()]


def peek(call_mq: RunMq, *words: str) -> list[str]:
    run = call_mq("peek", *words, "-o", "ndjson")
    assert (run.code, run.err) == (0, "")
    return values(run)


def test_ten_records_are_shown_the_oldest_first(call_mq: RunMq, orders: Store) -> None:
    assert peek(call_mq, "orders") == [str(n) for n in range(10)]


def test_as_many_as_asked_for_are_shown(call_mq: RunMq, orders: Store) -> None:
    assert peek(call_mq, "orders", "-n", "2") == ["0", "1"]


def test_a_partition_can_be_looked_at_alone(call_mq: RunMq, orders: Store) -> None:
    assert peek(call_mq, "orders/1", "-n", "3") == ["1", "3", "5"]


def test_the_address_of_a_record_shows_it_alone(call_mq: RunMq, orders: Store) -> None:
    assert peek(call_mq, "orders/1@13") == ["27"]
    assert peek(call_mq, "orders/1@13", "-n", "5") == ["27"]


def test_it_and_those_after_it_are_shown_from_its_offset(call_mq: RunMq, orders: Store) -> None:
    assert peek(call_mq, "orders/1", "--from", "13") == ["27", "29"]


@pytest.mark.parametrize("form", [(), ("-o", "json"), ("-o", "tsv"), ("-o", "name")])
@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("orders/1@15", "does not exist yet: the partition ends at 15"),
        ("orders/1@99", "does not exist yet: the partition ends at 15"),
        ("orders/1@2", "is there no more: the partition begins at 5"),
    ],
)
def test_a_record_that_is_not_there_is_not_found(
    call_mq: RunMq, orders: Store, path: Path, address: str, why: str, form: tuple[str, ...]
) -> None:
    with Store.open(path) as store:
        store.trim("orders", Position("offset", 5), 1)

    run = call_mq("peek", address, *form)

    assert (run.code, run.out) == (3, b"")
    assert f"{address} {why}" in run.err


def test_a_record_that_compaction_removed_is_not_found(call_mq: RunMq, path: Path) -> None:
    with Store.open(path, create=True, durability="normal") as store:
        store.create_topic("users", cleanup="compact")
        store.produce_many("users", [NewRecord(b"1", key="ada"), NewRecord(b"2", key="ada")])
        store.compact_topic("users")

    run = call_mq("peek", "users/0@0")

    assert run.is_refused(3)
    assert "a newer record of its key replaced it" in run.err
    assert call_mq("peek", "users/0@1", "-o", "name").text == "users/0@1\n"


@pytest.mark.parametrize("address", ["orders/1@99", "orders/1@2"])
def test_its_history_and_what_holds_it_up_are_not_found_either(
    call_mq: RunMq, orders: Store, path: Path, address: str
) -> None:
    with Store.open(path) as store:
        store.trim("orders", Position("offset", 5), 1)

    assert call_mq("peek", address, "--history").is_refused(3)
    assert call_mq("stalls", "--explain", address).is_refused(3)


def test_of_a_removed_record_the_history_is_still_told(
    call_mq: RunMq, orders: Store, path: Path
) -> None:
    with Store.open(path) as store:
        store.create_share("packers", "orders")
        record, *_ = store.acquire("packers", 30)
        store.nack([record.receipt], error="no address")
        store.trim("orders", Position("offset", 5), record.partition)

    run = call_mq("peek", f"orders/{record.partition}@{record.offset}", "--history", "--json")

    assert [event["error"] for event in json.loads(run.out)] == ["no address"]


def test_no_header_comes_before_what_is_not_found(call_mq: RunMq, orders: Store) -> None:
    for words in (
        ["peek", "orders/7"], ["peek", "nosuch"], ["peek", "orders/0@99"],
        ["consume", "orders/7"], ["consume", "nosuch"], ["consume", "nosuch", "-g", "g"],
        ["topic", "latest", "nosuch"], ["topic", "latest", "orders", "-k", "nosuch"],
        ["dlq", "peek", "nosuch"], ["lag", "nosuch"], ["lease", "list", "nosuch"],
        ["stalls", "--explain", "nosuch"], ["group", "members", "nosuch"], ["receive", "nosuch"],
    ):  # fmt: skip
        assert call_mq(*words, "-o", "tsv").is_refused(3)


def test_a_header_comes_where_there_is_nothing_to_show(call_mq: RunMq, orders: Store) -> None:
    for words in (["consume", "orders"], ["peek", "orders"]):
        run = call_mq(*words, "--from", "latest", "-o", "tsv")
        assert run.text == "address\ttimestamp\tkey\theaders\tvalue\n"
        assert call_mq(*words, "--from", "latest", "-o", "tsv", "--no-header").out == b""


@pytest.mark.parametrize(
    ("word", "first"), [("latest", None), ("last", "28"), ("-2", "26"), ("3", "6")]
)
def test_it_begins_where_it_is_told(
    call_mq: RunMq, orders: Store, word: str, first: str | None
) -> None:
    assert peek(call_mq, "orders", "--from", word, "-n", "1") == ([first] if first else [])


def test_only_records_that_meet_the_conditions_are_shown(call_mq: RunMq, orders: Store) -> None:
    assert peek(call_mq, "orders", "--where", "key ~ ^k.5$", "--where", "partition = 1") == [
        "15",
        "25",
    ]


def test_in_a_pipe_it_is_tsv(call_mq: RunMq, orders: Store) -> None:
    assert call_mq("peek", "orders", "-n", "1").text == (
        "address\ttimestamp\tkey\theaders\tvalue\norders/0@0\t2026-01-02T03:04:05.000Z\tk0\t\t0\n"
    )


def test_json_of_a_stream_is_an_envelope_a_line(call_mq: RunMq, orders: Store) -> None:
    run = call_mq("peek", "orders", "-n", "2", "--json")

    assert [list(json.loads(line)) for line in run.text.splitlines()] == [
        ["topic", "partition", "offset", "timestamp", "key", "headers", "value"]
    ] * 2


def test_names_are_addresses(call_mq: RunMq, orders: Store) -> None:
    assert call_mq("peek", "orders", "-n", "2", "-o", "name").text == "orders/0@0\norders/1@0\n"


def test_on_a_terminal_it_is_a_table_that_fits(run_mq_on_terminal: RunMq, path: Path) -> None:
    with Store.open(path, create=True) as store:
        store.create_topic("orders", retention=None)
        store.produce("orders", "\x1b[2J" + "x" * 500, key="k" * 100, timestamp=MORNING)
        store.produce("orders", None, key="gone", timestamp=MORNING)

    run = run_mq_on_terminal("peek", "orders", MQ_STORE=str(path), NO_COLOR="1")

    header, first, second = run.text.splitlines()
    assert header.split() == ["ADDRESS", "TIME", "KEY", "VALUE"]
    assert "d ago  kkkkkkkk" in first
    assert "\\x1b[2Jxx" in first
    assert "…" in first
    assert len(first) <= 80
    assert second.split()[-2:] == ["gone", "(tombstone)"]


def test_it_writes_nothing(call_mq: RunMq, orders: Store, path: Path) -> None:
    before = path.read_bytes()

    call_mq("peek", "orders")

    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["nosuch"], 3),
        (["orders/2"], 3),
        (["orders/2@0"], 3),
        (["orders@5"], 2),
        (["orders/0@x"], 2),
        (["orders/0@5", "--from", "last"], 2),
        (["orders", "--from", "committed"], 2),
        (["orders", "--from", "x"], 2),
        (["orders", "-n", "0"], 2),
        (["orders", "-n", "9" * 20], 2),
        (["orders", "--where", "x"], 2),
        ([], 2),
    ],
)
def test_what_is_not_there_or_not_meant_is_refused(
    call_mq: RunMq, orders: Store, words: list[str], code: int
) -> None:
    run = call_mq("peek", *words)

    assert (run.code, run.out) == (code, b"")
    assert [line.split(":")[0] for line in run.err.splitlines()] in (["mq", "hint"], ["mq"])
