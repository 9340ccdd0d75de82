"""What a receive gives, and when: leases, delays, retries, retention, groups, odd clocks."""

from __future__ import annotations

from typing import Any

import pytest

from store import BadInput, BadRecord, Message, NewMessage, NotFound, Store
from store.model.clock import ManualClock
from store.model.errors import Damaged
from tests.support.queue_invariants import check_queue_invariants

DAY = 86_400


def receipts(messages: list[Message]) -> list[str]:
    return [message.receipt or "" for message in messages]


def values(messages: list[Message]) -> list[str]:
    return [(message.value or b"").decode() for message in messages]


def counts(store: Store, queue: str = "jobs") -> tuple[int, int | None, int | None, int]:
    status = store.queue(queue)
    return status.ready, status.leased, status.delayed, status.blocked


def send(store: Store, *sent: str, queue: str = "jobs") -> None:
    for value in sent:
        group = value[0] if store.queue_config(queue).fifo else None
        store.send(queue, value, message_group=group)


def damage(store: Store, value: str) -> None:
    with store._write() as tx:
        tx.execute("update mq_records set value = x'00' where value = ?", (value.encode(),))


def test_the_settings_of_a_queue_are_those_of_its_status(store: Store) -> None:
    store.create_queue("jobs", retry_delays=[5, 60], lease=7, dedup=10)
    assert store.queue_config("jobs") == store.queue("jobs").config
    assert store.queue_config("jobs").retry_delays == (5_000, 60_000)
    with pytest.raises(NotFound):
        store.queue_config("none")


def test_retry_delays_hold_a_nacked_message_longer_each_time(
    store: Store, clock: ManualClock
) -> None:
    store.create_queue("jobs", retry_delays=[5, 60])
    send(store, "a")
    for wait in (5, 60, 60):
        store.nack(receipts(store.receive("jobs")))
        clock.advance(wait - 1)
        assert store.receive("jobs") == []
        assert counts(store) == (0, 0, 1, 0)
        clock.advance(1)
    assert values(store.receive("jobs")) == ["a"]


def test_retry_delays_follow_a_lapsed_lease(store: Store, clock: ManualClock) -> None:
    store.create_queue("jobs", lease=30, retry_delays=[5])
    send(store, "a")
    store.receive("jobs")
    clock.advance(30)
    assert counts(store) == (0, 0, 1, 0)
    assert store.receive("jobs") == []
    clock.advance(5)
    assert values(store.receive("jobs")) == ["a"]


def test_a_delay_given_with_a_nack_wins_over_the_queues(store: Store, clock: ManualClock) -> None:
    store.create_queue("jobs", retry_delays=[60])
    send(store, "a", "b")
    first, second = store.receive("jobs", 2)
    store.nack(receipts([first]), delay=2)
    store.nack(receipts([second]), delay=0)

    assert values(store.receive("jobs", 2)) == ["b"]
    clock.advance(2)
    assert values(store.receive("jobs", 2)) == ["a"]


def test_what_is_given_back_returns_to_its_original_place(store: Store, clock: ManualClock) -> None:
    store.create_queue("jobs")
    send(store, *"abcd")
    for message in store.receive("jobs", 3)[::-1]:
        store.nack(receipts([message]))
        clock.advance(1)

    assert values(store.receive("jobs", 4)) == ["a", "b", "c", "d"]


def test_the_highest_priority_comes_first(store: Store) -> None:
    store.create_queue("jobs", priorities=3)
    for priority in (0, 2, 1, 2, 9):
        store.send("jobs", f"{priority}", priority=priority)

    assert values(store.receive("jobs", 10)) == ["2", "2", "9", "1", "0"]


def test_a_lease_of_0_gives_each_message_once_per_receive(store: Store, clock: ManualClock) -> None:
    store.create_queue("jobs")
    send(store, *"abc")
    store.receive("jobs", 3, lease=1)
    clock.advance(3)

    assert values(store.receive("jobs", 10, lease=0)) == ["a", "b", "c"]
    assert values(store.receive("jobs", 10, lease=0)) == ["a", "b", "c"]


def test_a_receive_goes_on_past_what_it_takes_out(store: Store) -> None:
    store.create_queue("dlq")
    store.create_queue("jobs", max_deliveries=1, dlq="dlq")
    store.send_many("jobs", [NewMessage(b"old")] * 250)
    store.receive("jobs", 250, lease=0)
    send(store, "new")

    assert values(store.receive("jobs")) == ["new"]
    assert store.receive("jobs") == []
    assert store.queue("dlq").ready == 250


