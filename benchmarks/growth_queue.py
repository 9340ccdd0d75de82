"""Whether send, receive, nack and ack take longer when a queue grows.

    python benchmarks/growth_queue.py [--only BACKLOG] [--trials N] [SIZE …]

For each kind of backlog a queue is filled for every size; then each trial sends a message, receives
one, gives it back, receives again and acknowledges, so that the backlog stays as large as it was.
`show` is what `mq queue show` asks, `snapshot` what the dashboard does. Filling takes 10 to 20
seconds per million messages; 1,000 to 5,000,000 of all kinds 6 minutes, since the rarer ones stop
at a million. A ratio over 1.5 is a fault, and the exit status says so.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from itertools import count

from growth import Call, Subject, main

from store import Message, NewMessage, Store

BATCH = 10_000
LONG = 10_000_000
VALUE = b"x" * 100


def fill(store: Store, size: int, message: Callable[[int], NewMessage]) -> None:
    """Send many messages in batches."""
    for first in range(0, size, BATCH):
        numbers = range(first, min(first + BATCH, size))
        store.send_many("q", [message(number) for number in numbers])


def ready(store: Store, size: int) -> None:
    """A backlog that was never looked at."""
    store.create_queue("q")
    fill(store, size, lambda n: NewMessage(VALUE))


def leased(store: Store, size: int) -> None:
    """All of it in flight."""
    ready(store, size)
    while store.receive("q", BATCH, lease=LONG):
        pass


def delayed(store: Store, size: int) -> None:
    """All of it waits for its time."""
    store.create_queue("q")
    fill(store, size, lambda n: NewMessage(VALUE, delay=LONG))


def levels(store: Store, size: int) -> None:
    """Spread over ten priorities."""
    store.create_queue("q", priorities=10)
    fill(store, size, lambda n: NewMessage(VALUE, priority=n % 10))


def groups(store: Store, size: int) -> None:
    """A FIFO queue with a group for every ten messages, up to 100,000."""
    store.create_queue("q", fifo=True)
    several = min(100_000, max(1, size // 10))
    fill(store, size, lambda n: NewMessage(VALUE, message_group=f"g{n % several}"))


def blocked(store: Store, size: int) -> None:
    """A FIFO queue with one long group whose first message is in flight."""
    store.create_queue("q", fifo=True)
    fill(store, size, lambda n: NewMessage(VALUE, message_group="long"))
    store.receive("q", lease=LONG)


def expiring(store: Store, size: int) -> None:
    """Every message has a time to live of its own."""
    store.create_queue("q")
    fill(store, size, lambda n: NewMessage(VALUE, ttl=LONG + n % 1000))


def limited(store: Store, size: int) -> None:
    """At its length limit: every send drops the oldest."""
    store.create_queue("q", max_length=size, max_bytes=1000 * size)
    fill(store, size, lambda n: NewMessage(VALUE))


def fair(store: Store, size: int) -> None:
    """A fair queue with a tenant for every ten messages, up to 100,000."""
    store.create_queue("q", fair=True)
    tenants = min(100_000, max(1, size // 10))
    fill(store, size, lambda n: NewMessage(VALUE, message_group=f"g{n % tenants}"))


def one_tenant(store: Store, size: int) -> None:
    """A fair queue that one tenant has filled, with a thousand of its messages in flight."""
    store.create_queue("q", fair=True)
    fill(store, size, lambda n: NewMessage(VALUE, message_group="noisy"))
    store.receive("q", min(1000, size // 2), lease=LONG)


def calls(store: Store, group: str | None) -> Sequence[Call]:
    """One message in, one out; with a group, each message has one of its own."""
    taken: list[Message] = []
    numbers = count()

    def send() -> object:
        own = None if group is None else f"{group}{next(numbers)}"
        return store.send("q", VALUE, message_group=own)

    def receive() -> None:
        taken[:] = store.receive("q")

    def receipts() -> list[str]:
        return [message.receipt or "" for message in taken]

    return [
        Call("send", send),
        Call("receive", receive),
        Call("nack", lambda: store.nack(receipts())),
        Call("receive again", receive),
        Call("ack", lambda: store.ack(receipts())),
        Call("show", lambda: store.queue("q")),
        Call("snapshot", store.snapshot, alone=True),
    ]


def plain(store: Store, size: int) -> Sequence[Call]:
    """The calls on a queue without groups."""
    return calls(store, None)


def grouped(store: Store, size: int) -> Sequence[Call]:
    """The calls on a queue where every message has a group."""
    return calls(store, "own")


RARE = 1_000_000
SUBJECTS = [
    Subject("ready", ready, plain),
    Subject("FIFO groups", groups, grouped),
    Subject("delayed", delayed, plain, most=RARE),
    Subject("leased", leased, plain, most=RARE),
    Subject("10 levels", levels, plain, most=RARE),
    Subject("FIFO blocked", blocked, grouped, most=RARE),
    Subject("expiring", expiring, plain, most=RARE),
    Subject("limited", limited, plain, most=RARE),
    Subject("fair", fair, grouped, most=RARE),
    Subject("one tenant", one_tenant, grouped, most=RARE),
]

if __name__ == "__main__":
    sys.exit(main(__doc__, SUBJECTS))
