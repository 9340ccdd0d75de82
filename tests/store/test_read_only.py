"""A store that is read-only takes and hands out nothing new; what is under way can end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from store import ReadOnly, Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A topic, a queue with a message that is leased and one that waits, and all of it in use."""
    made = Store.open(tmp_path / "store.db", create=True)
    made.create_topic("orders")
    made.create_queue("emails")
    made.create_queue("billing", fifo=True)
    made.create_exchange("events", "fanout")
    made.create_share("packers", "orders")
    made.produce("orders", b"a")
    for _ in range(3):
        # So that the calls that are refused later are prepared.
        made.send("emails", b"a")
        made.receive("emails")
    made.send("emails", b"b")
    return made


REFUSED: dict[str, Callable[[Store], object]] = {
    "send": lambda store: store.send("emails", b"c"),
    "send many": lambda store: store.send_many("emails", [b"c", b"d"]),
    "send in order": lambda store: store.send("billing", b"c", message_group="g", dedup_id="1"),
    "produce": lambda store: store.produce("orders", b"c"),
    "produce many": lambda store: store.produce_many("orders", [b"c", b"d"]),
    "receive": lambda store: store.receive("emails"),
    "acquire": lambda store: store.acquire("packers"),
    "create a topic": lambda store: store.create_topic("records"),
    "more partitions": lambda store: store.alter_topic("orders", partitions=2),
    "create a queue": lambda store: store.create_queue("more"),
    "alter a queue": lambda store: store.alter_queue("emails", lease=5.0),
    "delete a queue": lambda store: store.delete_queue("emails"),
    "create an exchange": lambda store: store.create_exchange("others", "fanout"),
    "bind": lambda store: store.bind("events", "emails"),
}


@pytest.mark.parametrize("call", REFUSED.values(), ids=REFUSED)
def test_it_refuses_what_is_new(store: Store, call: Callable[[Store], object]) -> None:
    store.set_read_only(True)
    with pytest.raises(ReadOnly):
        call(store)


@pytest.mark.parametrize("call", ["send", "produce", "receive"])
def test_another_process_that_has_it_open_is_refused_too(store: Store, call: str) -> None:
    with Store.open(store.path) as other:
        other.set_read_only(True)
    with pytest.raises(ReadOnly):
        REFUSED[call](store)


def test_leased_messages_can_be_settled(store: Store) -> None:
    first, second = _leased(store)
    store.set_read_only(True)
    store.ack([first])
    store.nack([second])
    assert store.queue("emails").leased == 3


def _leased(store: Store) -> tuple[str, str]:
    """The receipts of two leased messages."""
    store.send("emails", b"c")
    first, second = store.receive("emails", 2)
    assert first.receipt is not None
    assert second.receipt is not None
    return first.receipt, second.receipt


def test_groups_commit_what_they_read(store: Store) -> None:
    with store.consumer("billing", ["orders"]) as consumer:
        assert consumer.poll()
        store.set_read_only(True)
        consumer.commit()
    assert store.lag("billing")[0].committed == 1


def test_it_takes_new_things_again_once_it_is_switched_back(store: Store) -> None:
    store.set_read_only(True)
    store.set_read_only(False)
    for name, call in REFUSED.items():
        if name != "delete a queue":
            call(store)


def test_the_error_names_the_way_back(store: Store) -> None:
    store.set_read_only(True)
    with pytest.raises(ReadOnly) as caught:
        store.send("emails", b"c")
    assert "mq store set read_only no" in caught.value.shell_hint
