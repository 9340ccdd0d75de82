"""A transaction settles what can be settled, for holders that it names."""

from __future__ import annotations

import pytest

from store import BadInput, Store


def test_settling_in_a_transaction_may_pass_over_refused_receipts(store: Store) -> None:
    store.create_queue("mails", lease=1)
    store.send_many("mails", ["a", "b", "c"])
    receipts = [message.receipt or "" for message in store.receive("mails", 3)]
    store.ack(receipts[:1])
    store.release("mails", 1)
    store.receive("mails", lease=60)

    with store.transaction() as tx:
        refused = tx.settle([*receipts, "nonsense"], "ack")

    assert list(refused) == [receipts[1], "nonsense"]
    assert [message.value for message in store.messages("mails")] == [b"b"]


def test_all_receipts_of_a_call_count_in_a_transaction_after_a_partial_one(store: Store) -> None:
    store.create_queue("mails")
    store.send("mails", "a")
    (message,) = store.receive("mails")

    with store.transaction() as tx:
        assert tx.settle([message.receipt or ""], "nack", 0, "no") == {}
        (again,) = tx.receive("mails")
        with pytest.raises(BadInput):
            tx.ack([again.receipt or "", "nonsense"])

    assert [message.state for message in store.messages("mails")] == ["leased"]


def test_a_receive_in_a_transaction_is_held_by_the_named_holder(store: Store) -> None:
    store.create_queue("mails")
    store.create_topic("orders")
    store.create_share("packers", "orders")
    store.send_many("mails", ["a", "b"])
    store.produce("orders", "a")

    with store.transaction() as tx:
        tx.receive("mails", 5, holder="sqs 10.0.0.1 Boto3", attached=True, prefetch=1)
        tx.acquire("packers", holder="amqp orders-app", attached=True)

    holders = [(lease.reader, lease.holder) for lease in store.leases()]
    assert holders == [("mails", "sqs 10.0.0.1 Boto3"), ("packers", "amqp orders-app")]
