"""Python gets `Damaged`, whatever damage SQLite or Python itself comes upon."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from store import Damaged, Exists, MqError, NotFound, Store
from store.model.clock import ManualClock
from store.sqlite.damage import forms
from tests.support.damage import alter

COLUMNS = [
    f"{table.name}.{column.name}"
    for table in forms.tables().values()
    for column in table.columns
    if column.type == "TEXT"
]
CALLS: list[Callable[[Store], object]] = [
    lambda store: store.read("orders", limit=5),
    lambda store: store.receive("emails"),
    lambda store: store.receive("lines", 3),
    lambda store: store.messages("tenants"),
    lambda store: store.dead_letters("graves"),
    lambda store: store.redrives(),
    lambda store: store.topics(),
    lambda store: store.queues(),
    lambda store: store.groups(),
    lambda store: store.shares(),
    lambda store: store.bindings(),
    lambda store: store.exchanges(),
    lambda store: store.leases(),
    lambda store: store.lag(),
    lambda store: store.stalls(),
    lambda store: store.snapshot(),
    lambda store: store.metrics(),
    lambda store: store.export(),
    lambda store: store.publish("events", "mail.x", "x"),
    lambda store: store.send("lines", "x", message_group="group-1"),
    lambda store: store.acquire("packers"),
    lambda store: store.project("parts", "stock", "id"),
    lambda store: store.consumer("billing", ["orders"]).poll(timeout=0),
]


# The last two for names that have become others; and a call that met no damage.
ALLOWED = {Damaged, NotFound, Exists, type(None)}


def outcome(store: Store, call: Callable[[Store], object]) -> BaseException | None:
    """The error that a call ends with."""
    try:
        call(store)
    except Exception as error:
        return error
    return None


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("text", ["x'ff'", "x'5b22'"])
def test_a_damaged_text_raises_nothing_but_errors_of_ours(
    hurt: Path, clock: ManualClock, column: str, text: str
) -> None:
    table, name = column.split(".")
    first = f"(select {name} from {table} where {name} not null limit 1)"
    change = f"update or ignore {table} set {name} = cast({text} as text) where {name} is {first}"
    alter(hurt, change, ignore_checks=True)
    try:
        store = Store.open(hurt, clock=clock)
    except Damaged:
        return
    with store:
        assert {type(error) for error in map(partial(outcome, store), CALLS)} <= ALLOWED


def test_the_place_is_named_as_near_as_it_can_be_told(hurt: Path, clock: ManualClock) -> None:
    alter(hurt, "update mq_members set topics = '['")
    alter(hurt, "update mq_members set name = cast(x'ff' as text)")
    with Store.open(hurt, clock=clock) as store:
        with pytest.raises(Damaged, match=r"group working: mq_members\.name is not UTF-8"):
            store.groups()
        assert {finding.address for finding in store.verify()} == {"group working"}


def test_an_error_of_the_callers_own_is_never_taken_for_damage(
    hurt: Path, clock: ManualClock
) -> None:
    alter(hurt, "update mq_members set topics = '['")

    def fail(store: Store) -> None:
        with store.transaction() as tx:
            tx.produce("orders", b"x")
            raise ZeroDivisionError

    with Store.open(hurt, clock=clock) as store:
        assert isinstance(outcome(store, fail), ZeroDivisionError)


def test_an_error_of_a_statement_of_the_callers_own_is_none_either(
    rich_store_file: Path, path: Path, clock: ManualClock
) -> None:
    shutil.copy(rich_store_file, path)
    with Store.open(path, clock=clock) as store:
        for statement in ("insert into own values (1, 'x', 0)", "select * from nothing"):
            with pytest.raises(MqError) as told, store.transaction() as tx:
                tx.execute(statement)
            assert not isinstance(told.value, Damaged)


def test_a_statement_of_the_callers_own_that_reads_damage_says_so(
    hurt: Path, clock: ManualClock
) -> None:
    alter(hurt, "update mq_exchanges set name = cast(x'ff' as text) where name = 'rest'")
    with (
        Store.open(hurt, clock=clock) as store,
        pytest.raises(Damaged, match="exchange"),
        store.transaction() as tx,
    ):
        tx.execute("select name from mq_exchanges")
