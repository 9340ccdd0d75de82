"""`mq consume -g`: what a group commits, and what it reads again."""

from __future__ import annotations

import signal
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from store import NewRecord, Store

if TYPE_CHECKING:
    from tests.cli.conftest import RunMq, StartMq


def committed(path: Path, group: str = "g") -> list[int | None]:
    with Store.open(path) as store:
        return [lag.committed for lag in store.lag(group)]


def test_what_was_printed_is_committed_and_not_printed_again(
    call_mq: RunMq, timed: Store, path: Path
) -> None:
    assert call_mq("consume", "orders", "-g", "g").text.split() == list("0123456789")
    assert committed(path) == [10]
    assert call_mq("consume", "orders", "-g", "g", "--fail-empty").code == 10


def test_a_limit_commits_exactly_that_many(call_mq: RunMq, timed: Store, path: Path) -> None:
    call_mq("consume", "orders", "-g", "g", "-n", "3")

    assert committed(path) == [3]


def test_a_limit_commits_exactly_that_many_over_all_partitions(
    call_mq: RunMq, timed_three: Store, path: Path
) -> None:
    call_mq("consume", "orders", "-g", "g", "-n", "4")

    assert sum(offset or 0 for offset in committed(path)) == 4


@pytest.mark.parametrize(("word", "place"), [("4", 4), ("2026-01-02T03:04:08Z", 3)])
def test_a_bound_commits_exactly_up_to_it(
    call_mq: RunMq, timed: Store, path: Path, word: str, place: int
) -> None:
    call_mq("consume", "orders", "-g", "g", "--until", word)

    assert committed(path) == [place]


def test_a_time_bound_commits_up_to_it_in_each_partition(
    call_mq: RunMq, timed_three: Store, path: Path
) -> None:
    call_mq("consume", "orders", "-g", "g", "--until", "2026-01-02T03:04:10Z")

    assert committed(path) == [2, 2, 1]


def test_records_that_a_condition_passes_over_are_committed_too(
    call_mq: RunMq, timed: Store, path: Path
) -> None:
    assert call_mq("consume", "orders", "-g", "g", "--where", "key = k3").text == "3\n"
    assert committed(path) == [10]


def test_behind_the_last_printed_record_nothing_is_passed_over(
    call_mq: RunMq, timed: Store, path: Path
) -> None:
    call_mq("consume", "orders", "-g", "g", "--where", "key ~ [37]", "-n", "1")

    assert committed(path) == [4]


def test_a_start_holds_only_where_nothing_is_committed(call_mq: RunMq, timed: Store) -> None:
    words = ["consume", "orders", "-g", "g", "-n", "1", "--from", "6"]

    assert call_mq(*words).text == "6\n"
    assert call_mq(*words).text == "7\n"


def test_committed_as_a_start_is_where_the_group_stands_or_the_oldest_record(
    call_mq: RunMq, timed: Store
) -> None:
    words = ["consume", "orders", "-g", "g", "-n", "1", "--from", "committed"]

    assert call_mq(*words).text == "0\n"
    assert call_mq(*words).text == "1\n"


def test_the_group_is_left_at_the_end(call_mq: RunMq, timed: Store, path: Path) -> None:
    call_mq("consume", "orders", "-g", "g", "--member", "me", "--session-timeout", "5m")

    with Store.open(path) as store:
        assert store.group("g").state == "empty"


def test_large_topics_are_committed_a_batch_at_a_time(
    start_mq: StartMq, call_mq: RunMq, path: Path
) -> None:
    with Store.open(path, create=True, durability="normal") as store:
        store.create_topic("orders")
        store.produce_many("orders", [NewRecord(b"%d" % n) for n in range(2000)])

    killed = start_mq("consume", "orders", "-g", "g", MQ_CRASH_AT="consume.printed:3").end()
    printed = killed.text.split()
    (place,) = committed(path)
    again = call_mq("consume", "orders", "-g", "g").text.split()

    assert killed.code == -signal.SIGKILL
    assert place is not None
    assert (len(printed), place) == (1500, 1000)
    assert again == [str(n) for n in range(place, 2000)]


def test_a_damaged_record_ends_the_reading_after_the_good_ones_before_it(
    call_mq: RunMq, timed: Store, path: Path
) -> None:
    damage(path, offset=4)

    for words in (["consume", "orders"], ["consume", "orders", "-g", "g"]):
        run = call_mq(*words)
        assert run.text.split() == list("0123")
        assert run.code == 7
        assert "orders/0@4 is damaged" in run.err
    assert committed(path) == [4]


def damage(path: Path, offset: int) -> None:
    """Change the value of the record at that offset behind the store's back."""
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(
            "update mq_records set value = x'ff' where id & ((1 << 40) - 1) = ?", (offset,)
        )
    connection.close()
