"""Dead letters: look at them, group them, send them back, and take that back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from store.db import Snapshot, Write
from store.delivery import attempts, leases, move, origins, queues, view
from store.delivery.origins import Origin
from store.delivery.queues import Queue
from store.errors import BadInput, Conflict, NotFound
from store.messages import DeadLetterQueue, Message, Moved
from store.routes import EXCHANGE_PREFIX

_PAGE = 500

Choice = Callable[[Message], bool]


@dataclass(frozen=True, slots=True)
class Redrive:
    """What a redrive did, or would do; `batch` is what `undo` takes, `None` for a dry run."""

    batch: int | None
    moved: list[Moved]


def dead_letter_queue(tx: Snapshot, name: str) -> Queue:
    """The queue itself if others dead-letter into it or it holds dead letters, else its DLQ."""
    queue = queues.find(tx, name)
    if queue.config.dlq is None or queues.sources_of(tx, name) or _deaths(tx, queue)[0]:
        return queue
    if queue.config.dlq.startswith(EXCHANGE_PREFIX):
        raise BadInput(
            f"{name} sends its dead letters to {queue.config.dlq}, which may lead anywhere",
            hint="name the one to look at: mq dlq list",
        )
    return queues.find(tx, queue.config.dlq)


def queues_with_letters(tx: Snapshot) -> list[DeadLetterQueue]:
    """The queues that are somebody's DLQ or hold dead letters, by name."""
    sources: dict[str, list[str]] = {}
    for name, target in tx.rows(
        "select name, dead_letter_to from mq_readers where dead_letter_to not null order by name"
    ):
        sources.setdefault(target, []).append(name)
    found = []
    for name in queues.names(tx):
        count, oldest = _deaths(tx, queues.find(tx, name))
        if count or name in sources:
            found.append(DeadLetterQueue(name, count, tuple(sources.get(name, ())), oldest))
    return found


def _deaths(tx: Snapshot, queue: Queue) -> tuple[int, int | None]:
    """How many dead letters a queue holds, and when the first of them died."""
    count, times = 0, []
    for lane in queue.lanes.values():
        number, first = tx.row(  # type: ignore[misc]
            "select count(*), min(at) from mq_origins"
            " where record >= :first and record < :end and reason not null",
            {"first": lane.base, "end": lane.base + lane.next},
        )
        count += number
        times += [] if first is None else [first]
    return count, min(times, default=None)


def letters(tx: Snapshot, queue: Queue, choice: Choice) -> Iterator[Message]:
    """The dead letters that are chosen, oldest first, in whatever state."""
    return (one for one in _all(tx, queue) if one.dead is not None and choice(one))


def chosen(tx: Snapshot, queue: Queue, choice: Choice, limit: int | None) -> list[Message]:
    """The dead letters to move, oldest first, at most `limit`; leased ones are left alone."""
    free = (letter for letter in letters(tx, queue, choice) if letter.state != "leased")
    return list(islice(free, limit))


def _all(tx: Snapshot, queue: Queue) -> Iterator[Message]:
    after = -1
    while True:
        page = view.messages(tx, queue, after, _PAGE)
        yield from page
        if len(page) < _PAGE:
            return
        after = page[-1].sequence


def plan(tx: Snapshot, queue: Queue, to: str | None, moving: list[Message]) -> list[Moved]:
    """Where each dead letter would go: to `to`, else where it came from; raises `NotFound`."""
    planned = []
    for letter in moving:
        target = to or _source_queue(letter)
        if target == queue.name:
            raise BadInput(f"{letter.address} is in {target} already", hint="--to another queue")
        if queues.find(tx, target).config.fifo != queue.config.fifo:
            raise BadInput(
                f"{letter.address} can't go to {target}: a FIFO and a standard queue don't mix",
                hint="redrive to a queue of the same type: --to QUEUE",
            )
        planned.append(Moved(letter.id, letter.address, target))
    return planned


def _source_queue(letter: Message) -> str:
    assert letter.dead is not None
    source = letter.dead.source_name
    if "/" in source:
        raise BadInput(
            f"{letter.address} came from {letter.dead.source}, and a topic takes nothing back",
            hint="name the queue to move it to: --to QUEUE",
        )
    return source


