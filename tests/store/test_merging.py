"""Calls that run as one have the outcomes that they have one after another."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings, strategies as st

from store import Message, NewMessage, Store
from store.api.merging import MergeableCall, MergedTransaction, SendCall, SettleCall, run
from store.model.clock import ManualClock

# Of queues in which one message decides over the next: by their number, size, or id.
QUEUES: dict[str, dict[str, Any]] = {
    "plain": {"max_message": 4},
    "full": {"max_length": 5, "overflow": "reject"},
    "short": {"max_length": 4},
    "dedup": {"dedup": 60},
    "fifo": {"fifo": True},
}

contents = st.builds(
    lambda value, dedup_id, group: (value, dedup_id, group),
    st.sampled_from(["a", "bb", "too long"]),
    st.sampled_from([None, "x", "y"]),
    st.sampled_from([None, "g", "h"]),
)
batches = st.lists(contents, min_size=1, max_size=3)


def sends(queue: str, given_batches: Sequence[Sequence[tuple[str, Any, Any]]]) -> list[SendCall]:
    def message(value: str, dedup_id: str | None, group: str | None) -> NewMessage:
        has_ids = queue in {"dedup", "fifo"}
        return NewMessage(value, message_group=group, dedup_id=dedup_id if has_ids else None)

    return [SendCall(queue, [message(*each) for each in batch]) for batch in given_batches]


def outcome(call: MergeableCall[Any]) -> object:
    if call.error is not None:
        return type(call.error), str(call.error)
    result = call.result()
    return [(id.sequence, id.duplicate) for id in result] if result else None


def merged(store: Store, calls: Sequence[MergeableCall[Any]]) -> list[object]:
    with MergedTransaction(store, store._database.write(), inf) as tx:
        run(tx, calls)
    return [outcome(call) for call in calls]


def alone(store: Store, calls: Sequence[MergeableCall[Any]]) -> list[object]:
    return [outcome for call in calls for outcome in merged(store, [call])]


def left(store: Store, queue: str) -> list[tuple[int, bytes | None, str, int]]:
    return [(m.sequence, m.value, m.state, m.deliveries) for m in store.messages(queue)]


def opened(folder: str, name: str, queue: str) -> Store:
    store = Store.open(
        Path(folder) / name, create=True, durability="normal", clock=ManualClock(), timeout=1
    )
    store.create_queue(queue, **QUEUES[queue])
    return store


@settings(max_examples=25, deadline=None)
@given(queue=st.sampled_from(sorted(QUEUES)), batches=st.lists(batches, min_size=2, max_size=9))
def test_sends_that_run_as_one_are_stored_and_refused_as_one_after_another(
    queue: str, batches: list[list[tuple[str, Any, Any]]]
) -> None:
    with (
        TemporaryDirectory() as folder,
        opened(folder, "one.db", queue) as one,
        opened(folder, "other.db", queue) as other,
    ):
        together = merged(one, sends(queue, batches))

        assert together == alone(other, sends(queue, batches))
        assert left(one, queue) == left(other, queue)


settlings = st.sampled_from(["ack", "nack", "reject", "extend", "unreceive"])
choices = st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=3), min_size=2, max_size=6)


@settings(max_examples=25, deadline=None)
@given(settling=settlings, choices=choices, lost=st.sets(st.integers(0, 9)))
def test_settlements_that_run_as_one_succeed_and_fail_as_one_after_another(
    settling: Any, choices: list[list[int]], lost: set[int]
) -> None:
    with (
        TemporaryDirectory() as folder,
        opened(folder, "one.db", "short") as one,
        opened(folder, "other.db", "short") as other,
    ):
        results = []
        for store, make in ((one, merged), (other, alone)):
            held = receive_ten(store, lost)
            calls = [settle(settling, [held[n] for n in chosen]) for chosen in choices]
            results.append(make(store, calls))

        assert [is_refused(each) for each in results[0]] == [is_refused(e) for e in results[1]]
        assert left(one, "short") == left(other, "short")


def receive_ten(store: Store, lost: set[int]) -> list[Message]:
    """Ten leased messages; the leases of some are lost."""
    store.alter_queue("short", max_length=None)
    store.send_many("short", [str(n) for n in range(10)])
    held = store.receive("short", 10)
    if lost:
        store.nack([held[n].receipt or "" for n in sorted(lost)], delay=60)
    return held


def settle(settling: Any, held: Sequence[Message]) -> SettleCall:
    options: dict[str, tuple[object, ...]] = {
        "nack": (30, "why"),
        "reject": ("why",),
        "extend": (60,),
    }
    return SettleCall([m.receipt or "" for m in held], settling, *options.get(settling, ()))


def is_refused(result: object) -> bool:
    return result is not None
