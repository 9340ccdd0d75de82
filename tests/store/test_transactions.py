"""The one place where a caller's own code runs inside a transaction."""

# The block as a whole, from its begin to its commit, is what raises.
# ruff: noqa: PT012

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from typing import Any

import pytest

from store import (
    BadInput,
    BadRecord,
    Fenced,
    MqError,
    NewRecord,
    NotFound,
    Position,
    Store,
    TimedOut,
)
from store.api import transaction
from tests.support.invariants import check_all


class Undone(Exception):
    """Raised in a transaction that shall be rolled back."""


@pytest.fixture
def ledger(orders: Store) -> Store:
    """A store with the topic `orders` and a table of the user's own."""
    with orders.transaction() as tx:
        tx.execute("create table ledger (id integer primary key autoincrement, amount integer)")
    return orders


def amounts(store: Store) -> list[Any]:
    with store.transaction() as tx:
        return [row[0] for row in tx.execute("select amount from ledger order by id")]


def end(store: Store) -> int:
    return store.topic("orders").partitions[0].end


def test_outputs_offsets_and_own_sql_commit_together(ledger: Store) -> None:
    ledger.create_group("billing", topics=["orders"])
    with ledger.transaction() as tx:
        tx.execute("insert into ledger (amount) values (?)", (7,))
        id = tx.produce("orders", "out")
        tx.commit("billing", {("orders", 0): 10})

    assert amounts(ledger) == [7]
    assert ledger.read("orders", offset=id.offset)[0].value == b"out"
    assert ledger.lag("billing")[0].committed == 10


def test_a_rollback_leaves_no_trace(ledger: Store) -> None:
    ledger.create_group("billing", topics=["orders"])
    before = (ledger.topics(), ledger.groups())
    with pytest.raises(Undone), ledger.transaction() as tx:
        tx.execute("insert into ledger (amount) values (?)", (7,))
        tx.produce("orders", "out")
        tx.create_topic("invoices", partitions=3)
        tx.commit("billing", {("orders", 0): 10})
        assert tx.first_time("billing", "message 1")
        raise Undone

    assert (ledger.topics(), ledger.groups()) == before
    assert amounts(ledger) == []
    check_all(ledger)


def test_offsets_stay_dense_after_a_rollback(orders: Store) -> None:
    with pytest.raises(Undone), orders.transaction() as tx:
        tx.produce_many("orders", [NewRecord("lost")] * 5)
        raise Undone

    assert orders.produce("orders", "kept").offset == 10


def test_nothing_of_an_open_transaction_is_visible(
    orders: Store, open_store: Callable[..., Store]
) -> None:
    reader = open_store()
    with orders.transaction() as tx:
        tx.produce("orders", "open")
        assert end(reader) == 10
        assert len(reader.read("orders")) == 10
    assert end(reader) == 11


def test_a_transaction_sees_its_own_outputs(orders: Store) -> None:
    with orders.transaction() as tx:
        tx.produce("orders", "mine")
        assert tx.read("orders", offset=10)[0].value == b"mine"
        assert tx.topic("orders").partitions[0].end == 11


def test_a_commit_wakes_those_who_wait(orders: Store, open_store: Callable[..., Store]) -> None:
    waiting = open_store()
    since = waiting.changed()
    with orders.transaction() as tx:
        tx.produce("orders", "x")

    assert waiting.wait(since, 10)


@pytest.mark.parametrize(
    "statement",
    [
        "commit",
        "rollback",
        "begin immediate",
        "savepoint mine",
        "release mq_call",
        "attach database ':memory:' as other",
        "pragma synchronous = off",
        "pragma writable_schema = on",
        "insert into mq_records (id, timestamp, checksum) values (1, 1, 1)",
        "insert into MQ_RECORDS (id, timestamp, checksum) values (1, 1, 1)",
        "update mq_partitions set next = 0",
        "delete from mq_slots",
        "drop table mq_records",
        "alter table mq_records add column mine",
        "create table mq_mine (x)",
        "create index mine on mq_records (timestamp)",
        "create trigger mine after insert on mq_records begin select 1; end",
        "create trigger mq_mine after insert on ledger begin select 1; end",
        "create view mq_view as select 1",
        "update sqlite_sequence set seq = 0 where name = 'mq_partitions'",
        "delete from sqlite_sequence",
    ],
)
def test_a_statement_that_could_harm_the_store_is_refused(ledger: Store, statement: str) -> None:
    with pytest.raises(MqError), ledger.transaction() as tx:
        tx.produce("orders", "never")
        tx.execute(statement)

    assert end(ledger) == 10
    check_all(ledger)


