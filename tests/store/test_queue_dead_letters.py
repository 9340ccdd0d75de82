"""Dead letters: they stay the same message, tell their story, and can go back."""

from __future__ import annotations

import pytest

from store import BadInput, Conflict, Message, NotFound, Store
from store.model.clock import ManualClock


@pytest.fixture
def jobs(store: Store) -> Store:
    """A queue `jobs` that gives up after two deliveries, and its DLQ `dlq`."""
    store.create_queue("dlq")
    store.create_queue("jobs", max_deliveries=2, dlq="dlq", lease=30)
    return store


def receipts(messages: list[Message]) -> list[str]:
    return [message.receipt or "" for message in messages]


def fail(store: Store, queue: str = "jobs", times: int = 2, error: str = "boom") -> None:
    """Receive and nack every message of a queue so many times."""
    for _ in range(times):
        store.nack(receipts(store.receive(queue, 100)), error=error)


def test_n_deliveries_are_exactly_n(jobs: Store, clock: ManualClock) -> None:
    jobs.send("jobs", "job")
    found = []
    for _ in range(4):
        found += jobs.receive("jobs")
        clock.advance(31)

    assert [message.deliveries for message in found] == [1, 2]
    assert len(jobs.dead_letters("dlq")) == 1


def test_a_dlq_alone_sets_five_deliveries(store: Store) -> None:
    store.create_queue("dlq")

    assert store.create_queue("jobs", dlq="dlq").config.max_deliveries == 5


def test_a_limit_without_a_place_to_go_is_refused(store: Store) -> None:
    with pytest.raises(BadInput, match="limit"):
        store.create_queue("jobs", max_deliveries=3)


def test_a_message_keeps_its_id_through_the_dlq_and_back(jobs: Store) -> None:
    sent = jobs.send("jobs", "job", headers={"a": 1}, key="k")
    fail(jobs)
    (letter,) = jobs.dead_letters("dlq")
    jobs.redrive("dlq")
    (back,) = jobs.messages("jobs")

    assert sent.id == letter.id == back.id
    assert (back.value, back.key, back.headers) == (b"job", b"k", {"a": 1})
    assert (back.deliveries, back.dead) == (0, None)


def test_a_message_keeps_the_time_of_its_first_send(jobs: Store, clock: ManualClock) -> None:
    first = clock.wall()
    jobs.send("jobs", "job")
    clock.advance(100)
    fail(jobs)
    clock.advance(100)
    jobs.redrive("dlq")

    assert jobs.messages("jobs")[0].timestamp == first


def test_a_dead_letter_says_what_it_died_of(jobs: Store, clock: ManualClock) -> None:
    jobs.send("jobs", "job")
    fail(jobs, times=1, error="first")
    clock.advance(5)
    fail(jobs, times=1, error="second")
    dead = jobs.dead_letters("dlq")[0].dead

    assert dead is not None
    assert (dead.source, dead.reason, dead.deliveries) == ("jobs@0", "max_deliveries", 2)
    assert (dead.at, dead.error) == (clock.wall(), "second")
    assert [(h.source, h.reason, h.count) for h in dead.hops] == [("jobs", "max_deliveries", 1)]


def test_a_lapsed_lease_leaves_the_error_that_was_told_last(
    jobs: Store, clock: ManualClock
) -> None:
    jobs.send("jobs", "job")
    fail(jobs, times=1, error="told")
    jobs.receive("jobs")
    clock.advance(31)
    jobs.receive("jobs")
    dead = jobs.dead_letters("dlq")[0].dead

    assert dead is not None
    assert dead.error == "told"


def test_deaths_in_the_same_queue_are_counted_in_one_hop(jobs: Store) -> None:
    jobs.send("jobs", "job")
    for _ in range(3):
        fail(jobs)
        jobs.redrive("dlq")
    fail(jobs)
    dead = jobs.dead_letters("dlq")[0].dead

    assert dead is not None
    assert [(h.source, h.count) for h in dead.hops] == [("jobs", 4)]


