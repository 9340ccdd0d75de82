"""Drivers of the SQS cases about FIFO order, dead letters and redrive."""

from __future__ import annotations

import pytest

from store import BadInput, NotFound
from tests.support.sqs_cases import DAY
from tests.support.sqs_frame import Driver, Queues, receipts, register_in

ORDER_CASES: dict[str, Driver] = {}
case = register_in(ORDER_CASES)


@case("sqs-049")
def as_many_as_possible_come_from_one_group(q: Queues) -> None:
    q.fifo("g1-m1", "g2-m1", "g1-m2", "g1-m3")
    assert q.bodies() == ["g1-m1", "g1-m2", "g1-m3", "g2-m1"]


@case("sqs-051")
def a_lapsed_group_comes_again_in_order(q: Queues) -> None:
    q.fifo("g-0", "g-1", "g-2", lease=1)
    assert q.bodies() == ["g-0", "g-1", "g-2"]
    q.clock.advance(2)
    assert q.bodies() == ["g-0", "g-1", "g-2"]


@case("sqs-053")
def groups_touched_earlier_go_behind(q: Queues) -> None:
    q.fifo("g1-m1", "g2-m1", "g2-m2", "g3-m1", "g1-m2")
    assert q.bodies(3, lease=0) == ["g1-m1", "g1-m2", "g2-m1"]
    assert q.bodies(10, lease=0) == ["g3-m1", "g1-m1", "g1-m2", "g2-m1", "g2-m2"]


@case("sqs-055")
def a_group_stops_at_its_first_in_flight(q: Queues) -> None:
    q.fifo("g1-m1", "g1-m2", "g2-m1")
    taken = q.in_hand(most=2)
    q.store.extend([taken["g1-m1"]], 1)
    q.clock.advance(2)
    assert q.bodies(3) == ["g2-m1", "g1-m1"]


@case("sqs-057")
def what_follows_an_extended_message_waits(q: Queues) -> None:
    q.fifo("g-foo", "g-bar", "g-baz", lease=1)
    q.store.extend([q.in_hand()["g-bar"]], 4)
    q.clock.advance(2.5)
    assert q.bodies(5) == ["g-foo"]


@case("sqs-059")
def order_holds_inside_groups(q: Queues) -> None:
    q.fifo(*("1-m1", "2-m1", "1-m2", "1-m2", "3-m1", "1-m3", "2-m2", "1-m4"), content_dedup=True)
    first = q.receive(2)
    assert [m.value for m in first] == [b"1-m1", b"1-m2"]
    q.store.ack(receipts(first))
    rest = q.bodies(10)
    assert sorted(rest) == ["1-m3", "1-m4", "2-m1", "2-m2", "3-m1"]
    assert [body for body in rest if body[0] == "1"] == ["1-m3", "1-m4"]
    assert [body for body in rest if body[0] == "2"] == ["2-m1", "2-m2"]


@case("sqs-061")
def messages_come_as_they_were_sent(q: Queues) -> None:
    q.fifo()
    sent = [q.send(f"m{n}", group="g").id for n in range(4)]
    found = []
    for _ in range(4):
        message = q.receive()[0]
        found.append(message.id)
        q.store.ack(receipts([message]))
    assert found == sent


@case("sqs-063")
def a_message_given_back_is_the_head_again(q: Queues) -> None:
    q.fifo("g-m1", "g-m2")
    taken = receipts(q.receive())
    assert q.bodies() == []
    q.store.extend(taken, 0)
    assert q.bodies(1) == ["g-m1"]


@case("sqs-085")
def the_move_to_the_dlq_happens_on_receive(q: Queues) -> None:
    q.standard(name="dlq")
    q.standard(lease=0, max_deliveries=1, dlq="dlq")
    sent = q.send("m")
    assert q.bodies() == ["m"]
    assert q.bodies() == []
    assert [m.id for m in q.receive(name="dlq")] == [sent.id]


