"""`mq topic alter` and `mq topic trim`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from store import NewRecord, Position, Store
from store.model.positions import parse_position

if TYPE_CHECKING:
    from tests.cli.conftest import RunMq


class TestAlter:
    def test_what_is_not_given_stays(self, call_mq: RunMq, shop: Store) -> None:
        call_mq("topic", "alter", "orders", "--max-message", "2MiB")
        call_mq("topic", "alter", "orders", "--retention", "forever")
        config = shop.topic("orders").config
        assert (config.max_message, config.retention) == (2 << 20, None)

    def test_it_is_silent_in_a_pipe(self, call_mq: RunMq, shop: Store) -> None:
        run = call_mq("topic", "alter", "orders", "--retention", "8d")
        assert (run.code, run.out, run.err) == (0, b"", "")

    def test_with_a_format_it_prints_old_and_new(self, call_mq: RunMq, shop: Store) -> None:
        run = call_mq("topic", "alter", "orders", "--retention", "8d", "-o", "json")
        assert json.loads(run.out) == [
            {"setting": "retention", "old": "7d", "new": "8d", "risk": None}
        ]

    def test_on_a_terminal_it_says_old_and_new(
        self, run_mq_on_terminal: RunMq, shop: Store, path: Path
    ) -> None:
        run = run_mq_on_terminal("-s", str(path), "topic", "alter", "orders", "--retention", "8d")
        assert run.text == "topic orders: retention 7d -> 8d\n"

    @pytest.mark.parametrize(
        "words",
        [
            "--partitions 4",
            "--retention 1h",
            "--retention-bytes 1KiB",
            "--cleanup compact",
            "--compact",
        ],
    )
    def test_what_cannot_be_taken_back_needs_yes_off_a_terminal(
        self, call_mq: RunMq, shop: Store, words: str
    ) -> None:
        before = shop.topic("orders")
        assert call_mq("topic", "alter", "orders", *words.split()).is_refused(2)
        assert shop.topic("orders") == before
        assert call_mq("topic", "alter", "orders", *words.split(), "--yes").code == 0
        assert shop.topic("orders") != before

    def test_retention_that_begins_to_apply_needs_yes(self, call_mq: RunMq, shop: Store) -> None:
        shop.create_topic("prices", cleanup="compact")
        alter = ("topic", "alter", "prices", "--cleanup", "compact,delete")
        assert call_mq(*alter).is_refused(2)
        assert call_mq(*alter, "-y").code == 0

    @pytest.mark.parametrize(
        "words",
        ["--retention 8d", "--retention forever", "--max-message 1B", "--tombstone-delay 0s"],
    )
    def test_what_keeps_more_needs_no_yes(self, call_mq: RunMq, shop: Store, words: str) -> None:
        assert call_mq("topic", "alter", "orders", *words.split()).code == 0

    @pytest.mark.parametrize(("typed", "code", "partitions"), [("y\n", 0, 4), ("n\n", 1, 3)])
    def test_on_a_terminal_it_asks(
        self,
        run_mq_on_terminal: RunMq,
        shop: Store,
        path: Path,
        typed: str,
        code: int,
        partitions: int,
    ) -> None:
        run = run_mq_on_terminal(
            "-s", str(path), "topic", "alter", "orders", "--partitions", "4", typed=typed
        )
        assert "partitions 3 -> 4" in run.text
        assert (run.code, len(shop.topic("orders").partitions)) == (code, partitions)

    def test_a_dry_run_says_how_many_keys_would_move(self, call_mq: RunMq, shop: Store) -> None:
        shop.create_topic("users", partitions=2)
        shop.produce_many("users", [NewRecord(b"v", key=f"user-{n}") for n in range(300)])
        moving = sum(
            shop.partition_for("users", f"user-{n}") != _place_among(shop, 3, f"user-{n}")
            for n in range(300)
        )
        run = call_mq("topic", "alter", "users", "-p", "3", "--dry-run", "-o", "json")
        (change,) = json.loads(run.out)
        assert (change["old"], change["new"]) == ("2", "3")
        assert f"({moving} of the newest 300)" in change["risk"]
        assert len(shop.topic("users").partitions) == 2

    def test_a_dry_run_counts_the_records_that_are_older(self, call_mq: RunMq, shop: Store) -> None:
        shop.create_topic("users")
        then = shop.clock.wall() - 3_600_000
        shop.produce_many("users", [NewRecord(b"v", timestamp=then) for _ in range(5)])
        shop.produce("users", b"v")
        run = call_mq("topic", "alter", "users", "--retention", "30m", "--dry-run", "-o", "json")
        assert json.loads(run.out)[0]["risk"].startswith("5 records may go")

    def test_no_difference_is_an_empty_list(self, call_mq: RunMq, shop: Store) -> None:
        assert call_mq("topic", "alter", "orders", "--retention", "7d", "--json").out == b"[]\n"

    @pytest.mark.parametrize(
        "words",
        [
            "orders",
            "orders --partitions 3",
            "orders --partitions 2 --yes",
            "orders --partitions 10001 --yes",
            "orders --partitions 0 --yes",
            "orders --retention 0s --yes",
            "orders --retention none",
            "orders --cleanup shred",
            "orders --max-message 65MiB",
            "orders --partitions 2 --dry-run",
            "orders/1 --retention 8d",
        ],
    )
    def test_bad_input_changes_nothing(self, call_mq: RunMq, shop: Store, words: str) -> None:
        before = shop.topic("orders")
        assert call_mq("topic", "alter", *words.split()).is_refused(2)
        assert shop.topic("orders") == before

    def test_a_missing_topic_is_not_found(self, call_mq: RunMq, shop: Store) -> None:
        assert call_mq("topic", "alter", "prices", "--retention", "1d").is_refused(3)

    def test_new_partitions_count_in_the_lag_of_a_group(self, call_mq: RunMq, shop: Store) -> None:
        shop.create_group("billing", topics=["orders"])
        call_mq("topic", "alter", "orders", "-p", "4", "-y")
        shop.produce("orders", b"v", partition=3)
        assert [(row.partition, row.lag) for row in shop.lag("billing")][3:] == [(3, 1)]


def _place_among(store: Store, partitions: int, key: str) -> int:
    name = f"with-{partitions}"
    store.create_topic(name, partitions=partitions, if_not_exists=True)
    return store.partition_for(name, key)


class TestTrim:
    def test_off_a_terminal_it_needs_yes(self, call_mq: RunMq, shop: Store) -> None:
        assert call_mq("topic", "trim", "orders", "--before", "5").is_refused(2)
        assert shop.status().records == 30

    def test_a_partition_is_trimmed_alone(self, call_mq: RunMq, shop: Store) -> None:
        assert call_mq("topic", "trim", "orders/1", "--before", "5", "-y").code == 0
        assert [partition.start for partition in shop.topic("orders").partitions] == [0, 5, 0]

    def test_its_json_says_what_went(self, call_mq: RunMq, shop: Store) -> None:
        run = call_mq("topic", "trim", "orders/1", "--before", "5", "-y", "--json")
        assert run.text == (
            '[{"topic":"orders","partition":1,"start_before":0,"start":5,"end":10,"removed":5}]\n'
        )

    def test_a_dry_run_shows_the_same_and_removes_nothing(
        self, call_mq: RunMq, shop: Store
    ) -> None:
        words = ("topic", "trim", "orders", "--before", "5")
        planned = call_mq(*words, "--dry-run", "-o", "tsv")
        assert shop.status().records == 30
        assert call_mq(*words, "--yes", "-o", "tsv").out == planned.out

    @pytest.mark.parametrize(
        ("word", "start"), [("earliest", 0), ("-3", 7), ("last", 9), ("latest", 10), ("0s", 10)]
    )
    def test_every_word_for_a_place_will_do(
        self, call_mq: RunMq, shop: Store, word: str, start: int
    ) -> None:
        assert call_mq("topic", "trim", "orders", "--before", word, "-y").code == 0
        assert {partition.start for partition in shop.topic("orders").partitions} == {start}

    def test_a_time_keeps_what_is_not_older(self, call_mq: RunMq, shop: Store) -> None:
        shop.create_topic("users")
        for hours in (3, 2, 1):
            shop.produce("users", b"v", timestamp=shop.clock.wall() - hours * 3_600_000)
        call_mq("topic", "trim", "users", "--before", "90m", "-y")
        assert shop.topic("users").partitions[0].start == 2

    def test_on_a_terminal_it_asks_and_names_who_has_not_read_it(
        self, run_mq_on_terminal: RunMq, shop: Store, path: Path
    ) -> None:
        shop.create_group("billing", topics=["orders"])
        with shop.transaction() as tx:
            tx.commit("billing", {("orders", 0): 4, ("orders", 1): 10})
        run = run_mq_on_terminal(
            "-s", str(path), "topic", "trim", "orders", "--before", "5", typed="n\n"
        )
        assert "removes 15 records from orders; group billing has not read 6 of them." in run.text
        assert (run.code, shop.status().records) == (1, 30)

    @pytest.mark.parametrize(
        "words",
        [
            "orders",
            "orders --before 11 -y",
            "orders --before someday -y",
            "orders --before committed -y",
            "orders@3 --before 5 -y",
            "orders/1@3 --before 5 -y",
            "orders/x --before 5 -y",
            "prices --before 1 -y",
        ],
    )
    def test_bad_input_removes_nothing(self, call_mq: RunMq, shop: Store, words: str) -> None:
        shop.create_topic("prices", cleanup="compact")
        shop.produce("prices", b"1", key=b"a")
        assert call_mq("topic", "trim", *words.split()).is_refused(2)
        assert shop.status().records == 31

    @pytest.mark.parametrize("address", ["prices", "orders/3"])
    def test_what_is_not_there_is_not_found(
        self, call_mq: RunMq, shop: Store, address: str
    ) -> None:
        assert call_mq("topic", "trim", address, "--before", "1", "-y").is_refused(3)

    def test_no_more_goes_than_was_shown(
        self, call_mq: RunMq, shop: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        preview = Store.trim_preview

        def append_afterwards(store: Store, *arguments: object) -> object:
            planned = preview(store, *arguments)  # type: ignore[arg-type]
            if arguments[1] == parse_position("latest", 0):
                shop.produce("orders", b"late", partition=0)
            return planned

        monkeypatch.setattr(Store, "trim_preview", append_afterwards)
        call_mq("topic", "trim", "orders/0", "--before", "latest", "-y")
        assert shop.trim_preview("orders", Position("last"), 0)[0].start == 10
        assert shop.topic("orders").partitions[0].records == 1
