"""Where messages end: what the doctor finds in settings, and what only looks like it."""

from __future__ import annotations

import pytest

from store import Diagnosis, Store
from store.advice.plumbing import Ending, Plumbing, examine


def found(store: Store, code: str) -> list[Diagnosis]:
    return [one for one in store.doctor() if one.code == code and one.severity != "ok"]


def only(store: Store, code: str) -> Diagnosis:
    (one,) = found(store, code)
    return one


def create_with_dlq(store: Store, name: str, dlq: str = "dead") -> None:
    store.create_queue(dlq, retention=14 * 86_400, if_not_exists=True)
    store.create_queue(name, dlq=dlq)


def test_a_queue_without_a_dlq_is_a_warning_with_the_way_to_one(store: Store) -> None:
    store.create_queue("mails")

    one = only(store, "no_dlq")

    assert (one.severity, one.address) == ("warning", "mails")
    assert one.do == (
        "mq queue create mails.dlq --retention 14d",
        "mq queue alter mails --max-deliveries 5 --dlq mails.dlq",
    )


def test_a_fifo_queue_is_shown_the_way_to_a_fifo_dlq(store: Store) -> None:
    store.create_queue("bills", fifo=True)

    assert "--fifo" in only(store, "no_dlq").do[0]


def test_neither_a_queue_with_a_dlq_nor_the_dlq_itself_lacks_one(store: Store) -> None:
    create_with_dlq(store, "mails")

    assert found(store, "no_dlq") == []


def test_a_group_without_a_dlq_is_advice(store: Store) -> None:
    store.create_topic("orders")
    store.create_group("billing", topics=["orders"])

    one = only(store, "no_dlq")

    assert (one.severity, one.address) == ("advice", "billing")


def test_a_group_with_a_dlq_lacks_nothing(store: Store) -> None:
    store.create_topic("orders")
    store.create_queue("dead")
    store.create_group("billing", topics=["orders"], dlq="dead")

    assert found(store, "no_dlq") == []


def test_dropping_what_is_exhausted_is_advice(store: Store) -> None:
    store.create_queue("mails", max_deliveries=3, drop_exhausted=True)

    one = only(store, "drops_exhausted")

    assert (one.severity, one.evidence) == ("advice", "messages are dropped after 3 deliveries")


def test_a_dlq_that_keeps_letters_no_longer_than_its_source_is_advice(store: Store) -> None:
    create_with_dlq(store, "mails")
    store.alter_queue("dead", retention=4 * 86_400)

    assert only(store, "dlq_retention").do == ("mq queue alter dead --retention 16d",)


def test_a_dlq_that_keeps_letters_longer_than_its_source_is_right(store: Store) -> None:
    create_with_dlq(store, "mails")

    assert found(store, "dlq_retention") == []


def test_a_fifo_dlq_counts_from_the_arrival_and_may_keep_them_as_long(store: Store) -> None:
    store.create_queue("dead", fifo=True)
    store.create_queue("bills", fifo=True, dlq="dead")

    assert found(store, "dlq_retention") == []


def test_dead_letters_that_go_in_a_circle_are_a_warning(store: Store) -> None:
    store.create_queue("a")
    store.create_queue("b", dlq="a")
    store.alter_queue("a", dlq="b")

    one = only(store, "dlq_cycle")

    assert (one.severity, one.address, one.evidence) == ("warning", "a", "a -> b -> a")


def test_letters_that_a_circle_holds_are_counted(store: Store) -> None:
    store.create_queue("a")
    store.create_queue("b", dlq="a", max_deliveries=1)
    store.alter_queue("a", dlq="b", max_deliveries=1)
    store.send("a", b"poison")
    for queue in ("a", "b", "a", "b", "a"):
        for message in store.receive(queue):
            store.nack([message.receipt or ""])

    assert "1 used up their deliveries and stay" in only(store, "dlq_cycle").evidence


def test_a_ladder_of_dlqs_is_no_circle(store: Store) -> None:
    store.create_queue("third")
    store.create_queue("second", dlq="third")
    store.create_queue("first", dlq="second")

    assert found(store, "dlq_cycle") == []


def test_a_dlq_that_does_not_exist_is_a_warning_with_the_command_that_creates_it() -> None:
    mails = Ending("queue", "mails", max_deliveries=5, dlq="dead")

    (one,) = examine(Plumbing((mails,), (), ()))

    assert (one.severity, one.code) == ("warning", "dlq_missing")
    assert one.do == ("mq queue create dead --retention 14d",)


def test_dead_letters_for_an_exchange_that_leads_nowhere_are_a_warning(store: Store) -> None:
    store.create_exchange("dead", "topic")
    store.create_queue("mails", dlq="exchange:dead")

    one = only(store, "dlq_routes_nowhere")

    assert (one.severity, one.address) == ("warning", "mails")


def test_dead_letters_with_a_key_that_no_binding_takes_are_a_warning(store: Store) -> None:
    store.create_exchange("dead", "topic")
    store.create_queue("graves")
    store.bind("dead", "graves", key="mail.*")
    store.create_queue("mails", dlq="exchange:dead", dlq_key="post.letter")

    assert "with key post.letter" in only(store, "dlq_routes_nowhere").evidence


def test_dead_letters_with_a_key_that_a_binding_takes_are_right(store: Store) -> None:
    store.create_exchange("dead", "topic")
    store.create_queue("graves")
    store.bind("dead", "graves", key="mail.*")
    store.create_queue("mails", dlq="exchange:dead", dlq_key="mail.letter")

    assert found(store, "dlq_routes_nowhere") == []


def test_an_exchange_that_leads_nowhere_is_a_warning(store: Store) -> None:
    store.create_exchange("events", "topic")

    one = only(store, "unbound_exchange")

    assert (one.severity, one.address) == ("warning", "exchange:events")


def test_exchanges_that_only_lead_to_one_another_lead_nowhere(store: Store) -> None:
    for name in ("one", "two"):
        store.create_exchange(name, "fanout")
    store.bind("one", "exchange:two")
    store.bind("two", "exchange:one")

    assert [one.address for one in found(store, "unbound_exchange")] == [
        "exchange:one",
        "exchange:two",
    ]


def test_an_exchange_whose_alternate_leads_somewhere_is_bound(store: Store) -> None:
    store.create_exchange("unrouted", "fanout")
    store.create_queue("lost")
    store.bind("unrouted", "lost")
    store.create_exchange("events", "topic", alternate="unrouted")

    assert found(store, "unbound_exchange") == []


def test_a_queue_that_only_an_alternate_feeds_needs_no_dlq(store: Store) -> None:
    store.create_exchange("unrouted", "fanout")
    store.create_queue("lost")
    store.bind("unrouted", "lost")
    store.create_exchange("events", "topic", alternate="unrouted")

    assert found(store, "no_dlq") == []


@pytest.mark.parametrize(
    ("type", "key", "codes"),
    [
        ("topic", "order.*", ["no_alternate"]),
        ("topic", "#", []),
        ("direct", "order", ["no_alternate"]),
        ("fanout", "", []),
        ("headers", "", []),
    ],
)
def test_an_exchange_that_may_drop_a_key_unseen_is_advised_an_alternate(
    store: Store, type: str, key: str, codes: list[str]
) -> None:
    store.create_exchange("events", type)
    create_with_dlq(store, "mails")
    store.bind("events", "mails", key=key)

    shown = [one.code for one in store.doctor() if one.address == "exchange:events"]

    assert shown == codes
