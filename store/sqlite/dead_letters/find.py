"""Finding dead letters: the queues that have them, and the letters."""

from __future__ import annotations

from collections.abc import Collection

from store import model
from store.model.addresses import EXCHANGE_PREFIX
from store.model.dead_letters import DeadLetterQueue
from store.model.errors import BadInput, Hint
from store.sqlite import queues, shares
from store.sqlite.file.database import Snapshot
from store.sqlite.leases import origins
from store.sqlite.leases.messages import StoredMessage
from store.sqlite.leases.origins import Origin
from store.sqlite.queues import counts, view
from store.sqlite.queues.catalog import Queue


def dead_letter_queue(tx: Snapshot, name: str) -> Queue:
    """Return the queue if others dead-letter into it or it holds dead letters, else its DLQ.

    A share stands for its DLQ.
    """
    share = shares.catalog.find_or_none(tx, name)
    if share is not None and share.config.dlq is not None:
        return queues.catalog.find(tx, share.config.dlq)
    queue = queues.catalog.find_or_none(tx, name)
    if queue is None:
        raise tx.missing(name, "queue", "share")
    if (
        queue.config.dlq is None
        or queues.catalog.sources_of(tx, name)
        or counts.dead_letters(tx, queue)
    ):
        return queue
    if queue.config.dlq.startswith(EXCHANGE_PREFIX):
        raise BadInput(
            f"{name} sends its dead letters to {queue.config.dlq}, which may lead anywhere",
            hint=Hint("name the one to look at: {}", model.looks.ShowDeadLetters()),
        )
    return queues.catalog.find(tx, queue.config.dlq)


def to_redrive(tx: Snapshot, name: str) -> Queue:
    """Return the queue to redrive from; raises `BadInput` where no dead letters are or can come
    (SQS).
    """
    queue = dead_letter_queue(tx, name)
    (is_possible,) = tx.row(  # type: ignore[misc]
        "select exists (select 1 from mq_readers where dead_letter_to = :name"
        " or dead_letter_to like :exchange || '%')",
        {"name": queue.name, "exchange": EXCHANGE_PREFIX},
    )
    if not is_possible and not counts.dead_letters(tx, queue):
        raise BadInput(
            f"{queue.name} is no queue's DLQ and holds no dead letters",
            hint=Hint("{} shows where there are some", model.looks.ShowDeadLetters()),
        )
    return queue


def queues_with_letters(tx: Snapshot) -> list[DeadLetterQueue]:
    """Return the queues that are a DLQ or hold dead letters, by name."""
    sources: dict[str, list[str]] = {}
    for name, target in tx.rows(
        "select name, dead_letter_to from mq_readers where dead_letter_to not null order by name"
    ):
        sources.setdefault(target, []).append(name)
    found = []
    for name in queues.catalog.names(tx):
        queue = queues.catalog.find(tx, name)
        count = counts.dead_letters(tx, queue)
        if count or name in sources:
            oldest = _first_death(tx, queue) if count else None
            found.append(DeadLetterQueue(name, count, tuple(sources.get(name, ())), oldest))
    return found


def _first_death(tx: Snapshot, queue: Queue) -> int | None:
    times = [
        tx.value(
            "select min(at) from mq_origins"
            " where record >= :first and record < :end and reason not null",
            {"first": lane.base, "end": lane.base + lane.next},
        )
        for lane in queue.lanes.values()
    ]
    return min((time for time in times if time is not None), default=None)


def free(
    tx: Snapshot, queue: Queue, sequences: Collection[int]
) -> list[tuple[StoredMessage, Origin]]:
    """Return those of the messages that are dead letters without a lease, oldest first."""
    found = view.find_messages(tx, queue, sequences)
    moved = origins.moved(tx, [one.record for one in found if one.has_origin])
    return [
        (one, origin)
        for one in found
        if not one.is_held(tx)
        if (origin := moved.get(one.record)) is not None and origin.reason is not None
    ]
