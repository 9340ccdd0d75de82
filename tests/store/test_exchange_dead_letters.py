"""Dead letters through an exchange: to each destination, with their history, or not at all."""

from __future__ import annotations

import pytest

from store import BadInput, Conflict, Message, NotFound, Store
from store.model.clock import ManualClock


@pytest.fixture
def post(store: Store) -> Store:
    """The queue `jobs` dead-letters through the topic exchange `dead`, which leads nowhere yet."""
    store.create_exchange("dead", "topic")
    store.create_queue("jobs", dlq="exchange:dead", max_deliveries=1)
    return store


def reject(store: Store, queue: str = "jobs") -> None:
    (message,) = store.receive(queue)
    store.reject([receipt(message)], error="no")


def receipt(message: Message) -> str:
    assert message.receipt is not None
    return message.receipt


def test_a_dead_letter_goes_where_its_own_key_leads(post: Store) -> None:
    for name in ("eu", "us"):
        post.create_queue(name)
        post.bind("dead", name, key=f"{name}.#")
    post.send("jobs", "m", key="us.1")
    reject(post)

    assert post.receive("eu") == []
    (letter,) = post.receive("us")
    assert letter.dead is not None
    assert (letter.dead.source, letter.dead.reason, letter.dead.error) == (
        "jobs@0",
        "rejected",
        "no",
    )


def test_the_key_of_the_queue_takes_the_place_of_the_letters_own(post: Store) -> None:
    post.alter_queue("jobs", dlq_key="refused.jobs")
    for name, key in (("own", "k"), ("refused", "refused.*")):
        post.create_queue(name)
        post.bind("dead", name, key=key)
    post.send("jobs", "m", key="k")
    reject(post)

    (letter,) = post.receive("refused")
    assert letter.key == b"k"
    assert post.receive("own") == []


def test_a_key_without_an_exchange_is_refused(store: Store) -> None:
    store.create_queue("letters")
    with pytest.raises(BadInput, match="for an exchange"):
        store.create_queue("jobs", dlq="letters", dlq_key="k")


def test_a_queue_that_does_not_admit_the_source_is_no_destination(post: Store) -> None:
    post.create_queue("closed", redrive_allow="none")
    post.bind("dead", "closed", key="#")
    post.send("jobs", "m")

    with pytest.raises(Conflict):
        reject(post)


def test_every_copy_has_the_history_and_only_the_first_keeps_the_id(post: Store) -> None:
    for name in ("a", "b"):
        post.create_queue(name)
        post.bind("dead", name, key="#")
    sent = post.send("jobs", "m")
    reject(post)

    (first,), (second,) = post.receive("a"), post.receive("b")
    assert first.id == sent.id
    assert second.id != sent.id
    for copy in (first, second):
        assert copy.dead is not None
        assert [(hop.source, hop.reason, hop.count) for hop in copy.dead.hops] == [
            ("jobs", "rejected", 1)
        ]


def test_a_message_that_leads_nowhere_stays_until_a_route_exists(
    post: Store, clock: ManualClock
) -> None:
    post.send("jobs", "m")
    post.receive("jobs", lease=1)
    clock.advance(2)
    assert post.receive("jobs") == []
    assert post.queue("jobs").delayed == 1

    post.create_queue("letters")
    post.bind("dead", "letters", key="#")
    clock.advance(30)
    assert post.receive("jobs") == []
    (letter,) = post.receive("letters")
    assert letter.dead is not None
    assert letter.dead.reason == "max_deliveries"


def test_a_rejection_that_leads_nowhere_is_refused(post: Store) -> None:
    post.send("jobs", "m")

    with pytest.raises(Conflict, match="no binding of exchange dead"):
        reject(post)


def test_the_alternate_of_the_exchange_takes_what_it_does_not_route(store: Store) -> None:
    store.create_exchange("rest", "fanout")
    store.create_exchange("dead", "direct", alternate="rest")
    store.create_queue("letters")
    store.bind("rest", "letters")
    store.create_queue("jobs", dlq="exchange:dead")
    store.send("jobs", "m", key="unknown")
    reject(store)

    assert store.queue("letters").ready == 1


def test_a_topic_keeps_the_content_of_a_dead_letter(post: Store) -> None:
    post.create_topic("log")
    post.bind("dead", "log", key="#")
    post.send("jobs", "m", key="k", headers={"n": 1})
    reject(post)

    (record,) = post.read("log")
    assert (record.value, record.key, record.headers) == (b"m", b"k", {"n": 1})
    assert post.queue("jobs").ready == 0


def test_a_topic_that_can_not_store_the_letter_is_no_destination(post: Store) -> None:
    post.create_topic("latest", cleanup="compact")
    post.bind("dead", "latest", key="#")
    post.send("jobs", "m")

    with pytest.raises(Conflict):
        reject(post)


def test_the_cycle_rule_holds_for_each_destination(post: Store, clock: ManualClock) -> None:
    post.create_queue("letters")
    for name in ("jobs", "letters"):
        post.bind("dead", name, key="#")
    post.send("jobs", "m")
    post.receive("jobs", lease=1)
    clock.advance(2)

    assert post.receive("jobs") == []
    assert (post.queue("jobs").ready, post.queue("letters").ready) == (0, 1)


def test_a_letter_without_a_group_gets_one_in_a_fifo_queue(post: Store) -> None:
    post.create_queue("ordered", fifo=True)
    post.bind("dead", "ordered", key="#")
    post.send("jobs", "m", key="k1")
    reject(post)

    (letter,) = post.receive("ordered")
    assert letter.message_group == b"k1".hex()


def test_a_history_that_a_client_sends_is_only_a_header(post: Store) -> None:
    post.create_queue("letters")
    post.bind("dead", "letters", key="#")
    post.send("jobs", "m", headers={"x-death": "forged"})
    reject(post)

    (letter,) = post.receive("letters")
    assert letter.dead is not None
    assert len(letter.dead.hops) == 1


def test_the_exchange_of_a_dlq_must_exist(store: Store) -> None:
    with pytest.raises(NotFound):
        store.create_queue("jobs", dlq="exchange:nowhere")


def test_the_exchange_of_a_dlq_is_not_deleted(post: Store) -> None:
    with pytest.raises(Conflict, match="queue jobs sends its dead letters"):
        post.delete_exchange("dead")


def test_a_queue_does_not_stand_for_a_dlq_that_may_be_many(post: Store) -> None:
    with pytest.raises(BadInput, match="may lead anywhere"):
        list(post.dead_letters("jobs"))


def test_a_queue_that_gets_its_own_dead_letters_back_counts_them_once(store: Store) -> None:
    store.create_exchange("x", "fanout")
    store.create_queue("q", dlq="exchange:x")
    store.bind("x", "q")
    store.send("q", "m")
    (message,) = store.receive("q")
    store.reject([message.receipt or ""])

    assert store.queue("q").ready == 1
    assert list(store.verify()) == []
