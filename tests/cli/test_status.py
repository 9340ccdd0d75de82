"""`mq status`: which store, why, how large, what is in it; and the store's own settings."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from store import NewRecord, Store
from store.model.clock import ManualClock
from store.sqlite.file.files import SCHEMA_VERSION

if TYPE_CHECKING:
    from tests.cli.conftest import RunMq


class TestStatus:
    def test_its_json_has_path_sizes_and_counts(
        self, call_mq: RunMq, shop: Store, path: Path
    ) -> None:
        shop.create_group("billing")
        status = json.loads(call_mq("status", "-o", "json").out)
        assert status.pop("created").endswith("Z")
        assert status.pop("bytes") % 4096 == 0
        assert status.pop("wal_bytes") > 0
        assert status.pop("in_per_second") > 0
        assert status == {
            "path": str(path),
            "reason": "named by $MQ_STORE",
            "schema": SCHEMA_VERSION,
            "sqlite_version": sqlite3.sqlite_version,
            "durability": "normal",
            "max_bytes": None,
            "free_bytes": 0,
            "topics": 1,
            "queues": 0,
            "shares": 0,
            "exchanges": 0,
            "groups": 1,
            "records": 30,
            "out_per_second": 0,
            "dead_letters": 0,
            "stalls": 0,
            "worst_stall": None,
        }

    def test_it_tells_of_stalls_and_exits_with_10_for_them(
        self, call_mq: RunMq, store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("store.api.store.SystemClock", lambda: clock)
        store.create_topic("orders", retention=None)
        assert call_mq("status", "--exit-code").code == 0
        store.produce_many("orders", [NewRecord(b"v")] * 3)
        store.create_group("billing", topics=["orders"])
        clock.advance(7200)
        status = json.loads(call_mq("status", "-o", "json").out)
        assert (status["stalls"], status["worst_stall"]) == (1, "orders/0@0")
        assert "■ STALLED 2h00m  orders/0 → billing" in call_mq("status", "-o", "table").text
        assert call_mq("status", "--exit-code").code == 10

    @pytest.mark.parametrize(
        ("words", "reason"),
        [
            (["-s", "store.db"], "given with --store"),
            ([], "named by $MQ_STORE"),
        ],
    )
    def test_it_says_why_that_store(
        self, call_mq: RunMq, shop: Store, words: list[str], reason: str
    ) -> None:
        run = call_mq(*words, "status", "-o", "json")
        assert json.loads(run.out)["reason"] == reason

    def test_the_nearest_store_upward_is_found(
        self, call_mq: RunMq, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("MQ_STORE")
        call_mq("init")
        (tmp_path / "deep" / "er").mkdir(parents=True)
        monkeypatch.chdir(tmp_path / "deep" / "er")
        status = json.loads(call_mq("status", "--json").out)
        assert status["path"] == str(tmp_path / ".mq" / "store.db")
        assert status["reason"] == "nearest .mq/store.db"

    def test_in_a_pipe_it_is_a_field_a_line(self, call_mq: RunMq, shop: Store) -> None:
        lines = call_mq("status").text.splitlines()
        assert lines[0] == "field\tvalue"
        assert "durability\tnormal" in lines
        assert "records\t30" in lines

    def test_as_a_name_it_is_the_path(self, call_mq: RunMq, shop: Store, path: Path) -> None:
        assert call_mq("status", "-o", "name").text == f"{path}\n"

    def test_people_see_sizes_in_units(self, call_mq: RunMq, shop: Store) -> None:
        text = call_mq("status", "-o", "table").text
        assert "KiB, 0 B of it unused" in text
        assert "size limit       none" in text

    def test_a_missing_store_comes_with_the_command_that_creates_it(
        self, call_mq: RunMq, path: Path
    ) -> None:
        run = call_mq("status")
        assert run.is_refused(3)
        assert "init" in run.err
        assert not path.exists()

    def test_a_foreign_file_is_refused(self, call_mq: RunMq, path: Path) -> None:
        path.write_text("a letter\n" * 1000)
        assert call_mq("status").is_refused(7)

    def test_a_store_of_a_newer_version_is_refused(
        self, call_mq: RunMq, shop: Store, path: Path
    ) -> None:
        shop.close()
        with sqlite3.connect(path) as connection:
            connection.execute("pragma user_version = 99")
        connection.close()
        assert call_mq("status").is_refused(7)


@pytest.fixture
def stuck(path: Path) -> None:
    """A store whose message is held for 28 days more than a moment: store time was set back."""
    with Store.open(path, create=True) as store:
        store.create_queue("jobs")
        store.send("jobs", "late")
        store.receive("jobs", lease=0.001)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("update mq_clock set store = store - ?", (28 * 86_400_000 + 1_800_000,))
        connection.commit()


class TestStoreSettings:
    def test_show_has_them_as_json(self, call_mq: RunMq, shop: Store, path: Path) -> None:
        run = call_mq("store", "show", "-o", "json")
        assert json.loads(run.out) == {
            "path": str(path),
            "durability": "normal",
            "max_bytes": None,
            "read_only": False,
        }

    @pytest.mark.parametrize(
        ("setting", "value", "old", "new"),
        [
            ("durability", "full", "normal", "full"),
            ("max_bytes", "10GB", "none", "10GB"),
            ("max-bytes", "2GiB", "none", "2GiB"),
        ],
    )
    def test_set_prints_old_and_new(
        self, call_mq: RunMq, shop: Store, setting: str, value: str, old: str, new: str
    ) -> None:
        run = call_mq("store", "set", setting, value, "-o", "json")
        assert json.loads(run.out) == [
            {"setting": setting.replace("-", "_"), "old": old, "new": new, "risk": None}
        ]

    def test_set_is_silent_in_a_pipe(self, call_mq: RunMq, shop: Store) -> None:
        run = call_mq("store", "set", "durability", "full")
        assert (run.code, run.out, run.err) == (0, b"", "")
        assert shop.status().durability == "full"

    def test_none_takes_the_limit_away(self, call_mq: RunMq, shop: Store) -> None:
        call_mq("store", "set", "max_bytes", "10GB")
        assert shop.status().max_bytes == 10**10
        call_mq("store", "set", "max_bytes", "none")
        assert shop.status().max_bytes is None

    def test_a_limit_below_what_is_there_is_warned_of(self, call_mq: RunMq, shop: Store) -> None:
        for _ in range(3):
            shop.produce("orders", b"x" * 900_000)
        run = call_mq("store", "set", "max_bytes", "1MiB")
        assert run.code == 0
        assert run.err.startswith("mq: warning: the file has ")

    def test_read_only_is_switched_for_every_command(self, call_mq: RunMq, shop: Store) -> None:
        shop.create_queue("jobs")
        assert call_mq("store", "set", "read_only", "yes").code == 0

        run = call_mq("produce", "jobs", "x")
        assert run.code == 4
        assert "mq store set read_only no" in run.err

    @pytest.mark.usefixtures("stuck")
    def test_the_clock_is_taken_as_right(self, call_mq: RunMq) -> None:
        assert b"store_time_back" in call_mq("doctor").out
        run = call_mq("store", "set", "clock", "now", "-o", "json")

        (change,) = json.loads(run.out)
        assert (change["setting"], change["old"]) == ("clock", "28d 0h ahead")
        assert change["new"] == "as expected"
        assert b"store_time_back" not in call_mq("doctor").out

    @pytest.mark.usefixtures("stuck")
    def test_the_clock_ends_what_store_time_kept_waiting(self, call_mq: RunMq) -> None:
        assert call_mq("receive", "jobs").out == b""
        call_mq("store", "set", "clock", "now")

        assert json.loads(call_mq("receive", "jobs").out)["value"] == "late"

    @pytest.mark.parametrize(
        "words",
        [
            "",
            "clock",
            "clock 2026-01-01",
            "durability",
            "durability fast",
            "durability off",
            "max_bytes much",
            "max_bytes 1KiB",
            "max_bytes -1",
            "colour blue",
            "durability full more",
        ],
    )
    def test_bad_input_changes_nothing(self, call_mq: RunMq, shop: Store, words: str) -> None:
        assert call_mq("store", "set", *words.split()).is_refused(2)
        assert (shop.status().durability, shop.status().max_bytes) == ("normal", None)

    def test_a_near_miss_is_suggested(self, call_mq: RunMq, shop: Store) -> None:
        assert "did you mean durability?" in call_mq("store", "set", "durabilty", "full").err

    @pytest.mark.parametrize("words", ["show", "set durability full"])
    def test_a_missing_store_is_not_found(self, call_mq: RunMq, path: Path, words: str) -> None:
        assert call_mq("store", *words.split()).is_refused(3)
