"""Time to live: where an expired message goes, when, and what is seen of it meanwhile."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from store import BadRecord, Message, NewMessage, NotFound, Store
from store.model.addresses import Address
from store.model.clock import ManualClock


@pytest.fixture
def queue(store: Store) -> str:
    """A queue with a DLQ."""
    store.create_queue("dead")
    store.create_queue("q", dlq="dead", max_deliveries=3)
    return "q"


def values(messages: list[Message]) -> list[bytes | None]:
    return [message.value for message in messages]


def peek(store: Store, queue: str) -> list[bytes | None]:
    return values(store.messages(queue))


def test_a_message_is_there_until_its_time_is_over(
    store: Store, queue: str, clock: ManualClock
) -> None:
    store.send(queue, "m", ttl=10)
    clock.advance(9)
    assert store.queue(queue).ready == 1
    clock.advance(1)
    assert store.receive(queue) == []


def test_an_expired_message_is_dead_lettered_with_its_reason(
    store: Store, queue: str, clock: ManualClock
) -> None:
    sent = store.send(queue, "m", ttl=10)
    clock.advance(10)

    (letter,) = store.receive("dead")
    assert letter.id == sent.id
    assert letter.dead is not None
    assert (letter.dead.reason, letter.dead.source) == ("expired", "q@0")


def test_without_a_dlq_it_is_dropped_and_counted(store: Store, clock: ManualClock) -> None:
    store.create_queue("plain")
    store.send("plain", "m", ttl=10)
    clock.advance(10)

    found = store.queue("plain")
    assert (found.ready, found.dropped) == (0, 1)


def test_it_goes_wherever_it_stands(store: Store, queue: str, clock: ManualClock) -> None:
    store.send(queue, "long")
    store.send(queue, "short", ttl=1)
    store.send(queue, "last")
    clock.advance(1)

    assert peek(store, queue) == [b"long", b"last"]
    assert peek(store, "dead") == [b"short"]


def test_the_smaller_of_the_queues_and_the_messages_time_counts(
    store: Store, clock: ManualClock
) -> None:
    store.create_queue("q", ttl=10)
    store.send_many("q", [NewMessage("a", ttl=5), NewMessage("b", ttl=20), NewMessage("c")])
    clock.advance(5)
    assert peek(store, "q") == [b"b", b"c"]
    clock.advance(5)
    assert peek(store, "q") == []


def test_what_somebody_has_leased_stays_until_the_lease_ends(
    store: Store, queue: str, clock: ManualClock
) -> None:
    store.send(queue, "m", ttl=10)
    store.receive(queue, lease=20)
    clock.advance(15)
    assert store.queue(queue).leased == 1
    clock.advance(5)
    assert peek(store, "dead") == [b"m"]


def test_work_that_outlasts_the_time_to_live_can_be_acknowledged(
    store: Store, queue: str, clock: ManualClock
) -> None:
    store.send(queue, "m", ttl=10)
    (message,) = store.receive(queue, lease=20)
    clock.advance(15)
    store.ack([message.receipt or ""])

    assert store.queue(queue).acknowledged == 1


def test_a_returned_message_keeps_its_time(store: Store, queue: str, clock: ManualClock) -> None:
    store.send(queue, "m", ttl=10)
    (message,) = store.receive(queue)
    store.nack([message.receipt or ""])
    clock.advance(10)

    assert peek(store, "dead") == [b"m"]


def test_a_dead_letter_loses_the_time_that_ended_it(
    store: Store, queue: str, clock: ManualClock
) -> None:
    store.send(queue, "m", ttl=10)
    clock.advance(10)
    assert store.queue("dead").ready == 1
    clock.advance(1000)
    assert store.queue("dead").ready == 1


def test_a_delayed_message_expires_while_it_waits(
    store: Store, queue: str, clock: ManualClock
) -> None:
    store.send(queue, "m", ttl=10, delay=60)
    clock.advance(10)

    assert (store.queue(queue).delayed, store.queue("dead").ready) == (0, 1)


def test_without_any_time_it_never_waits(store: Store, queue: str) -> None:
    store.send(queue, "m", ttl=0)

    assert (store.queue(queue).ready, store.queue("dead").ready) == (0, 1)


def test_a_negative_time_is_refused(store: Store, queue: str) -> None:
    with pytest.raises(BadRecord):
        store.send(queue, "m", ttl=-1)


def test_a_later_time_to_live_of_the_queue_is_for_new_messages(
    store: Store, clock: ManualClock
) -> None:
    store.create_queue("q")
    store.send("q", "old")
    store.alter_queue("q", ttl=1)
    store.send("q", "new")
    clock.advance(5)

    assert peek(store, "q") == [b"old"]


def test_in_a_fifo_group_the_next_one_takes_its_place(store: Store, clock: ManualClock) -> None:
    store.create_queue("q", fifo=True)
    store.send("q", "a", message_group="g", ttl=1)
    store.send("q", "b", message_group="g")
    clock.advance(1)

    assert values(store.receive("q", 5)) == [b"b"]


def test_a_pass_moves_twenty_and_views_leave_out_the_rest(
    store: Store, queue: str, clock: ManualClock
) -> None:
    store.send_many(queue, [NewMessage(b"%d" % n, ttl=1) for n in range(50)])
    clock.advance(1)
    store.send("dead", "anything")
    with store.transaction() as tx:
        assert tx.execute("select count(*) from mq_records where expires > 0")[0][0] == 50
    with closing(sqlite3.connect(store.path)) as connection:
        stands = "select records from mq_partitions where id = 2"
        assert connection.execute(stands).fetchone()[0] == 30


def test_counts_leave_out_what_only_a_writer_could_move(
    store: Store, queue: str, clock: ManualClock
) -> None:
    store.send_many(queue, [NewMessage(b"%d" % n, ttl=1) for n in range(2000)])
    clock.advance(1)

    assert store.queue(queue).ready == 0


def test_a_look_goes_on_past_what_only_a_writer_could_move(
    store: Store, queue: str, clock: ManualClock
) -> None:
    store.send_many(queue, [NewMessage(b"%d" % n, ttl=1) for n in range(2000)])
    store.send(queue, "young")
    clock.advance(1)

    assert values(store.messages(queue, limit=5)) == [b"young"]


def test_an_expired_message_that_nobody_moved_yet_is_not_found(
    store: Store, queue: str, clock: ManualClock
) -> None:
    store.send(queue, "old", ttl=1)
    store.send(queue, "young")
    clock.advance(1)

    with pytest.raises(NotFound):
        store.message(queue, 0)
    with pytest.raises(NotFound):
        store.explain(Address(queue, offset=0))


def test_a_redrive_goes_on_past_letters_whose_retention_is_over(
    store: Store, clock: ManualClock
) -> None:
    store.create_queue("graves", retention=3600)
    store.create_queue("jobs", dlq="graves", max_deliveries=1)
    for letters in (600, 3):
        store.send_many("jobs", [b"v"] * letters)
        store.reject([message.receipt or "" for message in store.receive("jobs", letters)])
        clock.advance(1800)

    assert len(store.redrive("graves").moved) == 3


def test_who_waits_for_a_dead_letter_is_woken_when_one_expires(path: object) -> None:
    with Store.open(str(path), create=True, durability="normal") as store:
        store.create_queue("dead")
        store.create_queue("q", dlq="dead")
        store.send("q", "m", ttl=0.2)

        assert values(store.receive("dead", wait=10)) == [b"m"]


def test_a_message_that_would_go_round_stays_blocked(store: Store, clock: ManualClock) -> None:
    store.create_queue("a", ttl=1)
    store.create_queue("b", ttl=1, dlq="a")
    store.alter_queue("a", dlq="b")
    store.send("a", "m")
    clock.advance(1)
    assert store.queue("b").ready == 1
    clock.advance(1)

    found = store.queue("b")
    assert (found.ready, found.blocked) == (0, 1)
    assert [m.state for m in store.messages("b")] == ["blocked"]
    assert store.receive("b") == []


def test_what_had_nowhere_to_go_goes_when_there_is_a_place(
    store: Store, clock: ManualClock
) -> None:
    store.create_queue("a", ttl=1)
    store.create_queue("b", ttl=1, dlq="a")
    store.create_queue("c")
    store.alter_queue("a", dlq="b")
    store.send("a", "m")
    for _ in range(2):
        clock.advance(1)
        store.queue("b")
    store.alter_queue("b", dlq="c")

    assert store.queue("c").ready == 1


def test_retention_drops_a_dead_letter_by_its_first_send(
    store: Store, queue: str, clock: ManualClock
) -> None:
    store.alter_queue("dead", retention=100)
    store.send(queue, "m", ttl=60)
    clock.advance(60)
    assert store.queue("dead").ready == 1
    clock.advance(40)

    found = store.queue("dead")
    assert (found.ready, found.dropped) == (0, 1)


def test_a_message_redriven_late_has_a_time_to_live_of_its_own_again(
    store: Store, queue: str, clock: ManualClock
) -> None:
    store.alter_queue(queue, ttl=10, retention=100)
    store.send(queue, "m")
    clock.advance(95)
    store.redrive("dead")
    clock.advance(10)

    assert peek(store, "dead") == [b"m"]