def test_hops_are_newest_first(jobs: Store) -> None:
    jobs.create_queue("grave")
    jobs.alter_queue("dlq", max_deliveries=1, dlq="grave")
    jobs.send("jobs", "job")
    fail(jobs)
    fail(jobs, "dlq", times=1)
    dead = jobs.dead_letters("grave")[0].dead

    assert dead is not None
    assert [hop.source for hop in dead.hops] == ["dlq", "jobs"]
    assert dead.deliveries == 3


def test_a_rejected_message_dies_at_once(jobs: Store) -> None:
    jobs.send("jobs", "job")
    jobs.reject(receipts(jobs.receive("jobs")), error="malformed")
    dead = jobs.dead_letters("dlq")[0].dead

    assert dead is not None
    assert (dead.reason, dead.error, dead.deliveries) == ("rejected", "malformed", 1)


def test_a_rejected_message_without_a_dlq_is_dropped(store: Store) -> None:
    store.create_queue("jobs")
    store.send("jobs", "job")
    store.reject(receipts(store.receive("jobs")))

    assert store.messages("jobs") == []
    assert store.queue("jobs").dropped == 1


def test_drop_exhausted_loses_on_purpose(store: Store) -> None:
    store.create_queue("jobs", max_deliveries=2, drop_exhausted=True)
    store.send("jobs", "job")
    fail(store)

    assert store.messages("jobs") == []
    assert store.queue("jobs").dropped == 1


def test_without_a_limit_nothing_is_dropped_for_its_count(store: Store) -> None:
    store.create_queue("jobs")
    store.send("jobs", "job")
    fail(store, times=50)

    assert store.messages("jobs")[0].deliveries == 50


def test_a_queue_counts_the_dead_letters_of_whoever_sent_them(store: Store) -> None:
    store.create_queue("dlq")
    store.create_exchange("graves", "fanout")
    store.bind("graves", "dlq")
    store.create_queue("jobs", max_deliveries=2, dlq="exchange:graves")
    store.create_topic("orders")
    store.create_share("packers", "orders", dlq="dlq")
    for destination in ("jobs", "dlq"):
        store.send(destination, b"v")
    store.produce("orders", b"v")
    store.reject(receipts(store.receive("jobs")))
    store.reject([record.receipt for record in store.acquire("packers")])

    assert (store.queue("dlq").ready, store.queue("dlq").dead_letters) == (3, 2)


def test_a_cycle_of_dlqs_keeps_the_message(store: Store, clock: ManualClock) -> None:
    store.create_queue("a")
    store.create_queue("b", max_deliveries=1, dlq="a")
    store.alter_queue("a", max_deliveries=1, dlq="b")
    sent = store.send("a", "job")
    for _ in range(5):
        fail(store, "a", times=1)
        fail(store, "b", times=1)
        clock.advance(60)

    assert [message.id for message in store.messages("b")] == [sent.id]
    assert store.messages("a") == []


def test_a_rejection_goes_on_through_a_cycle(store: Store) -> None:
    store.create_queue("a")
    store.create_queue("b", max_deliveries=1, dlq="a")
    store.alter_queue("a", max_deliveries=1, dlq="b")
    store.send("a", "job")
    store.reject(receipts(store.receive("a")))
    store.reject(receipts(store.receive("b")))

    assert len(store.messages("a")) == 1


def test_a_dlq_in_use_is_not_deleted(jobs: Store) -> None:
    with pytest.raises(Conflict, match="jobs"):
        jobs.delete_queue("dlq")
    jobs.delete_queue("jobs")

    assert jobs.delete_queue("dlq").name == "dlq"


def test_a_dlq_must_exist(store: Store) -> None:
    with pytest.raises(NotFound, match="nowhere"):
        store.create_queue("jobs", dlq="nowhere")


@pytest.mark.parametrize("fifo", [True, False])
def test_a_queue_and_its_dlq_are_of_one_type(store: Store, fifo: bool) -> None:
    store.create_queue("dlq", fifo=not fifo)
    store.create_queue("jobs", fifo=fifo)

    with pytest.raises(BadInput, match="and its DLQ"):
        store.create_queue("new", fifo=fifo, dlq="dlq")
    with pytest.raises(BadInput, match="and its DLQ"):
        store.alter_queue("jobs", dlq="dlq")


