"""What a receipt may do: only the delivery it stands for, and as long as nobody else has it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from store import BadInput, LeaseLost, Message, Store
from store.model.clock import ManualClock

ACTIONS: dict[str, Callable[[Store, list[str]], None]] = {
    "ack": lambda store, receipts: store.ack(receipts),
    "nack": lambda store, receipts: store.nack(receipts),
    "reject": lambda store, receipts: store.reject(receipts),
    "extend": lambda store, receipts: store.extend(receipts, 10),
}
each_action = pytest.mark.parametrize("action", ACTIONS.values(), ids=ACTIONS)
each_but_ack = pytest.mark.parametrize("action", list(ACTIONS.values())[1:], ids=list(ACTIONS)[1:])


@pytest.fixture
def jobs(store: Store) -> Store:
    """A standard queue `jobs` and a FIFO queue `steps`, three messages each."""
    store.create_queue("jobs")
    store.create_queue("steps", fifo=True)
    for n in range(3):
        store.send("jobs", f"job {n}")
        store.send("steps", f"step {n}", message_group="g")
    return store


def receipts(messages: list[Message]) -> list[str]:
    return [message.receipt or "" for message in messages]


def test_a_receipt_begins_with_a_letter(jobs: Store) -> None:
    assert receipts(jobs.receive("jobs"))[0][0].isalpha()


def test_two_deliveries_have_different_receipts(jobs: Store) -> None:
    first = receipts(jobs.receive("jobs"))
    jobs.nack(first)

    assert receipts(jobs.receive("jobs")) != first


@each_action
def test_a_receipt_is_refused_once_somebody_else_leased_the_message(
    jobs: Store, clock: ManualClock, action: Callable[[Store, list[str]], None]
) -> None:
    late = receipts(jobs.receive("jobs"))
    clock.advance(31)
    (taken,) = jobs.receive("jobs")

    with pytest.raises(LeaseLost, match="jobs@0"):
        action(jobs, late)
    assert jobs.message("jobs", 0).state == "leased"
    jobs.ack(receipts([taken]))


@each_action
def test_a_superseded_receipt_is_refused_after_the_later_one_acknowledged(
    jobs: Store, clock: ManualClock, action: Callable[[Store, list[str]], None]
) -> None:
    late = receipts(jobs.receive("jobs"))
    clock.advance(31)
    jobs.ack(receipts(jobs.receive("jobs")))

    with pytest.raises(LeaseLost):
        action(jobs, late)


def test_repeating_an_ack_succeeds(jobs: Store) -> None:
    taken = receipts(jobs.receive("jobs"))

    for _ in range(3):
        jobs.ack(taken)
    assert jobs.queue("jobs").acknowledged == 1


def test_the_same_receipt_twice_in_one_call_counts_once(jobs: Store) -> None:
    taken = receipts(jobs.receive("jobs"))
    jobs.ack(taken * 2)

    assert jobs.queue("jobs").acknowledged == 1


@each_but_ack
def test_what_was_acknowledged_can_only_be_acknowledged_again(
    jobs: Store, action: Callable[[Store, list[str]], None]
) -> None:
    taken = receipts(jobs.receive("jobs"))
    jobs.ack(taken)

    with pytest.raises(LeaseLost, match="acknowledged"):
        action(jobs, taken)


@each_action
def test_what_was_given_back_is_not_held_any_more(
    jobs: Store, action: Callable[[Store, list[str]], None]
) -> None:
    taken = receipts(jobs.receive("jobs"))
    jobs.nack(taken)

    with pytest.raises(LeaseLost):
        action(jobs, taken)


@each_action
def test_a_lapsed_lease_that_nobody_took_still_settles_on_a_standard_queue(
    jobs: Store, clock: ManualClock, action: Callable[[Store, list[str]], None]
) -> None:
    taken = receipts(jobs.receive("jobs"))
    clock.advance(31)
    action(jobs, taken)

    assert jobs.queue("jobs").leased == (1 if action is ACTIONS["extend"] else 0)


@each_action
def test_a_lapsed_lease_is_refused_on_a_fifo_queue(
    jobs: Store, clock: ManualClock, action: Callable[[Store, list[str]], None]
) -> None:
    taken = receipts(jobs.receive("steps"))
    clock.advance(30)

    with pytest.raises(LeaseLost, match="lapsed"):
        action(jobs, taken)


def test_an_extended_lease_lasts_from_the_call(jobs: Store, clock: ManualClock) -> None:
    taken = receipts(jobs.receive("steps", lease=10))
    clock.advance(9)
    jobs.extend(taken, 10)
    clock.advance(9)
    jobs.ack(taken)

    assert jobs.queue("steps").acknowledged == 1


def test_a_lease_that_was_kept_alive_for_a_day_still_settles(
    jobs: Store, clock: ManualClock
) -> None:
    taken = receipts(jobs.receive("jobs"))
    for _ in range(24):
        jobs.extend(taken, 7200)
        clock.advance(3600)
    jobs.ack(taken)

    assert jobs.queue("jobs").acknowledged == 1


@pytest.mark.parametrize("text", ["", "x", "r1.2.3", "rzz.zz.00000000", "ä", "r" * 10_000])
def test_what_is_no_receipt_is_bad_input(jobs: Store, text: str) -> None:
    with pytest.raises(BadInput, match="not a receipt"):
        jobs.ack([text])


def test_a_receipt_of_another_store_is_bad_input(jobs: Store, tmp_path: Path) -> None:
    with Store.open(tmp_path / "other.db", create=True) as other:
        other.create_queue("jobs")
        other.send("jobs", "job")
        foreign = receipts(other.receive("jobs"))

    jobs.receive("jobs")
    with pytest.raises(BadInput, match="of this store"):
        jobs.ack(foreign)


def test_a_changed_receipt_is_bad_input(jobs: Store) -> None:
    (receipt,) = receipts(jobs.receive("jobs"))
    changed = receipt[:-1] + ("0" if receipt[-1] != "0" else "1")

    with pytest.raises(BadInput):
        jobs.ack([changed])


def test_one_bad_receipt_does_not_keep_the_others_from_being_settled(jobs: Store) -> None:
    good = receipts(jobs.receive("jobs", 3))

    with pytest.raises(BadInput) as refused:
        jobs.ack([good[0], "bad", *good[1:]])
    assert list(refused.value.failures) == ["bad"]
    assert jobs.queue("jobs").acknowledged == 3


def test_in_a_transaction_one_bad_receipt_refuses_the_call(jobs: Store) -> None:
    good = receipts(jobs.receive("jobs", 3))

    with jobs.transaction() as tx, pytest.raises(BadInput):
        tx.ack([*good, "bad"])
    assert jobs.queue("jobs").leased == 3


@each_action
def test_a_receipt_of_a_purged_message_is_refused(
    jobs: Store, action: Callable[[Store, list[str]], None]
) -> None:
    taken = receipts(jobs.receive("jobs"))
    jobs.purge_queue("jobs")

    with pytest.raises(LeaseLost, match="purged"):
        action(jobs, taken)


def test_a_receipt_survives_a_purge_that_keeps_what_is_leased(jobs: Store) -> None:
    taken = receipts(jobs.receive("jobs"))

    assert jobs.purge_queue("jobs", keep_leased=True) == 2
    jobs.ack(taken)
    assert jobs.queue("jobs").acknowledged == 1


def test_a_released_message_is_lost_to_its_holder(jobs: Store) -> None:
    taken = receipts(jobs.receive("jobs"))
    jobs.release("jobs", 0)

    assert jobs.message("jobs", 0).state == "ready"
    with pytest.raises(LeaseLost):
        jobs.ack(taken)


def test_a_late_ack_of_a_message_that_was_redriven_is_refused(
    store: Store, clock: ManualClock
) -> None:
    store.create_queue("dlq")
    store.create_queue("jobs", max_deliveries=1, dlq="dlq")
    store.send("jobs", "job")
    store.reject(receipts(store.receive("jobs")))
    late = receipts(store.receive("dlq"))
    clock.advance(31)
    store.redrive("dlq")

    with pytest.raises(LeaseLost):
        store.ack(late)
    assert store.queue("jobs").ready == 1


def test_a_reboot_lets_leases_end_by_time(jobs: Store, clock: ManualClock) -> None:
    jobs.close()
    with Store.open(jobs.path, clock=clock) as store:
        taken = receipts(store.receive("jobs"))
    clock.reboot(seconds_down=60)
    with Store.open(jobs.path, clock=clock) as store:
        (again,) = store.receive("jobs")
        assert again.deliveries == 2
        with pytest.raises(LeaseLost):
            store.ack(taken)