def test_a_fifo_receive_goes_on_past_what_it_takes_out(store: Store) -> None:
    store.create_queue("dlq", fifo=True)
    store.create_queue("jobs", fifo=True, max_deliveries=1, dlq="dlq")
    send(store, "a1", "a2", "a3")
    store.receive("jobs", 2, lease=0)

    with store.transaction() as tx:
        assert values(tx.receive("jobs")) == ["a3"]


def test_a_fifo_message_that_can_go_nowhere_holds_its_group(
    store: Store, clock: ManualClock
) -> None:
    store.create_queue("a", fifo=True)
    store.create_queue("jobs", fifo=True, max_deliveries=1, dlq="a")
    store.alter_queue("a", max_deliveries=1, dlq="jobs")
    send(store, "x1", queue="a")
    store.receive("a", lease=0)
    assert store.receive("a") == []
    send(store, "x2")
    assert values(store.receive("jobs", 1, lease=0)) == ["x1"]

    assert store.receive("jobs", 10) == []
    assert [(m.value, m.state) for m in store.messages("jobs")] == [
        (b"x1", "delayed"),
        (b"x2", "blocked"),
    ]


def test_a_delayed_nack_holds_its_group(store: Store, clock: ManualClock) -> None:
    store.create_queue("jobs", fifo=True)
    send(store, "a1", "a2", "b1")
    store.nack(receipts(store.receive("jobs", 1)), delay=10)

    assert counts(store) == (1, 0, 1, 1)
    assert values(store.receive("jobs", 10)) == ["b1"]
    clock.advance(10)
    assert values(store.receive("jobs", 10)) == ["a1", "a2"]


def test_a_message_behind_one_in_flight_is_blocked(store: Store) -> None:
    store.create_queue("jobs", fifo=True)
    send(store, "a1", "a2", "a3", "b1")
    store.receive("jobs", 1)

    assert counts(store) == (1, 1, 0, 2)
    assert [m.state for m in store.messages("jobs")] == ["leased", "blocked", "blocked", "ready"]


def test_a_group_is_free_when_all_of_it_in_flight_is_acknowledged(store: Store) -> None:
    store.create_queue("jobs", fifo=True)
    send(store, "a1", "a2", "a3")
    first, second = store.receive("jobs", 2)
    store.ack(receipts([first]))
    assert store.receive("jobs") == []
    store.ack(receipts([second]))

    assert values(store.receive("jobs")) == ["a3"]


def test_a_delayed_fifo_message_does_not_lock_its_group(store: Store, clock: ManualClock) -> None:
    store.create_queue("jobs", fifo=True, delay=10)
    send(store, "a1")
    clock.advance(6)
    send(store, "a2")
    clock.advance(4)

    assert values(store.receive("jobs", 10)) == ["a1"]
    assert counts(store) == (0, 1, 1, 0)


def test_duplicates_in_one_batch_are_stored_once(store: Store) -> None:
    store.create_queue("jobs", fifo=True)
    new = [NewMessage(f"{n}", message_group="g", dedup_id=f"{n % 2}") for n in range(4)]
    ids = store.send_many("jobs", new)

    assert [id.duplicate for id in ids] == [False, False, True, True]
    assert ids[0].id == ids[2].id
    assert values(store.messages("jobs")) == ["0", "1"]


def test_a_duplicate_outlives_its_message_but_not_a_purge(store: Store) -> None:
    store.create_queue("jobs", fifo=True)
    store.send("jobs", "a", message_group="g", dedup_id="d")
    store.ack(receipts(store.receive("jobs")))
    assert store.send("jobs", "a", message_group="g", dedup_id="d").duplicate
    store.purge_queue("jobs")

    assert not store.send("jobs", "a", message_group="g", dedup_id="d").duplicate


def test_a_standard_queue_with_dedup_takes_deduplication_ids(store: Store) -> None:
    store.create_queue("jobs", dedup=60.0)

    first = store.send("jobs", "a", dedup_id="d")

    assert store.send("jobs", "b", dedup_id="d") == first._replace(duplicate=True)


def test_a_dedup_id_on_a_standard_queue_without_dedup_is_refused(store: Store) -> None:
    store.create_queue("jobs")

    with pytest.raises(BadInput, match="deduplication"):
        store.send("jobs", "a", dedup_id="d")


def test_one_bad_message_stores_nothing_of_its_batch(store: Store) -> None:
    store.create_queue("jobs", max_message=10)

    with pytest.raises(BadRecord) as refused:
        store.send_many("jobs", [NewMessage("short"), NewMessage("x" * 11)])
    assert refused.value.index == 1
    assert store.messages("jobs") == []


