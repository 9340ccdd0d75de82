"""A disk that fails and a machine without descriptors, as the Python API tells it."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from store import DeviceError, MqError, OutcomeUnknown, Store
from store.sqlite.file.connections import translate
from tests.support.processes import finish, hear, kill, start

Fail = Callable[..., dict[str, str]]


@pytest.fixture
def ledger(orders: Store) -> Store:
    """A store with tables of the user's own, of which one refers to the other."""
    with orders.transaction() as tx:
        tx.execute("create table accounts (id integer primary key)")
        tx.execute(
            "create table ledger (account integer"
            " references accounts deferrable initially deferred)"
        )
    return orders


def test_a_failed_fsync_is_told_and_not_what_leaving_the_group_then_meets(
    orders: Store, path: Path, fail: Fail
) -> None:
    orders.set_durability("full")
    # The first commit is that of joining.
    program = start("commit_as_member", path, **fail("sync", errno.EIO, "-wal", 2, "+"))

    assert [line.partition(":")[0] for line in finish(program)] == ["polled", "outcome_unknown"]


def test_a_commit_that_sqlite_refuses_for_its_contents_leaves_nothing_open(ledger: Store) -> None:
    with pytest.raises(MqError, match="FOREIGN KEY") as caught, ledger.transaction() as tx:
        tx.execute("insert into ledger values (7)")

    assert not isinstance(caught.value, OutcomeUnknown)
    assert ledger.produce("orders", "next").offset == 10


def test_upkeep_that_fails_does_not_make_doubtful_what_is_stored(store: Store) -> None:
    def fail() -> None:
        raise DeviceError("the disk can't be read")

    store.create_topic("orders")
    with store._write() as tx:
        tx.execute("update mq_store set generation = generation + 1")
        tx.after_commit.append(fail)

    assert store.produce("orders", "one").offset == 0


def test_an_error_of_the_block_is_told_and_not_that_of_closing(orders: Store) -> None:
    transaction = orders.transaction()

    def fail() -> None:
        with orders:
            transaction.__enter__()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    transaction.__exit__(ZeroDivisionError, ZeroDivisionError(), None)


def test_damage_is_not_called_a_failing_disk_where_the_disk_can_be_read(orders: Store) -> None:
    error = sqlite3.DatabaseError("malformed")
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT

    assert getattr(translate(error, orders.path), "code", None) == "damaged"


def test_who_can_not_look_for_a_holder_takes_nothing_from_it(path: Path) -> None:
    with Store.open(path, create=True) as store:
        store.create_queue("jobs")
        store.send("jobs", "held")
    holder = start("lease", path, "jobs", "attached")
    assert hear(holder) == "1"

    assert finish(start("receive_without_descriptors", path)) == ["0"]
    kill(holder)