def test_fifo_dead_letters_keep_their_groups_order(store: Store, clock: ManualClock) -> None:
    store.create_queue("dlq", fifo=True)
    store.create_queue("steps", fifo=True, max_deliveries=1, dlq="dlq")
    for n in range(5):
        store.send("steps", f"{n}", message_group="g")
    store.receive("steps", 5)
    clock.advance(31)
    store.receive("steps", 5)

    assert [m.value for m in store.receive("dlq", 10)] == [b"0", b"1", b"2", b"3", b"4"]


def test_a_fifo_redrive_keeps_order_and_passes_deduplication(store: Store) -> None:
    store.create_queue("dlq", fifo=True)
    store.create_queue("steps", fifo=True, max_deliveries=1, dlq="dlq", content_dedup=True)
    for n in range(3):
        store.send("steps", f"{n}", message_group="g")
    store.nack(receipts(store.receive("steps", 3)))
    store.redrive("dlq")

    assert [m.value for m in store.receive("steps", 10)] == [b"0", b"1", b"2"]


def test_a_redrive_to_the_queue_itself_is_refused(jobs: Store) -> None:
    jobs.send("jobs", "job")
    fail(jobs)

    with pytest.raises(BadInput, match="already"):
        jobs.redrive("dlq", to="dlq")


def test_a_redrive_of_what_is_nobodys_dlq_is_refused(jobs: Store) -> None:
    jobs.create_queue("alone")
    for call in (jobs.redrive, jobs.redrive_preview):
        with pytest.raises(BadInput, match="alone is no queue's DLQ"):
            call("alone")

    assert jobs.redrive("dlq").moved == []


def test_a_queue_that_an_exchange_may_lead_dead_letters_to_is_redriven(jobs: Store) -> None:
    jobs.create_exchange("dead", "fanout")
    jobs.create_queue("graves")
    jobs.create_queue("mails", dlq="exchange:dead")

    assert jobs.redrive("graves").moved == []


def test_a_redrive_takes_the_oldest_and_leaves_what_is_leased(jobs: Store) -> None:
    for n in range(4):
        jobs.send("jobs", f"{n}")
    fail(jobs)
    jobs.receive("dlq")
    jobs.redrive("dlq", limit=2)

    assert [m.value for m in jobs.messages("jobs")] == [b"1", b"2"]
    assert [m.value for m in jobs.messages("dlq")] == [b"0", b"3"]


def test_undo_restores_the_dead_letter(jobs: Store) -> None:
    jobs.send("jobs", "job")
    fail(jobs)
    (before,) = jobs.dead_letters("dlq")
    jobs.redrive("dlq")
    jobs.undo_redrive()
    (after,) = jobs.dead_letters("dlq")

    assert (after.id, after.dead, after.deliveries) == (before.id, before.dead, before.deliveries)
    assert jobs.messages("jobs") == []


def test_undo_leaves_what_is_in_somebodys_hands(jobs: Store) -> None:
    for n in range(2):
        jobs.send("jobs", f"{n}")
    fail(jobs)
    jobs.redrive("dlq")
    taken = jobs.receive("jobs")

    assert len(jobs.undo_redrive().moved) == 1
    jobs.ack(receipts(taken))


def test_a_redrive_is_undone_once(jobs: Store) -> None:
    jobs.send("jobs", "job")
    fail(jobs)
    jobs.redrive("dlq")
    jobs.undo_redrive()

    with pytest.raises(NotFound, match="undo"):
        jobs.undo_redrive()


def test_a_priority_is_kept_through_a_dlq_without_levels(store: Store) -> None:
    store.create_queue("dlq")
    store.create_queue("jobs", priorities=5, max_deliveries=1, dlq="dlq")
    store.send("jobs", "job", priority=4)
    fail(store, times=1)
    assert store.dead_letters("dlq")[0].priority == 0
    store.redrive("dlq")

    assert store.messages("jobs")[0].priority == 4
