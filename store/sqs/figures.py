"""The figures of queues: depths, as the service tells them, about right and without ages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from store.model.messages import STATES
from store.model.metrics import Family
from store.model.queues import QueueStatus
from store.model.stalls import Subject

# In the order of the overview.
_STATES = ("dead letters", "ok", "idle")


def subjects(queues: Iterable[QueueStatus], growth: Mapping[str, float]) -> list[Subject]:
    """Return queues as the overview shows them, those with dead letters first.

    `growth` is how many messages more a second each has, as far as it is known.
    """
    rows = [_subject(queue, growth.get(queue.name)) for queue in queues]
    return sorted(rows, key=lambda one: (_STATES.index(one.state), one.name))


def metrics(queues: Sequence[QueueStatus]) -> list[Family]:
    """Return depths as metrics, as far as they are known."""
    messages = Family("mq_queue_messages", "gauge", "Messages in a queue, by state.")
    letters = Family("mq_queue_dead_letters", "gauge", "Dead letters that a queue holds.")
    for queue in queues:
        for state in STATES:
            messages.add(getattr(queue, state), queue=queue.name, state=state)
        letters.add(queue.dead_letters, queue=queue.name)
    return [messages, letters]


def _subject(queue: QueueStatus, growth: float | None) -> Subject:
    state, note = "idle", ""
    if queue.dead_letters:
        state, note = "dead letters", f"{queue.dead_letters:,} dead letters"
    elif queue.messages:
        state = "ok"
    return Subject(
        name=queue.name, kind="queue", state=state,  # type: ignore[arg-type]
        depth=queue.messages, ready=queue.ready, leased=queue.leased, delayed=queue.delayed,
        blocked=queue.blocked, lag=None, oldest_seconds=None, in_rate=None, out_rate=None,
        trend=(), note=note, backlog=queue.messages, growth=growth,
    )  # fmt: skip
