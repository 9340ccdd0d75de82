"""`mq consume`: what it prints, where it begins and ends, and what a group commits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from store import NewRecord, Store
from tests.cli.conftest import MORNING

if TYPE_CHECKING:
    from tests.cli.conftest import RunMq


class TestForms:
    def test_values_are_printed_with_a_newline_each(self, call_mq: RunMq, timed: Store) -> None:
        run = call_mq("consume", "orders", "-n", "3")

        assert (run.code, run.out, run.err) == (0, b"0\n1\n2\n", "")

    def test_values_in_a_pipe_are_byte_exact(self, call_mq: RunMq, path: Path) -> None:
        with Store.open(path, create=True) as store:
            store.create_topic("bytes")
            store.produce("bytes", bytes(range(256)))

        assert call_mq("consume", "bytes").out == bytes(range(256)) + b"\n"

    def test_a_tombstone_is_an_empty_line(self, call_mq: RunMq, path: Path) -> None:
        with Store.open(path, create=True) as store:
            store.create_topic("latest")
            store.produce("latest", None, key="k")

        assert call_mq("consume", "latest").out == b"\n"

    def test_on_a_terminal_nothing_from_outside_reaches_it_raw(
        self, run_mq_on_terminal: RunMq, path: Path
    ) -> None:
        with Store.open(path, create=True) as store:
            store.create_topic("bytes")
            store.produce("bytes", "\x1b[31mred\u202e\x9b".encode() + b"\xff", key="\x07")

        run = run_mq_on_terminal("consume", "bytes", MQ_STORE=str(path))
        formatted = run_mq_on_terminal("consume", "bytes", "-F", "%k", MQ_STORE=str(path))

        assert run.text == "\\x1b[31mred\\u202e\\x9b\\xff\n"
        assert formatted.text == "\\x07"

    @pytest.mark.parametrize("words", [["-o", "ndjson"], ["-o", "json"], ["--json"]])
    def test_json_is_an_envelope_a_line(
        self, call_mq: RunMq, timed: Store, words: list[str]
    ) -> None:
        run = call_mq("consume", "orders", "-n", "2", *words)

        assert run.text.splitlines()[1] == (
            '{"topic":"orders","partition":0,"offset":1,"timestamp":"2026-01-02T03:04:06.000Z",'
            '"key":"k1","headers":{},"value":"1"}'
        )

    @pytest.mark.parametrize(
        ("format", "line"),
        [
            ("%t/%p@%o %k=%s\\n", b"orders/0@1 k1=1\n"),
            ("%T %d %%\\t\\x41", b"1767323046000 - %\tA"),
            ("%s", b"1"),
        ],
    )
    def test_a_format_is_written_as_it_says(
        self, call_mq: RunMq, timed: Store, format: str, line: bytes
    ) -> None:
        assert call_mq("consume", "orders", "--from", "1", "-n", "1", "-F", format).out == line

    def test_tsv_has_a_header_and_escapes_what_would_break_a_row(
        self, call_mq: RunMq, path: Path
    ) -> None:
        with Store.open(path, create=True) as store:
            store.create_topic("cells", retention=None)
            store.produce("cells", "a\tb\\\n", key="k", headers={"n": 1}, timestamp=MORNING)

        assert call_mq("consume", "cells", "-o", "tsv").text == (
            "address\ttimestamp\tkey\theaders\tvalue\n"
            'cells/0@0\t2026-01-02T03:04:05.000Z\tk\t{"n":1}\ta\\tb\\\\\\n\n'
        )

    def test_names_are_addresses(self, call_mq: RunMq, timed: Store) -> None:
        assert call_mq("consume", "orders", "-n", "1", "-o", "name").text == "orders/0@0\n"

    def test_partitions_are_merged_by_time(self, call_mq: RunMq, timed_three: Store) -> None:
        assert call_mq("consume", "orders").text.split() == list("012345678")

    def test_one_partition_can_be_read_alone(self, call_mq: RunMq, timed_three: Store) -> None:
        assert call_mq("consume", "orders/1").text.split() == ["1", "4", "7"]

    def test_reading_without_a_group_stores_nothing(
        self, call_mq: RunMq, timed: Store, path: Path
    ) -> None:
        before = path.read_bytes()

        call_mq("consume", "orders")

        assert path.read_bytes() == before


class TestWhere:
    @pytest.mark.parametrize(
        ("conditions", "values"),
        [
            (["key = k3"], ["3"]),
            (["key ~ k[12]"], ["1", "2"]),
            (["offset >= 8"], ["8", "9"]),
            (["offset >= 2", "offset < 4"], ["2", "3"]),
            (["value = 5"], ["5"]),
            (["timestamp < 2026-01-02T03:04:07Z"], ["0", "1"]),
            (["headers.missing = x"], []),
            (["offset == 8"], ["8"]),
            (["key==k3"], ["3"]),
            (["key = =k3"], []),
            (["value == 5"], ["5"]),
            (["key ~ ^$"], []),
            (["offset < inf", "offset > 8.5"], ["9"]),
        ],
    )
    def test_only_records_that_meet_every_condition_are_printed(
        self, call_mq: RunMq, timed: Store, conditions: list[str], values: list[str]
    ) -> None:
        words = [word for condition in conditions for word in ("--where", condition)]

        assert call_mq("consume", "orders", *words).text.split() == values

    def test_a_field_inside_a_value_is_compared_by_either_sign_of_equality(
        self, call_mq: RunMq, timed: Store, path: Path
    ) -> None:
        with Store.open(path) as store:
            store.produce("orders", '{"order": 17}')

        for sign in ("=", "=="):
            run = call_mq("consume", "orders", "--where", f"value.order {sign} 17")
            assert run.text == '{"order": 17}\n'

    @pytest.mark.parametrize(
        "condition",
        [
            "value.order === 17",
            "value.order =~ 17",
            "value.order <> 17",
            "value.order => 17",
            "value.order =< 17",
            "value.order !== 17",
            "value.order ! 17",
            "value.order ~~ 17",
            "value.order >> 17",
            "value.order is 17",
            "value.order",
            "value.order =",
            "value.order ~",
            "value. = 17",
            "headers. = 17",
            "= 17",
            "",
            "offset = first",
            "offset = nan",
            "partition > null0",
        ],
    )
    def test_what_is_no_condition_is_refused(
        self, call_mq: RunMq, timed: Store, condition: str
    ) -> None:
        assert call_mq("consume", "orders", "--where", condition).is_refused(2)

    @pytest.mark.parametrize(
        ("field", "near"),
        [("ofset", "offset"), ("Key", "key"), ("val", "value"), ("header.x", "headers.NAME")],
    )
    def test_an_unknown_field_is_answered_with_the_nearest(
        self, call_mq: RunMq, timed: Store, field: str, near: str
    ) -> None:
        run = call_mq("consume", "orders", "--where", f"{field} = 1")

        assert run.is_refused(2)
        assert f"hint: did you mean {near}?" in run.err

    def test_the_limit_counts_printed_records(self, call_mq: RunMq, timed: Store) -> None:
        run = call_mq("consume", "orders", "--where", "offset > 4", "-n", "2")

        assert run.text.split() == ["5", "6"]


class TestBounds:
    @pytest.mark.parametrize(
        ("word", "first"),
        [
            ("earliest", "0"),
            ("first", "0"),
            ("last", "9"),
            ("7", "7"),
            ("-3", "7"),
            ("2026-01-02T03:04:09.500Z", "5"),
            ("@1767323049", "4"),
            ("@1767323049001", "5"),
            ("365000d", None),
        ],
    )
    def test_reading_begins_where_the_word_says(
        self, call_mq: RunMq, timed: Store, word: str, first: str | None
    ) -> None:
        run = call_mq("consume", "orders", "--from", word, "-n", "1")

        if first is None:
            assert run.is_refused(2)
        else:
            assert run.text.split() == [first]

    def test_an_interval_is_a_time_so_long_ago(self, call_mq: RunMq, path: Path) -> None:
        with Store.open(path, create=True, durability="normal") as store:
            store.create_topic("orders")
            now = store.clock.wall()
            for minutes in (20, 16, 14, 1):
                store.produce("orders", f"{minutes}", timestamp=now - minutes * 60_000)

        assert call_mq("consume", "orders", "--from", "15m").text.split() == ["14", "1"]

    @pytest.mark.parametrize("word", ["latest", "next", "10", "5000", "1m"])
    def test_after_the_newest_record_there_is_nothing(
        self, call_mq: RunMq, timed: Store, word: str
    ) -> None:
        run = call_mq("consume", "orders", "--from", word)

        assert (run.code, run.out) == (0, b"")

    @pytest.mark.parametrize(
        ("word", "last"),
        [
            ("end", "9"),
            ("4", "3"),
            ("50", "9"),
            ("2026-01-02T03:04:08Z", "2"),
            ("1m", "9"),
        ],
    )
    def test_until_is_exclusive(self, call_mq: RunMq, timed: Store, word: str, last: str) -> None:
        assert call_mq("consume", "orders", "--until", word).text.split()[-1] == last

    def test_nothing_at_a_bound_finer_than_a_millisecond_is_left_out(
        self, call_mq: RunMq, timed: Store
    ) -> None:
        bound = "2026-01-02T03:04:07.0005Z"
        assert call_mq("consume", "orders", "--from", bound).text.split()[0] == "2"
        assert call_mq("consume", "orders", "--until", bound).text.split()[-1] == "2"
        before = call_mq("consume", "orders", "--where", f"timestamp < {bound}")
        assert before.text.split() == ["0", "1", "2"]

    def test_a_place_before_1970_is_refused_by_that_reason(
        self, run_mq: RunMq, timed: Store
    ) -> None:
        run = run_mq("-s", str(timed.path), "consume", "orders", "--from", "1970-01-01", TZ="CET-1")
        assert run.is_refused(2)
        assert "lies before 1970: in UTC it is 1969-12-31T23:00:00.000Z" in run.err

    def test_bounds_hold_in_each_partition(self, call_mq: RunMq, timed_three: Store) -> None:
        run = call_mq("consume", "orders", "--from", "1", "--until", "2")

        assert run.text.split() == ["3", "4", "5"]

    def test_a_time_bound_holds_across_partitions(self, call_mq: RunMq, timed_three: Store) -> None:
        run = call_mq("consume", "orders", "--until", "2026-01-02T03:04:10Z")

        assert run.text.split() == list("01234")

    def test_many_pages_are_read_to_the_end(self, call_mq: RunMq, path: Path) -> None:
        with Store.open(path, create=True, durability="normal") as store:
            store.create_topic("orders", partitions=2)
            for start in range(0, 4000, 1000):
                records = [
                    NewRecord(b"%d" % n, partition=n % 2) for n in range(start, start + 1000)
                ]
                store.produce_many("orders", records)

        values = call_mq("consume", "orders").text.split()

        assert sorted(map(int, values)) == list(range(4000))

    def test_nothing_printed_is_an_exit_code_where_asked_for(
        self, call_mq: RunMq, timed: Store
    ) -> None:
        assert call_mq("consume", "orders", "--from", "latest", "--fail-empty").code == 10
        assert call_mq("consume", "orders", "--where", "key = none", "--fail-empty").code == 10
        assert call_mq("consume", "orders", "-n", "1", "--fail-empty").code == 0


class TestRefusals:
    @pytest.mark.parametrize(
        ("words", "code"),
        [
            (["nosuch"], 3),
            (["nosuch", "-g", "g"], 3),
            (["orders/1"], 3),
            (["orders@3"], 2),
            (["orders/0@3"], 2),
            (["or ders"], 2),
            ([], 2),
            (["orders", "--from", "committed"], 2),
            (["orders", "--from", "someday"], 2),
            (["orders", "--until", "-5"], 2),
            (["orders", "--until", "last"], 2),
            (["orders", "--until", "x"], 2),
            (["orders", "--until", "end", "-f"], 2),
            (["orders", "-n", "0"], 2),
            (["orders", "-n", "x"], 2),
            (["orders", "-F", "%q"], 2),
            (["orders", "-F", "%s", "-o", "name"], 2),
            (["orders", "-o", "table"], 2),
            (["orders", "--where", "nonsense"], 2),
            (["orders", "--where", "colour = red"], 2),
            (["orders", "--where", "key ~ ("], 2),
            (["orders", "--member", "me"], 2),
            (["orders", "-g", "g", "--session-timeout", "soon"], 2),
            (["orders", "-g", "not ok"], 2),
            (["orders/0", "-g", "g"], 2),
        ],
    )
    def test_what_cannot_be_read_is_refused_with_one_line(
        self, call_mq: RunMq, timed: Store, words: list[str], code: int
    ) -> None:
        run = call_mq("consume", *words)

        assert run.is_refused(code)

    def test_a_refused_reading_leaves_no_group_behind(
        self, call_mq: RunMq, timed: Store, path: Path
    ) -> None:
        call_mq("consume", "nosuch", "-g", "g")
        call_mq("consume", "orders", "-g", "g", "--until", "x")
        call_mq("consume", "orders", "-g", "g", "--where", "nonsense")

        with Store.open(path) as store:
            assert store.groups() == []

    def test_a_missing_store_is_not_created(self, call_mq: RunMq, path: Path) -> None:
        assert call_mq("consume", "orders").is_refused(3)
        assert not path.exists()

    def test_an_error_is_one_json_object_when_json_was_asked_for(
        self, call_mq: RunMq, timed: Store
    ) -> None:
        run = call_mq("consume", "nosuch", "-o", "ndjson")

        assert json.loads(run.err)["error"]["code"] == "not_found"


def test_a_number_that_is_none_is_refused_in_plain_words(call_mq: RunMq) -> None:
    run = call_mq("consume", "orders", "-n", "few")

    assert run.is_refused(2)
    assert "'few' is not a whole number" in run.err
