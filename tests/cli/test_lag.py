"""`mq lag`: rows, objectives, and watching them."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from store import NewRecord, Position, Store
from tests.cli.conftest import LAG_FIELDS

if TYPE_CHECKING:
    from tests.cli.conftest import RunMq

Watching = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def billing(shop: Store) -> Store:
    """A store with the group billing: 6 behind in orders/0, 0 in orders/1, 10 in orders/2."""
    shop.create_group("billing", topics=["orders"])
    with shop.transaction() as tx:
        tx.commit("billing", {("orders", 0): 4, ("orders", 1): 10})
    return shop


@pytest.fixture
def watch(path: Path, tmp_path: Path, environment: dict[str, str]) -> Iterator[Watching]:
    """Start `mq WORDS…` on the test's store and leave it running, with a pipe as stdout."""
    started: list[subprocess.Popen[str]] = []

    def start(*words: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "mq", "-s", str(path), *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env=environment,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def rows(call_mq: RunMq, *words: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(call_mq("lag", *words, "-o", "json").out)
    return found


class TestRows:
    def test_they_have_the_fields_of_the_contract_in_order(
        self, call_mq: RunMq, billing: Store
    ) -> None:
        first, *_ = rows(call_mq)
        assert list(first) == LAG_FIELDS
        assert isinstance(first.pop("lag_seconds"), float)
        assert isinstance(first.pop("trend"), float)
        assert first == {
            "group": "billing",
            "topic": "orders",
            "partition": 0,
            "committed": 4,
            "end": 10,
            "lag": 6,
            "lag_bytes": 18,
            "member": None,
            "state": "behind",
        }

    def test_tsv_has_the_same_fields(self, call_mq: RunMq, billing: Store) -> None:
        lines = call_mq("lag").text.splitlines()
        assert lines[0].split("\t") == LAG_FIELDS
        assert [line.split("\t")[5] for line in lines[1:]] == ["6", "0", "10"]

    def test_without_a_commit_all_is_lag(self, call_mq: RunMq, billing: Store) -> None:
        assert [(row["committed"], row["lag"]) for row in rows(call_mq)] == [
            (4, 6),
            (10, 0),
            (None, 10),
        ]

    def test_the_state_is_lost_where_unread_records_were_removed(
        self, call_mq: RunMq, billing: Store
    ) -> None:
        billing.trim("orders", Position("offset", 7), partition=0)
        assert [row["state"] for row in rows(call_mq)] == ["lost", "current", "behind"]

    def test_the_age_is_that_of_the_oldest_unread_record(
        self, call_mq: RunMq, billing: Store
    ) -> None:
        billing.create_topic("prices")
        then = billing.clock.wall() - 60_000
        billing.produce_many("prices", [NewRecord(b"v", timestamp=then)] * 2)
        billing.create_group("audit", topics=["prices"])
        (row,) = rows(call_mq, "audit")
        assert 60 <= row["lag_seconds"] < 90  # type: ignore[operator]

    def test_a_member_is_named(self, call_mq: RunMq, billing: Store) -> None:
        with billing.consumer("billing", ["orders"], member="worker-1"):
            assert {row["member"] for row in rows(call_mq)} == {"worker-1"}

    def test_group_and_topic_choose_rows(self, call_mq: RunMq, billing: Store) -> None:
        billing.create_topic("prices")
        billing.create_group("audit", topics=["orders", "prices"])
        assert len(rows(call_mq)) == 7
        assert len(rows(call_mq, "audit")) == 4
        assert len(rows(call_mq, "audit", "--topic", "prices")) == 1
        assert len(rows(call_mq, "--topic", "orders")) == 6

    def test_people_see_ages_and_sizes_in_units(self, call_mq: RunMq, billing: Store) -> None:
        text = call_mq("lag", "-o", "table").text
        assert "AGE" in text
        assert "18 B" in text

    def test_without_groups_there_are_none(self, call_mq: RunMq, shop: Store) -> None:
        assert rows(call_mq) == []


class TestOver:
    @pytest.mark.parametrize(
        ("limit", "partitions"),
        [("0", [0, 2]), ("6", [2]), ("10", []), ("0s", [0, 2]), ("1h", []), ("PT1H", [])],
    )
    def test_only_rows_over_are_listed(
        self, call_mq: RunMq, billing: Store, limit: str, partitions: list[int]
    ) -> None:
        assert [row["partition"] for row in rows(call_mq, "--over", limit)] == partitions

    @pytest.mark.parametrize(("limit", "code"), [("6", 10), ("10", 0)])
    def test_exit_code_says_whether_there_are_any(
        self, call_mq: RunMq, billing: Store, limit: str, code: int
    ) -> None:
        assert call_mq("lag", "--over", limit, "--exit-code").code == code

    def test_without_exit_code_it_is_0(self, call_mq: RunMq, billing: Store) -> None:
        assert call_mq("lag", "--over", "6").code == 0


class TestObjectives:
    @pytest.mark.parametrize(
        ("objective", "code"),
        [
            ({}, 0),
            ({"max_lag": 9}, 10),
            ({"max_lag": 10}, 0),
            ({"max_lag_time": 0.001}, 10),
            ({"max_lag_time": 3600}, 0),
        ],
    )
    def test_without_over_each_group_is_judged_by_its_own(
        self, call_mq: RunMq, billing: Store, objective: dict[str, float], code: int
    ) -> None:
        billing.create_group("audit", topics=["orders"])
        billing.alter_group("billing", **objective)  # type: ignore[arg-type]
        assert call_mq("lag", "--exit-code").code == code

    def test_all_rows_are_listed(self, call_mq: RunMq, billing: Store) -> None:
        billing.alter_group("billing", max_lag=9)
        assert len(rows(call_mq, "--exit-code")) == 3

    def test_a_topic_that_was_not_asked_for_does_not_count(
        self, call_mq: RunMq, billing: Store
    ) -> None:
        billing.create_topic("prices")
        billing.alter_group("billing", topics=["prices"], max_lag=9)
        assert call_mq("lag", "billing", "--topic", "prices", "--exit-code").code == 0


class TestBadInput:
    @pytest.mark.parametrize(
        ("words", "code"),
        [
            ("nobody", 3),
            ("nobody --exit-code", 3),
            ("--topic prices", 3),
            ("--topic prices --exit-code", 3),
            ("a/b", 2),
            ("--over much", 2),
            ("--over -5", 2),
            ("--over 1.5", 2),
            ("--watch soon", 2),
            ("--watch 0s", 2),
            ("billing audit", 2),
        ],
    )
    def test_it_is_one_error_line(
        self, call_mq: RunMq, billing: Store, words: str, code: int
    ) -> None:
        assert call_mq("lag", *words.split()).is_refused(code)

    def test_a_missing_store_is_not_found(self, call_mq: RunMq, path: Path) -> None:
        assert call_mq("lag").is_refused(3)


class TestWatch:
    def test_in_a_pipe_tables_are_parted_by_a_blank_line(
        self, billing: Store, watch: Watching
    ) -> None:
        process = watch("lag", "--topic", "orders", "--watch", "20ms", "--no-header")
        assert process.stdout is not None
        first = [process.stdout.readline() for _ in range(4)]
        billing.produce("orders", b"more", partition=1)
        assert first[3] == "\n"
        assert any(line.split("\t")[4:6] == ["11", "1"] for line in process.stdout)

    def test_json_is_one_array_after_another(self, billing: Store, watch: Watching) -> None:
        process = watch("lag", "--over", "6", "--watch", "20ms", "-o", "json")
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(2)]
        assert [len(json.loads(line)) for line in lines] == [1, 1]

    def test_ctrl_c_ends_it_with_130(self, billing: Store, watch: Watching) -> None:
        process = watch("lag", "--watch", "1h")
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
        assert (process.returncode, said) == (130, "")

    def test_a_closed_pipe_ends_it_quietly(self, billing: Store, watch: Watching) -> None:
        process = watch("lag", "--watch", "20ms")
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(timeout=30) == 141

    def test_with_exit_code_it_ends_once_a_row_is_over(
        self, billing: Store, watch: Watching
    ) -> None:
        words = ("lag", "--topic", "orders", "--over", "10", "--exit-code", "--watch", "20ms")
        process = watch(*words)
        assert process.stdout is not None
        process.stdout.readline()
        assert process.poll() is None
        billing.produce("orders", b"more", partition=2)
        shown, _ = process.communicate(timeout=30)
        assert process.returncode == 10
        assert shown.splitlines()[-1].startswith("billing\torders\t2\t\t11\t11\t")

    def test_on_a_terminal_each_time_replaces_the_one_before(
        self, run_mq_on_terminal: RunMq, billing: Store, path: Path
    ) -> None:
        words = ("lag", "--over", "6", "--exit-code", "--watch", "20ms")
        run = run_mq_on_terminal("-s", str(path), "--no-color", *words)
        assert re.match(rb"\x1b\[H\x1b\[2Jevery 20ms, at \d\d:\d\d:\d\d\n", run.out)
        assert "PARTITION  COMMITTED" in run.text
        assert run.code == 10

    def test_a_dumb_terminal_gets_no_escapes(
        self, run_mq_on_terminal: RunMq, billing: Store, path: Path
    ) -> None:
        words = ("lag", "--over", "6", "--exit-code", "--watch", "20ms")
        run = run_mq_on_terminal("-s", str(path), *words, TERM="dumb")
        assert b"\x1b" not in run.out
