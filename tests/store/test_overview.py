"""The overview: everything that holds messages, worst first."""

from __future__ import annotations

from store import Store, Subject


def subject(store: Store, name: str) -> Subject:
    (found,) = [one for one in store.snapshot().subjects if one.name == name]
    return found


def test_a_topic_shows_what_it_holds_and_who_is_furthest_behind(read_three: Store) -> None:
    read_three.create_group("audit", topics=["orders"])
    orders = subject(read_three, "orders")
    assert (orders.kind, orders.depth, orders.lag, orders.note) == (
        "topic", 10, 10, "audit 10 behind",
    )  # fmt: skip


def test_a_queue_shows_its_messages_by_state(store: Store) -> None:
    store.create_queue("mails")
    for _ in range(3):
        store.send("mails", "m")
    store.send("mails", "later", delay=60)
    store.receive("mails")
    mails = subject(store, "mails")
    assert (mails.depth, mails.ready, mails.leased, mails.delayed) == (4, 2, 1, 1)
