"""Closing: the last one out leaves the file whole and alone, and nobody else is disturbed."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from time import monotonic

import pytest

from store import MqError, NotFound, Store, StoreUnusable
from store.sqlite.file import lock_waiting, lockfile
from store.sqlite.file.lockfile import WriteLock
from tests.support.invariants import check_all
from tests.support.processes import PATIENCE, SLOW_MACHINE, finish, hear, kill, start

ALONE = {"store.db", "store.db-lock"}
IN_USE = ALONE | {"store.db-shm", "store.db-wal"}


@pytest.fixture
def orders(path: Path) -> Iterator[Store]:
    """A store by this machine's clock, with the topic `orders` and ten records; open."""
    with Store.open(path, create=True, durability="normal") as store:
        store.create_topic("orders")
        store.produce_many("orders", [b"%d" % n for n in range(10)])
        yield store


def beside(path: Path) -> set[str]:
    return {found.name for found in path.parent.iterdir()}


def values(path: Path) -> list[bytes | None]:
    with Store.open(path) as store:
        check_all(store)
        return [record.value for record in store.read("orders")]


@pytest.mark.parametrize("durability", ["full", "normal"])
def test_the_last_close_leaves_the_file_alone(path: Path, durability: str) -> None:
    with Store.open(path, create=True, durability=durability) as store:
        store.create_topic("orders")
        store.produce("orders", "x")

    assert beside(path) == ALONE


@pytest.mark.parametrize("take", [shutil.copy, shutil.move])
def test_the_file_of_a_closed_store_is_the_store(
    orders: Store, tmp_path: Path, take: Callable[[Path, Path], object]
) -> None:
    orders.produce("orders", "last")
    orders.close()
    take(orders.path, tmp_path / "elsewhere.db")

    assert values(tmp_path / "elsewhere.db")[-1] == b"last"


def test_a_close_does_not_wait_for_the_end_of_a_statement(orders: Store, path: Path) -> None:
    orders.create_topic("mails", partitions=2)
    for begin in (orders._read, orders._write):
        with suppress(NotFound), begin() as tx:
            tx.row("select id from mq_partitions")
            raise NotFound("the rows behind the first one are not asked for")
    orders.close()

    assert beside(path) == ALONE


def test_who_only_read_and_closes_last_leaves_the_file_alone(orders: Store, path: Path) -> None:
    reader = Store.open(path)
    reader.topics()
    orders.produce("orders", "last")
    orders.close()
    assert beside(path) == IN_USE

    reader.close()
    assert beside(path) == ALONE
    assert values(path)[-1] == b"last"


def test_who_only_read_removes_what_reading_took(orders: Store, path: Path) -> None:
    orders.close()
    with Store.open(path) as reader:
        reader.topics()
        assert beside(path) == IN_USE

    assert beside(path) == ALONE


def test_a_close_that_is_not_the_last_moves_nothing(orders: Store, path: Path) -> None:
    with Store.open(path) as other:
        other.produce("orders", "x")
        before = path.stat().st_mtime_ns
    assert path.stat().st_mtime_ns == before
    assert beside(path) == IN_USE

    orders.close()
    assert beside(path) == ALONE


def test_connections_of_all_threads_are_closed(orders: Store, path: Path) -> None:
    at_work = threading.Barrier(4)

    def produce() -> None:
        orders.produce("orders", "x")
        at_work.wait(PATIENCE)
        at_work.wait(PATIENCE)

    threads = [threading.Thread(target=produce) for _ in range(3)]
    for thread in threads:
        thread.start()
    at_work.wait(PATIENCE)
    orders.close()
    at_work.wait(PATIENCE)
    for thread in threads:
        thread.join(PATIENCE)

    assert beside(path) == ALONE
    assert len(values(path)) == 13


def test_the_thread_that_opened_a_store_may_end_before_it_is_used(orders: Store) -> None:
    opened: list[Store] = []
    opener = threading.Thread(target=lambda: opened.append(Store.open(orders.path)))
    opener.start()
    opener.join(PATIENCE)
    orders.close()

    assert opened[0].produce("orders", "x").offset == 10
    opened[0].close()
    assert beside(orders.path) == ALONE


def test_after_a_kill_the_next_close_leaves_the_file_alone(orders: Store, path: Path) -> None:
    orders.close()
    with start("produce", path, "killed", 0, 1000) as producer:
        confirmed = len([hear(producer) for _ in range(20)]) + len(kill(producer))
    assert "store.db-wal" in beside(path)
    with Store.open(path) as reader:
        reader.topics()

    assert beside(path) == ALONE
    assert len(values(path)) >= 10 + confirmed


@pytest.mark.parametrize("point", ["close.before", "close.after"])
def test_who_is_killed_while_it_closes_loses_nothing(orders: Store, path: Path, point: str) -> None:
    orders.close()
    with start("produce", path, "killed", 0, 5, MQ_CRASH_AT=point) as producer:
        producer.wait(PATIENCE)
    assert producer.returncode == -signal.SIGKILL

    assert len(values(path)) == 15
    assert beside(path) == ALONE


