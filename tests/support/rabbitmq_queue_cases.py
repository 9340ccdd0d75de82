"""Drivers of the RabbitMQ cases about queues: returns, limits, levels, times, consumers, deaths."""

from __future__ import annotations

from typing import Any

import pytest

from store import BadInput, BadRecord, Exists, LeaseLost, Message, NewMessage, QueueFull
from tests.support.sqs_frame import Driver, Queues, receipt_of, receipts, register_in

QUEUE_CASES: dict[str, Driver] = {}
case = register_in(QUEUE_CASES)


def _bodies(messages: list[Message]) -> list[str]:
    return [(message.value or b"").decode() for message in messages]


def _peek(q: Queues, name: str = "q") -> list[str]:
    return _bodies(q.store.messages(name))


def _with_dlq(q: Queues, *bodies: str, **settings: Any) -> None:
    """A queue `src` that dead-letters to the queue `dead`."""
    q.standard(name="dead")
    q.standard(*bodies, name="src", dlq="dead", **settings)


def _reject(q: Queues, *names: str, queue: str = "src") -> None:
    taken = q.in_hand(queue)
    for name in names:
        q.store.reject([taken[name]])


def _only_letter(q: Queues, name: str = "dead") -> Message:
    (letter,) = q.store.messages(name)
    return letter


@case("dlx-01")
def dead_letters_come_in_the_order_of_rejection(q: Queues) -> None:
    _with_dlq(q, "1", "2", "3")
    taken = q.in_hand("src")
    q.store.reject([taken["3"]])
    q.store.reject([taken["1"], taken["2"]])
    assert _peek(q, "dead") == ["3", "1", "2"]


@case("dlx-03")
def what_a_limit_drops_is_dead_lettered_in_that_order(q: Queues) -> None:
    _with_dlq(q, "1", "2", "3", max_length=1)
    assert _peek(q, "src") == ["3"]
    assert _peek(q, "dead") == ["1", "2"]
    assert {m.dead.reason for m in q.store.messages("dead") if m.dead} == {"overflow"}


@case("dlx-05")
def a_dead_letter_tells_its_history_and_keeps_its_headers(q: Queues) -> None:
    _with_dlq(q)
    q.store.send("src", "m", headers={"k": "v"})
    _reject(q, "m")
    (letter,) = q.receive(name="dead")
    assert letter.dead is not None
    (hop,) = letter.dead.hops
    assert (hop.source, hop.reason, hop.count, hop.at) == ("src", "rejected", 1, q.clock.wall())
    assert (letter.headers, letter.redelivered) == ({"k": "v"}, False)


@case("dlx-07")
def the_time_that_ended_it_is_told_and_does_not_count_again(q: Queues) -> None:
    _with_dlq(q)
    q.send("m", name="src", ttl=0.03)
    q.clock.advance(0.03)
    letter = _only_letter(q)
    assert letter.dead is not None
    assert letter.dead.hops[0].ttl == 30
    q.clock.advance(3600)
    assert q.counts("dead") == (1, 0, 0)


@case("dlx-09")
def a_rejection_loop_goes_on_and_is_counted(q: Queues) -> None:
    q.store.create_exchange("x", "fanout")
    q.standard("m", dlq="exchange:x")
    q.store.bind("x", "q")
    counts = []
    for _ in range(3):
        (message,) = q.receive()
        counts.append(message.dead.hops[0].count if message.dead else None)
        q.store.reject(receipts([message]))
    assert counts == [None, 1, 2]
    assert q.counts() == (1, 0, 0)


@case("dlx-11")
def a_loop_of_expiries_ends(q: Queues) -> None:
    q.standard(name="c1", ttl=1)
    q.standard(name="c2", ttl=1, dlq="c1")
    q.store.alter_queue("c1", dlq="c2")
    q.send("m", name="c1")
    for _ in range(5):
        q.clock.advance(1)
        q.store.queues()
    # It is not ready anywhere; mq keeps it, blocked, where it would have gone round once more.
    assert (q.counts("c1"), q.counts("c2")) == ((0, 0, 0), (0, 0, 0))
    assert q.store.queue("c2").blocked == 1


@case("dlx-19")
def a_history_sent_along_is_not_believed(q: Queues) -> None:
    _with_dlq(q)
    q.store.send("src", "m", headers={"x-death": '[{"queue":"other","reason":"rejected"}]'}, ttl=1)
    q.clock.advance(1)
    letter = _only_letter(q)
    assert letter.dead is not None
    assert [(hop.source, hop.reason) for hop in letter.dead.hops] == [("src", "expired")]


@case("ttl-03")
def the_smaller_time_to_live_wins(q: Queues) -> None:
    q.standard(ttl=0.3)
    q.send("m", ttl=5)
    q.clock.advance(0.5)
    assert q.bodies() == []


@case("ttl-07")
def a_time_to_live_is_a_time(q: Queues) -> None:
    q.standard()
    for wrong in ("soon", -1):
        with pytest.raises(BadRecord):
            q.send("m", ttl=wrong)


@case("maxlen-01")
def a_full_queue_keeps_the_newest(q: Queues) -> None:
    q.standard("0", "1", "2", "3", max_length=2)
    assert _peek(q) == ["2", "3"]


@case("maxlen-05")
def a_requeue_may_exceed_a_limit_that_rejects(q: Queues) -> None:
    q.standard("m1", max_length=1, overflow="reject")
    taken = receipts(q.receive())
    q.send("m2")
    q.store.nack(taken)
    assert q.bodies() == ["m1", "m2"]