def test_refused_sql_is_told_from_sql_that_failed(ledger: Store) -> None:
    with pytest.raises(BadInput, match="can't write mq's tables"), ledger.transaction() as tx:
        tx.execute("delete from mq_records")


def test_a_trigger_of_the_users_can_not_write_to_the_store(ledger: Store) -> None:
    with ledger.transaction() as tx:
        tx.execute(
            "create trigger mine after insert on ledger begin delete from mq_partitions; end"
        )
    with pytest.raises(MqError), ledger.transaction() as tx:
        tx.execute("insert into ledger (amount) values (1)")

    check_all(ledger)


@pytest.mark.parametrize(
    "statement",
    [
        "select count(*) from mq_records",
        "with recursive n(x) as (select 1 union all select x + 1 from n where x < 3)"
        " select x from n",
        "create index by_amount on ledger (amount)",
        "create trigger mine after insert on ledger begin select 1; end",
        "alter table ledger add column note text",
        "drop table ledger",
    ],
)
def test_the_users_own_tables_are_the_users(ledger: Store, statement: str) -> None:
    with ledger.transaction() as tx:
        tx.execute(statement)
        tx.produce("orders", "with it")

    assert end(ledger) == 11
    check_all(ledger)


def test_a_denied_statement_does_not_weaken_the_next_transaction(ledger: Store) -> None:
    with pytest.raises(MqError), ledger.transaction() as tx:
        tx.execute("commit")

    assert ledger.produce("orders", "x").offset == 10


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let time pass for transactions without waiting."""
    passed = [0.0]
    monkeypatch.setattr(transaction, "monotonic", lambda: passed[0])

    def let_pass(seconds: float) -> None:
        passed[0] += seconds

    return let_pass


def test_a_call_after_the_deadline_is_refused(orders: Store, slow: Any) -> None:
    with pytest.raises(TimedOut), orders.transaction(timeout=2) as tx:
        slow(2.5)
        tx.produce("orders", "late")

    assert end(orders) == 10


def test_a_commit_after_the_deadline_is_refused(orders: Store, slow: Any) -> None:
    with pytest.raises(TimedOut, match="nothing is stored"), orders.transaction(timeout=2) as tx:
        tx.produce("orders", "in time")
        slow(2.5)

    assert end(orders) == 10


def test_an_sql_error_leaves_nothing_to_commit_even_if_it_is_caught(ledger: Store) -> None:
    with pytest.raises(MqError, match="nothing is stored"), ledger.transaction() as tx:
        tx.produce("orders", "never")
        with pytest.raises(MqError):
            tx.execute("insert into ledger (no_such_column) values (1)")

    assert end(ledger) == 10


def test_a_call_after_an_sql_error_is_refused(ledger: Store) -> None:
    with pytest.raises(MqError, match="an earlier statement failed"), ledger.transaction() as tx:
        with pytest.raises(MqError):
            tx.execute("select * from nothing_there")
        tx.produce("orders", "never")


@pytest.mark.parametrize("call", ["topics", "groups", "status", "vacuum", "verify"])
def test_a_call_on_the_store_inside_its_transaction_is_refused(orders: Store, call: str) -> None:
    with orders.transaction(), pytest.raises(MqError, match="has a transaction open"):
        getattr(orders, call)()


def test_a_transaction_inside_a_transaction_is_refused(orders: Store) -> None:
    with orders.transaction() as tx:
        tx.produce("orders", "outer")
        with pytest.raises(MqError, match="has a transaction open"), orders.transaction():
            pass

    assert end(orders) == 11


def test_another_thread_may_read_meanwhile(orders: Store) -> None:
    seen: list[int] = []
    with orders.transaction() as tx:
        tx.produce("orders", "open")
        thread = threading.Thread(target=lambda: seen.append(end(orders)))
        thread.start()
        thread.join(60)

    assert seen == [10]


def test_an_ended_handle_is_fenced(orders: Store) -> None:
    with orders.transaction() as tx:
        pass

    with pytest.raises(Fenced, match="has ended"):
        tx.produce("orders", "late")


def test_an_ended_handle_does_not_reach_a_later_transaction(orders: Store) -> None:
    with orders.transaction() as old:
        pass
    with orders.transaction() as new:
        new.produce("orders", "new")
        with pytest.raises(Fenced):
            old.produce("orders", "late")

    assert end(orders) == 11


def test_a_handle_is_good_for_one_transaction(orders: Store) -> None:
    with orders.transaction() as tx:
        pass

    with pytest.raises(Fenced, match="has ended"), tx:
        tx.produce("orders", "late")

    assert end(orders) == 10


def test_something_is_new_once_in_its_scope(store: Store) -> None:
    with store.transaction() as tx:
        first = [tx.first_time("billing", "1"), tx.first_time("billing", "1")]
        other_scope = tx.first_time("audit", "1")
    with store.transaction() as tx:
        later = tx.first_time("billing", "1")

    assert (first, other_scope, later) == ([True, False], True, False)


def test_something_is_new_again_when_its_work_was_rolled_back(store: Store) -> None:
    with pytest.raises(Undone), store.transaction() as tx:
        tx.first_time("billing", "1")
        raise Undone

    with store.transaction() as tx:
        assert tx.first_time("billing", "1")


def test_a_refused_call_leaves_nothing_of_itself_and_the_rest_is_kept(orders: Store) -> None:
    with orders.transaction() as tx:
        tx.produce("orders", "before")
        with pytest.raises(BadRecord):
            tx.produce_many("orders", [NewRecord("half"), NewRecord("x", partition=9)])
        with pytest.raises(NotFound):
            tx.create_group("billing", topics=["orders", "nowhere"])
        tx.produce("orders", "after")

    assert [r.value for r in orders.read("orders", offset=10)] == [b"before", b"after"]
    assert orders.groups() == []


def test_a_commit_without_its_consumer_is_fenced_while_the_group_lives(orders: Store) -> None:
    with (
        orders.consumer("billing", ["orders"]),
        pytest.raises(Fenced, match="live members"),
        orders.transaction() as tx,
    ):
        tx.produce("orders", "never")
        tx.commit("billing", {("orders", 0): 5})

    assert end(orders) == 10


def test_a_consumers_commit_is_part_of_the_transaction(orders: Store) -> None:
    with orders.consumer("billing", ["orders"]) as consumer:
        consumer.poll(timeout=0)
        with pytest.raises(Undone), orders.transaction() as tx:
            tx.commit("billing", {("orders", 0): 10}, consumer=consumer)
            raise Undone
        assert orders.lag("billing")[0].committed is None

        with orders.transaction() as tx:
            tx.commit("billing", {("orders", 0): 10}, consumer=consumer)
        assert orders.lag("billing")[0].committed == 10


def test_a_fenced_consumer_takes_its_whole_transaction_down(orders: Store) -> None:
    old = orders.consumer("billing", ["orders"], member="worker")
    orders.consumer("billing", ["orders"], member="worker")

    with pytest.raises(Fenced), orders.transaction() as tx:
        tx.produce("orders", "never")
        tx.commit("billing", {("orders", 0): 5}, consumer=old)

    assert end(orders) == 10


def test_a_consumer_commits_for_its_own_group_only(orders: Store) -> None:
    with (
        orders.consumer("billing", ["orders"]) as consumer,
        orders.transaction() as tx,
        pytest.raises(Fenced, match="belongs to group billing"),
    ):
        tx.commit("audit", {("orders", 0): 5}, consumer=consumer)


def test_a_topic_can_be_made_filled_and_trimmed_in_one_transaction(store: Store) -> None:
    with store.transaction() as tx:
        tx.create_topic("fresh")
        tx.produce_many("fresh", [NewRecord(b"%d" % n) for n in range(5)])
        tx.trim("fresh", Position("offset", 2))

    assert [r.offset for r in store.read("fresh")] == [2, 3, 4]
    check_all(store)


def test_bad_parameters_are_refused_as_a_failed_statement(ledger: Store) -> None:
    with pytest.raises((MqError, BadInput)), ledger.transaction() as tx:
        tx.execute("insert into ledger (amount) values (?)", (1, 2))


def test_values_larger_than_the_store_takes_are_refused(ledger: Store) -> None:
    with pytest.raises(MqError), ledger.transaction() as tx:
        tx.execute("insert into ledger (amount) values (zeroblob(80000000))")

    with pytest.raises(sqlite3.Error):
        ledger._database.read_only().execute("select zeroblob(80000000)")