@case("sqs-087")
def a_dead_letter_is_the_same_message(q: Queues) -> None:
    q.standard(name="dlq")
    q.standard(lease=0, max_deliveries=1, dlq="dlq")
    sent = q.send("m", headers={"a": "b", "trace": "Root=1"})
    q.receive()
    q.receive()
    letter = q.receive(name="dlq")[0]
    assert (letter.id, letter.value) == (sent.id, b"m")
    assert letter.headers == {"a": "b", "trace": "Root=1"}
    assert letter.deliveries == 2
    assert letter.dead is not None
    assert letter.dead.source == f"q@{sent.sequence}"


@case("sqs-089")
def a_fifo_dead_letter_frees_its_group(q: Queues) -> None:
    q.fifo(name="dlq")
    q.fifo("g1", lease=1, max_deliveries=1, dlq="dlq")
    assert len(q.receive()) == 1
    q.clock.advance(1.1)
    assert q.bodies() == []
    assert q.bodies(name="dlq") == ["g1"]
    q.send("g1", group="g1")
    assert q.bodies() == ["g1"]


@case("sqs-091")
def a_limit_is_a_number_and_has_a_place_to_go(q: Queues) -> None:
    q.standard(name="dlq")
    q.standard()
    with pytest.raises(BadInput):
        q.store.alter_queue("q", max_deliveries=3)
    with pytest.raises(BadInput):
        q.store.alter_queue("q", dlq="dlq", max_deliveries="invalid")  # type: ignore[arg-type]
    q.store.alter_queue("q", dlq="dlq", max_deliveries=42)
    assert q.store.queue("q").config.max_deliveries == 42


@case("sqs-093")
def a_fifo_queue_has_no_standard_dlq(q: Queues) -> None:
    q.standard(name="dlq")
    with pytest.raises(BadInput):
        q.fifo(max_deliveries=1, dlq="dlq")


@case("sqs-095")
def the_limit_shown_is_a_number(q: Queues) -> None:
    q.standard(name="dlq")
    q.standard(max_deliveries=1, dlq="dlq")
    assert q.store.queue("q").config.max_deliveries == 1


@case("sqs-097")
def a_standard_dead_letter_keeps_its_age(q: Queues) -> None:
    for name, fifo in (("s", False), ("f", True)):
        q.store.create_queue(f"{name}-dlq", fifo=fifo, retention=4 * DAY)
        q.store.create_queue(
            name, fifo=fifo, lease=0, retention=4 * DAY, max_deliveries=1, dlq=f"{name}-dlq"
        )
        q.send(name, name=name, group="g")
        q.receive(name=name)
    q.clock.advance(DAY)
    for name in "sf":
        assert q.bodies(name=name) == []
    q.clock.advance(3 * DAY - 1)
    assert q.bodies(name="s-dlq", lease=0) == ["s"]
    q.clock.advance(2)
    assert q.bodies(name="s-dlq", lease=0) == []
    assert q.bodies(name="f-dlq", lease=0) == ["f"]
    q.clock.advance(DAY)
    assert q.bodies(name="f-dlq") == []


def _with_dead_letters(q: Queues, *sources: str) -> None:
    q.standard(name="dlq")
    for name in sources:
        q.standard(f"{name}1", f"{name}2", name=name, lease=0, max_deliveries=1, dlq="dlq")
        q.receive(10, name=name)
        assert q.bodies(name=name) == []


@case("sqs-099")
def dead_letters_can_go_to_a_third_queue(q: Queues) -> None:
    _with_dead_letters(q, "q")
    q.standard(name="third")
    assert len(q.store.redrive("dlq", to="third").moved) == 2
    assert q.bodies(name="dlq") == []
    assert q.bodies(name="third") == ["q1", "q2"]


@case("sqs-101")
def each_dead_letter_returns_to_its_own_source(q: Queues) -> None:
    _with_dead_letters(q, "a", "b")
    q.store.redrive("dlq")
    assert q.bodies(name="a") == ["a1", "a2"]
    assert q.bodies(name="b") == ["b1", "b2"]


@case("sqs-107")
def a_redrive_to_no_queue_is_not_found(q: Queues) -> None:
    _with_dead_letters(q, "q")
    with pytest.raises(NotFound, match="nowhere"):
        q.store.redrive("dlq", to="nowhere")
    assert q.counts("dlq") == (2, 0, 0)
