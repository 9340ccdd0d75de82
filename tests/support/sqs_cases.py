"""Drivers of the SQS cases about leases, deletes, delays, duplicates and the rest."""

from __future__ import annotations

import hashlib
from threading import Thread
from time import monotonic

import pytest

from store import BadInput, BadRecord, LeaseLost, Message, NewMessage, NotFound
from tests.support.sqs_frame import Driver, Queues, receipts, register_in

HOUR = 3600
DAY = 24 * HOUR

CASES: dict[str, Driver] = {}
case = register_in(CASES)


@case("sqs-001")
def a_lapsed_lease_comes_back_with_another_receipt(q: Queues) -> None:
    q.standard("m", lease=1)
    first = q.receive()[0]
    assert q.receive() == []
    q.clock.advance(1)
    assert q.receive()[0].receipt != first.receipt


@case("sqs-003")
def an_extended_lease_stays_until_it_ends(q: Queues) -> None:
    q.standard("m", lease=2)
    taken = receipts(q.receive())
    for _ in range(4):
        q.clock.advance(1)
        q.store.extend(taken, 2)
        assert q.receive() == []
    q.clock.advance(2)
    assert q.bodies() == ["m"]
    assert q.bodies() == []


@case("sqs-005")
def a_lease_of_a_receive_is_for_that_receive(q: Queues) -> None:
    q.standard("m")
    assert len(q.receive(lease=0)) == 1
    assert len(q.receive(lease=3)) == 1
    assert len(q.receive()) == 0


@case("sqs-007")
def giving_back_is_not_remembered(q: Queues) -> None:
    q.standard("m")
    q.store.extend(receipts(q.receive()), 0)
    assert q.bodies() == ["m"]
    assert q.bodies() == []


@case("sqs-009")
def a_returned_message_comes_before_younger_ones(q: Queues) -> None:
    q.standard("test1")
    q.receive(lease=3)
    q.clock.advance(1.5)
    q.send("test2")
    q.clock.advance(3)
    assert q.bodies(1, lease=3) == ["test1"]
    assert q.bodies(1, lease=3) == ["test2"]


@case("sqs-011")
def a_receipt_never_issued_extends_nothing(q: Queues) -> None:
    q.standard("m")
    with pytest.raises(BadInput):
        q.store.extend(["INVALID"], 1)


@case("sqs-015")
def a_shortened_lease_ends_first(q: Queues) -> None:
    q.standard("m1", "m2", lease=5)
    taken = q.in_hand()
    q.store.extend([taken["m2"]], 1)
    q.clock.advance(1)
    assert q.bodies() == ["m2"]


@case("sqs-017")
def a_lapsed_lease_still_deletes(q: Queues) -> None:
    q.standard("m", lease=1)
    taken = receipts(q.receive())
    q.clock.advance(2)
    q.store.ack(taken)
    assert q.bodies() == []


@case("sqs-019")
def an_extended_fifo_lease_deletes(q: Queues) -> None:
    q.fifo("g-m", lease=1)
    taken = receipts(q.receive())
    q.store.extend(taken, 5)
    q.clock.advance(1.5)
    q.store.ack(taken)
    q.clock.advance(10)
    assert q.bodies() == []


@case("sqs-021")
def garbage_deletes_nothing(q: Queues) -> None:
    q.standard("m")
    with pytest.raises(BadInput):
        q.store.ack(["garbage"])


@case("sqs-023")
def a_receipt_of_more_than_12_hours_has_expired(q: Queues) -> None:
    q.standard("m", retention=4 * DAY)
    taken = receipts(q.receive())
    q.clock.advance(12 * HOUR + 1)
    with pytest.raises(LeaseLost):
        q.store.ack(taken)


@case("sqs-025")
def each_receipt_of_a_batch_has_its_own_result(q: Queues) -> None:
    q.standard("m")
    good = receipts(q.receive())
    with pytest.raises(BadInput) as refused:
        q.store.ack([*good, "made-up-1", "made-up-2"])
    assert set(refused.value.failures) == {"made-up-1", "made-up-2"}
    assert q.store.queue("q").acknowledged == 1


