"""Those who lease, as the doctor sees them: what triggers a finding, and what nearly does."""

from __future__ import annotations

import pytest

from store import Diagnosis, NewMessage, Store
from store.model.clock import ManualClock

DAY = 86_400


def found(store: Store, code: str) -> list[Diagnosis]:
    return [one for one in store.doctor() if one.code == code]


def only(store: Store, code: str) -> Diagnosis:
    (one,) = found(store, code)
    return one


@pytest.mark.parametrize(
    ("of_one", "of_others", "findings"),
    [(90, 10, 1), (70, 30, 0), (50, 10, 0)],
    ids=["nearly all", "most", "too few to tell"],
)
def test_a_message_group_with_nearly_everything_is_a_warning(
    store: Store, of_one: int, of_others: int, findings: int
) -> None:
    store.create_queue("bills", fifo=True)
    store.send_many(
        "bills",
        [NewMessage(b"v", message_group="big", dedup_id=f"big-{n}") for n in range(of_one)]
        + [NewMessage(b"v", message_group=f"g{n}", dedup_id=f"g{n}") for n in range(of_others)],
    )

    assert len(found(store, "one_group")) == findings


def test_the_message_group_is_named(store: Store) -> None:
    store.create_queue("bills", fifo=True)
    messages = [NewMessage(b"v", message_group="big", dedup_id=f"{n}") for n in range(100)]
    store.send_many("bills", messages)

    assert only(store, "one_group").evidence == "100 of 100 messages are of message group big"


@pytest.mark.parametrize(("days", "findings"), [(3, 0), (3.5, 1)])
def test_a_message_that_retention_will_soon_remove_is_a_warning(
    store: Store, clock: ManualClock, days: float, findings: int
) -> None:
    store.create_queue("mails")
    store.send("mails", b"v")
    clock.advance(days * DAY)

    assert len(found(store, "retention_near")) == findings


def test_messages_with_a_short_life_of_their_own_are_meant_to_go(
    store: Store, clock: ManualClock
) -> None:
    store.create_queue("ticks", ttl=10)
    store.send("ticks", b"v")
    clock.advance(9)

    assert found(store, "retention_near") == []


@pytest.mark.parametrize(("lapses", "findings"), [(2, 0), (3, 1)])
def test_leases_that_keep_ending_by_time_are_advice(
    store: Store, clock: ManualClock, lapses: int, findings: int
) -> None:
    store.create_queue("mails")
    store.send("mails", b"v")
    for _ in range(lapses + 1):
        store.receive("mails")
        clock.advance(31)

    assert len(found(store, "leases_lapse")) == findings


def test_chaos_that_was_left_on_is_a_warning(store: Store) -> None:
    store.create_queue("mails", chaos="duplicate=5%")

    one = only(store, "chaos_on")

    assert (one.severity, one.do) == ("warning", ("mq queue alter mails --chaos none",))


def test_a_queue_without_chaos_is_as_it_should_be(store: Store) -> None:
    store.create_queue("mails", chaos="duplicate=5%")
    store.alter_queue("mails", chaos=None)

    assert found(store, "chaos_on") == []
