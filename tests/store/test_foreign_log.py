"""A file that a person puts under the name of a store whose killed process left a log."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from store import Store, StoreUnusable
from store.model.clock import ManualClock
from tests.support.invariants import check_all
from tests.support.processes import hear, kill, start


def records(path: Path) -> int:
    with Store.open(path) as store:
        check_all(store)
        return len(store.read("orders"))


@pytest.fixture
def left(path: Path) -> Path:
    """A store of 15 records, its copy, an older backup, and the log of 20 records since."""
    with Store.open(path, create=True, durability="normal") as store:
        store.create_topic("orders")
        store.produce_many("orders", ["x"] * 10)
        store.backup(path.with_name("backup.db"))
        store.produce_many("orders", ["x"] * 5)
    shutil.copy2(path, path.with_name("copy.db"))
    with start("produce_and_stay", path, 20) as producer:
        hear(producer)
        kill(producer)
    return path


@pytest.mark.parametrize(
    ("put", "name"),
    [
        (shutil.copy, "copy.db"),
        (os.replace, "copy.db"),
        (shutil.copy, "backup.db"),
        (shutil.copy2, "backup.db"),
        (os.replace, "backup.db"),
    ],
)
def test_the_next_open_says_so(left: Path, name: str, put: Callable[[Path, Path], object]) -> None:
    put(left.with_name(name), left)

    for _ in range(2):
        with pytest.raises(StoreUnusable, match="was replaced"):
            Store.open(left)


def test_of_a_copy_that_bears_the_same_time_it_is_said_that_it_may_be_one(left: Path) -> None:
    shutil.copy2(left.with_name("copy.db"), left)
    heard: list[str] = []
    Store.open(left, tell=heard.append).close()
    Store.open(left, tell=heard.append).close()

    assert [text.partition(", and")[0] for text in heard] == [
        f"{left} was touched while a killed process had left its log"
    ]


def test_it_is_used_once_the_log_is_accepted(left: Path) -> None:
    shutil.copy(left.with_name("copy.db"), left)
    Store.open(left, accept_log=True).close()

    assert records(left) == 35


def test_it_is_used_without_the_log_once_it_is_restored(left: Path) -> None:
    shutil.copy(left.with_name("copy.db"), left)
    left.rename(left.with_name("moved.db"))
    Store.restore(left.with_name("moved.db"), left)

    assert records(left) == 15


def test_a_backup_of_the_same_moment_is_another_file_too(left: Path) -> None:
    with Store.open(left) as store:
        store.produce("orders", "x")
        store.backup(left.with_name("newest.db"))
    with start("produce_and_stay", left, 1) as producer:
        hear(producer)
        shutil.copy(left.with_name("newest.db"), left.with_name("again.db"))
        kill(producer)
    shutil.copy(left.with_name("again.db"), left)

    with pytest.raises(StoreUnusable, match="was replaced"):
        Store.open(left)


FOREIGN = """
import os, sqlite3, sys
theirs = sqlite3.connect(sys.argv[1], isolation_level=None)
theirs.execute("create table theirs (x)")
theirs.execute("pragma wal_checkpoint")
os._exit(0)
"""


def test_another_program_that_wrote_and_was_killed_is_no_harm(left: Path) -> None:
    subprocess.run([sys.executable, "-c", FOREIGN, str(left)], check=True)
    assert left.with_name("store.db-wal").stat().st_size > 0

    assert records(left) == 35


def test_another_program_that_moves_the_log_beside_a_process_is_no_harm(left: Path) -> None:
    with Store.open(left) as store:
        store.produce("orders", "x")
        with closing(sqlite3.connect(left, isolation_level=None)) as foreign:
            foreign.execute("pragma wal_checkpoint").fetchall()
        with Store.open(left) as another:
            assert len(another.read("orders")) == 36


def test_a_copied_folder_is_no_harm(left: Path, tmp_path: Path) -> None:
    shutil.copytree(left.parent, tmp_path / "copied", ignore=lambda *_: ["copied"])

    assert records(tmp_path / "copied" / "store.db") == 35


def test_nor_is_another_boot(left: Path, clock: ManualClock) -> None:
    os.utime(left)
    with Store.open(left, clock=clock) as store:
        assert store.topic("orders").partitions[0].end == 35
