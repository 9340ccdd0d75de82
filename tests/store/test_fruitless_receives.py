"""A receive after one that found nothing looks first, and takes the write lock for a message."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from store import Busy, ReadOnly, Store
from store.model.clock import ManualClock

HOLD = "import sys; from store import Store; Store.open(sys.argv[1]).receive('jobs', attached=True)"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def idle(tmp_path: Path, clock: ManualClock) -> Iterator[Store]:
    """A store that has just found nothing in `jobs`, nor for the share `work`."""
    with Store.open(tmp_path / "store.db", create=True, clock=clock, timeout=0.01) as store:
        store.create_queue("dead")
        store.create_queue("jobs", dlq="dead")
        store.create_topic("events")
        store.create_share("work", "events")
        assert not store.receive("jobs")
        assert not store.acquire("work")
        yield store


@pytest.fixture
def other(idle: Store, clock: ManualClock) -> Iterator[Store]:
    """The same store, opened once more."""
    with Store.open(idle.path, clock=clock) as store:
        yield store


def test_it_waits_for_no_writer(idle: Store, other: Store) -> None:
    with other.transaction():
        assert idle.receive("jobs") == []
        assert idle.acquire("work") == []


def test_it_waits_for_a_writer_where_a_message_is(idle: Store, other: Store) -> None:
    other.send("jobs", "value")
    with other.transaction(), pytest.raises(Busy):
        idle.receive("jobs")


def test_it_gets_what_came_since(idle: Store, other: Store) -> None:
    other.send("jobs", "value")
    other.produce("events", "value")

    assert [message.value for message in idle.receive("jobs")] == [b"value"]
    assert [record.value for record in idle.acquire("work")] == [b"value"]


def test_it_gets_what_was_delayed_or_leased(idle: Store, other: Store, clock: ManualClock) -> None:
    other.send("jobs", "delayed", delay=5)
    other.send("jobs", "leased")
    other.receive("jobs", lease=5)
    assert idle.receive("jobs") == []

    clock.advance(6)

    assert {message.value for message in idle.receive("jobs", 2)} == {b"delayed", b"leased"}


def test_it_moves_what_has_expired(idle: Store, other: Store, clock: ManualClock) -> None:
    other.send("jobs", "value", ttl=5)
    clock.advance(6)

    assert idle.receive("jobs") == []
    with other.transaction() as tx:
        assert tx.execute("select count(*) from mq_records where expires not null") == [(1,)]
    assert [message.value for message in idle.messages("dead")] == [b"value"]


def test_it_frees_what_a_dead_process_has(tmp_path: Path) -> None:
    with Store.open(tmp_path / "store.db", create=True) as store:
        store.create_queue("jobs")
        assert not store.receive("jobs")
        store.send("jobs", "value")
        subprocess.run([sys.executable, "-c", HOLD, store.path], check=True)
        with store.transaction() as tx:
            assert tx.execute("select count(*) from mq_leases") == [(1,)]

        assert [message.value for message in store.receive("jobs", wait=20)] == [b"value"]


def test_it_is_refused_in_a_store_that_is_read_only(idle: Store, other: Store) -> None:
    other.set_read_only(True)

    with pytest.raises(ReadOnly):
        idle.receive("jobs")


def test_it_is_refused_where_the_queue_is_gone(idle: Store, other: Store) -> None:
    other.delete_queue("jobs")

    with pytest.raises(Exception, match="jobs does not exist"):
        idle.receive("jobs")
