"""Confirmed commits that are gone are told of, and nothing else is."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from time import time

import pytest

from store import Store
from store.model.clock import ManualClock
from store.model.maintenance import CommitLoss
from store.sqlite.file import lockfile
from tests.support.invariants import check_invariants
from tests.support.processes import hear, kill, start

FRAME = 4096 + 24


@pytest.fixture
def orders(path: Path) -> Store:
    """A closed store by this machine's clock, with the topic `orders` and a queue `mails`."""
    with Store.open(path, create=True, durability="normal") as store:
        store.create_topic("orders")
        store.create_queue("mails")
    return store


@pytest.fixture
def left_log(orders: Store, path: Path) -> Path:
    """The log of a process that was killed after 60 confirmed records."""
    with start("produce_and_stay", path, 60) as producer:
        hear(producer)
        kill(producer)
    return path.with_name("store.db-wal")


def look(path: Path) -> tuple[int, int]:
    """How many commits are missing, and how many records there are."""
    with Store.open(path) as store:
        loss = store.lost_commits()
        assert len(store.verify()) == (loss is not None)
        return loss.commits if loss else 0, len(store.read("orders"))


def flip(file: Path, place: int) -> None:
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)


def test_a_kill_loses_nothing(left_log: Path, path: Path) -> None:
    assert look(path) == (0, 60)


@pytest.mark.parametrize("place", [0, 1, 500, 40 * FRAME, 100 * FRAME + 7])
def test_a_flipped_bit_in_the_log_is_told_of_exactly(
    left_log: Path, path: Path, place: int
) -> None:
    flip(left_log, place)
    lost, records = look(path)

    assert lost == 60 - records
    assert lost > 0


@pytest.mark.parametrize("length", [0, 100, 32 + 50 * FRAME])
def test_a_log_that_was_cut_is_told_of_exactly(left_log: Path, path: Path, length: int) -> None:
    os.truncate(left_log, length)
    lost, records = look(path)

    assert lost == 60 - records
    assert lost > 0


def test_a_log_that_was_removed_is_told_of(left_log: Path, path: Path) -> None:
    left_log.unlink()

    assert look(path) == (60, 0)


def test_an_index_that_was_removed_costs_nothing(left_log: Path, path: Path) -> None:
    path.with_name("store.db-shm").unlink()

    assert look(path) == (0, 60)


def test_it_is_told_since_when(left_log: Path, path: Path) -> None:
    os.truncate(left_log, 32 + 100 * FRAME)
    with Store.open(path) as store:
        loss = store.lost_commits()

        assert loss is not None
        assert store.status().created <= loss.since <= time() * 1000


def copy_beside(path: Path, folder: Path, *suffixes: str) -> Path:
    """Copy files of a store that is open, as another program would."""
    folder.mkdir(exist_ok=True)
    for suffix in suffixes:
        name = f"store.db{suffix}"
        subprocess.run(["cp", path.with_name(name), folder / name], check=True)
    return folder / "store.db"


def test_the_time_is_that_of_the_last_commit_that_is_there(
    open_store: Callable[..., Store], path: Path, tmp_path: Path, clock: ManualClock
) -> None:
    store = open_store()
    store.create_topic("orders")
    clock.advance(3600)
    store.produce("orders", "there")
    last = clock.wall()
    copy = copy_beside(path, tmp_path / "copy", "", "-wal")
    for _ in range(3):
        clock.advance(3600)
        store.produce("orders", "gone")
    copy_beside(path, tmp_path / "copy", "-lock")

    with Store.open(copy, clock=clock) as old:
        assert old.lost_commits() == CommitLoss(3, last)
        assert [f.problem for f in old.verify()] == [
            "3 confirmed commits are missing since 2023-11-14T23:13:20.000Z"
        ]


def change_everything(store: Store) -> Iterator[str]:
    """Make commits of all kinds, and say after each what it was."""
    store.create_queue("jobs", fifo=True)
    yield "create"
    store.produce("orders", "x")
    yield "produce"
    store.produce_many("orders", ["x"] * 50)
    yield "produce_many"
    store.send("mails", "x")
    yield "send"
    store.send_many("mails", ["x"] * 50)
    yield "send_many"
    store.send("jobs", "x", message_group="g")
    yield "send to FIFO"
    messages = store.receive("mails", 10)
    yield "receive"
    store.ack([messages[0].receipt or ""])
    yield "ack"
    store.nack([messages[1].receipt or ""], delay=60)
    yield "nack"
    store.extend([messages[2].receipt or ""], 60)
    yield "extend"
    store.reject([messages[3].receipt or ""])
    yield "reject"
    with store.consumer("billing", ["orders"]) as consumer:
        yield "join"
        consumer.poll(3, timeout=0)
        consumer.commit()
        yield "commit"
    yield "leave"
    store.create_share("packers", "orders")
    yield "create_share"
    shared = store.acquire("packers", 3)
    yield "acquire"
    store.ack([shared[0].receipt or ""])
    yield "ack of a share"
    store.purge_queue("mails")
    yield "purge"
    with store.transaction() as tx:
        tx.execute("create table mine (x)")
    yield "a table"
    with store.transaction() as tx:
        tx.execute("insert into mine values (1)")
    yield "a row"
    with store.transaction() as tx:
        tx.produce("orders", "x")
        tx.send("mails", "x")
    yield "transaction"
    store.delete_queue("jobs")
    yield "delete"


