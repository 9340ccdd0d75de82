"""The doctor's checks of queues: what loses messages, delivers them for ever, or costs money."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from store.model import actions
from store.model.diagnoses import (
    STORE,
    Diagnosis,
    advice,
    critical,
    in_order,
    warning,
    worst_first,
)
from store.model.queues import QueueConfig, QueueStatus
from store.model.text import counted, format_duration

# The service answers OverLimit, or with nothing, from about so many leased messages on.
MOST_LEASED = 120_000
_NEARLY = 0.8


def findings(queues: Sequence[QueueStatus]) -> list[Diagnosis]:
    """Return what is wrong or may go wrong, the worst first."""
    known = {queue.name: queue.config for queue in queues}
    targets = {config.dlq for config in known.values() if config.dlq is not None}
    found = [one for queue in queues for one in _queue(queue, known, is_dlq=queue.name in targets)]
    if not queues:
        found = [in_order("queues", STORE, "there is no queue", "so none loses messages")]
    return worst_first(found)


def _queue(
    queue: QueueStatus, known: Mapping[str, QueueConfig], *, is_dlq: bool
) -> Iterator[Diagnosis]:
    name, config = queue.name, queue.config
    yield from _dead_letters(name, config, known, is_dlq=is_dlq)
    if (queue.leased or 0) >= _NEARLY * MOST_LEASED:
        yield warning(
            "in-flight", name, f"about {counted(queue.leased or 0, 'message')} are leased",
            f"at {MOST_LEASED:,} nothing more is delivered; acknowledge, or shorten the lease",
        )  # fmt: skip
    if not config.wait:
        yield advice(
            "short-poll", name, "a receive that says no wait polls short",
            "it asks some of the servers only, may find nothing, and costs as much as a long one",
            actions.alter("queue", name, wait=timedelta(seconds=20)),
        )  # fmt: skip


def _dead_letters(
    name: str, config: QueueConfig, known: Mapping[str, QueueConfig], *, is_dlq: bool
) -> Iterator[Diagnosis]:
    if config.dlq is None:
        if not is_dlq:
            yield advice(
                "no-limit", name, "it has no DLQ",
                "a message that always fails is delivered until its retention ends, and is lost",
                actions.alter(
                    "queue", name, max_deliveries=actions.Blank("N"), dlq=actions.Blank("QUEUE")
                ),
            )  # fmt: skip
        return
    target = known.get(config.dlq)
    if target is None:
        yield critical(
            "lost-dead-letters", name, f"its DLQ {config.dlq} does not exist, or is not shown",
            "a message that always fails stays, and is delivered for ever",
            actions.create("queue", config.dlq),
        )  # fmt: skip
    elif not config.fifo and target.retention <= config.retention:
        # The time of the first send counts on: a letter's is not that of its death.
        yield warning(
            "dlq-retention", config.dlq,
            f"it keeps messages for {format_duration(target.retention)}, no longer than {name}",
            "the time in the source counts: a letter that was late there is lost at once",
            actions.alter("queue", config.dlq, retention=timedelta(days=14)),
        )  # fmt: skip
