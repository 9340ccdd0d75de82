"""A damaged message is given to nobody, holds up nobody but its group, and can be got past."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from store import Damaged, LeaseLost, Message, NotFound, Store
from store.model.clock import ManualClock
from store.model.dead_letters import Dead
from tests.support.damage import WRONG, alter, damage
from tests.support.queue_invariants import check_queue_invariants

KINDS: dict[str, dict[str, Any]] = {
    "standard": {},
    "fifo": {"fifo": True},
    "priorities": {"priorities": 3},
    "fair": {"fair": True},
}


def values(messages: list[Message]) -> list[bytes | None]:
    return [message.value for message in messages]


def receive_all(store: Store, queue: str = "jobs") -> list[bytes | None]:
    """Everything that can be had; it is acknowledged, and what is told of damage left out."""
    found: list[bytes | None] = []
    for _ in range(20):
        try:
            messages = store.receive(queue, 2)
        except Damaged:
            continue
        if not messages:
            return found
        found += values(messages)
        store.ack([message.receipt or "" for message in messages])
    raise AssertionError("a queue has no end")


@pytest.fixture
def jobs(store: Store) -> Callable[..., Store]:
    """Makes the queue `jobs`, in which the first of four messages of one group is damaged."""

    def make(**settings: Any) -> Store:
        if "dlq" in settings:
            store.create_queue("jobs.dlq", fifo=settings.get("fifo", False))
        store.create_queue("jobs", **settings)
        group = "g" if settings.get("fifo") or settings.get("fair") else None
        for value in ("first", "second", "third", "fourth"):
            store.send("jobs", value, message_group=group)
        damage(store, "first")
        return store

    return make


def letter(store: Store) -> tuple[Message, Dead]:
    (found,) = store.dead_letters("jobs.dlq")
    assert found.dead is not None
    return found, found.dead


@pytest.mark.parametrize("kind", KINDS)
def test_with_a_dlq_it_goes_there_and_the_others_are_delivered(
    jobs: Callable[..., Store], kind: str
) -> None:
    store = jobs(dlq="jobs.dlq", **KINDS[kind])

    assert receive_all(store) == [b"second", b"third", b"fourth"]
    found, dead = letter(store)
    assert (dead.source, dead.reason) == ("jobs@0", "rejected")
    assert "damaged" in (dead.error or "")
    assert (found.value, found.damaged and found.damaged.value) == (None, WRONG)
    check_queue_invariants(store.path)


@pytest.mark.parametrize("kind", ["standard", "priorities", "fair"])
def test_without_a_dlq_it_stays_aside_and_the_others_are_delivered(
    jobs: Callable[..., Store], kind: str
) -> None:
    store = jobs(**KINDS[kind])

    assert receive_all(store) == [b"second", b"third", b"fourth"]
    assert store.queue("jobs").messages == 1
    check_queue_invariants(store.path)


def test_without_a_dlq_its_message_group_waits_behind_it(jobs: Callable[..., Store]) -> None:
    store = jobs(fifo=True)
    store.send("jobs", "other", message_group="h")

    assert receive_all(store) == [b"other"]
    assert store.queue("jobs").messages == 4
    check_queue_invariants(store.path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_single_purge_takes_it_out_and_its_group_goes_on(
    jobs: Callable[..., Store], kind: str
) -> None:
    store = jobs(**KINDS[kind])
    with pytest.raises(Damaged):
        store.receive("jobs") and store.receive("jobs", 3) and store.receive("jobs")
    store.purge_message("jobs", 0)

    assert store.queue("jobs").messages == 3
    check_queue_invariants(store.path)


def test_a_fifo_group_goes_on_once_its_damaged_head_is_purged(jobs: Callable[..., Store]) -> None:
    store = jobs(fifo=True)
    assert receive_all(store) == []
    store.purge_message("jobs", 0)

    assert receive_all(store) == [b"second", b"third", b"fourth"]


def test_a_dlq_that_comes_later_takes_it_at_the_next_receive(jobs: Callable[..., Store]) -> None:
    store = jobs(fifo=True)
    assert receive_all(store) == []
    store.create_queue("jobs.dlq", fifo=True)
    store.alter_queue("jobs", dlq="jobs.dlq")

    assert receive_all(store) == [b"second", b"third", b"fourth"]
    assert letter(store)[1].source == "jobs@0"
    check_queue_invariants(store.path)


def test_what_is_there_goes_out_first_and_then_it_is_told_once(
    jobs: Callable[..., Store], clock: ManualClock
) -> None:
    store = jobs()
    assert values(store.receive("jobs", 10, lease=1000)) == [b"second", b"third", b"fourth"]

    with pytest.raises(Damaged, match="jobs@0") as told:
        store.receive("jobs", 10)
    assert told.value.addresses == ("jobs@0",)
    assert told.value.shell_hint == "mq queue purge jobs@0 --yes"
    for _ in range(3):
        assert store.receive("jobs", 10) == []
        clock.advance(31)


def test_an_other_process_is_told_no_more(
    jobs: Callable[..., Store], open_store: Callable[..., Store]
) -> None:
    store = jobs()
    with pytest.raises(Damaged):
        receive_until_told(store)

    assert open_store().receive("jobs") == []


def receive_until_told(store: Store) -> None:
    while store.receive("jobs"):
        pass


def test_looking_shows_the_mark_and_not_the_value(jobs: Callable[..., Store]) -> None:
    store = jobs()
    first, second, *_ = store.messages("jobs")

    assert (first.value, first.key, first.headers) == (None, None, {})
    assert first.damaged is not None
    assert first.damaged.value == WRONG
    assert (second.value, second.damaged) == (b"second", None)
    assert store.message("jobs", 0).damaged == first.damaged


PARTS = {
    "value": "value = cast('x' as blob)",
    "no value": "value = null",
    "key": "key = cast('x' as blob)",
    "headers": "headers = '{\"a\":2}'",
    "headers that are no JSON": "headers = '{\"a'",
    "headers that are no text": "headers = cast(x'7bff7d' as text)",
    "headers that are no object": "headers = '[1]'",
    "time": "timestamp = timestamp + 1",
    "distant time": "timestamp = 9000000000000000000",
    "time before all": "timestamp = -5",
    "checksum": "checksum = checksum + 1",
    "group": "message_group = 'h'",
    "group that is no text": "message_group = cast(x'ff' as text)",
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("part", PARTS)
def test_whatever_part_is_damaged_the_others_are_delivered(
    store: Store, kind: str, part: str
) -> None:
    store.create_queue("jobs", **KINDS[kind])
    fields: dict[str, Any] = {"key": "k", "headers": {"a": 1}, "message_group": "g"}
    store.send("jobs", "good", **fields | {"message_group": "h"})
    store.send("jobs", "hurt", **fields)
    store.send("jobs", "fine", **fields | {"message_group": "i"})
    alter(store, f"update mq_records set {PARTS[part]} where value = cast('hurt' as blob)")

    assert sorted(map(bytes, filter(None, receive_all(store)))) == [b"fine", b"good"]
    assert [m.address for m in store.messages("jobs") if m.damaged] == ["jobs@1"]
    store.purge_message("jobs", 1)
    assert store.queue("jobs").messages == 0


ORIGINS = {
    "hops that are no JSON": "hops = '[{'",
    "hops of another form": "hops = '[1, 2]'",
    "a hop with an unknown reason": 'hops = \'[["q", "luck", 1, 5, null]]\'',
    "an error that is no text": "error = cast(x'ff' as text)",
    "a source that is no text": "source = cast(x'ff' as text)",
    "a distant time": "at = 9000000000000000000",
    "a time before all": "sent = -1",
}


@pytest.mark.parametrize("change", ORIGINS)
def test_a_dead_letter_with_a_damaged_history_is_marked_and_held_up_by_nobody(
    store: Store, change: str
) -> None:
    store.create_queue("jobs.dlq")
    store.create_queue("jobs", dlq="jobs.dlq")
    store.send_many("jobs", [b"hurt", b"good"])
    store.reject([message.receipt or "" for message in store.receive("jobs", 2)], error="no route")
    alter(store, f"update mq_origins set {ORIGINS[change]} where record & 0xffff = 0")

    assert [bool(one.damaged) for one in store.dead_letters("jobs.dlq")] == [True, False]
    assert receive_all(store, "jobs.dlq") == [b"good"]
    store.purge_message("jobs.dlq", 0)
    assert store.queue("jobs.dlq").messages == 0


def test_a_damaged_message_that_somebody_holds_can_still_be_settled(store: Store) -> None:
    store.create_queue("jobs.dlq")
    store.create_queue("jobs", dlq="jobs.dlq")
    store.send_many("jobs", [b"acked", b"rejected", b"given back"])
    acked, rejected, given_back = (m.receipt or "" for m in store.receive("jobs", 3))
    alter(store, "update mq_records set value = x'00'")

    store.ack([acked])
    store.reject([rejected])
    store.nack([given_back])
    with pytest.raises(Damaged):
        store.receive("jobs")
    assert [one.damaged is not None for one in store.dead_letters("jobs.dlq")] == [True, True]


def test_it_stays_damaged_through_redrive_and_undo(jobs: Callable[..., Store]) -> None:
    store = jobs(dlq="jobs.dlq")
    receive_all(store)
    store.redrive("jobs.dlq")
    assert [bool(message.damaged) for message in store.messages("jobs")] == [True]
    store.undo_redrive()

    assert letter(store)[0].damaged is not None
    assert store.queue("jobs").messages == 0


def test_a_damaged_letter_is_not_edited(jobs: Callable[..., Store]) -> None:
    store = jobs(dlq="jobs.dlq")
    receive_all(store)

    with pytest.raises(Damaged, match=r"jobs\.dlq@0"):
        store.edit_dead_letter("jobs.dlq", 0, b"mended", before=None)


def test_a_damaged_letter_is_purged_by_its_id(jobs: Callable[..., Store]) -> None:
    store = jobs(dlq="jobs.dlq")
    receive_all(store)
    id = letter(store)[0].id
    store.purge_dead_letters("jobs.dlq", lambda one: one.id == id)

    assert store.dead_letters("jobs.dlq") == []


def test_one_that_an_exchange_led_on_stays_damaged_in_every_queue_and_topic(store: Store) -> None:
    store.create_exchange("graves", "fanout")
    store.create_queue("here")
    store.create_topic("there")
    store.bind("graves", "here")
    store.bind("graves", "there")
    store.create_queue("jobs", dlq="exchange:graves", max_deliveries=3)
    store.send("jobs", "lost", headers={"a": 1})
    damage(store, "lost")
    with pytest.raises(Damaged):
        store.receive("jobs")

    assert [one.damaged is not None for one in store.messages("here")] == [True]
    with pytest.raises(Damaged, match="there/0@0"):
        store.read("there")


def test_many_damaged_messages_at_the_front_hold_up_nothing(store: Store) -> None:
    store.create_queue("jobs")
    store.send_many("jobs", [b"bad"] * 250 + [b"good"])
    alter(store, "update mq_records set value = x'00' where value = cast('bad' as blob)")

    assert receive_all(store) == [b"good"]


def test_a_purged_message_takes_its_receipt_with_it(store: Store) -> None:
    store.create_queue("jobs")
    store.send("jobs", "a")
    (message,) = store.receive("jobs")
    store.purge_message("jobs", 0)

    with pytest.raises(LeaseLost):
        store.ack([message.receipt or ""])
    with pytest.raises(NotFound):
        store.purge_message("jobs", 0)
    assert store.queue("jobs").dropped == 1


class TestTransaction:
    def test_a_receive_that_finds_only_damage_raises_and_can_be_gone_on_from(
        self, jobs: Callable[..., Store]
    ) -> None:
        store = jobs(fifo=True)
        with store.transaction() as tx:
            with pytest.raises(Damaged):
                tx.receive("jobs")
            tx.purge_message("jobs", 0)
            assert values(tx.receive("jobs")) == [b"second"]

    def test_it_steps_over_damage_too(self, jobs: Callable[..., Store]) -> None:
        store = jobs()
        with store.transaction() as tx:
            assert values(tx.receive("jobs", 2)) == [b"second", b"third"]


def test_a_damaged_fifo_head_is_a_stall_of_its_own_kind(
    jobs: Callable[..., Store], clock: ManualClock
) -> None:
    store = jobs(fifo=True)
    receive_all(store)
    clock.advance(5)
    (stall,) = store.stalls(over=1)

    assert (stall.kind, stall.cause, stall.blocker) == ("fifo", "damaged", "jobs@0")
    assert stall.do[0] == "mq queue purge jobs@0 --yes"
    store.purge_message("jobs", 0)
    assert store.stalls(over=0) == []


def test_the_doctor_names_what_a_receive_came_upon(jobs: Callable[..., Store]) -> None:
    store = jobs()
    receive_all(store)
    (found,) = [one for one in store.doctor() if one.code == "damaged_record"]

    assert (found.address, found.do) == ("jobs@0", ("mq queue purge jobs@0 --yes",))
    store.purge_message("jobs", 0)
    assert "damaged_record" not in [one.code for one in store.doctor()]
