"""`mq topic`: create, list, show, alter, trim, delete."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from store import Position, Store

if TYPE_CHECKING:
    from tests.cli.conftest import RunMq

ONE_RECORD = '"partitions":[{"partition":0,"start":0,"end":0,"records":0,"bytes":0}]'
DEFAULTS = {
    "retention": "7d",
    "retention_bytes": None,
    "cleanup": "delete",
    "tombstone_delay": "1d",
    "compaction_lag": "0s",
    "max_message": "1MiB",
}


def names(call_mq: RunMq) -> list[str]:
    return call_mq("topic", "list", "-o", "name").text.split()


class TestCreate:
    def test_it_creates_the_store_for_its_owner_only(self, call_mq: RunMq, path: Path) -> None:
        assert call_mq("topic", "create", "orders").code == 0
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def test_it_is_silent_in_a_pipe(self, call_mq: RunMq) -> None:
        run = call_mq("topic", "create", "orders")
        assert (run.out, run.err) == (b"", "")

    def test_on_a_terminal_it_says_what_there_is_now(self, run_mq_on_terminal: RunMq) -> None:
        run = run_mq_on_terminal("topic", "create", "orders", "-p", "2")
        assert run.text == "topic orders: 2 partitions, retention 7d, cleanup delete\n"

    def test_with_o_json_it_prints_the_topic_as_show_does(self, call_mq: RunMq) -> None:
        run = call_mq("topic", "create", "orders", "-o", "json")
        assert run.out == call_mq("topic", "show", "orders", "-o", "json").out
        assert ONE_RECORD in run.text

    @pytest.mark.parametrize(
        ("option", "given", "shown"),
        [
            ("retention", "36h", "36h"),
            ("retention", "forever", "forever"),
            ("retention-bytes", "10GB", "10GB"),
            ("retention-bytes", "none", None),
            ("cleanup", "compact", "compact"),
            ("cleanup", "delete,compact", "compact,delete"),
            ("tombstone-delay", "PT30S", "30s"),
            ("compaction-lag", "90s", "90s"),
            ("max-message", "64KiB", "64KiB"),
        ],
    )
    def test_a_setting_is_shown_in_the_notation_of_files(
        self, call_mq: RunMq, option: str, given: str, shown: str | None
    ) -> None:
        call_mq("topic", "create", "orders", f"--{option}", given)
        config = json.loads(call_mq("topic", "show", "orders", "--json").out)["config"]
        assert config == DEFAULTS | {option.replace("-", "_"): shown}

    def test_compact_is_short_for_a_cleanup(self, call_mq: RunMq) -> None:
        call_mq("topic", "create", "prices", "--compact")
        assert call_mq("topic", "list", "--no-header").text == "prices\t1\t0\t0\t7d\tcompact\n"

    def test_what_exists_is_a_conflict(self, call_mq: RunMq, shop: Store) -> None:
        assert call_mq("topic", "create", "orders", "-p", "3").is_refused(4)

    def test_if_not_exists_accepts_the_same_settings(self, call_mq: RunMq, shop: Store) -> None:
        assert call_mq("topic", "create", "orders", "-p", "3", "--if-not-exists").code == 0

    @pytest.mark.parametrize(
        ("words", "difference"),
        [("-p 4", "3 partitions, not 4"), ("-p 3 --retention 1h", "another retention: 7d, not 1h")],
    )
    def test_if_not_exists_names_what_differs(
        self, call_mq: RunMq, shop: Store, words: str, difference: str
    ) -> None:
        run = call_mq("topic", "create", "orders", *words.split(), "--if-not-exists")
        assert run.is_refused(4)
        assert difference in run.err

    @pytest.mark.parametrize(
        "words",
        [
            "",
            "a b",
            "-- -orders",
            "orders/2",
            f"{'n' * 250}",
            "orders more",
            "orders -p 0",
            "orders -p 10001",
            "orders -p many",
            "orders --retention 7x",
            "orders --retention 0s",
            "orders --retention never",
            "orders --retention-bytes 10furlongs",
            "orders --retention-bytes 0",
            "orders --cleanup shred",
            "orders --compact --cleanup delete",
            "orders --tombstone-delay none",
            "orders --compaction-lag -5s",
            "orders --max-message 65MiB",
            "orders --max-message 0B",
            "orders --sharded",
        ],
    )
    def test_bad_input_creates_nothing(self, call_mq: RunMq, shop: Store, words: str) -> None:
        arguments = words.split() if words != "a b" else ["a b"]
        assert call_mq("topic", "create", *arguments).is_refused(2)
        assert names(call_mq) == ["orders"]

    def test_a_bad_setting_is_named(self, call_mq: RunMq) -> None:
        run = call_mq("topic", "create", "orders", "--tombstone-delay", "soon")
        assert run.err.startswith("mq: error: tombstone_delay: 'soon' is not a duration")

    def test_a_bad_name_does_not_even_make_a_store(self, call_mq: RunMq, path: Path) -> None:
        call_mq("topic", "create", "/etc")
        assert not path.exists()


class TestList:
    def test_it_has_counts_and_settings(self, call_mq: RunMq, shop: Store) -> None:
        run = call_mq("topic", "list")
        assert run.text == (
            "name\tpartitions\trecords\tbytes\tretention\tcleanup\norders\t3\t30\t90\t7d\tdelete\n"
        )

    def test_as_json_it_is_an_array(self, call_mq: RunMq, shop: Store) -> None:
        assert json.loads(call_mq("topic", "list", "-o", "json").out) == [
            {
                "name": "orders",
                "partitions": 3,
                "records": 30,
                "bytes": 90,
                "retention": "7d",
                "cleanup": "delete",
            }
        ]

    def test_without_topics_json_is_an_empty_array(self, call_mq: RunMq, store: Store) -> None:
        assert call_mq("topic", "ls", "--json").out == b"[]\n"

    def test_people_see_sizes_in_units(self, call_mq: RunMq, shop: Store) -> None:
        shop.produce("orders", b"x" * 2048)
        assert "2.1 KiB" in call_mq("topic", "list", "-o", "table").text


class TestShow:
    def test_its_json_is_that_of_the_contract(self, call_mq: RunMq, shop: Store) -> None:
        shop.trim("orders", Position("offset", 4), partition=1)
        partitions = [
            {"partition": 0, "start": 0, "end": 10, "records": 10, "bytes": 30},
            {"partition": 1, "start": 4, "end": 10, "records": 6, "bytes": 18},
            {"partition": 2, "start": 0, "end": 10, "records": 10, "bytes": 30},
        ]
        document = {
            "name": "orders",
            "kind": "topic",
            "partitions": partitions,
            "config": DEFAULTS,
        }
        run = call_mq("topic", "show", "orders", "-o", "json")
        assert run.text == json.dumps(document, separators=(",", ":")) + "\n"

    def test_several_topics_are_an_array(self, call_mq: RunMq, shop: Store) -> None:
        shop.create_topic("prices")
        shown = json.loads(call_mq("topic", "show", "orders", "prices", "-o", "json").out)
        assert [topic["name"] for topic in shown] == ["orders", "prices"]

    def test_as_ndjson_each_topic_is_a_line(self, call_mq: RunMq, shop: Store) -> None:
        shop.create_topic("prices")
        lines = call_mq("topic", "show", "orders", "prices", "-o", "ndjson").text.splitlines()
        assert [json.loads(line)["name"] for line in lines] == ["orders", "prices"]

    def test_in_a_pipe_the_rows_are_partitions(self, call_mq: RunMq, shop: Store) -> None:
        lines = call_mq("topic", "show", "orders").text.splitlines()
        assert lines[0] == "topic\tpartition\tstart\tend\trecords\tbytes\tnewest"
        assert [line.split("\t")[:6] for line in lines[1:]] == [
            ["orders", str(number), "0", "10", "10", "30"] for number in range(3)
        ]

    def test_people_see_settings_and_partitions(self, call_mq: RunMq, shop: Store) -> None:
        text = call_mq("topic", "show", "orders", "-o", "table").text
        assert "retention bytes  none" in text
        assert "PARTITION  START  END  RECORDS  BYTES  NEWEST" in text

    def test_as_names_it_is_a_check_that_they_exist(self, call_mq: RunMq, shop: Store) -> None:
        assert call_mq("topic", "show", "orders", "-o", "name").text == "orders\n"

    def test_a_missing_topic_comes_with_the_way_out(self, call_mq: RunMq, shop: Store) -> None:
        run = call_mq("topic", "show", "orders", "prices")
        assert run.is_refused(3)
        assert "hint: mq topic create prices\n" in run.err

    def test_as_json_its_absence_is_an_error_object(self, call_mq: RunMq, shop: Store) -> None:
        error = json.loads(call_mq("topic", "show", "prices", "-o", "json").err)["error"]
        assert (error["code"], sorted(error)) == ("not_found", ["code", "hint", "message"])


class TestDelete:
    def test_off_a_terminal_it_needs_yes(self, call_mq: RunMq, shop: Store) -> None:
        assert call_mq("topic", "delete", "orders").is_refused(2)
        assert names(call_mq) == ["orders"]

    def test_with_yes_topic_records_and_offsets_go(self, call_mq: RunMq, shop: Store) -> None:
        shop.create_group("billing", topics=["orders"])
        assert call_mq("topic", "delete", "orders", "--yes").code == 0
        assert (shop.topics(), shop.lag("billing"), shop.status().records) == ([], [], 0)

    def test_several_are_deleted_together(self, call_mq: RunMq, shop: Store) -> None:
        shop.create_topic("prices")
        call_mq("topic", "rm", "-y", "orders", "prices", "orders")
        assert shop.topics() == []

    def test_a_missing_one_saves_the_others(self, call_mq: RunMq, shop: Store) -> None:
        assert call_mq("topic", "delete", "-y", "orders", "prices").is_refused(3)
        assert names(call_mq) == ["orders"]

    def test_a_dry_run_counts_what_would_go(self, call_mq: RunMq, shop: Store) -> None:
        shop.create_group("billing", topics=["orders"])
        run = call_mq("topic", "delete", "orders", "--dry-run", "-o", "json")
        assert json.loads(run.out) == [
            {"name": "orders", "partitions": 3, "records": 30, "bytes": 90, "groups": ["billing"]}
        ]
        assert names(call_mq) == ["orders"]

    def test_with_o_json_it_says_what_went(self, call_mq: RunMq, shop: Store) -> None:
        planned = call_mq("topic", "delete", "orders", "--dry-run", "-o", "json")
        assert call_mq("topic", "delete", "orders", "-y", "-o", "json").out == planned.out

    @pytest.mark.parametrize(("typed", "code", "left"), [("orders\n", 0, 0), ("y\n", 1, 1)])
    def test_on_a_terminal_its_name_must_be_typed(
        self, run_mq_on_terminal: RunMq, shop: Store, path: Path, typed: str, code: int, left: int
    ) -> None:
        run = run_mq_on_terminal("-s", str(path), "topic", "delete", "orders", typed=typed)
        assert "orders with 30 records in 3 partitions" in run.text
        assert (run.code, len(shop.topics())) == (code, left)


@pytest.mark.parametrize(
    "words",
    [
        "list",
        "show orders",
        "alter orders --retention 1d",
        "delete orders",
        "trim orders --before 1",
    ],
)
def test_only_create_makes_a_missing_store(call_mq: RunMq, path: Path, words: str) -> None:
    assert call_mq("topic", *words.split()).is_refused(3)
    assert not path.exists()
