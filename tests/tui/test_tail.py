"""The live tail of a topic or a queue."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from store import NewRecord, Store
from store.model.clock import ManualClock
from tests.tui.conftest import Person
from tui.tails import MOST, QueueTail, TopicTail, newest_sequence

Run = Callable[..., None]


def test_a_topic_is_followed_in_the_order_of_time(store: Store, clock: ManualClock) -> None:
    store.create_topic("orders", partitions=2)
    tail = TopicTail("orders")
    for number in range(4):
        store.produce("orders", f"v{number}", partition=number % 2)
        clock.advance(1)
    assert [record.value for record in tail(store)] == [b"v0", b"v1", b"v2", b"v3"]
    store.produce("orders", "v4", partition=1)
    assert [record.value for record in tail(store)][-2:] == [b"v3", b"v4"]


def test_a_long_topic_is_followed_from_its_newest_records(store: Store) -> None:
    store.create_topic("orders")
    store.produce_many("orders", [NewRecord(f"v{n}") for n in range(3 * MOST)])
    tail = TopicTail("orders")
    assert [tail(store)[at].offset for at in (0, -1)] == [2 * MOST, 3 * MOST - 1]
    store.produce_many("orders", [NewRecord("w") for _ in range(2 * MOST)])
    assert tail(store)[0].offset == 4 * MOST


def test_a_message_that_has_left_its_queue_stays_in_the_tail(store: Store) -> None:
    store.create_queue("mails")
    tail = QueueTail("mails")
    store.send("mails", "a")
    tail(store)
    store.ack([store.receive("mails")[0].receipt or ""])
    store.send("mails", "b")
    assert [message.value for message in tail(store)] == [b"a", b"b"]


def test_a_long_queue_is_followed_from_its_newest_messages(store: Store) -> None:
    store.create_queue("mails")
    store.send_many("mails", [f"m{n}" for n in range(MOST + 300)])
    seen = QueueTail("mails")(store)
    assert (len(seen), seen[-1].value) == (MOST, b"m%d" % (MOST + 299))


@pytest.mark.parametrize("gone", [0, 3, 40])
def test_the_newest_message_is_found_behind_gaps(store: Store, gone: int) -> None:
    store.create_queue("mails")
    assert newest_sequence(store, "mails") == -1
    store.send_many("mails", [f"m{n}" for n in range(41)])
    last = store.messages("mails")[-1].sequence
    if gone:
        store.ack([message.receipt or "" for message in store.receive("mails", gone)])
    assert newest_sequence(store, "mails") == last


def test_new_records_appear_at_the_foot_until_a_person_moves_up(shop: Store, run: Run) -> None:
    async def errand(person: Person) -> None:
        await person.press("2", "f")
        shop.produce("orders", "fresh", partition=1)
        await person.look()
        assert person.rows("tail")[-1].endswith("fresh")
        assert "● follows" in person.screen()
        await person.press("up")
        shop.produce("orders", "fresher", partition=1)
        await person.look()
        assert "G follows again" in person.screen()
        await person.press("G")
        assert "● follows" in person.screen()

    run(shop, errand)


def test_a_queue_is_followed_from_the_overview_and_the_queues(shop: Store, run: Run) -> None:
    async def errand(person: Person) -> None:
        for screen in ("1", "3"):
            await person.press(screen, "slash")
            await person.type("invoices")
            await person.press("enter", "f")
            assert [row[-1] for row in person.rows("tail")] == ["0", "1", "2", "3"]
            await person.press("escape")

    run(shop, errand)


def test_an_open_row_of_the_tail_is_peeked_at(shop: Store, run: Run) -> None:
    async def errand(person: Person) -> None:
        await person.press("2", "f", "enter")
        assert "orders/0@29" in person.screen()

    run(shop, errand)
