"""`mq verify`, `mq backup`, `mq vacuum`."""

from __future__ import annotations

import json
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from store import Store

if TYPE_CHECKING:
    from tests.cli.conftest import RunMq


@contextmanager
def damaging(path: Path) -> Iterator[sqlite3.Connection]:
    """A plain connection, to do to a store what mq never does."""
    connection = sqlite3.connect(path, isolation_level=None)
    yield connection
    connection.close()


class TestVerify:
    def test_a_sound_store_has_no_findings(self, call_mq: RunMq, shop: Store) -> None:
        run = call_mq("verify")
        assert (run.code, run.text, run.err) == (0, "address\tproblem\n", "")

    def test_on_a_terminal_it_counts_what_it_saw(
        self, run_mq_on_terminal: RunMq, shop: Store, path: Path
    ) -> None:
        assert "30 records, no problems" in run_mq_on_terminal("-s", str(path), "verify").text

    def test_a_damaged_record_is_named_by_its_address(
        self, call_mq: RunMq, shop: Store, path: Path
    ) -> None:
        with damaging(path) as connection:
            connection.execute("update mq_records set value = x'00' where id & 1023 = 3")
        run = call_mq("verify", "-o", "json")
        findings = json.loads(run.out)
        addresses = ["orders/0@3", "orders/1@3", "orders/2@3"]
        assert (run.code, [finding["address"] for finding in findings]) == (7, addresses)
        assert all("checksum" in finding["problem"] for finding in findings)
        assert json.loads(run.err)["error"]["code"] == "damaged"

    def test_a_wrong_counter_is_found(self, call_mq: RunMq, shop: Store, path: Path) -> None:
        with damaging(path) as connection:
            connection.execute("update mq_partitions set bytes = bytes + 1 where number = 1")
        run = call_mq("verify")
        assert run.code == 7
        assert "orders/1\t" in run.text
        assert run.err.startswith("mq: error: ")
        assert "1 problem\n" in run.err

    def test_a_file_that_is_no_store_is_refused(self, call_mq: RunMq, path: Path) -> None:
        path.write_bytes(b"SQLite format 3\0" + b"\xff" * 8192)
        assert call_mq("verify").is_refused(7)

    def test_a_missing_store_is_not_found(self, call_mq: RunMq) -> None:
        assert call_mq("verify").is_refused(3)


class TestBackup:
    def test_the_copy_is_a_store_of_its_owner(self, call_mq: RunMq, shop: Store) -> None:
        assert call_mq("backup", "copy.db").code == 0
        assert stat.S_IMODE(Path("copy.db").stat().st_mode) == 0o600
        assert call_mq("-s", "copy.db", "verify").code == 0
        assert json.loads(call_mq("-s", "copy.db", "status", "--json").out)["records"] == 30

    def test_its_json_has_path_and_bytes(self, call_mq: RunMq, shop: Store) -> None:
        run = call_mq("backup", "copy.db", "-o", "json")
        assert json.loads(run.out) == {"path": "copy.db", "bytes": Path("copy.db").stat().st_size}

    def test_it_is_silent_in_a_pipe(self, call_mq: RunMq, shop: Store) -> None:
        run = call_mq("backup", "copy.db")
        assert (run.out, run.err) == (b"", "")

    def test_on_a_terminal_it_says_how_large_it_is(
        self, run_mq_on_terminal: RunMq, shop: Store, path: Path
    ) -> None:
        run = run_mq_on_terminal("-s", str(path), "backup", "copy.db")
        assert run.text.startswith("copy.db: ")
        assert run.text.endswith(" KiB\n")

    @pytest.mark.parametrize(
        ("place", "code"), [("there.txt", 4), ("store.db", 4), ("missing/copy.db", 2), ("", 2)]
    )
    def test_it_never_replaces_a_file_and_makes_no_folder(
        self, call_mq: RunMq, shop: Store, tmp_path: Path, place: str, code: int
    ) -> None:
        Path("there.txt").write_text("mine")
        before = sorted(tmp_path.rglob("*"))
        assert call_mq("backup", place).is_refused(code)
        assert Path("there.txt").read_text() == "mine"
        assert sorted(tmp_path.rglob("*")) == before

    @pytest.mark.parametrize("words", ["", "a b"])
    def test_it_takes_one_path(self, call_mq: RunMq, shop: Store, words: str) -> None:
        assert call_mq("backup", *words.split()).is_refused(2)

    def test_a_missing_store_is_not_found(self, call_mq: RunMq) -> None:
        assert call_mq("backup", "copy.db").is_refused(3)


class TestVacuum:
    def test_what_was_deleted_is_given_back(self, call_mq: RunMq, shop: Store) -> None:
        for _ in range(5):
            shop.produce("orders", b"x" * 900_000)
        shop.delete_topic("orders")
        run = call_mq("vacuum", "-o", "json")
        assert json.loads(run.out)["freed_bytes"] > 4_000_000
        assert shop.status().free_bytes == 0

    def test_with_nothing_to_give_it_says_0(self, call_mq: RunMq, shop: Store) -> None:
        assert call_mq("vacuum", "-o", "json").out == b'{"freed_bytes":0}\n'

    def test_it_is_silent_in_a_pipe(self, call_mq: RunMq, shop: Store) -> None:
        run = call_mq("vacuum")
        assert (run.code, run.out, run.err) == (0, b"", "")

    def test_on_a_terminal_it_says_how_much(
        self, run_mq_on_terminal: RunMq, shop: Store, path: Path
    ) -> None:
        run = run_mq_on_terminal("-s", str(path), "vacuum")
        assert run.text.startswith("gave ")

    def test_a_missing_store_is_not_found(self, call_mq: RunMq) -> None:
        assert call_mq("vacuum").is_refused(3)


class TestBusy:
    @pytest.mark.parametrize(
        "words",
        [
            "topic create prices",
            "topic delete orders -y",
            "group reset billing --topic orders --to 1 --apply",
            "store set durability full",
            "vacuum",
        ],
    )
    def test_a_command_that_writes_gives_up_after_its_timeout(
        self, run_mq: RunMq, shop: Store, path: Path, words: str
    ) -> None:
        shop.create_group("billing")
        with shop.transaction(timeout=60):
            run = run_mq("-s", str(path), "--timeout", "50ms", *words.split())
        assert run.is_refused(5)

    @pytest.mark.parametrize(
        "words",
        ["topic list", "topic show orders", "group list", "lag", "status", "store show", "verify"],
    )
    def test_one_that_reads_does_not_wait(
        self, run_mq: RunMq, shop: Store, path: Path, words: str
    ) -> None:
        with shop.transaction(timeout=60):
            run = run_mq("-s", str(path), "--timeout", "50ms", *words.split())
        assert run.code == 0
