"""Drivers of the SQS cases about default waits, past redrives, fair queues and shared DLQs."""

from __future__ import annotations

from threading import Thread

import pytest

from store import BadInput, Conflict, NewMessage
from tests.support.sqs_frame import Driver, Queues, receipts, register_in

SHARING_CASES: dict[str, Driver] = {}
case = register_in(SHARING_CASES)


@case("sqs-030")
def a_queue_has_its_own_wait(q: Queues) -> None:
    q.standard(wait=10)
    found: list[str] = []
    waiter = Thread(target=lambda: found.extend(q.bodies()))
    waiter.start()
    q.send("m")
    waiter.join(10)
    assert found == ["m"]


@case("sqs-109")
def redrives_are_listed_newest_first(q: Queues) -> None:
    q.standard(name="dead")
    q.standard("a", "b", "c", dlq="dead")
    q.store.reject(receipts(q.receive(3)))
    first = q.store.redrive("dead", limit=1)
    q.clock.advance(1)
    second = q.store.redrive("dead")
    listed = q.store.redrives()
    assert [batch.number for batch in listed] == [second.batch, first.batch]
    assert [batch.messages for batch in listed] == [2, 1]
    assert [batch.at for batch in listed] == [q.clock.wall(), q.clock.wall() - 1000]


def _noisy(q: Queues, name: str, tenant: str, in_flight: int) -> None:
    bodies = [f"{tenant}{n}" for n in range(1000 + in_flight)]
    q.store.send_many(name, [NewMessage(body, message_group=tenant) for body in bodies])
    assert len(q.receive(in_flight, name=name)) == in_flight


@case("sqs-172")
def a_noisy_tenant_does_not_hold_up_the_others(q: Queues) -> None:
    for name in ("alone", "groups", "old", "two"):
        q.standard(name=name, fair=True, lease=3600)
        _noisy(q, name, "A", 40)
    q.send("B", name="alone", group="B")
    assert q.bodies(2, name="alone") == ["B", "A40"]
    for body in "CD":
        q.send(body, name="groups")
    assert q.bodies(3, name="groups") == ["C", "D", "A40"]
    q.clock.advance(300)
    q.send("B", name="old", group="B")
    assert q.bodies(1, name="old") == ["A40"]
    q.send("A", name="two", group="A")
    _noisy(q, "two", "E", 30)
    assert q.bodies(1, name="two") == ["E30"]


@case("sqs-173")
def a_dlq_says_whose_it_may_be(q: Queues) -> None:
    q.standard(name="open")
    q.standard(name="closed", redrive_allow="none")
    q.standard(name="listed", redrive_allow="other,q")
    q.standard(name="foreign", redrive_allow="other")
    q.standard(dlq="open")
    for refused in ("closed", "foreign"):
        with pytest.raises(Conflict):
            q.store.alter_queue("q", dlq=refused)
    q.store.alter_queue("q", dlq="listed")
    with pytest.raises(BadInput):
        q.standard(name="many", redrive_allow=",".join(f"q{n}" for n in range(11)))