def test_every_commit_has_a_number_in_the_file_and_beside_it(orders: Store, path: Path) -> None:
    last, silent = 0, []
    with Store.open(path) as store:
        for name in change_everything(store):
            mark = lockfile.read_mark(path)
            assert mark is not None
            check_invariants(path)
            if mark.commits <= last:
                silent.append(name)
            last = mark.commits

    assert silent == []


def test_it_is_told_until_it_is_accepted(left_log: Path, path: Path) -> None:
    left_log.unlink()
    for number in range(3):
        with Store.open(path) as store:
            store.produce("orders", f"after {number}")
        assert look(path) == (60, number + 1)

    with Store.open(path) as store:
        accepted = store.accept_losses()
    assert accepted is not None
    assert accepted.commits == 60
    assert look(path) == (0, 3)


def test_two_losses_add_up(left_log: Path, path: Path) -> None:
    left_log.unlink()
    for _ in range(2):
        with start("produce_and_stay", path, 5) as producer:
            hear(producer)
            kill(producer)
        left_log.unlink()

    assert look(path) == (70, 0)


def test_the_logger_hears_it(left_log: Path, path: Path, caplog: pytest.LogCaptureFixture) -> None:
    left_log.unlink()
    Store.open(path).close()

    (record,) = caplog.records
    assert (record.name, record.levelno) == ("mq", logging.WARNING)
    assert "60 confirmed commits are missing since " in record.getMessage()


def test_who_asks_for_it_hears_it_instead(
    left_log: Path, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    left_log.unlink()
    heard: list[str] = []
    Store.open(path, tell=heard.append).close()

    assert len(heard) == 1
    assert caplog.records == []


def test_the_doctor_finds_it_critical(left_log: Path, path: Path) -> None:
    left_log.unlink()
    with Store.open(path) as store:
        findings = [one for one in store.doctor() if one.code == "lost_commits"]

    assert [(one.severity, one.do) for one in findings] == [("critical", ("mq store accept",))]


@pytest.mark.parametrize("point", ["commit.before", "commit.after", "close.before", "close.after"])
def test_who_is_killed_beside_a_commit_loses_nothing_that_was_confirmed(
    orders: Store, path: Path, point: str
) -> None:
    with start("produce", path, "killed", 0, 3, MQ_CRASH_AT=point) as producer:
        producer.wait()
    assert look(path)[0] == 0


class TestFalseAlarms:
    """Whoever moves, copies or replaces files of a store that is closed is told of nothing."""

    @pytest.fixture
    def used(self, orders: Store, path: Path) -> Path:
        """A store with ten records more than its copy `older.db`."""
        with Store.open(path) as store:
            store.produce("orders", "x")
            store.backup(path.with_name("backup.db"))
        shutil.copy(path, path.with_name("older.db"))
        for _ in range(2):
            with Store.open(path) as store:
                for _ in range(5):
                    store.produce("orders", "x")
        return path

    def test_a_store_that_was_moved(self, used: Path) -> None:
        used.rename(used.with_name("moved.db"))

        assert look(used.with_name("moved.db")) == (0, 11)

    def test_a_folder_that_was_copied(self, used: Path, tmp_path: Path) -> None:
        shutil.copytree(used.parent, tmp_path / "copied")

        assert look(tmp_path / "copied" / "store.db") == (0, 11)

    @pytest.mark.parametrize("older", ["older.db", "backup.db"])
    @pytest.mark.parametrize("put", [shutil.copy, shutil.copy2, os.replace])
    def test_an_older_file_in_its_place(
        self, used: Path, older: str, put: Callable[[Path, Path], object]
    ) -> None:
        put(used.with_name(older), used)

        assert look(used) == (0, 1)
        with Store.open(used) as store:
            store.produce("orders", "x")
        assert look(used) == (0, 2)

    def test_another_store_in_its_place(self, used: Path) -> None:
        other = used.with_name("other.db")
        with Store.open(other, create=True) as store:
            store.create_topic("orders")
        other.rename(used)

        assert look(used) == (0, 0)

    def test_a_new_store_in_its_place(self, used: Path) -> None:
        used.unlink()
        with Store.open(used, create=True) as store:
            store.create_topic("orders")

        assert look(used) == (0, 0)

    def test_a_lock_file_that_was_removed(self, used: Path) -> None:
        used.with_name("store.db-lock").unlink()

        assert look(used) == (0, 11)

    def test_a_lock_file_that_is_old(self, used: Path, tmp_path: Path) -> None:
        lock = used.with_name("store.db-lock")
        shutil.copy(lock, tmp_path / "old")
        with Store.open(used) as store:
            store.produce("orders", "x")
        shutil.copy(tmp_path / "old", lock)

        assert look(used) == (0, 12)

    @pytest.mark.parametrize("content", [b"", b"123", b"x" * 50, b"\xff" * 9000])
    def test_a_lock_file_with_anything_in_it(self, used: Path, content: bytes) -> None:
        used.with_name("store.db-lock").write_bytes(content)

        assert look(used) == (0, 11)
        with Store.open(used) as store:
            store.produce("orders", "x")
        assert look(used) == (0, 12)

    def test_another_program_that_puts_the_log_into_the_file(
        self, left_log: Path, path: Path
    ) -> None:
        with closing(sqlite3.connect(path)) as foreign:
            foreign.execute("select * from mq_store").fetchall()
        assert not left_log.exists()

        assert look(path) == (0, 60)