@case("maxlen-09")
def a_limit_of_nothing_keeps_nothing(q: Queues) -> None:
    q.standard("m", max_length=0)
    assert _peek(q) == []


def _levels(q: Queues, *, times: int, **settings: Any) -> None:
    q.standard(priorities=4, **settings)
    for _ in range(times):
        for level in (1, 2, 3):
            q.send(str(level), priority=level)


@case("priority-01")
def higher_levels_come_first(q: Queues) -> None:
    _levels(q, times=3)
    assert q.bodies() == list("333222111")


@case("priority-03")
def a_returned_message_keeps_its_level(q: Queues) -> None:
    _levels(q, times=1)
    q.store.nack(receipts(q.receive(3)))
    back = q.receive(3)
    assert _bodies(back) == ["3", "2", "1"]
    assert all(message.redelivered for message in back)


@case("priority-05")
def a_limit_that_rejects_keeps_what_came_first(q: Queues) -> None:
    q.standard(priorities=4, max_length=4, overflow="reject")
    for body in "123123123":
        if q.counts()[0] < 4:
            q.send(body, priority=int(body))
        else:
            with pytest.raises(QueueFull):
                q.send(body, priority=int(body))
    assert q.bodies() == ["3", "2", "1", "1"]


@case("requeue-01")
def a_returned_message_is_delivered_again_and_says_so(q: Queues) -> None:
    q.standard("0", "1", "2", "3", "4")
    taken = q.in_hand(most=3)
    q.store.nack([taken["1"]])
    (message,) = q.receive()
    assert (message.value, message.redelivered) == (b"1", True)


@case("requeue-03")
def returned_messages_go_to_their_original_places(q: Queues) -> None:
    q.standard("0", "1", "2", "3", "4")
    taken = q.in_hand(most=3)
    for name in "120":
        q.store.nack([taken[name]])
    drained = q.receive(5)
    assert _bodies(drained) == ["0", "1", "2", "3", "4"]
    assert [message.redelivered for message in drained] == [True] * 3 + [False] * 2


@case("requeue-05")
def what_a_consumer_leaves_comes_back_in_order(q: Queues) -> None:
    q.standard("0", "1", "2")
    q.store.nack(receipts(q.receive(2)))
    drained = q.receive(3)
    assert _bodies(drained) == ["0", "1", "2"]
    assert [message.redelivered for message in drained] == [True, True, False]
    assert [message.deliveries - 1 for message in drained] == [1, 1, 0]


@case("requeue-09")
def a_consumer_that_crashes_uses_up_deliveries(q: Queues) -> None:
    # A limit of 1 there is two deliveries here.
    q.standard("m", max_deliveries=2, drop_exhausted=True, lease=10)
    for _ in range(2):
        assert len(q.receive()) == 1
        q.clock.advance(10)
    assert q.bodies() == []
    assert q.store.queue("q").dropped == 1


@case("prefetch-01")
def a_consumer_holds_as_many_as_it_prefetches(q: Queues) -> None:
    q.standard(*"01234567")
    for consumer in "abab":
        q.receive(8, holder=consumer, prefetch=2)
    holders = [lease.holder for lease in q.store.leases("q")]
    assert sorted(holders) == ["a", "a", "b", "b"]


@case("prefetch-03")
def what_can_not_be_prefetched_is_refused(q: Queues) -> None:
    q.standard("m")
    with pytest.raises(BadInput):
        q.receive(10_001)


@case("sac-01")
def the_next_in_line_takes_over_from_one_that_left(q: Queues) -> None:
    q.standard(single_active=True)
    q.store.send_many("q", [NewMessage(str(n)) for n in range(4)])
    first = _bodies(q.receive(10, holder="a"))
    assert q.receive(10, holder="b") == []
    q.store.leave("q", "a")
    q.store.send_many("q", [NewMessage("4"), NewMessage("5")])
    assert first == ["0", "1", "2", "3"]
    assert _bodies(q.receive(10, holder="b")) == ["4", "5"]


@case("sac-03")
def who_asks_alone_is_the_active_one(q: Queues) -> None:
    q.standard("m", single_active=True)
    assert q.bodies() == ["m"]


@case("errors-07")
def an_unknown_receipt_acknowledges_nothing(q: Queues) -> None:
    q.standard("m")
    (message,) = q.receive()
    q.store.nack([receipt_of(message)])
    with pytest.raises(BadInput):
        q.store.ack(["r1.1"])
    with pytest.raises(LeaseLost):
        q.store.ack([receipt_of(message)])


def _declare(q: Queues, **settings: Any) -> None:
    # An argument that is left out of a declaration is given as absent.
    absent = {"ttl": None, "max_length": None, "single_active": False}
    q.store.create_queue("q", if_not_exists=True, **{**absent, **settings})


_DECLARED: dict[str, Any] = {"ttl": 1, "max_length": 5}


@case("declare-01")
def the_same_again_is_fine(q: Queues) -> None:
    _declare(q, **_DECLARED)
    _declare(q, **_DECLARED)


@case("declare-03")
def a_setting_left_out_is_another_queue(q: Queues) -> None:
    _declare(q, **_DECLARED)
    with pytest.raises(Exists, match="max_length"):
        _declare(q, ttl=1)


@case("declare-05")
def a_setting_more_is_another_queue(q: Queues) -> None:
    _declare(q, **_DECLARED)
    with pytest.raises(Exists, match="single_active"):
        _declare(q, **_DECLARED, single_active=True)


@case("declare-07")
def another_type_is_another_queue(q: Queues) -> None:
    _declare(q, **_DECLARED)
    with pytest.raises(Exists, match="fifo"):
        _declare(q, **_DECLARED, fifo=True)