def test_24_processes_that_come_and_go_leave_the_file_alone(orders: Store, path: Path) -> None:
    orders.close()
    for _ in range(2):
        comers = [start("produce_once", path, PATIENCE) for _ in range(24)]
        assert all(finish(comer)[-1].startswith("orders/0@") for comer in comers)

        assert beside(path) == ALONE
    assert len(values(path)) == 10 + 2 * 24


def test_a_close_does_not_wait_for_a_stopped_process(orders: Store, path: Path) -> None:
    with start("hold", path) as holder:
        assert hear(holder) == "held"
        os.kill(holder.pid, signal.SIGSTOP)
        began = monotonic()
        orders.close()
        assert monotonic() - began < 0.5 * SLOW_MACHINE
        os.kill(holder.pid, signal.SIGCONT)
        finish(holder)

    assert beside(path) == ALONE


def test_of_two_that_close_at_once_the_later_one_cleans_up(
    orders: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closing_too = WriteLock(path)
    closing_too.acquire(0)
    closing_too.set_state(lockfile.CLOSING)

    monkeypatch.setattr(lock_waiting, "pause", closing_too.release)
    orders.close()

    assert beside(path) == ALONE


def test_a_log_that_does_not_fit_stays_for_the_next_close(orders: Store, path: Path) -> None:
    orders.close()
    with start("close_without_room", path) as process:
        finish(process)
    assert "store.db-wal" in beside(path)

    assert len(values(path)) == 10 + 100
    assert beside(path) == ALONE


def test_a_child_of_fork_closes_nothing(orders: Store) -> None:
    child = os.fork()
    if child == 0:
        orders.close()
        os._exit(0)
    os.waitpid(child, 0)

    assert beside(orders.path) == IN_USE
    assert orders.produce("orders", "x").offset == 10


def test_a_store_that_is_forgotten_is_closed(orders: Store, path: Path) -> None:
    orders.close()
    Store.open(path).produce("orders", "x")
    gc.collect()

    assert beside(path) == ALONE


def test_a_program_that_ends_without_closing_its_store_leaves_the_file_alone(
    orders: Store, path: Path
) -> None:
    orders.close()
    with start("end_without_close", path) as process:
        finish(process)

    assert beside(path) == ALONE
    assert len(values(path)) == 11


def test_the_log_of_a_foreign_database_is_left_to_it(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as theirs:
        theirs.execute("pragma journal_mode = wal")
        theirs.execute("create table theirs (x)")
        shutil.copy(path, path.with_name("copy.db"))
        shutil.copy(f"{path}-wal", path.with_name("copy.db-wal"))
    log = path.with_name("copy.db-wal").read_bytes()
    with pytest.raises(StoreUnusable):
        Store.open(path.with_name("copy.db"))

    assert path.with_name("copy.db-wal").read_bytes() == log


NOBODY = 65534


def without_write_access(store: Store, look: Callable[[Store], object]) -> str:
    """What a process sees that may read the store and its folder, but write to neither."""
    for file in store.path.parent.iterdir():
        file.chmod(0o444)
    for folder in (store.path.parent, *store.path.parents[1:4]):
        folder.chmod(0o555)
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        if os.getuid() == 0:
            os.setuid(NOBODY)
        try:
            with Store.open(store.path) as reader:
                answer = str(look(reader))
        except MqError as error:
            answer = f"{type(error).__name__}: {error}"
        os.write(write_end, answer.encode())
        os._exit(0)
    os.close(write_end)
    os.waitpid(child, 0)
    for folder in (store.path.parent, *store.path.parents[1:4]):
        folder.chmod(0o755)
    with os.fdopen(read_end) as answered:
        return answered.read()


def test_who_may_only_read_closes_without_an_error(orders: Store, path: Path) -> None:
    with Store.open(path) as warm:
        warm.topics()

    assert without_write_access(orders, lambda store: len(store.topics())) == "1"
    assert beside(path) == IN_USE
    orders.close()
    assert beside(path) == ALONE


def test_who_may_only_read_reads_a_closed_store(orders: Store, path: Path) -> None:
    orders.close()
    Store.open(path).close()

    assert without_write_access(orders, lambda store: len(store.read("orders"))) == "10"
    assert without_write_access(orders, lambda store: store.lost_commits()) == "None"
    assert beside(path) == ALONE


def test_who_may_only_read_can_not_write_and_is_told_what_that_takes(
    orders: Store, path: Path
) -> None:
    orders.close()
    Store.open(path).close()

    said = without_write_access(orders, lambda store: store.produce("orders", "x"))
    assert said.startswith("MqError: ")
    assert "Permission denied" in said
