"""Opening, creating and upgrading a store, and refusing what is none."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from store import BadInput, ForeignFile, MqError, NewerStore, NotFound, Store, StoreUnusable
from store.model.clock import ManualClock
from store.sqlite.file import files, migrations
from tests.support.invariants import check_all
from tests.support.processes import finish, hear, start


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def beside(path: Path) -> set[str]:
    return {found.name for found in path.parent.iterdir()}


def change(path: Path, *statements: str) -> None:
    """Change a file by plain SQL, as a foreign program would."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def test_a_store_that_is_not_there_is_not_found(path: Path) -> None:
    with pytest.raises(NotFound, match="no store at"):
        Store.open(path)
    assert beside(path) == set()


def test_a_folder_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="folder"):
        Store.open(tmp_path / "nowhere" / "store.db", create=True)


def test_create_opens_what_exists(path: Path) -> None:
    with Store.open(path, create=True) as store:
        store.create_topic("orders")
    with Store.open(path, create=True) as store:
        assert [topic.name for topic in store.topics()] == ["orders"]


def test_what_was_confirmed_is_there_after_a_reopen(
    orders: Store, open_store: Callable[..., Store]
) -> None:
    orders.close()

    assert [record.offset for record in open_store().read("orders")] == list(range(10))


def test_a_new_store_is_sound(store: Store) -> None:
    check_all(store)


def test_a_new_store_has_nothing_of_one_that_was_removed(path: Path) -> None:
    with Store.open(path, create=True) as removed:
        removed.create_topic("orders")
    path.unlink()

    with Store.open(path, create=True) as new:
        assert new.topics() == []


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_every_file_of_a_store_is_for_its_owner_only(path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        with Store.open(path, create=True) as store:
            store.create_topic("orders")
            modes = {name: mode(path.with_name(name)) for name in beside(path)}
    finally:
        os.umask(before)

    assert modes == dict.fromkeys(
        ["store.db", "store.db-lock", "store.db-shm", "store.db-wal"], 0o600
    )


@pytest.mark.parametrize("durability", ["full", "normal"])
def test_durability_is_kept_in_the_file(path: Path, durability: str) -> None:
    Store.open(path, create=True, durability=durability).close()

    with Store.open(path) as store:
        assert store.status().durability == durability


def test_an_unknown_durability_is_refused_before_anything_is_made(path: Path) -> None:
    with pytest.raises(BadInput):
        Store.open(path, create=True, durability="off")
    assert beside(path) == set()


@pytest.mark.parametrize("name", ["", "a\0b.db", "~nobody-of-that-name/a.db"])
def test_a_path_that_can_not_be_a_file_is_refused(name: str) -> None:
    with pytest.raises(BadInput):
        Store.open(name, create=True)


def test_a_path_through_links_in_a_circle_is_refused(tmp_path: Path) -> None:
    (tmp_path / "circle").symlink_to("circle")

    with pytest.raises(MqError):
        Store.open(tmp_path / "circle" / "a.db", create=True)


@pytest.mark.parametrize(
    "name",
    [
        ":memory:",
        "file:x?mode=memory",
        "100% #1?.db",
        "ünï cödé.db",
        os.fsdecode(b"not utf-8 \xff"),
    ],
)
def test_a_name_with_a_meaning_to_sqlite_is_only_a_name(tmp_path: Path, name: str) -> None:
    with Store.open(tmp_path / name, create=True) as store:
        store.create_topic("orders")

    assert (tmp_path / name).is_file()


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ForeignFile, match="is a folder"):
        Store.open(tmp_path, create=True)


def test_a_fifo_is_refused(path: Path) -> None:
    os.mkfifo(path)
    with pytest.raises(ForeignFile, match="not a regular file"):
        Store.open(path, create=True)


