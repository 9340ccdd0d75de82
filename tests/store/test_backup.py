"""A backup is a store of its own: one moment of the original, made while others write."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from store import BadInput, Busy, Damaged, Exists, MqError, Store
from store.sqlite.file.lockfile import WriteLock
from tests.support.invariants import check_all
from tests.support.processes import finish, hear, kill, start


def test_a_backup_is_a_store(orders: Store, tmp_path: Path) -> None:
    size = orders.backup(tmp_path / "copy.db")

    assert size == (tmp_path / "copy.db").stat().st_size
    with Store.open(tmp_path / "copy.db") as copy:
        assert [record.value for record in copy.read("orders")] == [b"%d" % n for n in range(10)]
        assert copy.produce("orders", "next").offset == 10
        check_all(copy)
    assert orders.topic("orders").partitions[0].end == 10


def test_a_backup_keeps_groups_and_their_offsets(orders: Store, tmp_path: Path) -> None:
    with orders.consumer("billing", ["orders"]) as consumer:
        consumer.poll(3, timeout=0)
        consumer.commit()
    orders.backup(tmp_path / "copy.db")

    with Store.open(tmp_path / "copy.db") as copy:
        assert copy.lag("billing")[0].committed == 3


def test_a_backup_is_used_in_wal_mode_as_every_store(orders: Store, tmp_path: Path) -> None:
    orders.backup(tmp_path / "copy.db")

    with closing(sqlite3.connect(tmp_path / "copy.db")) as connection:
        assert connection.execute("pragma journal_mode").fetchone() == ("wal",)


@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_a_backup_is_for_its_owner_only(orders: Store, tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        orders.backup(tmp_path / "copy.db")
    finally:
        os.umask(before)

    assert stat.S_IMODE((tmp_path / "copy.db").stat().st_mode) == 0o600
    assert [name for name in os.listdir(tmp_path) if name.startswith("copy")] == ["copy.db"]


def test_a_backup_under_load_is_a_sound_prefix(orders: Store, tmp_path: Path) -> None:
    with start("produce", orders.path, "loader", 0, 100_000) as producer:
        hear(producer)
        ends = []
        for number in range(5):
            target = tmp_path / f"copy{number}.db"
            orders.backup(target)
            with Store.open(target) as copy:
                check_all(copy)
                ends.append(copy.topic("orders").partitions[0].end)
            hear(producer)
        kill(producer)

    assert ends == sorted(ends)
    assert ends[0] > 10
    assert ends[-1] <= orders.topic("orders").partitions[0].end


def test_what_was_confirmed_before_a_backup_is_in_it(orders: Store, tmp_path: Path) -> None:
    with start("produce", orders.path, "loader", 0, 20) as producer:
        confirmed = [int(line.split()[2]) for line in finish(producer)]
    orders.backup(tmp_path / "copy.db")

    with Store.open(tmp_path / "copy.db") as copy:
        assert copy.topic("orders").partitions[0].end == confirmed[-1] + 1


def test_a_backup_does_not_overwrite(orders: Store, tmp_path: Path) -> None:
    (tmp_path / "copy.db").write_text("kept")
    with pytest.raises(Exists):
        orders.backup(tmp_path / "copy.db")

    assert (tmp_path / "copy.db").read_text() == "kept"


def test_a_backup_onto_the_store_itself_is_refused(orders: Store) -> None:
    with pytest.raises(Exists):
        orders.backup(orders.path)


def test_a_backup_into_a_folder_that_is_not_there_is_refused(orders: Store, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="not a folder"):
        orders.backup(tmp_path / "nowhere" / "copy.db")


@pytest.mark.parametrize(
    "name", ["folder", "store.db-wal", "store.db-shm", "new.db-lock", "new.db-journal", "x" * 240,
             "new.db.0123abcd.new"]
)  # fmt: skip
def test_a_name_that_no_store_can_have_is_refused(orders: Store, tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    before = set(os.listdir(tmp_path))
    with pytest.raises(BadInput):
        orders.backup(tmp_path / name)

    assert set(os.listdir(tmp_path)) == before


def test_a_damaged_record_is_not_copied(orders: Store, tmp_path: Path) -> None:
    with closing(sqlite3.connect(orders.path, isolation_level=None)) as foreign:
        foreign.execute("update mq_records set value = x'00' where id & 1023 = 3")
    before = set(os.listdir(tmp_path))
    with pytest.raises(Damaged, match="orders/0@3"):
        orders.backup(tmp_path / "copy.db")

    assert set(os.listdir(tmp_path)) == before


def test_a_damaged_page_is_not_copied(orders: Store, tmp_path: Path) -> None:
    orders.produce_many("orders", [b"x" * 1000] * 200)
    orders.close()
    with orders.path.open("r+b") as file:
        file.seek(-3 * 4096, os.SEEK_END)
        file.write(os.urandom(4096))
    before = set(os.listdir(tmp_path))
    with Store.open(orders.path) as store, pytest.raises(Damaged):
        store.backup(tmp_path / "copy.db")

    assert set(os.listdir(tmp_path)) == before


def test_a_log_of_a_file_that_had_the_name_is_not_taken_for_the_copys(
    orders: Store, tmp_path: Path
) -> None:
    target = tmp_path / "copy.db"
    orders.backup(target)
    with start("produce", target, "loader", 0, 100) as loader:
        hear(loader)
        kill(loader)
    assert target.with_name("copy.db-wal").exists()
    target.unlink()
    orders.backup(target)

    with Store.open(target) as copy:
        check_all(copy)
        assert copy.topic("orders").partitions[0].end == 10


@pytest.mark.parametrize("point", ["draft.written", "draft.renamed", "draft.alone"])
def test_a_backup_that_is_killed_leaves_a_whole_copy_or_none(
    orders: Store, tmp_path: Path, point: str
) -> None:
    target = tmp_path / "copy.db"
    with start("back_up", orders.path, target, MQ_CRASH_AT=point) as process:
        process.wait(60)
    assert process.returncode == -signal.SIGKILL
    if not target.exists():
        orders.backup(target)

    with Store.open(target) as copy:
        check_all(copy)
        assert copy.topic("orders").partitions[0].end == 10
    assert [name for name in os.listdir(tmp_path) if ".new" in name] == []
    check_all(orders)


def test_the_draft_of_a_backup_that_is_under_way_is_left_to_it(
    orders: Store, tmp_path: Path
) -> None:
    draft = tmp_path / "copy.db.0123abcd.new"
    draft.touch()
    with closing(WriteLock(tmp_path / "copy.db")) as lock:
        lock.acquire(0)
        with Store.open(orders.path, timeout=0.1) as store, pytest.raises(Busy):
            store.backup(tmp_path / "copy.db")

    assert draft.exists()


def test_a_backup_that_fails_leaves_nothing_behind(
    orders: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = set(os.listdir(tmp_path))
    monkeypatch.setattr(os, "rename", _no_space)
    with pytest.raises((MqError, OSError)):
        orders.backup(tmp_path / "copy.db")

    assert set(os.listdir(tmp_path)) == before


def _no_space(*arguments: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_backup_of_an_older_moment_does_not_stop_writers(
    orders: Store, open_store: Callable[..., Store], tmp_path: Path
) -> None:
    writer = open_store()
    orders.backup(tmp_path / "copy.db")

    assert writer.produce("orders", "meanwhile").offset == 10
