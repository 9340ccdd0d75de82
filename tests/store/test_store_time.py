"""Store time over boots: it goes on from the newest that is known, whatever the wall clock says."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest

from store import Store
from store.model.clock import ManualClock
from store.sqlite.file import files, store_time

DAY = 86_400
MINUTE = 60
HOUR = 3600
Opener = Callable[..., Store]
# What happened so seldom, or is so much to read, that store time does not ask for it.
NOT_ASKED_FOR = {("mq_tombstones", "seen"), ("mq_tenants", "sent"), ("mq_leases", "was_due")}
# What is to happen: it may lie ahead of store time.
TO_COME = {
    ("mq_leases", "due"),
    ("mq_leases", "ends"),
    ("mq_heads", "due"),
    ("mq_deduplications", "until"),
    ("mq_queues", "busy_until"),
    ("mq_move_tasks", "due"),
}


def now(store: Store) -> int:
    with store._database.read() as tx:
        return tx.now


def carried(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        (store,) = connection.execute("select store from mq_clock").fetchone()
    return int(store)


def live_for_30_days(store: Store, clock: ManualClock) -> None:
    for _ in range(30):
        clock.advance(DAY)
        store.send("jobs", "a day's work")
        store.ack([message.receipt or "" for message in store.receive("jobs", lease=1)])


def roll_back_a_send(store: Store) -> None:
    with suppress(ZeroDivisionError), store.transaction() as tx:
        tx.send("jobs", "never")
        raise ZeroDivisionError


@pytest.fixture
def jobs(store: Store) -> Store:
    """A store with the queue `jobs` and the FIFO queue `steps`."""
    store.create_queue("jobs")
    store.create_queue("steps", fifo=True)
    return store


@pytest.fixture
def behind(jobs: Store, clock: ManualClock, open_store: Opener) -> Store:
    """A store after 30 days of work and a boot whose wall clock is 28 days behind."""
    live_for_30_days(jobs, clock)
    jobs.send("jobs", "delayed", delay=10)
    jobs.send("steps", "first", message_group="g")
    jobs.receive("steps", lease=10)
    jobs.create_topic("orders")
    jobs.consumer("billing", ["orders"], member="one", session_timeout=30)
    jobs.close()
    clock.reboot()
    clock.jump_wall(-28 * DAY)
    return open_store()


def test_a_delay_ends_after_a_boot_with_the_clock_behind(behind: Store, clock: ManualClock) -> None:
    clock.advance(10 + MINUTE)

    assert [message.value for message in behind.receive("jobs")] == [b"delayed"]


def test_a_fifo_lease_ends_after_a_boot_with_the_clock_behind(
    behind: Store, clock: ManualClock
) -> None:
    clock.advance(10 + MINUTE)

    assert [message.value for message in behind.receive("steps")] == [b"first"]


def test_a_dead_member_is_dropped_after_a_boot_with_the_clock_behind(
    behind: Store, clock: ManualClock
) -> None:
    clock.advance(30 + MINUTE)

    assert behind.group("billing").state == "empty"


def test_a_lease_is_not_ended_early_by_a_boot_with_the_clock_behind(
    jobs: Store, clock: ManualClock, open_store: Opener
) -> None:
    live_for_30_days(jobs, clock)
    jobs.send("jobs", "held")
    jobs.receive("jobs", lease=30)
    jobs.close()
    clock.reboot()
    clock.jump_wall(-28 * DAY)
    clock.advance(29)

    assert open_store().receive("jobs") == []


def test_whoever_writes_carries_store_time_forward(
    jobs: Store, clock: ManualClock, path: Path
) -> None:
    for _ in range(10):
        clock.advance(MINUTE)
        with jobs.transaction() as tx:
            tx.execute("create table if not exists mine (n)")
            tx.execute("insert into mine values (1)")

        assert now(jobs) - carried(path) < MINUTE * 1000


def test_store_time_is_carried_once_a_minute(jobs: Store, clock: ManualClock, path: Path) -> None:
    clock.advance(MINUTE)
    jobs.send("jobs", "carries")
    once = carried(path)
    for _ in range(59):
        clock.advance(1)
        jobs.send("jobs", "does not")

    assert carried(path) == once


def test_another_process_does_not_carry_it_again(
    jobs: Store, clock: ManualClock, path: Path, open_store: Opener
) -> None:
    clock.advance(MINUTE)
    jobs.send("jobs", "carries")
    once = carried(path)
    clock.advance(30)
    open_store().send("jobs", "does not")

    assert carried(path) == once


def test_a_write_that_changes_nothing_carries_nothing(
    jobs: Store, clock: ManualClock, path: Path
) -> None:
    jobs.receive("jobs")
    before = carried(path)
    clock.advance(10 * MINUTE)
    jobs.receive("jobs")

    assert carried(path) == before


def test_what_is_rolled_back_is_not_taken_for_carried(
    jobs: Store, clock: ManualClock, path: Path
) -> None:
    clock.advance(10 * MINUTE)
    roll_back_a_send(jobs)
    jobs.send("jobs", "stored")

    assert carried(path) == now(jobs)


def test_a_boot_of_which_nothing_was_stored_begins_with_the_next_write(
    jobs: Store, clock: ManualClock, open_store: Opener
) -> None:
    jobs.close()
    clock.reboot()
    clock.jump_wall(-DAY)
    again, other = open_store(), open_store()
    roll_back_a_send(again)
    clock.advance(5)
    other.send("jobs", "stored")
    clock.advance(5)

    assert now(again) == now(other)


def test_a_jump_before_the_first_write_of_a_boot_is_stored_moves_no_store_time(
    jobs: Store, clock: ManualClock, open_store: Opener
) -> None:
    jobs.close()
    clock.reboot()
    again = open_store()
    with again.transaction() as tx:
        tx.send("jobs", "delayed", delay=10)
        tx.alter_queue("jobs", lease=60)
        clock.jump_wall(2 * HOUR)
    clock.advance(9)

    assert again.receive("jobs") == []


def test_store_time_runs_for_those_who_only_look(
    jobs: Store, clock: ManualClock, open_store: Opener
) -> None:
    jobs.close()
    clock.reboot()
    clock.jump_wall(-DAY)
    again = open_store()
    before = now(again)
    clock.advance(5)

    assert now(again) - before == 5000


def test_a_machine_that_was_set_back_to_an_earlier_moment_is_a_new_boot(
    jobs: Store, clock: ManualClock, open_store: Opener
) -> None:
    clock.advance(DAY)
    jobs.send("jobs", "before")
    before = now(jobs)
    jobs.close()
    # As when a virtual machine goes on from a snapshot of its memory, but not of its disk.
    clock.advance(-3600)

    assert now(open_store()) >= before


def test_a_boot_with_the_clock_ahead_lets_what_it_ends_lapse(
    jobs: Store, clock: ManualClock, open_store: Opener
) -> None:
    jobs.send("jobs", "late", delay=900)
    jobs.close()
    clock.reboot()
    clock.jump_wall(DAY)

    assert [message.value for message in open_store().receive("jobs")] == [b"late"]


def test_delays_run_on_when_a_clock_that_was_ahead_is_right_again(
    jobs: Store, clock: ManualClock, open_store: Opener
) -> None:
    jobs.close()
    clock.reboot()
    clock.jump_wall(365 * DAY)
    ahead = open_store()
    ahead.send("jobs", "late", delay=900)
    ahead.close()
    clock.reboot()
    clock.jump_wall(-365 * DAY)
    again = open_store()
    again.receive("jobs")
    clock.advance(900 + MINUTE)

    assert [message.value for message in again.receive("jobs")] == [b"late"]


def test_every_column_in_store_time_is_asked_for_or_lies_ahead() -> None:
    table, columns = "", set()
    for line in "\n".join(files.schema_statements()).splitlines():
        if match := re.match(r"create table (\w+)", line):
            table = match[1]
        elif match := re.match(
            r"  (\w+) integer.*-- .*(store time|may be delivered|ready again)", line
        ):
            columns.add((table, match[1]))
    asked = {
        (query.split(" from ")[1].split()[0], column)
        for query in store_time._HAPPENED
        for column in re.findall(r"\w+", query.split(" from ")[0])
    }
    present = columns - {("mq_clock", "store"), ("mq_store", "wall_ahead")}

    assert present - asked == NOT_ASKED_FOR | TO_COME
