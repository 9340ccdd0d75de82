"""The queues that random runs are about, and how what is in them is compared."""

from __future__ import annotations

from dataclasses import replace

from store import Message
from tests.support.queue_model import MessageModel, QueueModel


def queues() -> list[QueueModel]:
    """Every kind of queue; std and dead dead-letter into each other, which is a cycle."""
    return [
        QueueModel("dead", most=2, dlq="std"),
        QueueModel("std", most=2, dlq="dead", priorities=3),
        QueueModel("loose", most=2, retry_delays=(2_000, 20_000)),
        QueueModel("full", ttl=100_000, max_length=3),
        QueueModel("limited", most=2, dlq="full", ttl=15_000, max_length=4),
        QueueModel("fair", most=3, fair=True),
        QueueModel("single", most=3, single_active=True),
        QueueModel("fifo.dead", fifo=True),
        QueueModel("fifo", fifo=True, most=2, dlq="fifo.dead", delay=0),
    ]


# The queues of one run: what matters seldom meets among more.
TOGETHER = [
    ("std", "dead"), ("loose",), ("limited", "full"), ("fair",), ("single",), ("fifo", "fifo.dead"),
]  # fmt: skip


def shown_of(message: Message) -> tuple[object, ...]:
    """What is compared of a message that was looked at."""
    m, dead = message, message.dead
    death = None if dead is None else (dead.source, dead.reason)
    hops = () if dead is None else tuple((hop.source, hop.reason) for hop in dead.hops)
    return (m.id, m.sequence, m.value, m.priority, m.deliveries, m.state, death, hops)


def as_if_new(letter: MessageModel) -> MessageModel:
    """A dead letter as it goes back: nothing but its history tells that it was one."""
    return replace(letter, before=0, dead=None)