@case("sqs-027")
def a_message_gone_by_retention_may_be_deleted(q: Queues) -> None:
    q.standard("m", retention=60, lease=30)
    taken = receipts(q.receive())
    q.clock.advance(61)
    assert q.bodies() == []
    q.store.ack(taken)


@case("sqs-028")
def a_wait_ends_at_the_first_message(q: Queues) -> None:
    q.standard("m1", "m2")
    began = monotonic()
    assert len(q.receive(3, wait=20)) == 2
    assert monotonic() - began < 10


@case("sqs-034")
def one_of_two_waiters_gets_the_message(q: Queues) -> None:
    q.standard()
    found: list[Message] = []

    def wait() -> None:
        found.extend(q.store.receive("q", wait=0.3))

    waiters = [Thread(target=wait) for _ in range(2)]
    for waiter in waiters:
        waiter.start()
    q.send("m")
    for waiter in waiters:
        waiter.join()
    assert len(found) == 1


@case("sqs-036")
def a_delayed_message_comes_later(q: Queues) -> None:
    q.standard()
    q.send("m", delay=1)
    assert q.bodies() == []
    q.clock.advance(1)
    assert q.bodies() == ["m"]


@case("sqs-040")
def a_fifo_message_has_no_delay_of_its_own(q: Queues) -> None:
    q.fifo()
    good, delayed = NewMessage("a", message_group="g"), NewMessage("b", delay=10, message_group="g")
    with pytest.raises(BadRecord) as refused:
        q.store.send_many("q", [good, delayed])
    assert refused.value.index == 1
    assert len(q.store.send_many("q", [good])) == 1


@case("sqs-042")
def a_fifo_delay_is_the_queues(q: Queues) -> None:
    q.fifo(delay=2)
    q.send("m", group="g", delay=0)
    q.clock.advance(1)
    assert q.bodies() == []
    q.clock.advance(2)
    assert q.bodies() == ["m"]


@case("sqs-044")
def a_changed_delay_reaches_back_on_fifo_only(q: Queues) -> None:
    q.standard("old", name="s", delay=10)
    q.fifo("g-old", name="f", delay=10)
    q.store.alter_queue("s", delay=0)
    q.store.alter_queue("f", delay=2)
    q.clock.advance(2)
    assert q.bodies(name="s") == []
    assert q.bodies(name="f") == ["g-old"]
    q.clock.advance(8)
    assert q.bodies(name="s") == ["old"]


@case("sqs-046")
def a_leased_message_counts_as_ready_when_its_lease_ends(q: Queues) -> None:
    q.standard(*"abcdef")
    q.receive()
    assert q.counts() == (5, 1, 0)
    q.clock.advance(30)
    assert q.counts() == (6, 0, 0)


@case("sqs-048")
def deletes_leave_the_visible_count(q: Queues) -> None:
    q.fifo("a-1", "b-1", "c-1", "d-1", "e-1")
    taken = receipts(q.receive(4))
    assert q.counts()[0] == 1
    q.store.ack(taken)
    assert q.counts() == (1, 0, 0)


@case("sqs-066")
def the_same_body_is_a_duplicate(q: Queues) -> None:
    q.fifo("g-m", "g-m", content_dedup=True)
    assert [q.bodies(), q.bodies()] == [["g-m"], []]


@case("sqs-068")
def a_duplicate_in_another_group_is_one(q: Queues) -> None:
    q.fifo()
    q.send("a", group="group-1", dedup_id="D")
    q.send("b", group="group-2", dedup_id="D")
    assert [q.bodies(), q.bodies()] == [["a"], []]


@case("sqs-070")
def with_group_scope_both_are_delivered(q: Queues) -> None:
    q.fifo(content_dedup=True, dedup_scope="group")
    q.send("m", group="group-1")
    q.send("m", group="group-2")
    assert q.bodies() == ["m", "m"]


@case("sqs-072")
def a_changed_scope_finds_no_older_ids(q: Queues) -> None:
    q.fifo(dedup_scope="group")
    q.send("a", group="group-1", dedup_id="D")
    q.store.alter_queue("q", dedup_scope="queue")
    q.send("b", group="group-3", dedup_id="D")
    assert q.bodies() == ["a", "b"]


