"""A call does as much work in a large store as in a small one: counted in steps of SQLite."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import cycle
from pathlib import Path

import pytest

from store import NewMessage, NewRecord, Store
from store.model.clock import ManualClock

SMALL, LARGE = 100, 4_000
# Now and then an ack notes how long the work took, which is a fifth more.
GOAL = 1.5
LONG = 1_000_000
Calls = dict[str, Callable[[], object]]


def ready(store: Store, size: int) -> None:
    store.create_queue("q")
    store.send_many("q", [NewMessage("x")] * size)


def leased(store: Store, size: int) -> None:
    ready(store, size)
    store.receive("q", size, lease=LONG)


def attached(store: Store, size: int) -> None:
    ready(store, size)
    store.receive("q", size, lease=LONG, attached=True)


def delayed(store: Store, size: int) -> None:
    store.create_queue("q")
    store.send_many("q", [NewMessage("x", delay=LONG)] * size)


def grouped(store: Store, size: int) -> None:
    store.create_queue("q", fifo=True)
    store.send_many("q", [NewMessage("x", message_group=f"g{n // 10}") for n in range(size)])


def dead(store: Store, size: int) -> None:
    store.create_queue("q")
    store.create_queue("work", dlq="q")
    store.send_many("work", ["x"] * size)
    store.reject([message.receipt or "" for message in store.receive("work", size)])


def limited(store: Store, size: int) -> None:
    store.create_queue("q", max_length=size)
    store.send_many("q", [NewMessage("x")] * size)


def queue_calls(store: Store) -> Calls:
    is_fifo = store.queue("q").config.fifo
    receipts: list[str] = []

    def receive() -> None:
        receipts[:] = [message.receipt or "" for message in store.receive("q")]

    return {
        "send": lambda: store.send("q", "x", message_group="own" if is_fifo else None),
        "receive": receive,
        "nack": lambda: store.nack(receipts),
        "receive again": receive,
        "ack": lambda: store.ack(receipts),
        "show": lambda: store.queue("q"),
        "snapshot": store.snapshot,
        "stalls": store.stalls,
        "metrics": store.metrics,
    }


def kept(store: Store, size: int) -> None:
    store.create_topic("t", retention=None)
    store.produce_many("t", [NewRecord("x")] * size)


def bounded(store: Store, size: int) -> None:
    store.create_topic("t", retention_bytes=size)
    store.produce_many("t", [NewRecord("x")] * size)


def topic_calls(store: Store) -> Calls:
    consumer = store.consumer("audit", ["t"])
    # A lag of few records is summed exactly: let it be as long in both.
    consumer.commit({("t", 0): store.topic("t").partitions[0].end - 10})
    return {
        "append": lambda: store.produce("t", "x"),
        "fetch": lambda: store.read("t", 0, 50, 10),
        "commit": lambda: consumer.commit({("t", 0): store.topic("t").partitions[0].end}),
        "lag": lambda: store.lag("audit"),
        "snapshot": store.snapshot,
    }


def behind(store: Store, size: int) -> None:
    kept(store, size)
    store.create_share("s", "t")


def share_calls(store: Store) -> Calls:
    receipts: list[str] = []

    def acquire() -> None:
        receipts[:] = [record.receipt for record in store.acquire("s")]

    return {
        "acquire": acquire,
        "ack": lambda: store.ack(receipts),
        "show": lambda: store.share("s"),
        "snapshot": store.snapshot,
    }


def bound(store: Store, size: int) -> None:
    store.create_queue("q")
    store.create_exchange("x", "topic")
    with store.transaction() as tx:
        for n in range(size):
            tx.bind("x", "q", key=f"key.{n}")
    store.bind("x", "q", key="key.*")


def exchange_calls(store: Store) -> Calls:
    settings = cycle([30, 60])
    return {
        "publish": lambda: store.publish("x", "key.1", "v"),
        "alter": lambda: store.alter_queue("q", lease=next(settings)),
        "publish after a change of settings": lambda: store.publish("x", "key.1", "v"),
    }


@pytest.mark.parametrize(
    ("fill", "calls"),
    [
        *(
            (fill, queue_calls)
            for fill in (ready, leased, attached, delayed, grouped, dead, limited)
        ),
        *((fill, topic_calls) for fill in (kept, bounded)),
        (behind, share_calls),
        (bound, exchange_calls),
    ],
)
def test_no_call_does_more_when_there_is_forty_times_as_much(
    tmp_path: Path,
    fill: Callable[[Store, int], None],
    calls: Callable[[Store], Calls],
) -> None:
    small, large = (
        steps_of_calls(tmp_path / f"{size}.db", fill, calls, size) for size in (SMALL, LARGE)
    )

    grown = {name: (few, large[name]) for name, few in small.items() if large[name] > GOAL * few}
    assert grown == {}


def steps_of_calls(
    path: Path, fill: Callable[[Store, int], None], calls: Callable[[Store], Calls], size: int
) -> dict[str, int]:
    """By call, what SQLite's machine does for it in a store of that size."""
    with Store.open(path, create=True, durability="normal", clock=ManualClock()) as store:
        fill(store, size)
        made = calls(store)
        # Once for what is remembered from then on.
        for call in made.values():
            call()
        database = store._database
        connections = [database.read_only(), database.writer()[0]]
        found = {}
        for name, call in made.items():
            done: list[None] = []
            for connection in connections:
                connection.set_progress_handler(partial(done.append, None), 1)
            call()
            found[name] = len(done)
        return found