def test_what_is_past_its_retention_is_dropped_wherever_it_stands(
    store: Store, clock: ManualClock
) -> None:
    store.create_queue("jobs", retention=60)
    send(store, "a", "b")
    store.receive("jobs")
    clock.advance(50)
    send(store, "c")
    clock.advance(15)

    assert values(store.receive("jobs", 10)) == ["c"]
    assert store.queue("jobs").dropped == 2


def test_a_moved_message_keeps_its_retention_on_a_standard_queue(
    store: Store, clock: ManualClock
) -> None:
    store.create_queue("dlq", retention=100)
    store.create_queue("jobs", retention=100, max_deliveries=1, dlq="dlq")
    send(store, "a")
    clock.advance(90)
    store.nack(receipts(store.receive("jobs")))
    clock.advance(11)

    assert store.receive("dlq") == []


def test_a_wall_clock_that_jumps_ahead_deletes_nothing(store: Store, clock: ManualClock) -> None:
    store.create_queue("jobs", retention=4 * DAY)
    send(store, "a")
    clock.jump_wall(10 * DAY)

    assert values(store.receive("jobs")) == ["a"]


def test_a_wall_clock_set_back_holds_no_fifo_message(store: Store, clock: ManualClock) -> None:
    store.create_queue("jobs", fifo=True)
    send(store, "a1")
    clock.jump_wall(-7200)
    send(store, "a2")

    assert values(store.receive("jobs", 10)) == ["a1", "a2"]


def test_a_wall_clock_set_back_prolongs_no_delay(store: Store, clock: ManualClock) -> None:
    store.create_queue("jobs", fifo=True, delay=10)
    send(store, "a1")
    clock.jump_wall(-7200)
    send(store, "b1")
    clock.advance(10)

    assert values(store.receive("jobs", 10)) == ["a1", "b1"]


@pytest.mark.parametrize("jump", [-7200, 7200])
def test_a_wall_clock_that_jumps_moves_no_lease(
    store: Store, clock: ManualClock, jump: int
) -> None:
    store.create_queue("jobs", lease=30)
    send(store, "a")
    store.receive("jobs")
    clock.jump_wall(jump)
    clock.advance(29)
    assert store.receive("jobs") == []
    clock.advance(1)
    assert values(store.receive("jobs")) == ["a"]


def test_a_purge_goes_on_with_the_sequence(store: Store) -> None:
    store.create_queue("jobs")
    send(store, *"abc")
    store.purge_queue("jobs")

    assert store.send("jobs", "d").sequence == 3


def test_a_damaged_message_is_named(store: Store) -> None:
    store.create_queue("jobs")
    send(store, "a")
    damage(store, "a")

    with pytest.raises(Damaged, match="jobs@0"):
        store.receive("jobs")


@pytest.mark.parametrize("most", [0, -1, 10_001, 1.5, "2"])
def test_a_receive_takes_a_sensible_number(store: Store, most: Any) -> None:
    store.create_queue("jobs")

    with pytest.raises(BadInput, match="takes 1 to"):
        store.receive("jobs", most)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("max_message", "many"), ("priorities", "many"), ("max_deliveries", "many"),
        ("lease", None), ("retention", None), ("fair", "no"), ("dlq", 5), ("max_length", 1 << 63),
    ],
)  # fmt: skip
def test_a_setting_of_another_kind_is_refused(store: Store, setting: str, value: Any) -> None:
    with pytest.raises(BadInput, match=setting):
        store.create_queue("jobs", **{setting: value})


@pytest.mark.parametrize(("field", "value"), [("message_group", 5), ("priority", "high")])
def test_a_group_or_priority_of_another_kind_is_refused(
    store: Store, field: str, value: Any
) -> None:
    store.create_queue("jobs", priorities=2)

    with pytest.raises(BadRecord, match=field.rpartition("_")[2]):
        store.send("jobs", "job", **{field: value})


def test_looking_changes_nothing(store: Store) -> None:
    store.create_queue("jobs")
    send(store, *"abc")
    before = store.changed()
    store.messages("jobs")
    store.message("jobs", 1)
    store.queue("jobs")
    store.leases("jobs")

    assert store.changed() == before
    assert [m.deliveries for m in store.messages("jobs")] == [0, 0, 0]


@pytest.mark.parametrize("fifo", [False, True])
def test_a_damaged_message_holds_up_no_other(store: Store, fifo: bool) -> None:
    store.create_queue("jobs", fifo=fifo)
    send(store, "a", "b", "c")
    damage(store, "a")

    assert values(store.receive("jobs", max_messages=3)) == ["b", "c"]
    check_queue_invariants(store.path)
