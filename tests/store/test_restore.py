"""A backup is put in the place of a store, whole or not at all, and whoever uses it is told."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from store import (
    BadInput,
    Busy,
    Damaged,
    ForeignFile,
    NotFound,
    Store,
    StoreUnusable,
    parse_position,
)
from store.model.clock import ManualClock
from store.sqlite.file import files
from store.sqlite.file.lockfile import WriteLock
from tests.store.test_migrations import create_with_schema
from tests.support.invariants import check_all
from tests.support.processes import finish, hear, kill, start


@pytest.fixture
def orders(path: Path) -> Iterator[Store]:
    """A store by this machine's clock, with the topic `orders` and ten records."""
    with Store.open(path, create=True, durability="normal") as store:
        store.create_topic("orders")
        store.produce_many("orders", [b"%d" % n for n in range(10)])
        yield store


@pytest.fixture
def backup(orders: Store, tmp_path: Path) -> Path:
    """A backup of the ten records, after which the store got five more."""
    orders.backup(tmp_path / "backup.db")
    for _ in range(5):
        orders.produce("orders", "later")
    return tmp_path / "backup.db"


def records(path: Path) -> int:
    with Store.open(path) as store:
        check_all(store)
        return len(store.read("orders"))


def beside(path: Path) -> set[str]:
    return {found.name for found in path.parent.iterdir() if found.name.startswith(path.name)}


def test_the_store_is_what_the_backup_was(orders: Store, backup: Path, path: Path) -> None:
    orders.close()
    restored = Store.restore(backup, path)

    assert (restored.records, restored.topics, restored.bytes) == (10, 1, path.stat().st_size)
    assert records(path) == 10
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_backup_stays_as_it_is(orders: Store, backup: Path, path: Path) -> None:
    orders.close()
    before = backup.read_bytes()
    Store.restore(backup, path)

    assert backup.read_bytes() == before
    assert beside(backup) == {"backup.db"}


def test_nothing_is_missing_in_a_restored_store(orders: Store, backup: Path, path: Path) -> None:
    orders.close()
    Store.restore(backup, path)
    with Store.open(path) as store:
        assert store.lost_commits() is None
        store.produce("orders", "x")

    assert records(path) == 11


def test_who_has_the_store_open_is_told_and_writes_nothing(
    orders: Store, backup: Path, path: Path
) -> None:
    Store.restore(backup, path)
    for call in (orders.topics, orders.changed, lambda: orders.produce("orders", "x")):
        with pytest.raises(StoreUnusable, match="removed or replaced"):
            call()
    orders.close()

    assert records(path) == 10
    assert beside(path) == {"store.db", "store.db-lock"}


def test_what_old_handles_do_when_they_close_harms_no_new_ones(
    orders: Store, backup: Path, path: Path
) -> None:
    Store.restore(backup, path)
    with Store.open(path) as new:
        new.produce("orders", "new")
        orders.close()
        new.produce("orders", "newer")

    assert records(path) == 12


def test_under_a_load_of_four_processes_nobody_confirms_what_is_not_there(
    orders: Store, backup: Path, path: Path
) -> None:
    orders.close()
    loaders = [start("produce", path, f"loader{n}", 0, 100_000) for n in range(4)]
    for loader in loaders:
        hear(loader)
    Store.restore(backup, path)
    ends = [loader.communicate(timeout=60) for loader in loaders]

    assert all("removed or replaced" in errors for _, errors in ends)
    assert records(path) == 10


def test_writers_wait_while_a_store_is_restored(orders: Store, backup: Path, path: Path) -> None:
    orders.close()
    with closing(WriteLock(path)) as lock:
        lock.acquire(0)
        with pytest.raises(Busy):
            Store.restore(backup, path, timeout=0.1)

    assert records(path) == 15


def test_a_store_is_made_where_there_is_none(backup: Path, tmp_path: Path) -> None:
    Store.restore(backup, tmp_path / "new.db")

    assert records(tmp_path / "new.db") == 10


def test_any_store_can_be_put_in_the_place_of_another(
    orders: Store, backup: Path, path: Path
) -> None:
    Store.restore(path, backup)

    assert records(backup) == 15
    assert orders.produce("orders", "x").offset == 15


def test_a_log_that_a_killed_process_left_is_not_the_restored_stores(
    orders: Store, backup: Path, path: Path
) -> None:
    orders.close()
    with start("produce_and_stay", path, 20) as producer:
        hear(producer)
        kill(producer)
    Store.restore(backup, path)

    assert records(path) == 10


