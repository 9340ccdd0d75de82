"""The store's file, as the doctor sees it: what triggers a finding, and what nearly does."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from store import Diagnosis, Store
from store.model.clock import ManualClock
from store.sqlite.operations.doctor.file import Facts, SchemaObject, examine, is_affected

MIB = 1 << 20


def found(store: Store, code: str) -> list[Diagnosis]:
    return [one for one in store.doctor() if one.code == code and one.severity != "ok"]


def change_schema(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as foreign:
        foreign.execute(statement)


@pytest.fixture
def sound() -> Facts:
    """A file with nothing wrong but that it has no tables."""
    return Facts(
        free=100_000 * MIB, size=MIB, wal=MIB, most=None, sqlite=(3, 51, 3), ahead=0,
        objects=frozenset(),
    )  # fmt: skip


def codes(facts: Facts) -> list[tuple[str, str]]:
    return [(one.severity, one.code) for one in examine(facts) if not one.code.startswith("schema")]


def test_a_sound_file_has_no_findings(sound: Facts) -> None:
    assert codes(sound) == []


@pytest.mark.parametrize(
    ("free", "expected"),
    [
        (256 * MIB, []),
        (256 * MIB - 1, [("warning", "little_room")]),
        (64 * MIB - 1, [("critical", "little_room")]),
    ],
)
def test_little_room_on_the_file_system(
    sound: Facts, free: int, expected: list[tuple[str, str]]
) -> None:
    assert codes(replace(sound, free=free)) == expected


@pytest.mark.parametrize(("size", "findings"), [(89, 0), (90, 1)])
def test_a_file_near_its_own_limit(sound: Facts, size: int, findings: int) -> None:
    assert len(codes(replace(sound, most=100 * MIB, size=size * MIB))) == findings


@pytest.mark.parametrize(("wal", "findings"), [(255, 0), (256, 1)])
def test_a_write_ahead_log_that_grows(sound: Facts, wal: int, findings: int) -> None:
    assert len(codes(replace(sound, wal=wal * MIB))) == findings


@pytest.mark.parametrize(
    ("version", "affected"),
    [
        ((3, 6, 23), False),
        ((3, 7, 0), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 45, 0), True),
        ((3, 50, 6), True),
        ((3, 50, 7), False),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 53, 0), False),
    ],
)
def test_versions_of_sqlite_that_may_lose_a_commit(
    version: tuple[int, ...], affected: bool
) -> None:
    assert is_affected(version) is affected


def test_an_affected_version_is_advice_since_the_lock_keeps_mq_apart(sound: Facts) -> None:
    assert codes(replace(sound, sqlite=(3, 40, 1))) == [("advice", "sqlite_wal_reset")]


@pytest.mark.parametrize(("hours", "findings"), [(1, 0), (1.1, 1), (-5, 0)])
def test_a_wall_clock_that_was_set_far_ahead(
    store: Store, clock: ManualClock, hours: float, findings: int
) -> None:
    clock.jump_wall(hours * 3600)

    assert len(found(store, "clock_ahead")) == findings


def test_a_store_as_it_was_created_has_a_sound_schema(store: Store) -> None:
    wrong = ("schema_damaged", "foreign_schema", "foreign_trigger")

    assert [one for code in wrong for one in found(store, code)] == []


def test_an_index_that_somebody_dropped_is_critical(store: Store, path: Path) -> None:
    change_schema(path, "drop index mq_leases_due")

    (one,) = found(store, "schema_damaged")

    assert (one.severity, one.evidence) == ("critical", "the index mq_leases_due is missing")


def test_a_table_that_is_gone_stops_only_the_checks_that_need_it(store: Store, path: Path) -> None:
    store.create_queue("mails", chaos="duplicate=5%")
    change_schema(path, "drop table mq_bindings")

    shown = {one.evidence for one in store.doctor()}

    assert {"the table mq_bindings is missing", "no such table: mq_bindings"} <= shown
    assert "duplicate=5%" in shown


def test_a_trigger_on_a_table_of_mq_is_a_warning(store: Store, path: Path) -> None:
    change_schema(path, "create trigger spy after insert on mq_records begin select 1; end")

    (one,) = found(store, "foreign_trigger")

    assert (one.severity, one.evidence) == ("warning", "trigger spy on mq_records is none of mq's")


def test_a_view_is_advice(store: Store, path: Path) -> None:
    change_schema(path, "create view totals as select count(*) from mq_records")

    assert [one.severity for one in found(store, "foreign_schema")] == ["advice"]


def test_tables_of_ones_own_are_nobodys_business(store: Store, path: Path) -> None:
    change_schema(path, "create table ledger (id integer primary key)")
    change_schema(path, "create index ledger_id on ledger (id)")

    assert found(store, "foreign_schema") == []


def test_a_table_that_takes_a_name_of_mq_is_a_warning(sound: Facts) -> None:
    taken = SchemaObject("table", "mq_mine", "mq_mine")

    assert ("warning", "foreign_schema") in codes(replace(sound, objects=frozenset([taken])))


def test_damaged_pages_are_found_only_by_a_thorough_look(orders: Store, path: Path) -> None:
    orders.vacuum()
    orders.close()
    scribble_over_a_page(path)

    with Store.open(path) as store:
        quick = [one.code for one in store.doctor()]
        thorough = [(one.severity, one.code) for one in store.doctor(thorough=True)]

    assert "damaged" not in quick
    assert ("critical", "damaged") in thorough


def scribble_over_a_page(path: Path) -> None:
    """Overwrite the root page of the table of records."""
    with closing(sqlite3.connect(path)) as connection:
        (page,) = connection.execute(
            "select rootpage from sqlite_master where name = 'mq_projections'"
        ).fetchone()
    with path.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(os.urandom(4096))


@pytest.mark.parametrize(("durability", "severity"), [("full", "ok"), ("normal", "advice")])
def test_how_durably_it_is_stored_is_the_first_of_four_rows(
    store: Store, durability: str, severity: str
) -> None:
    store.set_durability(durability)

    rows = {one.code: one for one in store.doctor()}

    assert rows["stored_durably"].severity == severity
    assert {"confirmed_when_stored", "acked_after_processing", "limit_and_dlq"} <= set(rows)


def test_what_lacks_a_limit_and_a_dlq_is_named_in_the_fourth_row(store: Store) -> None:
    for number in range(5):
        store.create_queue(f"q{number}")

    rows = {one.code: one for one in store.doctor()}

    assert rows["limit_and_dlq"].evidence == "5 without: q0, q1, q2 …"


def test_the_worst_comes_first(store: Store, path: Path) -> None:
    store.create_queue("mails")
    change_schema(path, "drop index mq_leases_due")

    severities = list(dict.fromkeys(one.severity for one in store.doctor()))

    assert severities == ["critical", "warning", "advice", "ok"]
