"""Settings are remembered only as long as nobody, and nothing that was undone, has changed them."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from store import Store
from store.model.clock import ManualClock
from store.model.errors import BadRecord, NotFound
from store.sqlite.file.transactions import Snapshot


class Undone(Exception):
    pass


@pytest.fixture
def other(path: Path, mails: Store, clock: ManualClock) -> Iterator[Store]:
    """Another handle on the same store."""
    with Store.open(path, clock=clock) as store:
        yield store


@pytest.fixture
def mails(store: Store) -> Store:
    """A store whose settings of a queue, a topic and a share are in memory."""
    store.create_queue("mails")
    store.create_topic("orders")
    store.create_share("billing", "orders")
    store.send("mails", "first")
    store.produce("orders", "first")
    store.acquire("billing")
    return store


def generation(store: Store) -> int:
    with store._read() as tx:
        assert isinstance(tx, Snapshot)
        return tx.memory().generation


def test_a_limit_that_another_handle_sets_holds_for_the_next_send(
    mails: Store, other: Store
) -> None:
    other.alter_queue("mails", max_message=3)
    with pytest.raises(BadRecord):
        mails.send("mails", "longer")


def test_partitions_that_another_handle_adds_take_the_next_record(
    mails: Store, other: Store
) -> None:
    other.alter_topic("orders", partitions=3)
    assert mails.produce("orders", "x", partition=2).offset == 0


def test_a_lease_that_another_handle_shortens_holds_for_the_next_acquire(
    mails: Store, other: Store, clock: ManualClock
) -> None:
    other.alter_share("billing", lease=1)
    mails.produce("orders", "second")
    mails.acquire("billing")
    clock.advance(1)
    assert [record.offset for record in mails.acquire("billing", 10)] == [1]


def test_a_queue_that_another_handle_deletes_is_gone(mails: Store, other: Store) -> None:
    other.delete_queue("mails")
    with pytest.raises(NotFound):
        mails.send("mails", "x")


def test_a_queue_made_anew_under_its_name_is_another_one(mails: Store, other: Store) -> None:
    other.delete_queue("mails")
    other.create_queue("mails", fifo=True)
    with pytest.raises(BadRecord, match="needs a message group"):
        mails.send("mails", "x")


def test_messages_go_to_the_new_lane_after_a_purge(mails: Store, other: Store) -> None:
    other.purge_queue("mails")
    mails.send("mails", "second")
    assert [message.value for message in other.receive("mails", 10)] == [b"second"]


def test_a_level_that_another_handle_fills_first_is_received_from(
    mails: Store, other: Store
) -> None:
    other.alter_queue("mails", priorities=3)
    mails.send("mails", "second")
    other.send("mails", "urgent", priority=2)
    assert [message.value for message in mails.receive("mails", 1)] == [b"urgent"]


def test_a_transaction_sees_the_settings_that_it_has_changed(mails: Store) -> None:
    with mails.transaction() as tx:
        tx.send("mails", "second")
        tx.alter_queue("mails", max_message=3)
        with pytest.raises(BadRecord):
            tx.send("mails", "longer")


def test_settings_that_were_rolled_back_hold_no_more(mails: Store) -> None:
    with suppress(Undone), mails.transaction() as tx:
        tx.alter_queue("mails", max_message=3)
        with suppress(BadRecord):
            tx.send("mails", "longer")
        raise Undone
    mails.send("mails", "longer")


def test_a_change_with_the_number_of_one_that_was_rolled_back_counts(
    mails: Store, other: Store
) -> None:
    with suppress(Undone), mails.transaction() as tx:
        tx.create_queue("draft")
        tx.send("draft", "x")
        raise Undone
    other.alter_queue("mails", max_message=3)
    with pytest.raises(BadRecord):
        mails.send("mails", "longer")


def test_delivering_changes_no_settings(mails: Store, clock: ManualClock) -> None:
    before = generation(mails)
    mails.send_many("mails", [])
    (message,) = mails.receive("mails", lease=1)
    clock.advance(2)
    (message,) = mails.receive("mails")
    mails.ack([message.receipt or ""])
    mails.produce("orders", "second")
    mails.acquire("billing", 10)
    assert generation(mails) == before
