"""`mq project`: a plain table that follows a topic."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest

from store import NewRecord, Store

if TYPE_CHECKING:
    from tests.cli.conftest import RunMq, StartMq

PATIENCE = 60.0
WORDS = ["project", "users", "people", "--pk", "id"]


@pytest.fixture
def users(path: Path) -> Iterator[Store]:
    """A topic users in which ada is changed, bob is deleted and a field is added; open."""
    with Store.open(path, create=True, durability="normal") as store:
        store.create_topic("users", partitions=2)
        changes: list[dict[str, Any]] = [
            {"id": "ada", "city": "London"},
            {"id": "bob", "city": "Rome"},
            {"id": "ada", "city": "Paris", "age": 36},
        ]
        for user in changes:
            store.produce("users", json.dumps(user), key=user["id"])
        store.produce("users", None, key="bob")
        yield store


def rows(store: Store, table: str = "people") -> list[tuple[Any, ...]]:
    with store.transaction() as tx:
        return [tuple(row) for row in tx.execute(f"select * from {table} order by id")]


def test_the_table_has_the_newest_row_of_every_key(call_mq: RunMq, users: Store) -> None:
    run = call_mq(*WORDS)

    assert (run.code, run.out, run.err) == (0, b"", "")
    assert rows(users) == [("ada", "Paris", 36)]


def test_a_second_run_takes_in_only_what_is_new(call_mq: RunMq, users: Store) -> None:
    call_mq(*WORDS)
    users.produce("users", '{"id": "cyd"}', key="cyd")
    run = call_mq(*WORDS, "-o", "json")

    assert json.loads(run.out) == {"table": "people", "topic": "users", "records": 1}
    assert rows(users) == [("ada", "Paris", 36), ("cyd", None, None)]


def test_a_rebuilt_table_is_the_same(call_mq: RunMq, users: Store) -> None:
    call_mq(*WORDS)
    before = rows(users)
    run = call_mq(*WORDS, "--rebuild", "-o", "json")

    assert json.loads(run.out)["records"] == 4
    assert rows(users) == before


def test_two_projections_of_one_log_end_equal(call_mq: RunMq, users: Store) -> None:
    call_mq(*WORDS)
    call_mq("project", "users", "others", "--pk", "id")

    assert rows(users) == rows(users, "others")


def test_on_a_terminal_it_says_how_much_it_took_in(
    run_mq_on_terminal: RunMq, users: Store, path: Path
) -> None:
    run = run_mq_on_terminal("-s", str(path), *WORDS)

    assert run.text == "table people: 4 records of users taken in\n"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("prices people --pk id", 3),
        ("users mq_records --pk id", 2),
        ("users people --pk name", 2),
        ("users mine --pk id", 4),
        ("users people", 2),
    ],
)
def test_what_makes_no_sense_is_refused(
    call_mq: RunMq, users: Store, words: str, code: int
) -> None:
    with users.transaction() as tx:
        tx.execute("create table mine (id text)")

    assert call_mq("project", *words.split()).is_refused(code)


def test_a_record_that_is_no_object_is_named(call_mq: RunMq, users: Store) -> None:
    users.produce("users", "oops", partition=0)
    run = call_mq(*WORDS)

    assert run.is_refused(2)
    assert "users/0@" in run.err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_followed_it_takes_in_what_comes_until_a_signal(
    start_mq: StartMq, users: Store, number: signal.Signals, code: int
) -> None:
    running = start_mq(*WORDS, "--follow")
    for city in ("Oslo", "Bonn"):
        users.produce("users", json.dumps({"id": "dan", "city": city}), key="dan")
        wait_for_city(users, city)
    running.interrupt(number)

    run = running.end()
    assert (run.code, run.err) == (code, "")


@pytest.mark.parametrize("point", ["commit.before", "commit.after"])
@pytest.mark.parametrize("rebuild", [[], ["--rebuild"]], ids=["onward", "rebuild"])
def test_killed_it_goes_on_and_counts_every_record_once(
    call_mq: RunMq, start_mq: StartMq, users: Store, point: str, rebuild: list[str]
) -> None:
    records = [NewRecord(json.dumps({"id": f"u{n % 700}", "n": n})) for n in range(3000)]
    users.produce_many("users", records)
    for number in range(1, 5):
        killed = start_mq(*WORDS, *rebuild, MQ_CRASH_AT=f"{point}:{number}").end()
        assert killed.code in {-signal.SIGKILL, 0}
    call_mq(*WORDS)
    call_mq("project", "users", "unharmed", "--pk", "id")

    assert rows(users) == rows(users, "unharmed")


def wait_for_city(store: Store, city: str) -> None:
    deadline = monotonic() + PATIENCE
    while True:
        since = store.changed()
        with store.transaction() as tx:
            made = tx.execute("select 1 from sqlite_schema where name = 'people'")
        if made and any(row[:2] == ("dan", city) for row in rows(store)):
            return
        assert monotonic() < deadline, f"{city} did not come"
        store.wait(since, 0.2)
