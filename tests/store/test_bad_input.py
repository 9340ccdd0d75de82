"""What no call can use: each is refused as bad input, in words of our own, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from store import BadInput, MqError, NewMessage, NewRecord, Store
from tests.support.invariants import check_all

Call = Callable[[Store], object]
NAN = float("nan")
REFUSED: dict[str, Callable[[Any], object]] = {
    "a name that is none": lambda s: s.produce(None, "v"),
    "a name that is a number": lambda s: s.send(7, "v"),
    "a name that is a list": lambda s: s.receive(["jobs"]),
    "a name of a group": lambda s: s.group(b"g"),
    "a name of a share": lambda s: s.acquire(["packers"]),
    "a name of an exchange": lambda s: s.create_exchange(5, "topic"),
    "a destination": lambda s: s.bind("events", 5),
    "a number as text": lambda s: s.receive("jobs", "3"),
    "a number of records": lambda s: s.acquire("packers", 1.5),
    "a broken number": lambda s: s.create_topic("new", partitions=1.5),
    "a number too large": lambda s: s.messages("jobs", after=2**70),
    "a limit below 0": lambda s: s.read("orders", limit=-1),
    "an offset as text": lambda s: s.read("orders", offset="3"),
    "a partition as text": lambda s: s.read("orders", "0"),
    "a record's partition": lambda s: s.produce("orders", "v", partition="0"),
    "a sequence as text": lambda s: s.message("jobs", "0"),
    "a priority as text": lambda s: s.send("jobs", "v", priority="1"),
    "a message group in bytes": lambda s: s.send("steps", "v", message_group=b"g"),
    "a value": lambda s: s.send("jobs", 5),
    "a wait that never ends": lambda s: s.receive("jobs", wait=NAN),
    "a wait as text": lambda s: s.receive("jobs", wait="5"),
    "an endless transaction": lambda s: s.transaction(timeout=NAN),
    "a lease as text": lambda s: s.receive("jobs", lease="5"),
    "no receipts": lambda s: s.ack(None),
    "an error in bytes": lambda s: s.nack(_receipts(s), error=b"broken"),
    "an error that is no text": lambda s: s.reject(_receipts(s), error="\ud800"),
    "no records": lambda s: s.produce_many("orders", None),
    "no messages": lambda s: s.send_many("jobs", 5),
    "published bytes": lambda s: s.publish_many("events", [b"v"]),
    "topics as text": lambda s: s.consumer("billing", "orders"),
    "no session": lambda s: s.consumer("billing", ["orders"], session_timeout=0),
    "a lease of none": lambda s: s.create_queue("new", lease=None),
    "a delay of none": lambda s: s.alter_queue("jobs", delay=None),
    "a setting as text": lambda s: s.create_topic("new", max_message="1MiB"),
    "a broken setting": lambda s: s.create_share("new", "orders", max_in_flight=1.5),
    "a setting of a group": lambda s: s.create_group("new", max_lag="5"),
    "an unknown setting of a topic": lambda s: s.create_topic("new", retenton=5),
    "an unknown setting of a queue": lambda s: s.alter_queue("jobs", max_delivries=5),
    "an unknown setting of an exchange": lambda s: s.create_exchange("new", "topic", durable=True),
    "a position as text": lambda s: s.trim("orders", "latest"),
}  # fmt: skip


@pytest.fixture
def shop(orders: Store) -> Store:
    """The topic `orders` with a share, a standard and a FIFO queue, and an exchange."""
    orders.create_share("packers", "orders")
    orders.create_queue("jobs")
    orders.create_queue("steps", fifo=True)
    orders.create_exchange("events", "topic")
    orders.send("jobs", "1")
    return orders


def _receipts(store: Store) -> list[str]:
    return [message.receipt or "" for message in store.receive("jobs")]


@pytest.mark.parametrize("call", REFUSED.values(), ids=REFUSED)
def test_what_a_call_can_not_use_is_bad_input(shop: Store, call: Call) -> None:
    before = (shop.topics(), shop.exchanges(), [queue.name for queue in shop.queues()])
    with pytest.raises(BadInput) as caught:
        call(shop)

    assert "sqlite" not in str(caught.value).lower()
    assert (shop.topics(), shop.exchanges(), [queue.name for queue in shop.queues()]) == before
    check_all(shop)


def test_one_bad_value_leaves_the_rest_of_a_transaction(shop: Store) -> None:
    with shop.transaction() as tx:
        tx.produce("orders", "before")
        with pytest.raises(BadInput):
            tx.send_many("jobs", [NewMessage("good"), NewMessage("bad", priority=-1)])
        with pytest.raises(BadInput):
            tx.execute("select ?", (2**70,))
        tx.produce_many("orders", [NewRecord("after")])

    assert [r.value for r in shop.read("orders", offset=10)] == [b"before", b"after"]
    assert shop.queue("jobs").ready == 1


@pytest.mark.parametrize("path", [None, 5, ["store.db"]])
def test_a_path_that_is_none_is_bad_input(path: Any) -> None:
    with pytest.raises(BadInput, match="a path is text"):
        Store.open(path)


def test_a_backup_to_where_nothing_can_be_written_says_so(shop: Store) -> None:
    with pytest.raises(MqError, match=r"can't be (written|opened)"):
        shop.backup(Path("/proc/store.db"))


UNKNOWN: dict[str, Callable[[Any], object]] = {
    "partitions": lambda s: s.create_topic("new", partitons=3),
    "retention": lambda s: s.alter_topic("orders", retenton=5),
    "max_deliveries": lambda s: s.create_queue("new", max_delivries=3),
    "dlq": lambda s: s.alter_queue("jobs", dql=None),
    "topics": lambda s: s.create_group("new", topic=["orders"]),
    "max_lag": lambda s: s.alter_group("billing", max_lags=1),
    "lease": lambda s: s.create_share("new", "orders", leases=1),
    "max_in_flight": lambda s: s.alter_share("packers", max_inflight=1),
    "alternate": lambda s: s.alter_exchange("events", alternat="events"),
}


@pytest.mark.parametrize("meant", UNKNOWN)
def test_an_unknown_setting_is_answered_with_the_nearest(shop: Store, meant: str) -> None:
    shop.create_group("billing")

    with pytest.raises(BadInput) as raised:
        UNKNOWN[meant](shop)

    assert raised.value.hint == f"did you mean {meant}?"


def test_an_exchange_keeps_what_is_not_altered(shop: Store) -> None:
    shop.alter_exchange("events", alternate="unrouted")

    assert shop.alter_exchange("events").alternate == "unrouted"
    assert shop.alter_exchange("events", alternate=None).alternate is None
