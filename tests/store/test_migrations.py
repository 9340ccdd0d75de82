"""A store made by an older mq comes out the same as a new one."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from store import Store
from store.model.clock import ManualClock
from store.sqlite.file import files

DATA = Path(__file__).parent / "data"


def create_with_schema(
    version: int, path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """An empty store as an mq with that schema made it."""
    statements = files.split_statements((DATA / f"schema-{version}.sql").read_text())
    with monkeypatch.context() as patch:
        patch.setattr(files, "SCHEMA_VERSION", version)
        patch.setattr(files, "schema_statements", lambda: statements)
        files.create(path, "normal", clock, 1.0)
    return path


@pytest.fixture
def old_store(path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store as schema 1 had it, with a topic and a queue."""
    create_with_schema(1, path, clock, monkeypatch)
    with closing(sqlite3.connect(path)) as connection:
        for name, kind in (("orders", "topic"), ("mails", "queue")):
            connection.execute(
                "insert into mq_channels (name, kind, created) values (?, ?, 0)", (name, kind)
            )
        connection.execute(
            "insert into mq_queues (channel, fifo, delay, retention, max_message, retry_delays,"
            " content_dedup, dedup_scope, priorities, overflow, single_active, fair)"
            " values (2, 0, 0, 1000, 1000, '[]', 0, 'queue', 1, 'drop-head', 0, 0)"
        )
        connection.execute(
            "insert into mq_readers (kind, name, channel, source, created, lease)"
            " values ('queue', 'mails', 2, 2, 0, 30000)"
        )
        connection.execute("insert into mq_partitions (channel, number) values (2, 0)")
        connection.execute("insert into mq_slots (reader, partition, cursor) values (1, 1, 0)")
        connection.commit()
    return path


def objects(path: Path) -> dict[tuple[str, str], str]:
    """Every index, trigger and column of a store, with its definition."""
    with closing(sqlite3.connect(path)) as connection:
        found = {
            (type, name): sql
            for type, name, sql in connection.execute(
                "select type, name, sql from sqlite_master"
                " where type in ('index', 'trigger') and sql not null"
            )
        }
        for table, sql in connection.execute(
            "select name, sql from sqlite_master where type = 'table'"
        ):
            found["check", table] = repr(sorted(re.findall(r"check \(length.*?\)\)?", sql)))
            for column in connection.execute(f"pragma table_info({table})"):
                found[table, column[1]] = repr(column[2:])
    return found


@pytest.mark.parametrize("version", range(1, files.SCHEMA_VERSION))
def test_an_old_store_has_the_tables_columns_and_indexes_of_a_new_one(
    version: int, tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = create_with_schema(version, tmp_path / "old.db", clock, monkeypatch)

    with Store.open(old, clock=clock) as upgraded:
        assert upgraded.verify() == []
    Store.open(tmp_path / "new.db", create=True, clock=clock).close()

    assert objects(old) == objects(tmp_path / "new.db")


def test_a_column_with_a_default_needs_no_step(
    old_store: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    column, trigger = "  wait integer", " on mq_queues begin"
    statements = [
        statement.replace(
            column, f"  rest integer not null default 7, -- a rest\n{column}"
        ).replace(trigger, f", rest{trigger}")
        for statement in files.schema_statements()
    ]
    monkeypatch.setattr(files, "schema_statements", lambda: statements)

    Store.open(old_store, clock=clock).close()

    with closing(sqlite3.connect(old_store)) as connection:
        assert connection.execute("select rest from mq_queues").fetchall() == [(7,)]
        before = connection.execute("select generation from mq_store").fetchone()[0]
        connection.execute("update mq_queues set rest = 8")
        assert connection.execute("select generation from mq_store").fetchone()[0] == before + 1


def test_the_queues_of_an_old_store_go_on(old_store: Path, clock: ManualClock) -> None:
    with Store.open(old_store, clock=clock) as store:
        store.send("mails", "hello")
        (message,) = store.receive("mails")
        store.ack([message.receipt or ""])

        assert store.queue("mails").acknowledged == 1


def test_an_old_queues_counts_of_what_left_it_stay(old_store: Path, clock: ManualClock) -> None:
    with closing(sqlite3.connect(old_store)) as connection:
        connection.execute("update mq_queues set acknowledged = 5, dropped = 2")
        connection.execute("update mq_partitions set next = 10")
        connection.commit()

    with Store.open(old_store, clock=clock) as store:
        status = store.queue("mails")
        store.send("mails", "hello")
        store.ack([message.receipt or "" for message in store.receive("mails")])

        assert (status.acknowledged, status.dropped) == (5, 2)
        assert store.queue("mails").acknowledged == 6


def test_the_dead_letters_of_an_old_store_are_counted(old_store: Path, clock: ManualClock) -> None:
    with closing(sqlite3.connect(old_store)) as connection:
        connection.executemany(
            "insert into mq_origins (record, message_id, sent, reason) values (?, ?, 0, ?)",
            [((1 << 40) + n, bytes(16), reason) for n, reason in enumerate(["expired", None])],
        )
        connection.commit()

    with Store.open(old_store, clock=clock) as store:
        assert store.queue("mails").dead_letters == 1
