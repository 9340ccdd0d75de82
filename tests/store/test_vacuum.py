"""`vacuum` gives unused pages back."""

from __future__ import annotations

import pytest

from store import NewRecord, Position, Store
from store.api import store as broker
from tests.support.invariants import check_all
from tests.support.processes import finish, start


@pytest.fixture
def trimmed(store: Store) -> Store:
    """A store with many pages that are not used any more."""
    store.create_topic("orders")
    for _ in range(4):
        store.produce_many("orders", [NewRecord(b"x" * 10_000)] * 100)
    store.trim("orders", Position("offset", 390))
    return store


def test_vacuum_makes_the_file_smaller(trimmed: Store) -> None:
    before = trimmed.status().bytes
    freed = trimmed.vacuum()

    assert freed > 3_000_000
    assert trimmed.status().bytes == before - freed == trimmed.path.stat().st_size


def test_vacuum_leaves_no_unused_pages_and_an_empty_log(trimmed: Store) -> None:
    trimmed.vacuum()
    status = trimmed.status()

    assert (status.free_bytes, status.wal_bytes) == (0, 0)


def test_vacuum_keeps_every_record(trimmed: Store) -> None:
    trimmed.vacuum()

    assert [record.offset for record in trimmed.read("orders")] == list(range(390, 400))
    check_all(trimmed)


def test_a_second_vacuum_finds_nothing(trimmed: Store) -> None:
    trimmed.vacuum()

    assert trimmed.vacuum() == 0


def test_vacuum_works_in_short_steps(trimmed: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker, "_PAGES_A_STEP", 50)
    assert trimmed.vacuum() > 3_000_000


def test_others_write_while_vacuum_works(trimmed: Store) -> None:
    with start("produce", trimmed.path, "p", 0, 50) as producer:
        trimmed.vacuum()
        assert len(finish(producer)) == 50

    check_all(trimmed)
