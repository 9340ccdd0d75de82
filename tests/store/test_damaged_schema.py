"""Damage to the statements of the schema: found, named, and never an error of Python."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest

from store import Damaged, Store
from store.model.clock import ManualClock
from store.sqlite.operations import maintenance
from tests.support.damage import alter

DAMAGES = [
    ("trigger mq_origins_removed", "- 1", "- 2"),
    ("trigger mq_channels_altered", "generation + 1", "generation + 0"),
    ("index mq_leases_due", "(reader, priority", "(reader, prioritz"),
    ("index mq_records_expires", "is not null", "is     null"),
    ("table mq_origins", "reason", "re\udcffson"),
    ("table mq_origins", "check (reason in", "check (re\udcffson in"),
    ("table mq_partitions", "check (dead_letters >= 0)", "check (dead_letters >= 9)"),
    ("table mq_queues", "strict", "      "),
]


def damaged(path: Path, name: str, old: str, new: str) -> None:
    """Change bytes of the statement that made something, in the pages of the schema."""
    with closing(sqlite3.connect(path)) as connection:
        row = connection.execute(
            "select sql from sqlite_schema where name = ?", (name.split()[1],)
        ).fetchone()
    before = row[0].encode()
    after = before.replace(old.encode(), new.encode(errors="surrogateescape"), 1)
    content = path.read_bytes()
    assert before != after
    assert content.count(before) == 1
    path.write_bytes(content.replace(before, after))


@pytest.fixture
def closed(orders: Store) -> Path:
    """The file of a closed store with a queue."""
    orders.create_queue("mails")
    orders.close()
    return orders.path


@pytest.mark.parametrize(("name", "old", "new"), DAMAGES)
def test_verify_names_it_and_no_copy_is_made(
    closed: Path, tmp_path: Path, clock: ManualClock, name: str, old: str, new: str
) -> None:
    damaged(closed, name, old, new)
    told = f"the statement that made the {name} is damaged"
    assert ("file", told) in [(each.address, each.problem) for each in maintenance.verify(closed)]
    with pytest.raises(Damaged), Store.open(closed, clock=clock) as store:
        store.backup(tmp_path / "copy.db")


@pytest.mark.parametrize(("name", "old", "new"), DAMAGES)
def test_no_call_ends_with_another_error_than_damage(
    closed: Path, clock: ManualClock, name: str, old: str, new: str
) -> None:
    damaged(closed, name, old, new)
    with suppress(Damaged), Store.open(closed, clock=clock) as store:
        store.send("mails", "x")
        store.receive("mails")
        store.vacuum()


@pytest.mark.parametrize("kind", ["index", "trigger"])
def test_one_that_is_missing_is_named(orders: Store, kind: str) -> None:
    name = {"index": "mq_leases_due", "trigger": "mq_origins_put"}[kind]
    alter(orders, f"drop {kind} {name}")

    assert [each.problem for each in orders.verify()] == [f"the {kind} {name} is missing"]


def test_tables_triggers_and_indexes_of_the_users_own_are_no_damage(orders: Store) -> None:
    alter(orders, "create table own (id integer primary key)")
    alter(orders, "create index own_index on own (id)")
    alter(orders, "create trigger own_trigger after delete on own begin select 1; end")

    assert orders.verify() == []