def redrive(tx: Write, queue: Queue, to: str | None, moving: list[Message]) -> Redrive:
    """Move dead letters back: same id, first time and headers, a new delivery count.

    It bypasses deduplication, and is written down so that `undo` can take it back.
    """
    batch: int = tx.value("select ifnull(max(batch), 0) + 1 from mq_moves")
    moved = []
    for one in plan(tx, queue, to, moving):
        message = view.find_message(tx, queue, int(one.source.rpartition("@")[2]))
        origin = origins.get(tx, message.record, message.timestamp, message.slot.number >> 1)
        back = Origin(origin.message_id, origin.sent, hops=origin.hops, priority=origin.priority)
        target = queues.find(tx, one.target)
        # Else a late ack would be taken for a repeated one.
        attempts.note_lapsed(tx, message.lease)
        record = move.transfer(tx, queue, message, target, back)
        _journal(tx, batch, record, one.source, message.record, origin)
        address = f"{target.name}@{record & (1 << leases.OFFSET_BITS) - 1}"
        moved.append(Moved(one.id, one.source, address))
    return Redrive(batch, moved)


def _journal(
    tx: Write, batch: int, record: int, source: str, source_record: int, origin: Origin
) -> None:
    tx.execute(
        "insert into mq_moves (batch, at, record, moved_from, moved_from_record, origin)"
        " values (:batch, :at, :record, :source, :source_record, :origin)",
        {
            "batch": batch,
            "at": tx.wall,
            "record": record,
            "source": source,
            "source_record": source_record,
            "origin": _origin_to_json(origin),
        },
    )


def undo(tx: Write, batch: int | None) -> Redrive:
    """Take a redrive back, by default the last one: what is still there and in nobody's hands.

    Each message is a dead letter again as it was, with its id, reason and history. Raises
    `NotFound` when there is nothing to undo.
    """
    if batch is None:
        batch = tx.value("select max(batch) from mq_moves where not undone")
    rows = tx.rows(
        "select id, record, moved_from, origin from mq_moves where batch = :batch and not undone"
        " order by id",
        {"batch": batch},
    )
    if not rows:
        raise NotFound("there is no redrive to undo", hint="a redrive can be undone once")
    moved = [_take_back(tx, *row) for row in rows]
    done = [one for one in moved if one is not None]
    if not done:
        raise Conflict(
            f"nothing of redrive {batch} is left to take back",
            hint="its messages were acknowledged, or are leased at the moment",
        )
    return Redrive(batch, done)


def _take_back(tx: Write, id: int, record: int, source: str, origin: str) -> Moved | None:
    channel = tx.value(
        "select c.name from mq_partitions p join mq_channels c on c.id = p.channel"
        " where p.id = :partition",
        {"partition": record >> leases.OFFSET_BITS},
    )
    if channel is None:
        return None
    queue = queues.find(tx, channel)
    slots = [s for s in leases.slots(tx, queue.reader) if s.partition == record >> 40]
    message = move.load(tx, slots[0], record)
    if message is None or view.state_of(tx, queue, message, False) == "leased":
        return None
    before = origin_from_json(origin)
    address = f"{queue.name}@{message.sequence}"
    target = queues.find(tx, source.partition("@")[0])
    attempts.note_lapsed(tx, message.lease)
    placed = move.transfer(tx, queue, message, target, before)
    tx.execute("update mq_moves set undone = 1 where id = :id", {"id": id})
    sequence = placed & (1 << leases.OFFSET_BITS) - 1
    return Moved(origins.format_id(before.message_id), address, f"{target.name}@{sequence}")


def _origin_to_json(origin: Origin) -> str:
    return json.dumps(
        {
            "message_id": origin.message_id.hex(),
            "sent": origin.sent,
            "source": origin.source,
            "reason": origin.reason,
            "at": origin.at,
            "deliveries": origin.deliveries,
            "error": origin.error,
            "hops": json.loads(origins.hops_to_json(origin.hops)),
            "priority": origin.priority,
        }
    )


def origin_from_json(text: str) -> Origin:
    """An origin as the journal keeps it."""
    fields = json.loads(text)
    return Origin(
        message_id=bytes.fromhex(fields["message_id"]),
        sent=fields["sent"],
        source=fields["source"],
        reason=fields["reason"],
        at=fields["at"],
        deliveries=fields["deliveries"],
        error=fields["error"],
        hops=origins.hops_from_json(json.dumps(fields["hops"])),
        priority=fields["priority"],
    )