def test_a_backup_of_an_older_schema_is_brought_up(
    path: Path, tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = create_with_schema(2, tmp_path / "old.db", clock, monkeypatch)
    before = old.read_bytes()
    Store.restore(old, path)

    with Store.open(path) as store:
        assert store.status().schema == files.SCHEMA_VERSION
        check_all(store)
    assert old.read_bytes() == before
    assert beside(path) == {"store.db", "store.db-lock"}


def test_a_damaged_backup_is_refused_and_the_store_kept(
    orders: Store, backup: Path, path: Path
) -> None:
    with closing(sqlite3.connect(backup, isolation_level=None)) as foreign:
        foreign.execute("update mq_records set value = x'00' where id & 1023 = 3")
    before = beside(path)
    with pytest.raises(Damaged, match="orders/0@3"):
        Store.restore(backup, path)

    assert orders.produce("orders", "x").offset == 15
    assert beside(path) == before


@pytest.mark.parametrize("content", [b"", b"some text\n" * 100])
def test_a_backup_that_is_none_is_refused(orders: Store, path: Path, content: bytes) -> None:
    path.with_name("none.db").write_bytes(content)
    with pytest.raises(ForeignFile):
        Store.restore(path.with_name("none.db"), path)

    assert orders.produce("orders", "x").offset == 10


def test_a_backup_that_is_not_there_is_not_found(orders: Store, path: Path) -> None:
    with pytest.raises(NotFound):
        Store.restore(path.with_name("none.db"), path)


def test_a_store_is_not_its_own_backup(orders: Store, path: Path) -> None:
    with pytest.raises(BadInput, match="the store itself"):
        Store.restore(path, path)


@pytest.mark.parametrize("content", [b"", b"some text\n" * 100])
def test_a_file_that_is_no_store_is_not_replaced(
    backup: Path, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "notes.txt").write_bytes(content)
    with pytest.raises(ForeignFile):
        Store.restore(backup, tmp_path / "notes.txt")

    assert (tmp_path / "notes.txt").read_bytes() == content
    assert beside(tmp_path / "notes.txt") == {"notes.txt"}


def test_a_foreign_database_is_not_replaced(backup: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "theirs.db", isolation_level=None)) as theirs:
        theirs.execute("pragma journal_mode = wal")
        theirs.execute("create table theirs (x)")
    with pytest.raises(ForeignFile):
        Store.restore(backup, tmp_path / "theirs.db")

    assert beside(tmp_path / "theirs.db") == {"theirs.db"}


@pytest.mark.parametrize("damage", ["header", "pages", "empty", "short"])
def test_a_store_that_can_not_be_read_is_replaced(
    orders: Store, backup: Path, path: Path, damage: str
) -> None:
    orders.close()
    content = path.read_bytes()
    path.write_bytes(
        {
            "header": bytes(100) + content[100:],
            "pages": content[:4096] + os.urandom(len(content) - 4096),
            "empty": b"",
            "short": content[:5000],
        }[damage]
    )
    Store.restore(backup, path)

    assert records(path) == 10


POINTS = ["draft.written", "draft.noted", "draft.renamed", "draft.alone"]


@pytest.mark.parametrize("log", ["left", "in use", "none"])
@pytest.mark.parametrize("point", POINTS)
def test_a_restore_that_is_killed_leaves_the_old_store_or_the_new_one(
    orders: Store, backup: Path, path: Path, point: str, log: str
) -> None:
    orders.close()
    with start("produce_and_stay", path, 20) as producer:
        hear(producer)
        if log == "left":
            kill(producer)
        elif log == "none":
            finish(producer)
        with start("restore", backup, path, MQ_CRASH_AT=point) as restoring:
            restoring.wait(60)
        assert restoring.returncode == -signal.SIGKILL

        assert records(path) == (35 if point in POINTS[:2] else 10)
        if log == "in use":
            producer.communicate("\n", timeout=60)
    assert records(path) == (35 if point in POINTS[:2] else 10)
    Store.restore(backup, path)
    assert records(path) == 10
    assert [name for name in os.listdir(path.parent) if ".new" in name] == []


@pytest.mark.parametrize("point", ["upgrade.copied", "upgrade.before", "upgrade.after", *POINTS])
def test_an_upgrade_that_is_killed_is_done_by_the_next_open(
    path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    create_with_schema(2, path, clock, monkeypatch)
    with start("vacuum", path, MQ_CRASH_AT=point) as process:
        process.wait(60)
    assert process.returncode == -signal.SIGKILL

    with Store.open(path) as store:
        assert store.status().schema == files.SCHEMA_VERSION
        check_all(store)
    assert [name for name in os.listdir(path.parent) if ".new" in name] == []


@pytest.mark.parametrize(
    "point", ["commit.before:2", "commit.after:1", "checkpoint.after", "close.before"]
)
def test_a_vacuum_that_is_killed_loses_nothing(orders: Store, path: Path, point: str) -> None:
    orders.produce_many("orders", [b"x" * 1000] * 2000)
    orders.trim("orders", parse_position("1500", 0))
    orders.close()
    with start("vacuum", path, MQ_CRASH_AT=point) as process:
        process.wait(60)
    assert process.returncode == -signal.SIGKILL

    assert records(path) == 510
