"""Projections: a plain table that holds what a topic says, each record counted once."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from store import BadInput, Exists, NewRecord, NotFound, Store
from store.api import topics
from tests.support.invariants import check_all
from tests.support.processes import PATIENCE, finish, start

HITS = 6 * int(os.environ.get("MQ_KILL_SCALE", "1"))


@pytest.fixture
def people(store: Store) -> Store:
    """A store with an empty topic `people` of two partitions."""
    store.create_topic("people", partitions=2)
    return store


def tell(store: Store, *rows: dict[str, Any]) -> None:
    """Append rows, each under its id as the key; one that is only an id is a deletion."""
    store.produce_many(
        "people",
        [
            NewRecord(None if row.keys() == {"id"} else json.dumps(row), str(row["id"]))
            for row in rows
        ],
    )


def look(store: Store, sql: str) -> list[tuple[Any, ...]]:
    """What another program sees in the file."""
    uri = f"file:{quote(str(store.path))}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        return connection.execute(sql).fetchall()


def table(store: Store, name: str = "person") -> list[tuple[Any, ...]]:
    return look(store, f'select * from "{name}" order by 1')


def schema(store: Store, name: str = "person") -> list[tuple[Any, ...]]:
    return look(store, f"select name, type, pk from pragma_table_info('{name}')")


def project(store: Store, name: str = "person", **settings: Any) -> int:
    return store.project("people", name, "id", **settings)


def test_each_key_is_a_row_with_its_newest_values(people: Store) -> None:
    tell(people, {"id": 1, "name": "Ann"}, {"id": 2, "name": "Bob"}, {"id": 1, "name": "Anna"})

    assert project(people) == 3
    assert table(people) == [(1, "Anna"), (2, "Bob")]
    assert schema(people) == [("id", "INTEGER", 1), ("name", "TEXT", 0)]


def test_a_key_written_in_several_ways_is_one_row_with_the_newest_values(people: Store) -> None:
    tell(people, {"id": 1, "name": "Ann"}, {"id": 1.0, "name": "Bob"}, {"id": 1, "name": "Cid"})

    assert project(people) == 3
    assert table(people) == [(1, "Cid")]


def test_a_projection_goes_on_where_it_ended(people: Store) -> None:
    tell(people, {"id": 1, "name": "Ann"})
    project(people)
    tell(people, {"id": 2, "name": "Bob"})

    assert [project(people), project(people)] == [1, 0]
    assert table(people) == [(1, "Ann"), (2, "Bob")]


@pytest.mark.parametrize("at_once", [1, 1000])
def test_a_tombstone_deletes_its_row(
    people: Store, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(topics, "PROJECTED_AT_ONCE", at_once)
    tell(
        people, {"id": 1, "a": "x"}, {"id": 2, "a": "x"}, {"id": 1}, {"id": 2}, {"id": 2, "a": "y"}
    )
    project(people)

    assert table(people) == [(2, "y")]


def test_a_tombstone_of_something_unknown_is_no_error(people: Store) -> None:
    tell(people, {"id": 7})
    people.produce("people", None)

    assert project(people) == 2


def test_a_new_field_adds_a_column(people: Store) -> None:
    tell(people, {"id": 1, "name": "Ann"})
    project(people)
    tell(people, {"id": 2, "name": "Bob", "age": 7, "tags": ["a"], "weight": 1.5})
    project(people)

    assert table(people) == [(1, "Ann", None, None, None), (2, "Bob", 7, '["a"]', 1.5)]
    assert schema(people)[2:] == [("age", "INTEGER", 0), ("tags", "TEXT", 0), ("weight", "REAL", 0)]


def test_a_row_is_replaced_whole(people: Store) -> None:
    tell(people, {"id": 1, "name": "Ann", "age": 7})
    project(people)
    tell(people, {"id": 1, "name": "Anna"})
    project(people)

    assert table(people) == [(1, "Anna", None)]


def test_names_that_need_quotes_are_kept(people: Store) -> None:
    row = {"id": 1, "order": "a", "two words": "b", 'a "quote"': "c", "[x]": "d", "ünï": "e"}
    tell(people, row)
    project(people)

    assert [column[0] for column in schema(people)] == list(row)
    assert table(people) == [tuple(row.values())]


def test_a_key_that_needs_quotes_can_be_deleted_by(people: Store) -> None:
    people.produce("people", '{"a]\\"b": "k", "x": 1}', key="k")
    people.produce("people", None, key="k")
    people.project("people", "person", 'a]"b')

    people.produce("people", '{"a]\\"b": "k", "x": 1}', key="k")
    people.project("people", "person", 'a]"b')
    people.produce("people", None, key="k")
    people.project("people", "person", 'a]"b')
    assert table(people) == []


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("{", "is not JSON"),
        ("\xff", "is not JSON"),
        ("", "is not JSON"),
        ("[1]", "is not a JSON object"),
        ("null", "is not a JSON object"),
        ('{"name": "no key"}', "has no id"),
        ('{"id": null}', "has no id"),
        ('{"id": [1]}', "has no id"),
        ('{"id": 1, "n": NaN}', "is not JSON"),
        ('{"id": 1, "n": 9223372036854775808}', "a number of more than 64 bits"),
        ('{"id": 1, "name": "\\ud800"}', "is not JSON"),
        ('{"id": 1, "": "x"}', "can't be a column: ''"),
        ('{"id": 1, "ID": 2}', "can't be a column: 'ID'"),
    ],
)
def test_a_record_that_can_not_be_a_row_is_named(people: Store, value: str, why: str) -> None:
    people.produce("people", '{"id": 5, "name": "good"}', partition=1)
    people.produce("people", value.encode("latin-1"), partition=1)

    with pytest.raises(BadInput, match="record people/1@1 ") as caught:
        project(people)
    assert why in str(caught.value)
    assert table(people) == [(5, "good")]
    check_all(people)


def test_a_bad_record_is_named_again_until_it_is_gone(people: Store) -> None:
    people.produce_many(
        "people", [NewRecord(value, partition=0) for value in ('{"id": 1}', "bad", '{"id": 2}')]
    )
    for _ in range(2):
        with pytest.raises(BadInput, match="people/0@1"):
            project(people)

    assert table(people) == [(1,)]


def test_the_edges_of_64_bits_are_numbers(people: Store) -> None:
    tell(people, {"id": -(1 << 63), "n": (1 << 63) - 1})
    project(people)

    assert table(people) == [(-(1 << 63), (1 << 63) - 1)]


def test_a_table_of_somebody_else_is_not_touched(people: Store) -> None:
    with people.transaction() as tx:
        tx.execute("create table person (id integer primary key)")
        tx.execute("insert into person values (42)")
    tell(people, {"id": 1})

    with pytest.raises(Exists, match="person exists and is not a projection"):
        project(people)
    assert table(people) == [(42,)]


@pytest.mark.parametrize("name", ["mq_records", "MQ_mine", "sqlite_master", "two words", ""])
def test_a_reserved_name_is_refused(people: Store, name: str) -> None:
    with pytest.raises(BadInput):
        project(people, name)


def test_a_table_follows_one_topic_by_one_key(people: Store) -> None:
    tell(people, {"id": 1, "name": "Ann"})
    project(people)
    people.create_topic("others")

    with pytest.raises(Exists, match="follows people by id already"):
        people.project("others", "person", "id")
    with pytest.raises(Exists, match="follows people by id already"):
        people.project("people", "person", "name")


def test_a_name_that_holds_no_table_is_free_for_another_projection(people: Store) -> None:
    people.produce("people", "[]")
    with pytest.raises(BadInput, match="not a JSON object"):
        project(people)
    people.create_topic("others")
    people.produce("others", '{"name": "Ann"}')

    assert people.project("others", "person", "name") == 1
    assert table(people) == [("Ann",)]


def test_a_table_that_was_dropped_is_filled_from_the_oldest_record(people: Store) -> None:
    tell(people, {"id": 1, "name": "Ann"}, {"id": 2, "name": "Bob"})
    project(people)
    with people.transaction() as tx:
        tx.execute("drop table person")

    project(people)
    assert table(people) == [(1, "Ann"), (2, "Bob")]


def test_a_projection_of_a_topic_that_is_not_there_leaves_nothing_behind(store: Store) -> None:
    with pytest.raises(NotFound):
        store.project("people", "person", "id")
    store.create_topic("people")
    assert store.project("people", "person", "id") == 0


def mixed(seed: int) -> list[dict[str, Any]]:
    """Rows that come, change, gain fields and go."""
    source = random.Random(seed)
    rows = []
    for number in range(400):
        row: dict[str, Any] = {"id": source.randrange(40)}
        if source.random() < 0.8:
            row |= {"n": number, source.choice("abcde"): source.choice(["x", "y"])}
        rows.append(row)
    return rows


def test_two_projections_of_one_log_are_equal_however_they_were_made(
    people: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = mixed(seed=1)
    for first in range(0, len(rows), 50):
        tell(people, *rows[first : first + 50])
        monkeypatch.setattr(topics, "PROJECTED_AT_ONCE", 7 + first)
        project(people, "live")
    monkeypatch.setattr(topics, "PROJECTED_AT_ONCE", 1000)
    project(people, "late")

    assert table(people, "live") == as_live(people, "late")


def as_live(store: Store, name: str) -> list[tuple[Any, ...]]:
    """A table with the columns in the order of the table `live`."""
    names = ", ".join(f'"{column[0]}"' for column in schema(store, "live"))
    return look(store, f'select {names} from "{name}" order by id')


def test_a_rebuild_gives_the_identical_table(people: Store) -> None:
    tell(people, *mixed(seed=2))
    project(people)
    before = (schema(people), table(people))

    assert project(people, rebuild=True) == 400
    assert (schema(people), table(people)) == before
    assert project(people) == 0


def test_a_rebuild_leaves_nothing_of_what_was_changed_by_hand(people: Store) -> None:
    tell(people, {"id": 1, "name": "Ann"})
    project(people)
    with people.transaction() as tx:
        tx.execute("update person set name = 'wrong'")
    project(people, rebuild=True)

    assert table(people) == [(1, "Ann")]


def test_a_rebuild_that_fails_leaves_the_table_in_use(people: Store) -> None:
    tell(people, {"id": 1, "name": "Ann"})
    project(people)
    people.produce("people", "bad")
    with pytest.raises(BadInput):
        project(people, rebuild=True)

    assert table(people) == [(1, "Ann")]


def test_a_projection_of_a_compacted_log_is_that_of_the_whole(people: Store) -> None:
    tell(people, *mixed(seed=3))
    project(people, "before")
    people.alter_topic("people", cleanup="compact")
    people.compact_topic("people")
    project(people, "live")

    assert table(people, "live") == as_live(people, "before")


@pytest.mark.parametrize("point", ["commit.before", "commit.after"])
def test_a_projection_killed_at_a_commit_counts_every_record_once(path: Path, point: str) -> None:
    hits = 0
    with Store.open(path, create=True) as store:
        store.create_topic("people", partitions=2)
        for kill in range(HITS):
            tell(store, *mixed(seed=kill)[:60])
            at = {"MQ_CRASH_AT": f"{point}:{1 + kill % 3}"}
            hits += is_killed(start("project", path, "people", "live", "id", 9, **at))
            check_all(store)
        finish(start("project", path, "people", "live", "id", 9))
        project(store, "late")

        assert hits == HITS
        assert table(store, "live") == as_live(store, "late")
        assert offsets(store) == [p.end for p in store.topic("people").partitions]


def is_killed(process: subprocess.Popen[str]) -> bool:
    process.communicate(timeout=PATIENCE)
    return process.returncode == -signal.SIGKILL


def offsets(store: Store) -> list[int]:
    """How far the projection says it is, by partition."""
    sql = "select next from mq_projection_offsets where target = 'live' order by partition"
    return [row[0] for row in look(store, sql)]