@pytest.mark.parametrize("content", [b"", b"some text\n" * 100, b"SQLite format 3\0" + b"x" * 5000])
def test_a_file_that_mq_did_not_make_is_refused_and_kept(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(MqError) as caught:
        Store.open(path, create=True)

    assert isinstance(caught.value, StoreUnusable)
    assert path.read_bytes() == content


def test_a_foreign_database_is_refused_and_kept(path: Path) -> None:
    change(path, "create table theirs (x)")
    with pytest.raises(ForeignFile, match="not an mq store"):
        Store.open(path, create=True)

    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("select name from sqlite_master").fetchall() == [("theirs",)]


def test_a_newer_store_is_refused(store: Store) -> None:
    store.close()
    change(store.path, f"pragma user_version = {files.SCHEMA_VERSION + 1}")

    with pytest.raises(NewerStore, match=f"has schema {files.SCHEMA_VERSION + 1}"):
        Store.open(store.path)


def test_a_store_that_was_upgraded_meanwhile_is_not_written_to(
    orders: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders.produce("orders", "x")
    with monkeypatch.context() as newer:
        newer.setitem(migrations.steps, files.SCHEMA_VERSION, lambda connection: None)
        newer.setattr(files, "SCHEMA_VERSION", files.SCHEMA_VERSION + 1)
        Store.open(orders.path).close()
    assert len(orders.read("orders")) == 11

    with pytest.raises(NewerStore):
        orders.produce("orders", "x")


def test_a_store_with_two_names_is_refused(store: Store) -> None:
    store.close()
    os.link(store.path, store.path.with_name("second.db"))

    with pytest.raises(StoreUnusable, match="2 hard links"):
        Store.open(store.path)


def test_a_symbolic_link_leads_to_the_one_store(orders: Store, tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(orders.path)

    with Store.open(link) as store:
        assert store.path == orders.path
        store.produce("orders", "through the link")
    assert orders.topic("orders").partitions[0].end == 11


def test_a_lock_file_that_is_a_link_is_refused(store: Store, tmp_path: Path) -> None:
    store.close()
    lock = store.path.with_name("store.db-lock")
    lock.unlink()
    lock.symlink_to(tmp_path / "elsewhere")

    with Store.open(store.path) as opened, pytest.raises(MqError, match="symbolic link"):
        opened.create_topic("orders")
    assert not (tmp_path / "elsewhere").exists()


def test_a_removed_store_is_not_written_to(orders: Store, clock: ManualClock) -> None:
    orders.path.unlink()
    clock.advance(0.001)

    with pytest.raises(StoreUnusable, match="removed or replaced"):
        orders.produce("orders", "x")


def test_nobody_waits_for_commits_to_a_removed_store(orders: Store) -> None:
    before = orders.changed()
    orders.path.unlink()

    with pytest.raises(StoreUnusable, match="removed or replaced"):
        orders.wait(before, 3600)


def test_a_replaced_store_is_not_written_to(
    orders: Store, clock: ManualClock, tmp_path: Path
) -> None:
    Store.open(tmp_path / "other.db", create=True).close()
    os.rename(tmp_path / "other.db", orders.path)
    clock.advance(0.001)

    with pytest.raises(StoreUnusable, match="removed or replaced"):
        orders.produce("orders", "x")


@pytest.mark.parametrize("call", ["topics", "status", "changed", "vacuum"])
def test_a_closed_store_refuses_every_call(orders: Store, call: str) -> None:
    orders.produce("orders", "x")
    orders.close()

    with pytest.raises(StoreUnusable, match="was closed"):
        getattr(orders, call)()


def test_closing_twice_does_no_harm(store: Store) -> None:
    store.close()
    store.close()


def test_24_processes_that_create_at_once_get_one_store(path: Path) -> None:
    creators = [start("create", path) for _ in range(24)]
    assert {hear(creator) for creator in creators} == {"ready"}
    for creator in creators:
        assert creator.stdin is not None
        creator.stdin.write("go\n")
        creator.stdin.flush()

    assert [finish(creator, "") for creator in creators] == [["orders"]] * 24
    with Store.open(path) as store:
        assert [topic.name for topic in store.topics()] == ["orders"]
    assert not [name for name in beside(path) if name.endswith(".new")]


@pytest.fixture
def next_schema(monkeypatch: pytest.MonkeyPatch) -> int:
    """A program whose schema is one further than the stores there are."""

    def add_table(connection: sqlite3.Connection) -> None:
        connection.execute("create table mq_added (x)")

    before = files.SCHEMA_VERSION
    monkeypatch.setitem(migrations.steps, before, add_table)
    monkeypatch.setattr(files, "SCHEMA_VERSION", before + 1)
    return before + 1


def test_an_older_store_is_upgraded_with_its_records(
    orders: Store, request: pytest.FixtureRequest
) -> None:
    orders.close()
    schema = request.getfixturevalue("next_schema")

    with Store.open(orders.path) as store:
        assert store.status().schema == schema
        assert len(store.read("orders")) == 10
        assert store.produce("orders", "after").offset == 10


def test_an_upgrade_keeps_a_backup_for_its_owner_only(
    orders: Store, request: pytest.FixtureRequest
) -> None:
    orders.close()
    old = files.SCHEMA_VERSION
    request.getfixturevalue("next_schema")
    Store.open(orders.path).close()
    backup = orders.path.with_name(f"store.db.schema-{old}")

    with closing(sqlite3.connect(backup)) as connection:
        assert connection.execute("pragma user_version").fetchone() == (old,)
        assert connection.execute("select count(*) from mq_records").fetchone() == (10,)
    assert mode(backup) == 0o600


def fail(connection: sqlite3.Connection) -> None:
    connection.execute("create table mq_half (x)")
    connection.execute("select no_such_function()")


def test_an_upgrade_that_fails_changes_nothing_and_can_be_repeated(
    orders: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders.close()
    old = files.SCHEMA_VERSION
    monkeypatch.setattr(files, "SCHEMA_VERSION", old + 1)
    monkeypatch.setitem(migrations.steps, old, fail)
    with pytest.raises(MqError, match="no_such_function"):
        Store.open(orders.path)
    steps: dict[int, Any] = {old: lambda connection: None}
    monkeypatch.setattr(migrations, "steps", steps)

    with Store.open(orders.path) as store:
        tables = {
            row[0] for row in store._database.read_only().execute("select name from sqlite_master")
        }
        assert len(store.read("orders")) == 10
    assert "mq_half" not in tables


def test_a_schema_without_a_way_to_this_one_is_refused(
    orders: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders.close()
    monkeypatch.setattr(files, "SCHEMA_VERSION", files.SCHEMA_VERSION + 1)
    monkeypatch.setattr(migrations, "steps", {})

    with pytest.raises(StoreUnusable, match="no way to"):
        Store.open(orders.path)


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "9p", "fuse.sshfs", "virtiofs"])
def test_a_network_file_system_is_refused_unless_allowed(
    path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(files, "_file_system_of", lambda _: kind)

    with pytest.raises(StoreUnusable, match=f"network file system .{kind}"):
        Store.open(path, create=True)
    Store.open(path, create=True, allow_network_fs=True).close()


def test_a_file_that_may_only_be_read_is_read(orders: Store) -> None:
    orders.path.chmod(0o400)

    with Store.open(orders.path) as store:
        assert len(store.read("orders")) == 10