@case("sqs-074")
def a_duplicate_does_not_renew_the_window(q: Queues) -> None:
    q.fifo()
    q.send("first", group="g", dedup_id="D")
    q.clock.advance(2)
    q.send("second", group="g", dedup_id="D")
    q.clock.advance(358)
    q.send("third", group="g", dedup_id="D")
    assert q.bodies() == ["first", "third"]


@case("sqs-076")
def a_duplicate_has_the_first_sends_id(q: Queues) -> None:
    q.fifo()
    first = q.send("a", group="g", dedup_id="D")
    again = q.send("b", group="g", dedup_id="D")
    assert (again.id, again.sequence, again.duplicate) == (first.id, first.sequence, True)
    assert q.send("c", group="g", dedup_id="E").sequence == (first.sequence or 0) + 1


@case("sqs-078")
def content_hashes_and_explicit_ids_share_one_space(q: Queues) -> None:
    q.fifo(content_dedup=True)
    q.send("first", group="g")
    q.send("second", group="g", dedup_id=hashlib.sha256(b"first").hexdigest())
    assert q.bodies() == ["first"]


@case("sqs-080")
def a_fifo_send_needs_a_group(q: Queues) -> None:
    q.fifo()
    with pytest.raises(BadInput, match="message group"):
        q.send("m")


@case("sqs-082")
def a_dedup_id_has_1_to_128_characters(q: Queues) -> None:
    q.fifo()
    q.send("m", group="g", dedup_id="x" * 128)
    for bad in ("", "x" * 129, "group 123"):
        with pytest.raises(BadInput):
            q.send("m", group="g", dedup_id=bad)


@case("sqs-084")
def sequences_rise(q: Queues) -> None:
    q.fifo()
    sequences = [q.send(f"m{n}", group="g").sequence or 0 for n in range(5)]
    assert sequences == sorted(set(sequences))


@case("sqs-110")
def a_purged_queue_has_only_what_is_sent_after(q: Queues) -> None:
    q.standard("a", "b", "c")
    assert q.store.purge_queue("q") == 3
    assert q.bodies() == []
    for body in "xyz":
        q.send(body)
    assert q.bodies() == ["x", "y", "z"]


@case("sqs-112")
def delayed_messages_are_purged_too(q: Queues) -> None:
    q.standard(*"abcde", delay=2)
    q.store.purge_queue("q")
    q.clock.advance(2)
    assert q.bodies() == []


@case("sqs-114")
def a_purge_frees_the_group(q: Queues) -> None:
    q.fifo("g-m1")
    q.receive()
    q.store.purge_queue("q")
    q.send("g-m2", group="g")
    assert q.bodies() == ["g-m2"]


@case("sqs-115")
def what_is_past_retention_is_gone(q: Queues) -> None:
    q.standard("a", "b", retention=60)
    q.clock.advance(65)
    assert q.bodies() == []


@case("sqs-117")
def retention_runs_on_while_leased(q: Queues) -> None:
    q.standard("m", retention=60, lease=60)
    q.clock.advance(5)
    assert q.bodies() == ["m"]
    q.clock.advance(70)
    assert q.bodies() == []


@case("sqs-130")
def bodies_come_back_byte_for_byte(q: Queues) -> None:
    body = "line\r\nnext \"quoted\" &quot; 'single'"
    q.standard(body)
    assert q.bodies() == [body]


@case("sqs-153")
def a_fresh_fifo_queue_has_the_defaults(q: Queues) -> None:
    q.fifo()
    config = q.store.queue("q").config
    assert (config.fifo, config.content_dedup, config.dedup_scope) == (True, False, "queue")
    assert (config.lease, config.delay, config.retention) == (30_000, 0, 345_600_000)


@case("sqs-157")
def a_deleted_queue_is_not_found(q: Queues) -> None:
    q.standard("m")
    q.store.delete_queue("q")
    with pytest.raises(NotFound):
        q.store.queue("q")


@case("sqs-167")
def looking_never_changes_the_count(q: Queues) -> None:
    q.standard("a", "b")
    assert [m.deliveries for m in q.store.messages("q")] == [0, 0]
    q.receive(lease=0)
    assert [m.deliveries for m in q.store.messages("q")] == [1, 0]
