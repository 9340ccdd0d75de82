"""Every length of time in the Python API is seconds or a timedelta."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from store import BadInput, Store, TimedOut

NONE, SHORT = timedelta(), timedelta(milliseconds=1)


def test_a_store_opens_with_a_timedelta(tmp_path: Path) -> None:
    with Store.open(tmp_path / "store.db", create=True, timeout=timedelta(seconds=5)) as store:
        store.create_topic("orders")


def test_waits_for_messages_and_records_take_a_timedelta(store: Store) -> None:
    store.create_topic("orders")
    store.create_queue("emails")
    store.create_share("packers", "orders")
    assert store.receive("emails", wait=SHORT) == []
    assert store.acquire("packers", wait=SHORT) == []
    assert not store.wait(store.changed(), SHORT)


def test_the_calls_of_a_consumer_take_a_timedelta(store: Store) -> None:
    store.create_topic("orders")
    with store.consumer("billing", ["orders"], timeout=SHORT) as consumer:
        assert consumer.poll(timeout=SHORT) == []
        consumer.commit(timeout=timedelta(seconds=5))
        with pytest.raises(TimedOut, match="within 0 s"):
            store.consumer("billing", ["orders"], timeout=NONE)
        consumer.close(timeout=timedelta(seconds=5))


def test_a_transaction_is_bounded_by_a_timedelta(store: Store) -> None:
    store.create_topic("orders")
    with pytest.raises(TimedOut), store.transaction(timeout=NONE) as tx:
        tx.produce("orders", b"never")
    with store.transaction(timeout=timedelta(seconds=5)) as tx:
        tx.produce("orders", b"v")
    assert [record.value for record in store.read("orders")] == [b"v"]


def test_a_message_given_for_its_receipt_is_bad_input(store: Store) -> None:
    store.create_queue("emails")
    store.send("emails", b"v", key=b"k")
    with pytest.raises(BadInput, match="a receipt is text, not Message"):
        store.ack(store.receive("emails"))  # type: ignore[arg-type]
