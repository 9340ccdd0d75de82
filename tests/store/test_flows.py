"""The last ten minutes of queues and of readers: in, out, and what waited between."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings, strategies as st

from store import NewRecord, Store
from store.model.clock import ManualClock
from store.model.positions import parse_position
from store.model.stalls import Flow, FlowOf


def flow(store: Store, place: FlowOf) -> Flow:
    return store.flows([place])[place]


def last(amounts: tuple[int | None, ...], number: int) -> list[int | None]:
    return list(amounts[-number:])


def test_a_queue_counts_what_came_and_went_and_what_waited_at_each_end(
    store: Store, clock: ManualClock
) -> None:
    store.create_queue("mails")
    for number in range(3):
        store.send("mails", b"%d" % number)
    clock.advance(10)
    store.ack([store.receive("mails")[0].receipt or ""])
    clock.advance(20)

    seen = flow(store, FlowOf("mails"))

    assert last(seen.arrived, 4) == [3, 0, 0, 0]
    assert last(seen.left, 4) == [0, 1, 0, 0]
    assert last(seen.backlog, 4) == [3, 2, 2, 2]


def test_nothing_is_known_of_the_time_before_a_queue_was_created(
    store: Store, clock: ManualClock
) -> None:
    clock.advance(60)
    store.create_queue("mails")
    store.send("mails", b"one")
    clock.advance(10)

    seen = flow(store, FlowOf("mails"))

    for amounts in (seen.arrived, seen.left, seen.backlog):
        assert [one is None for one in amounts] == [True] * 58 + [False] * 2


def test_a_topic_is_seen_as_the_group_that_is_furthest_behind_sees_it(
    store: Store, clock: ManualClock
) -> None:
    store.create_topic("orders", partitions=2)
    store.create_group("billing", topics=["orders"])
    store.create_group("reports", topics=["orders"])
    store.produce_many("orders", [NewRecord(b"v", partition=n % 2) for n in range(6)])
    clock.advance(10)
    with store.consumer("reports", ["orders"]) as reports:
        reports.poll(10, timeout=0)
        reports.commit()
    clock.advance(10)

    worst, named = flow(store, FlowOf("orders")), flow(store, FlowOf("orders", None, "reports"))

    assert (worst.reader, last(worst.backlog, 3)) == ("billing", [6, 6, 6])
    assert (named.reader, last(named.left, 3), last(named.backlog, 3)) == (
        "reports", [0, 6, 0], [6, 0, 0],
    )  # fmt: skip


def test_a_partition_counts_alone(store: Store, clock: ManualClock) -> None:
    store.create_topic("orders", partitions=2)
    store.create_group("billing", topics=["orders"])
    store.produce_many("orders", [NewRecord(b"v", partition=0)] * 4)
    clock.advance(10)

    first, other = (flow(store, FlowOf("orders", n, "billing")) for n in (0, 1))

    assert (last(first.arrived, 2), last(other.arrived, 2)) == ([4, 0], [0, 0])


def test_a_share_has_finished_what_it_acknowledged(store: Store, clock: ManualClock) -> None:
    store.create_topic("uploads")
    store.create_share("thumbnails", "uploads")
    store.produce_many("uploads", [NewRecord(b"v")] * 4)
    clock.advance(10)
    taken = store.acquire("thumbnails", 3)
    store.ack([taken[0].receipt])
    clock.advance(10)

    seen = flow(store, FlowOf("thumbnails"))

    assert (last(seen.left, 3), last(seen.backlog, 3)) == ([0, 1, 0], [4, 3, 3])


def test_the_backlog_before_a_reset_is_unknown(store: Store, clock: ManualClock) -> None:
    store.create_topic("orders")
    store.create_group("billing", topics=["orders"])
    store.produce_many("orders", [NewRecord(b"v")] * 4)
    clock.advance(30)
    store.reset_group("billing", parse_position("latest", clock.wall()), [("orders", None)])
    clock.advance(10)

    seen = flow(store, FlowOf("orders", None, "billing"))

    assert last(seen.backlog, 4) == [None, None, 0, 0]
    assert last(seen.arrived, 5) == [4, 0, 0, 0, 0]


def test_what_nobody_reads_has_no_backlog(store: Store) -> None:
    store.create_topic("clicks")
    store.produce("clicks", "v")

    seen = flow(store, FlowOf("clicks"))

    assert (seen.reader, set(seen.left), set(seen.backlog)) == (None, {None}, {None})
    assert seen.arrived[-1] == 1


def test_a_place_that_is_gone_is_left_out(store: Store) -> None:
    assert store.flows([FlowOf("nowhere")]) == {}


steps = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(1, 25)), max_size=30)


@settings(max_examples=30, deadline=None)
@given(steps=steps)
def test_what_came_less_what_went_is_what_waits(steps: list[tuple[int, int, int]]) -> None:
    clock = ManualClock()
    with (
        TemporaryDirectory() as folder,
        Store.open(Path(folder) / "mq.db", create=True, durability="normal", clock=clock) as store,
    ):
        store.create_queue("mails")
        for sent, taken, seconds in steps:
            for _ in range(sent):
                store.send("mails", b"v")
            store.ack([message.receipt or "" for message in store.receive("mails", taken or 1)])
            clock.advance(seconds)
        seen = flow(store, FlowOf("mails"))
        waits = store.queue("mails").messages

    known = [
        (came, went, wait)
        for came, went, wait in zip(seen.arrived, seen.left, seen.backlog, strict=True)
        if came is not None and went is not None and wait is not None
    ]
    assert known[-1][2] == waits
    for before, (came, went, wait) in pairwise(known):
        assert wait == before[2] + came - went
