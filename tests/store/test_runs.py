"""A run that is not whole any more is settled exactly: each message by its own receipt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from store import BadInput, LeaseLost, MqError, NewMessage, Store
from store.model.clock import ManualClock
from tests.support.queue_invariants import check_queue_invariants

SETTLINGS: dict[str, Callable[[Store, list[str]], None]] = {
    "ack": lambda store, receipts: store.ack(receipts),
    "nack": lambda store, receipts: store.nack(receipts, 0),
    "extend": lambda store, receipts: store.extend(receipts, 60),
    "unreceive": lambda store, receipts: store.unreceive(receipts),
    "reject": lambda store, receipts: store.reject(receipts),
}
each_settling = pytest.mark.parametrize("settling", SETTLINGS.values(), ids=SETTLINGS)


@pytest.fixture(params=["queue", "share"])
def jobs(store: Store, request: pytest.FixtureRequest) -> Jobs:
    """Ten messages or records, to be leased for 30 seconds."""
    if request.param == "queue":
        store.create_queue("jobs")
        store.send_many("jobs", [b"%d" % n for n in range(10)])
    else:
        store.create_topic("log")
        store.create_share("jobs", "log")
        store.produce_many("log", [b"%d" % n for n in range(10)])
    return Jobs(store, is_share=request.param == "share")


class Jobs:
    """A queue or a share."""

    def __init__(self, store: Store, *, is_share: bool) -> None:
        self.store = store
        self.is_share = is_share

    def receive(self, number: int = 10) -> list[str]:
        """Lease so many, and return their receipts."""
        take: Any = self.store.acquire if self.is_share else self.store.receive
        return [one.receipt or "" for one in take("jobs", number)]

    def counts(self) -> tuple[int, int]:
        """How many are leased, and how many are ready."""
        if self.is_share:
            (partition,) = self.store.share("jobs").partitions
            return partition.leased, partition.ready + partition.end - partition.next
        status = self.store.queue("jobs")
        return status.leased or 0, status.ready


def refused(call: Callable[[], None], receipts: Sequence[str]) -> list[int]:
    """The positions of the receipts that a call refuses."""
    try:
        call()
    except MqError as error:
        return [receipts.index(receipt) for receipt in error.failures or receipts]
    return []


@each_settling
def test_a_message_that_was_leased_again_is_refused_alone(
    jobs: Jobs, settling: Callable[[Store, list[str]], None]
) -> None:
    receipts = jobs.receive()
    jobs.store.nack([receipts[4]], 0)
    (again,) = jobs.receive()

    assert refused(lambda: settling(jobs.store, receipts), receipts) == [4]
    assert jobs.counts()[0] >= 1
    jobs.store.ack([again])
    check_queue_invariants(jobs.store.path)


def test_an_acknowledgement_may_repeat_a_part_of_a_run(jobs: Jobs) -> None:
    receipts = jobs.receive()
    jobs.store.ack(receipts[2:5])

    jobs.store.ack(receipts)
    jobs.store.ack(receipts)

    assert jobs.counts() == (0, 0)


@pytest.mark.parametrize("settling", ["nack", "extend", "unreceive", "reject"])
def test_no_other_settling_repeats_an_acknowledgement(jobs: Jobs, settling: str) -> None:
    receipts = jobs.receive()
    jobs.store.ack(receipts[2:5])

    assert refused(lambda: SETTLINGS[settling](jobs.store, receipts), receipts) == [2, 3, 4]


def test_the_part_of_a_run_that_was_extended_outlives_the_rest(
    jobs: Jobs, clock: ManualClock
) -> None:
    receipts = jobs.receive()
    jobs.store.extend(receipts[3:6], 100)
    clock.advance(31)

    lost = refused(lambda: jobs.store.ack(receipts), receipts)

    # A queue accepts a lapsed lease that no reader has taken since; a share refuses it.
    assert lost == ([0, 1, 2, 6, 7, 8, 9] if jobs.is_share else [])
    assert jobs.counts() == (0, len(lost))


@each_settling
@pytest.mark.parametrize("order", [slice(None, None, -1), slice(None, None, 3), slice(1, 9, 2)])
def test_receipts_may_come_in_any_order(
    jobs: Jobs, settling: Callable[[Store, list[str]], None], order: slice
) -> None:
    receipts = jobs.receive()
    chosen = receipts[order]

    settling(jobs.store, chosen)

    rest = [receipt for receipt in receipts if receipt not in chosen]
    jobs.store.ack(rest)
    check_queue_invariants(jobs.store.path)


@each_settling
def test_a_receipt_that_is_given_twice_is_settled_once(
    jobs: Jobs, settling: Callable[[Store, list[str]], None]
) -> None:
    receipts = jobs.receive(3)

    settling(jobs.store, [*receipts, *receipts])

    check_queue_invariants(jobs.store.path)


def test_receipts_of_several_receives_and_none_are_told_apart(jobs: Jobs) -> None:
    receipts = [*jobs.receive(4), "no receipt", *jobs.receive(4)]

    with pytest.raises(BadInput) as caught:
        jobs.store.ack(receipts)

    assert list(caught.value.failures) == ["no receipt"]
    assert jobs.counts() == (0, 2)


def test_a_run_over_several_levels_is_settled_by_level(store: Store) -> None:
    store.create_queue("jobs", priorities=3)
    store.send_many("jobs", [NewMessage(b"v", priority=n % 3) for n in range(30)])
    receipts = [message.receipt or "" for message in store.receive("jobs", 30)]

    store.ack(receipts[::2])
    store.nack(receipts[1::2], 0)

    assert (store.queue("jobs").ready, store.queue("jobs").leased) == (15, 0)
    assert [m.deliveries for m in store.receive("jobs", 30)] == [2] * 15
    check_queue_invariants(store.path)


def test_one_undone_delivery_of_a_receive_does_not_undo_the_others(store: Store) -> None:
    store.create_queue("jobs")
    store.send_many("jobs", [b"a", b"b"])
    first, second = (message.receipt or "" for message in store.receive("jobs", 2))
    store.unreceive([second])
    store.ack([first])

    store.ack([first])
    with pytest.raises(LeaseLost):
        store.ack([second])


def test_a_used_up_message_of_a_run_goes_to_the_dlq_and_the_others_come_back(store: Store) -> None:
    store.create_queue("dead")
    store.create_queue("jobs", max_deliveries=2, dlq="dead")
    store.send_many("jobs", [b"a", b"b", b"c"])
    store.nack([message.receipt or "" for message in store.receive("jobs", 1)], 0)

    store.nack([message.receipt or "" for message in store.receive("jobs", 3)], 0)

    assert [message.value for message in store.messages("dead")] == [b"a"]
    assert [message.deliveries for message in store.receive("jobs", 3)] == [2, 2]
